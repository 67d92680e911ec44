//! Which writes may be made in any order.

use std::collections::BTreeMap;

use super::space::{Move, Space, State};

/// How many writes one wave may hold: every subset of them is looked at.
const LARGEST: usize = 6;

/// Divides an order into waves: of the writes of one, every subset in every order is admitted, and leads to the same cluster.
pub(super) fn waves(space: &mut Space<'_>, moves: &[Move]) -> Vec<Vec<Move>> {
    let mut waves: Vec<Vec<Move>> = Vec::new();
    let mut state = State::new();
    for step in moves {
        if let Some(wave) = waves.last_mut()
            && wave.len() < LARGEST
        {
            let mut wider = wave.clone();
            wider.push(*step);
            if commute(space, &state, &wider) {
                *wave = wider;
                continue;
            }
            for done in std::mem::take(wave) {
                if let Some(edge) = space.edge(&state, done) {
                    state.clone_from(&edge.to);
                }
                wave.push(done);
            }
        }
        waves.push(vec![*step]);
    }
    waves
}

/// Whether writes are admitted in every order, however many of them have been made, and always come to the same.
fn commute(space: &mut Space<'_>, start: &State, moves: &[Move]) -> bool {
    let mut states: BTreeMap<usize, State> = BTreeMap::from([(0, start.clone())]);
    for made in 0..1_usize << moves.len() {
        let Some(state) = states.get(&made).cloned() else { return false };
        for (index, step) in moves.iter().enumerate().filter(|(index, _)| made & (1 << index) == 0) {
            let Some(edge) = space.edge(&state, *step).filter(|edge| edge.is_admitted()) else { return false };
            let known = states.entry(made | (1 << index)).or_insert_with(|| edge.to.clone());
            if *known != edge.to {
                return false;
            }
        }
    }
    true
}
