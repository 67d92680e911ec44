//! The order of single writes by which a cluster becomes another while every request that works keeps working.
//!
//! Kubernetes has no transaction over several objects, so a change of several is a sequence of clusters, and each of them is
//! somebody's production. The search goes through these clusters: a state says which version each object has, a move writes
//! one object, and it is taken only if [`judge`](crate::engine::judge) admits it, the very function by which the webhook
//! answers. So a plan and the webhook cannot disagree about a step.
//!
//! Where no order of the given writes is safe, intermediate versions of the objects ([`bridge`]) join the search: expand,
//! switch, contract. They are proposals, and admitted or not like everything else.
//!
//! A state is a steady one: the controllers have caught up with the write that led to it. Pure: no clock, no files, no network.

mod bridge;
mod cut;
mod edit;
mod place;
mod route;
mod search;
mod space;
mod steps;
mod wave;

use std::collections::BTreeSet;

use serde_json::Value;

pub use place::{Action, Target, Version};
pub use route::Route;

use crate::engine::{JudgeSettings, Judgement, Verdict, judge_set};
use crate::finding::Finding;
use crate::object::{Kind, ObjectKey};
use crate::view::{Need, Snapshot};
use search::{Found, Limit, Mode};
use space::{Move, Space};

/// What is planned.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The objects that differ. Configuration that does not may be among them: a detour changes it for a while.
    pub targets: Vec<Target>,
}

/// A plan.
#[derive(Debug)]
pub struct Plan {
    /// How safe it is.
    pub outcome: Outcome,
    /// Whether every order of the wanted versions alone was tried, where that was needed.
    pub exhausted: bool,
    /// The writes, in waves: those of one wave may be made in any order.
    pub waves: Vec<Wave>,
    /// Objects that differ and need no place in the order.
    pub aside: Vec<Aside>,
    /// How requests go today; of one InferenceService that stands for all.
    pub start: Vec<Route>,
    /// The same InferenceService, where each of its requests arrives after every wave.
    pub whole_subject: Option<String>,
    /// How many writes were judged to find it.
    pub judged: usize,
    /// What it rests on.
    pub needs: BTreeSet<Need>,
}

/// How safe a plan is.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every single write is admitted.
    Safe,
    /// No order was found in which every write is admitted; this one cuts the least of those looked at.
    Cuts,
    /// The wanted state itself cuts requests that work today, whatever the order.
    Unsound(Vec<Finding>),
}

/// Writes that may be made in any order, once everything before them has settled.
#[derive(Debug)]
pub struct Wave {
    /// The writes, in an order that reads well.
    pub steps: Vec<Step>,
    /// Requests cut in the state that it leads to, which worked at the start.
    pub cut: Vec<Finding>,
    /// How requests go once it has settled, where that differs from before.
    pub routes: Vec<Route>,
}

/// One write.
#[derive(Debug)]
pub struct Step {
    /// The object.
    pub key: ObjectKey,
    /// What is done to it.
    pub action: Action,
    /// The object before, as a manifest.
    pub before: Option<Value>,
    /// The object after, as a manifest that can be applied.
    pub after: Option<Value>,
    /// Why this version is written, where it is not the wanted one.
    pub bridge: Option<&'static str>,
    /// What the Knative operator then writes.
    pub follows: Vec<ObjectKey>,
    /// What the webhook would say.
    pub judgement: Judgement,
}

/// An object that differs and that no request depends on.
#[derive(Debug)]
pub struct Aside {
    /// The object.
    pub key: ObjectKey,
    /// What is done to it.
    pub action: Action,
    /// The object after, as a manifest.
    pub after: Option<Value>,
    /// Why it needs no place in the order.
    pub why: AsideReason,
}

/// Why an object needs no place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AsideReason {
    /// A namespace has to be there before what is in it.
    First,
    /// Nothing that a request depends on differs.
    NoEffect,
    /// The Knative operator writes it.
    Operator,
    /// A model: it becomes Ready once what it needs is there.
    Model,
    /// A namespace or a model is never deleted by a plan.
    LeftAlone,
}

impl Step {
    /// Whether the webhook would admit it.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.judgement.verdict == Verdict::Allow
    }
}

impl Plan {
    /// The writes, one after the other.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.waves.iter().flat_map(|wave| &wave.steps)
    }

    /// Whether every write is admitted.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self.outcome, Outcome::Safe)
    }
}

/// Plans the writes that make the cluster of a snapshot the wanted one.
#[must_use]
pub fn plan(snapshot: &Snapshot, wanted: &Wanted, settings: &JudgeSettings) -> Plan {
    let (aside, places, standing) = place::sort(snapshot, wanted);
    let mut space = Space::new(snapshot, settings, places);
    let all = judge_set(snapshot, &space.whole_change(), settings);
    space.needs.extend(all.needs);
    if all.verdict == Verdict::Deny {
        let moves = cut::least(&mut space);
        return steps::complete(space, &moves, aside, Outcome::Unsound(all.findings), false);
    }
    let bridges = bridge::places(&space);
    let detours = bridge::detours(&space, &bridges, &standing);
    let wider: Vec<Space<'_>> =
        [Some(bridges), detours].into_iter().flatten().map(|places| space.with(places)).collect();
    let mut search = Searches { spaces: std::iter::once(space).chain(wider).collect(), exhausted: false };
    // The likely ways first: to go through everything takes long where many objects differ.
    let moves = search
        .through(0, Mode::Eager, Limit::LONG)
        .or_else(|| search.through(0, Mode::Exhaustive, Limit::SHORT))
        .or_else(|| search.through_wider(Mode::Eager))
        .or_else(|| search.through(0, Mode::Exhaustive, Limit::LONG))
        .or_else(|| search.through_wider(Mode::Exhaustive));
    let Searches { mut spaces, exhausted } = search;
    if let Some((index, moves)) = moves {
        return steps::complete(spaces.swap_remove(index), &moves, aside, Outcome::Safe, exhausted);
    }
    let mut space = spaces.swap_remove(0);
    let moves = cut::least(&mut space);
    steps::complete(space, &moves, aside, Outcome::Cuts, exhausted)
}

/// The searches for one plan: among the wanted versions alone, and with more and more versions in between.
struct Searches<'s> {
    spaces: Vec<Space<'s>>,
    /// Whether every order of the wanted versions alone has been tried.
    exhausted: bool,
}

impl Searches<'_> {
    fn through(&mut self, index: usize, mode: Mode, limit: Limit) -> Option<(usize, Vec<Move>)> {
        let (judged, needs) = (self.spaces[index].judged, std::mem::take(&mut self.spaces[index].needs));
        let found = search::order(&mut self.spaces[index], mode, limit);
        // What one search has asked, all of them rest on.
        let asked = std::mem::replace(&mut self.spaces[index].needs, needs);
        let more = self.spaces[index].judged - judged;
        for (other, space) in self.spaces.iter_mut().enumerate() {
            space.needs.extend(asked.iter().cloned());
            space.judged += if other == index { 0 } else { more };
        }
        match found {
            Found::Order(moves) => Some((index, moves)),
            Found::Nothing { exhausted } => {
                self.exhausted |= exhausted && index == 0;
                None
            }
        }
    }

    fn through_wider(&mut self, mode: Mode) -> Option<(usize, Vec<Move>)> {
        (1..self.spaces.len()).find_map(|index| self.through(index, mode, Limit::LONG))
    }
}

/// The kinds whose objects have a place in the order.
fn has_place(kind: Kind) -> bool {
    !matches!(kind, Kind::Namespace | Kind::InferenceService | Kind::GatewayApiGateway)
}
