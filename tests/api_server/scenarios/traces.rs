//! What a trace shows of a review against a live cluster.

use super::stage::Stage;
use super::stock::{self, named};
use crate::collector::{Collector, attribute};

#[test]
fn the_reads_of_a_review_are_part_of_its_trace() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let collector = Collector::start();
    let _guard = stage.guard_with(&["--otlp-endpoint", &collector.endpoint], &[]);

    let denied = stage.rest.delete(named(&shipped, "Gateway", "knative-local-gateway"));
    assert!(denied.denial.is_some(), "{denied:?}");

    let is_it = |name: &str, verdict: &str| {
        let (name, verdict) = (name.to_owned(), verdict.to_owned());
        move |span: &_| attribute(span, "name") == Some(&name) && attribute(span, "verdict") == Some(&verdict)
    };
    let (review, before) = collector.wait_for(is_it("knative-local-gateway", "deny"));
    let its_own: Vec<_> = before.iter().filter(|span| span.parent_span_id == review.span_id).collect();
    for name in ["judge", "read"] {
        assert!(its_own.iter().any(|span| span.name == name), "{name}: {its_own:#?}");
    }
    assert!(its_own.iter().all(|span| span.trace_id == review.trace_id));
}
