//! What Helm, Flux, Argo CD and kubectl make of a denial: how each comes to what its repository says, and that none deletes what it
//! may not change.

mod argo;
mod flux;
mod helm;
mod kubectl;
mod repository;
mod story;
mod tool;

use argo::Argo;
use flux::Flux;
use helm::Helm;
use kubectl::{How, Kubectl};

use super::stage::Stage;

#[test]
fn probe() {
    for which in std::env::var("PROBE").unwrap_or_default().split(',') {
        let stage = Stage::enter();
        let t = std::time::Instant::now();
        let o = match which {
            "helm" => story::tell(&stage, |c| Helm::new(c, &[])),
            "flux" => story::tell(&stage, Flux::new),
            "argo" => story::tell(&stage, Argo::new),
            "kubectl" => story::tell(&stage, |c| Kubectl::new(c, How::Folder)),
            "kustomize" => story::tell(&stage, |c| Kubectl::new(c, How::Kustomization)),
            _ => continue,
        };
        println!("{which} {:?}", t.elapsed());
        for (task, outcome) in o {
            println!("{task:?}: {outcome}");
            if let tool::Outcome::Never { said } = outcome { println!("----\n{}\n----", said.chars().take(400).collect::<String>()); }
        }
    }
}
