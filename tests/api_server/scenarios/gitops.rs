//! What Helm, Flux, Argo CD and kubectl make of a denial: how each comes to what its repository says, and that none deletes what it
//! may not change. `docs/gitops.md` is written from what comes out here.

mod argo;
mod flux;
mod force;
mod helm;
mod kubectl;
mod needs;
mod page;
mod repository;
mod story;
mod tool;

use std::sync::OnceLock;

use argo::Argo;
use flux::Flux;
use helm::Helm;
use kubectl::{How, Kubectl};
use story::{Outcomes, Task};
use tool::{Outcome, Tool};

use super::stage::Stage;
use crate::control_plane::ControlPlane;

/// A tool, and what came of all that it was asked to do.
struct Candidate {
    /// As a column is headed.
    name: &'static str,
    /// What its user writes to give a commit an order.
    order: &'static str,
    start: fn(&'static ControlPlane) -> Box<dyn Tool>,
    outcomes: OnceLock<Outcomes>,
}

static FOLDER: Candidate = Candidate::new(
    "kubectl apply -f",
    "one file for each wave, numbered; what goes is deleted by hand at the end",
    |cluster| Box::new(Kubectl::new(cluster, How::Folder)),
);
static KUSTOMIZATION: Candidate = Candidate::new(
    "kubectl apply -k",
    "the same, and `sortOptions: {order: fifo}` in `kustomization.yaml`",
    |cluster| Box::new(Kubectl::new(cluster, How::Kustomization)),
);
static HELM: Candidate =
    Candidate::new("Helm", "one `helm upgrade` for each wave", |cluster| Box::new(Helm::new(cluster)));
static ARGO: Candidate = Candidate::new(
    "Argo CD",
    "`argocd.argoproj.io/sync-wave` on every object, and `PruneLast=true` where something goes",
    |cluster| Box::new(Argo::new(cluster)),
);
static FLUX: Candidate = Candidate::new(
    "Flux",
    "one Kustomization for each wave, with `dependsOn` on the one before; or one commit for each wave",
    |cluster| Box::new(Flux::new(cluster)),
);

#[test]
fn kubectl_comes_to_what_a_folder_says() {
    FOLDER.expect(|task| match task {
        Task::MoveAtOnce | Task::RevertAtOnce => "never",
        // It goes on after a denial, so that the Gateway is there when it tries again.
        Task::FirstStepAtOnce => "in 2 rounds",
        _ => "at once",
    });
}

#[test]
fn kubectl_comes_to_what_a_kustomization_says() {
    KUSTOMIZATION.expect(|task| match task {
        Task::MoveAtOnce | Task::RevertAtOnce => "never",
        Task::FirstStepAtOnce => "in 2 rounds",
        _ => "at once",
    });
}

#[test]
fn helm_comes_to_what_a_chart_says() {
    HELM.expect(|task| match task {
        Task::MoveAtOnce | Task::RevertAtOnce => "never",
        Task::FirstStepAtOnce => "in 2 rounds",
        // It compares its charts with each other and, for custom resources, not with the cluster.
        Task::HealHarmless | Task::HealGateway => "overlooked",
        _ => "at once",
    });
}

#[test]
fn argo_cd_comes_to_what_an_application_says() {
    ARGO.expect(|task| match task {
        Task::MoveAtOnce | Task::RevertAtOnce => "never",
        Task::FirstStepAtOnce => "in 2 rounds",
        _ => "at once",
    });
}

#[test]
fn flux_comes_to_what_kustomizations_say() {
    FLUX.expect(|task| match task {
        // It writes nothing of a set of which one object is refused.
        Task::MoveAtOnce | Task::RevertAtOnce | Task::FirstStepAtOnce => "never",
        _ => "at once",
    });
}

impl Candidate {
    const fn new(name: &'static str, order: &'static str, start: fn(&'static ControlPlane) -> Box<dyn Tool>) -> Self {
        Self { name, order, start, outcomes: OnceLock::new() }
    }

    fn outcomes(&self) -> &Outcomes {
        self.outcomes.get_or_init(|| story::tell(&Stage::enter(), self.start))
    }

    fn outcome(&self, wanted: Task) -> &Outcome {
        let found = self.outcomes().iter().find(|(task, _)| *task == wanted);
        &found.unwrap().1
    }

    #[track_caller]
    fn expect(&self, expected: impl Fn(Task) -> &'static str) {
        for (task, outcome) in self.outcomes() {
            assert_eq!(outcome.to_string(), expected(*task), "{task:?}: {outcome:#?}");
        }
    }
}
