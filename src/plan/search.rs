//! The search: the fewest writes that lead from the cluster as it is to the wanted one, each of them admitted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::place::Action;
use super::space::{Move, Space, State};
use crate::object::Kind;

/// How many writes one search may judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(usize);

impl Limit {
    /// All orders of seven objects that depend on one another.
    pub(super) const SHORT: Self = Self(500);
    /// All orders of nine, and less than a second.
    pub(super) const LONG: Self = Self(2_500);
}

/// How the search goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// What is new is made as soon as it is admitted, what is old goes last, and a change that takes no other choice away is
    /// made at once. Most changes are safe this way or none, and only those that exclude each other are tried in every order.
    Eager,
    /// Everything in every order.
    Exhaustive,
}

/// What a search came to.
#[derive(Debug)]
pub(super) enum Found {
    /// Writes that are all admitted.
    Order(Vec<Move>),
    /// There is none, or none among those looked at.
    Nothing {
        /// Whether there is none.
        exhausted: bool,
    },
}

/// What is looked at next: the fewest writes in all, of these what is nearest to the end, of these what came first.
type Rank = Reverse<(usize, Reverse<usize>, usize)>;

/// Finds an order in which every write is admitted.
pub(super) fn order(space: &mut Space<'_>, mode: Mode, limit: Limit) -> Found {
    let limit = space.judged + limit.0;
    let start = State::new();
    let mut came_from: BTreeMap<State, (State, Move)> = BTreeMap::new();
    let mut seen: BTreeSet<State> = BTreeSet::new();
    let mut open: BinaryHeap<(Rank, State)> = BinaryHeap::new();
    let mut count = 0;
    open.push((Reverse((space.left(&start), Reverse(0), count)), start.clone()));
    while let Some((Reverse((_, Reverse(depth), _)), state)) = open.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        if space.left(&state) == 0 {
            return Found::Order(moves_to(&state, &came_from));
        }
        if space.judged > limit {
            return Found::Nothing { exhausted: false };
        }
        for (step, to) in successors(space, &state, mode) {
            if seen.contains(&to) {
                continue;
            }
            count += 1;
            let cost = depth + 1 + space.left(&to);
            let is_nearer = came_from.get(&to).is_none_or(|(known, _)| depth_of(known, &came_from) > depth);
            if is_nearer {
                came_from.insert(to.clone(), (state.clone(), step));
            }
            open.push((Reverse((cost, Reverse(depth + 1), count)), to));
        }
    }
    Found::Nothing { exhausted: mode == Mode::Exhaustive }
}

fn depth_of(state: &State, came_from: &BTreeMap<State, (State, Move)>) -> usize {
    std::iter::successors(came_from.get(state), |(state, _)| came_from.get(state)).count()
}

fn moves_to(state: &State, came_from: &BTreeMap<State, (State, Move)>) -> Vec<Move> {
    let way = std::iter::successors(came_from.get(state), |(state, _)| came_from.get(state));
    let mut moves: Vec<Move> = way.map(|(_, step)| *step).collect();
    moves.reverse();
    moves
}

/// The admitted writes in a state, the likeliest first.
fn successors(space: &mut Space<'_>, state: &State, mode: Mode) -> Vec<(Move, State)> {
    let mut moves = space.moves(state);
    moves.sort_by_key(|step| preference(space, state, *step));
    let mut admitted = Vec::new();
    let mut deletions = Vec::new();
    for step in moves {
        let action = action(space, state, step);
        if mode == Mode::Eager && action == Action::Delete {
            deletions.push(step);
            continue;
        }
        let Some(edge) = space.edge(state, step).filter(|edge| edge.is_admitted()) else { continue };
        if mode == Mode::Eager && action == Action::Create && is_wanted(space, step) {
            return vec![(step, edge.to.clone())];
        }
        if mode == Mode::Eager && is_wanted(space, step) && takes_nothing_away(space, state, step, &edge.to) {
            return vec![(step, edge.to.clone())];
        }
        admitted.push((step, edge.to.clone()));
    }
    // What is old goes once nothing else is left to do, or where nothing else can be done.
    let rest_is_done = |space: &Space<'_>| {
        let waiting = (0..space.places.len()).filter(|place| !space.is_done(state, *place));
        waiting.into_iter().all(|place| deletions.iter().any(|step| step.place == place))
    };
    if admitted.is_empty() || rest_is_done(space) {
        for step in deletions {
            if let Some(edge) = space.edge(state, step).filter(|edge| edge.is_admitted()) {
                admitted.push((step, edge.to.clone()));
                if mode == Mode::Eager && is_wanted(space, step) {
                    break;
                }
            }
        }
    }
    admitted
}

/// Whether every other write that is admitted before a write is admitted after it as well.
fn takes_nothing_away(space: &mut Space<'_>, before: &State, step: Move, after: &State) -> bool {
    let others: Vec<Move> = space.moves(before).into_iter().filter(|other| other.place != step.place).collect();
    others.into_iter().all(|other| {
        let is_admitted =
            |space: &mut Space<'_>, state: &State| space.edge(state, other).is_none_or(|edge| edge.is_admitted());
        !is_admitted(space, before) || is_admitted(space, after)
    })
}

/// Whether a write makes its object what it is wanted to be.
pub(super) fn is_wanted(space: &Space<'_>, step: Move) -> bool {
    step.choice + 1 == space.places[step.place].choices.len()
}

/// What a write does in a state.
pub(super) fn action(space: &Space<'_>, state: &State, step: Move) -> Action {
    let will_be = space.places[step.place].choices[step.choice].version.is_some();
    Action::of(space.object(state, step.place).is_some(), will_be)
}

/// What makes an order read well: new before changed before gone; pods, then what leads to them, then who uses that, and the
/// other way round on the way out.
pub(super) fn preference(space: &Space<'_>, state: &State, step: Move) -> (Action, u8, usize, usize) {
    let action = action(space, state, step);
    let depth = match space.places[step.place].key.kind {
        Kind::Pod | Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet => 0,
        Kind::Service => 1,
        Kind::IstioGateway => 2,
        Kind::ConfigMap | Kind::KnativeServing => 3,
        Kind::GatewayApiGateway | Kind::Namespace | Kind::InferenceService => 4,
    };
    let depth = if action == Action::Delete { 4 - depth } else { depth };
    // The wanted version before those on the way to it, of which the best comes first.
    let turn = if is_wanted(space, step) { 0 } else { step.choice };
    (action, depth, step.place, turn)
}
