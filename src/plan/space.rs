//! The states that single writes lead through, and what the webhook would say of each write.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::place::Place;
use crate::engine::{Actor, Change, JudgeSettings, Judgement, Verdict, judge, judge_set, projected};
use crate::model::Object;
use crate::model::config_map::ConfigMap;
use crate::model::knative_serving::KnativeServing;
use crate::object::{Kind, ObjectKey};
use crate::operator;
use crate::view::{Lookup, Need, Snapshot, View};

/// What differs from the cluster as it is: a number for each object that does, and one for what is read of it there.
pub(super) type State = BTreeMap<usize, usize>;

/// One write: a place, and the number of one of its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Move {
    pub(super) place: usize,
    pub(super) choice: usize,
}

/// A write in a state: what the webhook would say, and the state that it leads to.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) judgement: Judgement,
    pub(super) to: State,
    /// What the Knative operator writes then.
    pub(super) follows: Vec<ObjectKey>,
}

impl Edge {
    pub(super) fn is_admitted(&self) -> bool {
        self.judgement.verdict == Verdict::Allow
    }
}

/// All states, worked out as they are asked for.
#[derive(Debug)]
pub(super) struct Space<'s> {
    pub(super) base: &'s Snapshot,
    pub(super) settings: &'s JudgeSettings,
    pub(super) places: Vec<Place>,
    pub(super) needs: BTreeSet<Need>,
    pub(super) judged: usize,
    /// The objects that a state speaks of: those of the places first, then those that the operator writes.
    keys: Vec<ObjectKey>,
    /// What is read of each in any state; the first is what is read today.
    values: Vec<Vec<Option<Object>>>,
    /// The value that each choice of each place stands for.
    numbers: Vec<Vec<usize>>,
    edges: BTreeMap<(State, Move), Option<Rc<Edge>>>,
    /// A cluster for each set of rolled out workloads, with the state it is in.
    clusters: BTreeMap<State, (Snapshot, State)>,
}

impl<'s> Space<'s> {
    pub(super) fn new(base: &'s Snapshot, settings: &'s JudgeSettings, places: Vec<Place>) -> Self {
        let mut space = Self {
            base,
            settings,
            places: Vec::new(),
            needs: BTreeSet::new(),
            judged: 0,
            keys: Vec::new(),
            values: Vec::new(),
            numbers: Vec::new(),
            edges: BTreeMap::new(),
            clusters: BTreeMap::new(),
        };
        for place in &places {
            space.keys.push(place.key.clone());
            space.values.push(vec![place.before().map(|version| version.object.clone())]);
        }
        for (index, place) in places.iter().enumerate() {
            let objects =
                place.choices.iter().map(|choice| choice.version.as_ref().map(|version| version.object.clone()));
            let numbers = objects.map(|object| space.number(index, object)).collect();
            space.numbers.push(numbers);
        }
        space.places = places;
        space
    }

    /// The same cluster with more choices.
    pub(super) fn with(&self, places: Vec<Place>) -> Self {
        let mut wider = Self::new(self.base, self.settings, places);
        wider.needs.clone_from(&self.needs);
        wider.judged = self.judged;
        wider
    }

    /// Everything at once, from the cluster as it is to the wanted one.
    pub(super) fn whole_change(&self) -> Vec<Change> {
        let object = |version: Option<&super::Version>| version.map(|version| version.object.clone());
        let change = |place: &Place| Change {
            key: place.key.clone(),
            before: object(place.before()),
            after: object(place.after()),
            actor: Actor::Anybody,
        };
        self.places.iter().map(change).collect()
    }

    /// The number of what is read of an object.
    fn number(&mut self, key: usize, object: Option<Object>) -> usize {
        let values = &mut self.values[key];
        if let Some(known) = values.iter().position(|value| *value == object) {
            return known;
        }
        values.push(object);
        values.len() - 1
    }

    fn key_number(&mut self, key: &ObjectKey) -> usize {
        if let Some(known) = self.keys.iter().position(|known| known == key) {
            return known;
        }
        self.keys.push(key.clone());
        self.values.push(vec![self.base.object(key).present()]);
        self.keys.len() - 1
    }

    /// The number of what a place holds in a state.
    pub(super) fn value(state: &State, place: usize) -> usize {
        state.get(&place).copied().unwrap_or_default()
    }

    /// What a place holds in a state.
    pub(super) fn object(&self, state: &State, place: usize) -> Option<&Object> {
        self.values[place][Self::value(state, place)].as_ref()
    }

    /// Whether a place is as it is wanted.
    pub(super) fn is_done(&self, state: &State, place: usize) -> bool {
        self.numbers[place].last() == Some(&Self::value(state, place))
    }

    /// How many places are not yet as they are wanted.
    pub(super) fn left(&self, state: &State) -> usize {
        (0..self.places.len()).filter(|place| !self.is_done(state, *place)).count()
    }

    /// The choice that a place holds in a state; `None` where it is what the operator made of it.
    pub(super) fn choice(&self, state: &State, place: usize) -> Option<usize> {
        // The last of equals: an object that is back where it was is done.
        self.numbers[place].iter().rposition(|number| *number == Self::value(state, place))
    }

    /// The writes that may come next, whether or not they are admitted.
    pub(super) fn moves(&self, state: &State) -> Vec<Move> {
        let mut moves = Vec::new();
        for (place, numbers) in self.numbers.iter().enumerate() {
            let last = numbers.len() - 1;
            let returns = numbers[0] == numbers[last];
            if self.is_done(state, place) && !returns {
                continue;
            }
            // Nobody goes back, but from a detour.
            let choices = (1..=last).filter(|choice| numbers[*choice] != Self::value(state, place));
            moves.extend(choices.map(|choice| Move { place, choice }));
        }
        moves
    }

    /// A write in a state; `None` where it would change nothing, or would not last.
    pub(super) fn edge(&mut self, state: &State, step: Move) -> Option<Rc<Edge>> {
        let key = (state.clone(), step);
        if let Some(known) = self.edges.get(&key) {
            return known.clone();
        }
        let edge = self.work_out(state, step).map(Rc::new);
        self.edges.insert(key, edge.clone());
        edge
    }

    fn work_out(&mut self, state: &State, step: Move) -> Option<Edge> {
        let key = self.keys[step.place].clone();
        let before = self.object(state, step.place).cloned();
        let after = self.values[step.place][self.numbers[step.place][step.choice]].clone();
        let settings = self.settings;
        let snapshot = self.cluster(state);
        let change = Change { key: key.clone(), before, after, actor: Actor::Anybody };
        let servings = View::of(snapshot).knative_servings();
        // What the operator would undo, or mix with its own, is for nobody else to write.
        let stays = |serving: &KnativeServing| stays_as_written(serving, &key, &change);
        if change.before == change.after || !driving(&servings, &key).is_none_or(stays) {
            return None;
        }
        let view = View::of(snapshot).with(key.clone(), change.before.clone());
        let derived = projected(&view, &change);
        let derived: Vec<_> = derived
            .into_iter()
            .filter(|(key, object)| match snapshot.object(key) {
                Lookup::Present(known) => object.as_ref() != Some(&known),
                Lookup::Absent => object.is_some(),
                Lookup::Unknown(_) => false,
            })
            .collect();
        let judgement = judge(snapshot, &change, settings);
        self.judged += 1;
        self.needs.extend(judgement.needs.iter().cloned());
        self.needs.insert(Need::Object(key));
        let follows: Vec<ObjectKey> = derived.iter().map(|(key, _)| key.clone()).collect();
        let mut to = state.clone();
        let number = self.numbers[step.place][step.choice];
        set(&mut to, step.place, number);
        for (key, object) in derived {
            let place = self.key_number(&key);
            let number = self.number(place, object);
            set(&mut to, place, number);
        }
        Some(Edge { judgement, to, follows })
    }

    /// What is cut in a state that worked at the start.
    pub(super) fn since_start(&mut self, state: &State) -> Judgement {
        let change = |(key, value): (&usize, &usize)| Change {
            key: self.keys[*key].clone(),
            before: self.values[*key][0].clone(),
            after: self.values[*key][*value].clone(),
            actor: Actor::Anybody,
        };
        let changes: Vec<Change> = state.iter().map(change).collect();
        self.judged += 1;
        let judgement = judge_set(self.base, &changes, self.settings);
        self.needs.extend(judgement.needs.iter().cloned());
        judgement
    }

    /// The cluster in a state.
    pub(super) fn cluster(&mut self, state: &State) -> &Snapshot {
        let rolled_out: State = state
            .iter()
            .filter(|(key, _)| is_rolled_out(self.keys[**key].kind))
            .map(|(key, value)| (*key, *value))
            .collect();
        let (keys, values) = (&self.keys, &self.values);
        let (snapshot, at) = match self.clusters.entry(rolled_out) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let workloads = vacant.key().clone();
                let changes = workloads.iter().map(|(key, value)| (&keys[*key], &values[*key][*value]));
                let snapshot = self.base.rolled_out(changes);
                vacant.insert((snapshot, workloads))
            }
        };
        let touched: BTreeSet<usize> = state.keys().chain(at.keys()).copied().collect();
        for key in touched {
            let value = Self::value(state, key);
            if Self::value(at, key) != value {
                let standing = self.base.object(&keys[key]).present().filter(|_| value == 0);
                match standing.as_ref().or(values[key][value].as_ref()) {
                    Some(object) => snapshot.insert(keys[key].clone(), object.clone()),
                    None => snapshot.remove(&keys[key]),
                }
            }
        }
        at.clone_from(state);
        snapshot
    }
}

fn set(state: &mut State, key: usize, value: usize) {
    if value == 0 {
        state.remove(&key);
    } else {
        state.insert(key, value);
    }
}

fn is_rolled_out(kind: Kind) -> bool {
    matches!(kind, Kind::Pod | Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet)
}

/// The KnativeServing that the operator derives an object from.
pub(super) fn driving<'k>(servings: &'k [Arc<KnativeServing>], key: &ObjectKey) -> Option<&'k KnativeServing> {
    servings.iter().find(|serving| operator::is_derived(key, serving)).map(|serving| &**serving)
}

/// Whether the operator leaves alone what somebody else writes.
fn stays_as_written(serving: &KnativeServing, key: &ObjectKey, change: &Change) -> bool {
    // It would have made it: files that leave it out have it come in the end.
    let is_left_out = change.before.is_none() && key.kind != Kind::ConfigMap;
    is_left_out || held(serving, key, change.after.as_ref()) == change.after
}

/// What stays of a write by hand of an object that the operator derives: of a ConfigMap the keys that the KnativeServing does
/// not name, of everything else nothing.
pub(super) fn held(serving: &KnativeServing, key: &ObjectKey, written: Option<&Object>) -> Option<Object> {
    let Some(Object::ConfigMap(config_map)) = written else { return None };
    let mut data = config_map.data.clone();
    if let Some((_, managed)) = serving.config_for(&key.name) {
        let managed = managed.iter().filter(|(name, _)| *name != "_example");
        data.extend(managed.map(|(name, value)| (name.clone(), value.clone())));
    }
    Some(Object::ConfigMap(Arc::new(ConfigMap { meta: config_map.meta.clone(), data })))
}
