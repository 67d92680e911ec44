//! Requests to a Knative service's own name, as a transformer sends them to its predictor.

use super::local::{HTTP_PORT, entry_site};
use super::request::{Hop, Request, RequestKind, Subject};
use super::route::broken;
use super::{Cause, End, Passed, Step, Walk, Walker};
use crate::model::inference_service::Component;
use crate::object::FieldPath;

impl Walker<'_, '_> {
    /// `<predictor>.<namespace>`, the short form that KServe itself uses (kserve `transformer_custom.go`).
    pub(super) fn direct(&self, subject: &Subject) -> Walk {
        let predictor = Component::Predictor;
        let host = format!("{}.{}", subject.service(predictor), subject.namespace);
        let request = Request::new(RequestKind::Direct, format!("http://{host}"));
        let mut walk = Walk { request, passed: Vec::new(), end: End::Reached };
        let config = self.serverless_config(subject, Hop::Name);
        let walked = config.and_then(|_| self.knative_direct(subject, predictor, &host, &mut walk));
        if let Err(end) = walked {
            walk.end = end;
        }
        walk
    }

    /// A request to a Knative service by one of its cluster-local hosts: its placeholder Service points at the `service` of
    /// the first local gateway (net-istio `ingress.go`, knative/serving `route/resources/service.go`).
    pub(super) fn knative_direct(
        &self,
        subject: &Subject,
        component: Component,
        host: &str,
        walk: &mut Walk,
    ) -> Result<(), End> {
        let istio = self.istio_config()?;
        let config = self.facts.istio_config();
        let labels = subject.service_labels(component);
        let entries = istio.local_for(&labels);
        let Some(first) = entries.first() else {
            let site = config.site(FieldPath::of("data.local-gateways"));
            return Err(broken(Hop::KnativeRoute, Cause::NoGatewayConfigured { host: host.to_owned() }, site));
        };
        let site = entry_site(&config, first, "service");
        walk.passed.push(Passed {
            hop: Hop::Name,
            step: Step::Name { from: host.to_owned(), to: first.service.clone() },
            sites: vec![site.clone()],
        });
        let service = self.resolved(&first.service, Hop::Service, &site)?;
        walk.request.entries = vec![(service.key.clone(), HTTP_PORT)];
        let route = self.knative_local_route(subject, component, &istio, host.to_owned());
        self.through(&service, HTTP_PORT, Hop::Service, &route, &mut walk.passed)?;
        let backend = Step::Backend { host: host.to_owned() };
        walk.passed.push(Passed { hop: Hop::KnativeRoute, step: backend, sites: Vec::new() });
        Ok(())
    }
}
