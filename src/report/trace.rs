//! A walk hop by hop: what each hop did, and the object and field that decided it.

use std::fmt::Write as _;

use super::words::place;
use crate::engine::Traced;
use crate::finding::{Finding, Remedy};
use crate::quote;
use crate::walk::{End, RequestKind, Step, Subject, Walk};

/// The walks of one InferenceService.
#[must_use]
pub fn render(subject: &Subject, traced: &[Traced]) -> String {
    let mut text = format!("InferenceService {}/{}\n", quote::name(&subject.namespace), quote::name(&subject.name));
    for Traced { walk, finding } in traced {
        writeln!(text, "\n{:<10} {}", walk.request.kind.name(), quote::printable(&request(walk))).ok();
        for passed in &walk.passed {
            hop(&mut text, "ok", passed.hop.label(), &step(&passed.step));
            for site in &passed.sites {
                detail(&mut text, &place(site));
            }
        }
        end(&mut text, walk, finding.as_ref());
    }
    text
}

/// A request as people name it.
pub(super) fn request(walk: &Walk) -> String {
    let (url, kind) = (&walk.request.url, &walk.request.kind);
    match (url.as_str(), kind) {
        ("", RequestKind::Additional(domain)) => format!("its name under {domain}"),
        ("", _) => "its public name".to_owned(),
        (url, RequestKind::Readiness) => format!("net-istio probes {url}"),
        (url, _) => url.to_owned(),
    }
}

/// What a hop did.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::Name { from, to } => format!("{} stands for {}", quote::name(from), quote::name(to)),
        Step::Service { service, port, target, pods } => {
            format!("{service} port {port} leads to port {target} of the pods of {pods}")
        }
        Step::Listener { port, gateway } => format!("{gateway} listens there on port {port}"),
        Step::Route { host, gateway, server_host } => {
            format!("{gateway} takes {} by its host {}", quote::name(host), quote::name(server_host))
        }
        Step::Forward { to, host } => {
            format!("the route forwards to Service {} as {}", quote::name(to), quote::name(host))
        }
        Step::Backend { host } => format!("Knative's route takes over for {}", quote::name(host)),
    }
}

fn end(text: &mut String, walk: &Walk, finding: Option<&Finding>) {
    match (&walk.end, finding) {
        (End::Reached, _) if walk.request.kind == RequestKind::Readiness => conclude(text, "net-istio finds it ready"),
        (End::Reached, _) => conclude(text, "reached"),
        (End::NotMade, _) => conclude(text, "not made: another deployment mode, or no public name"),
        (End::Unknown { hop: at, why }, _) => {
            hop(text, "??", at.label(), why);
            conclude(text, "unknown from here on");
        }
        (End::Broken(broken), None) => {
            hop(text, "!!", broken.hop.label(), &place(&broken.site));
            conclude(text, "broken");
        }
        (End::Broken(broken), Some(finding)) => {
            hop(text, "!!", broken.hop.label(), &format!("{} {}", finding.code, finding.message));
            detail(text, &format!("{}: {}", place(&finding.site), finding.says));
            for (site, says) in &finding.related {
                detail(text, &format!("{}: {says}", place(site)));
            }
            if let Some(remedy) = finding.remedies.first().map(Remedy::text) {
                detail(text, &format!("to fix: {remedy}"));
            }
            conclude(text, &format!("broken: {}", finding.symptom));
        }
    }
}

fn hop(text: &mut String, mark: &str, label: &str, what: &str) {
    writeln!(text, "  {mark} {label:<14} {}", quote::printable(what)).ok();
}

fn detail(text: &mut String, what: &str) {
    writeln!(text, "     {:<14} {}", "", quote::printable(what)).ok();
}

fn conclude(text: &mut String, what: &str) {
    writeln!(text, "  => {}", quote::printable(what)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{FieldPath, Kind, ObjectKey};
    use crate::walk::{Hop, Passed, Request};

    #[test]
    fn every_hop_says_what_decided() {
        let passed = Passed {
            hop: Hop::Service,
            step: Step::Service {
                service: ObjectKey::new(Kind::Service, "istio-system", "gw"),
                port: 80,
                target: 8081,
                pods: ObjectKey::new(Kind::Deployment, "istio-system", "gw"),
            },
            sites: vec![ObjectKey::new(Kind::Service, "istio-system", "gw").site(FieldPath::of("spec.selector"))],
        };
        let walk = Walk {
            request: Request::new(RequestKind::Local, "http://iris.models.svc.cluster.local".to_owned()),
            passed: vec![passed],
            end: End::Unknown { hop: Hop::Listener, why: "a\nb".to_owned() },
        };
        let subject = Subject {
            namespace: "models".into(),
            name: "iris".into(),
            shape: crate::model::inference_service::Shape::default(),
            labels: std::sync::Arc::default(),
        };
        let expected = "\
InferenceService models/iris

local      http://iris.models.svc.cluster.local
  ok L2 service     Service istio-system/gw port 80 leads to port 8081 of the pods of Deployment istio-system/gw
                    spec.selector of Service istio-system/gw
  ?? L3 listener    a\\nb
  => unknown from here on
";
        assert_eq!(render(&subject, &[Traced { walk, finding: None }]), expected);
    }
}
