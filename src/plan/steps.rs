//! From an order to the steps that are told.

use super::place::Action;
use super::space::{Move, Space, State};
use super::{Aside, Outcome, Plan, Step, Wave, route, wave};

/// Tells what each write changes and what the walk says after it.
pub(super) fn complete(
    mut space: Space<'_>,
    moves: &[Move],
    aside: Vec<Aside>,
    mut outcome: Outcome,
    exhausted: bool,
) -> Plan {
    let is_safe = matches!(outcome, Outcome::Safe);
    let grouped = if is_safe { wave::waves(&mut space, moves) } else { moves.iter().map(|step| vec![*step]).collect() };
    let settings = space.settings;
    let start = route::routes(space.base, settings);
    let mut whole = route::subject(space.base, settings);
    let mut known = start.clone();
    let mut state = State::new();
    let mut waves = Vec::new();
    for group in grouped {
        let mut steps = Vec::new();
        for made in group {
            let Some(step) = step(&mut space, &mut state, made) else { continue };
            steps.push(step);
        }
        let routes = route::routes(space.cluster(&state), settings);
        let changed = routes.iter().filter(|route| !known.contains(route)).cloned().collect();
        known = routes;
        whole = whole.filter(|subject| route::is_whole(space.cluster(&state), settings, subject));
        let cut = space.since_start(&state).findings;
        // A request that could not be followed for a while, and then broke, was cut by no single write.
        if is_safe && !cut.is_empty() {
            outcome = Outcome::Cuts;
        }
        waves.push(Wave { steps, cut, routes: changed });
    }
    Plan {
        outcome,
        exhausted,
        waves,
        aside,
        start,
        whole_subject: whole.map(|(namespace, name)| format!("{namespace}/{name}")),
        judged: space.judged,
        needs: space.needs,
    }
}

fn step(space: &mut Space<'_>, state: &mut State, made: Move) -> Option<Step> {
    let edge = space.edge(state, made)?;
    let was = space.choice(state, made.place);
    let place = &space.places[made.place];
    let version = |choice: usize| place.choices[choice].version.as_ref().map(|version| version.manifest.clone());
    let before = was.map_or_else(|| version(0), version);
    let after = version(made.choice);
    let step = Step {
        key: place.key.clone(),
        action: Action::of(space.object(state, made.place).is_some(), after.is_some()),
        before,
        after,
        bridge: place.choices[made.choice].bridge,
        follows: edge.follows.clone(),
        judgement: edge.judgement.clone(),
    };
    state.clone_from(&edge.to);
    Some(step)
}
