//! The steps of a plan, made one by one in a cluster that is read anew each time.

use std::collections::BTreeSet;

use plumbline::engine::{Actor, Change, JudgeSettings, walks_of};
use plumbline::plan::Step;
use plumbline::view::{Snapshot, View};
use plumbline::walk::RequestKind;

use crate::cluster::{Cluster, read};

/// A cluster in which writes are made.
pub(crate) struct Replay {
    pub(crate) cluster: Cluster,
}

impl Replay {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone() }
    }

    /// Makes a write, and gives the cluster before it and the change.
    pub(crate) fn write(&mut self, step: &Step) -> (Snapshot, Change) {
        let snapshot = self.cluster.snapshot();
        let before = self.cluster.objects.remove(&step.key);
        let created = before.as_ref().map(|before| before["metadata"]["creationTimestamp"].clone());
        let after = step.after.clone().map(|mut after| {
            if let Some(created) = created.filter(|created| !created.is_null()) {
                after["metadata"]["creationTimestamp"] = created;
            }
            after
        });
        if let Some(after) = &after {
            self.cluster.objects.insert(step.key.clone(), after.clone());
        }
        let object = |manifest: Option<&serde_json::Value>| manifest.map(|manifest| read(manifest).1);
        let (before, after) = (object(before.as_ref()), object(after.as_ref()));
        (snapshot, Change { key: step.key.clone(), before, after, actor: Actor::Anybody })
    }
}

type Requests = BTreeSet<(String, RequestKind)>;

/// The requests that arrive.
pub(crate) fn reached(cluster: &Cluster, settings: &JudgeSettings) -> Requests {
    requests(cluster, settings, true)
}

/// The requests that provably do not, and whose loss is refused: a direct one counts where KServe itself sends it.
pub(crate) fn broken(cluster: &Cluster, settings: &JudgeSettings) -> Requests {
    requests(cluster, settings, false)
}

fn requests(cluster: &Cluster, settings: &JudgeSettings, arrive: bool) -> Requests {
    let snapshot = cluster.snapshot();
    let view = View::of(&snapshot);
    let mut requests = Requests::new();
    for (shape, namespaces) in snapshot.population().shapes() {
        for (namespace, names) in namespaces {
            for name in names.keys() {
                for traced in walks_of(&view, settings, namespace, name).1 {
                    let (kind, end) = (traced.walk.request.kind, &traced.walk.end);
                    let counts = kind != RequestKind::Direct || shape.calls_predictor;
                    if counts && if arrive { end.is_reached() } else { end.broken().is_some() } {
                        requests.insert((format!("{namespace}/{name}"), kind));
                    }
                }
            }
        }
    }
    requests
}
