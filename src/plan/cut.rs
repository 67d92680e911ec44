//! Where no order is safe: the one that cuts the fewest requests for the fewest steps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::place::Action;
use super::search::{action, is_wanted, preference};
use super::space::{Move, Space, State};
use crate::engine::Judgement;

/// How many states are weighed before the rest is done as it comes.
const WEIGHED: usize = 2_000;

/// What has been cut on the way, added up over its states, and how many writes were refused.
type Cost = (usize, usize);
/// What is looked at next: what cuts least, of these what is furthest, of these what came first.
type Rank = Reverse<(Cost, Reverse<usize>, usize)>;

/// Finds an order whatever is refused on the way.
pub(super) fn least(space: &mut Space<'_>) -> Vec<Move> {
    let limit = space.judged + WEIGHED;
    let mut weights = Weights::default();
    let mut open: BinaryHeap<(Rank, State, Vec<Move>)> = BinaryHeap::new();
    let mut seen: BTreeSet<State> = BTreeSet::new();
    let mut count = 0;
    open.push((Reverse(((0, 0), Reverse(0), count)), State::new(), Vec::new()));
    while let Some((Reverse((cost, ..)), state, made)) = open.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        if space.left(&state) == 0 {
            return made;
        }
        if space.judged > limit {
            // What is left in the heap is no better; go on from here alone.
            open.clear();
        }
        for (step, to, refused) in successors(space, &mut weights, &state) {
            count += 1;
            let cost = (cost.0 + weights.of(space, &to), cost.1 + usize::from(refused));
            let made: Vec<Move> = made.iter().copied().chain([step]).collect();
            open.push((Reverse((cost, Reverse(made.len()), count)), to, made));
        }
    }
    Vec::new()
}

/// How much is cut in each state.
#[derive(Default)]
struct Weights(BTreeMap<State, usize>);

impl Weights {
    fn of(&mut self, space: &mut Space<'_>, state: &State) -> usize {
        if let Some(known) = self.0.get(state) {
            return *known;
        }
        let weight = weight(&space.since_start(state));
        self.0.insert(state.clone(), weight);
        weight
    }
}

/// How many requests of how many InferenceServices a judgement finds cut.
fn weight(judgement: &Judgement) -> usize {
    let findings = judgement.findings.iter();
    findings.map(|finding| finding.affected.total().max(1) * finding.affected.requests.len().max(1)).sum()
}

/// The writes in a state, the likeliest first, and whether each is refused.
fn successors(space: &mut Space<'_>, weights: &mut Weights, state: &State) -> Vec<(Move, State, bool)> {
    let mut moves = space.moves(state);
    // Intermediate versions have been tried already.
    moves.retain(|step| is_wanted(space, *step));
    moves.sort_by_key(|step| preference(space, state, *step));
    let here = weights.of(space, state);
    let (mut next, mut deletions) = (Vec::new(), Vec::new());
    for step in moves {
        let Some(edge) = space.edge(state, step) else { continue };
        let taken = (step, edge.to.clone(), !edge.is_admitted());
        match action(space, state, step) {
            // What is new and cuts nothing comes first, or every order of it would be weighed.
            Action::Create if edge.is_admitted() && weights.of(space, &edge.to) <= here => return vec![taken],
            Action::Create | Action::Change => next.push(taken),
            Action::Delete => deletions.push(taken),
        }
    }
    if next.is_empty() { deletions } else { next }
}
