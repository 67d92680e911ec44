//! Writes in quick sequence, each of which is right or wrong by what the one before it did.

use serde_json::{Value, json};

use super::stage::Stage;
use super::stock::{self, kserve_config, named};

/// How often the ten writes of [`Pair::story`] are made.
const ROUNDS: usize = 20;

#[test]
fn two_hundred_alternating_applies_get_the_right_verdicts() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let pair = Pair { shipped: &shipped };
    for object in [pair.whole("a"), pair.whole("b"), pair.used("a")] {
        stage.rest.apply(&object).expect_admitted();
    }
    let guard = stage.guard();

    let story = pair.story();
    for round in 0..ROUNDS {
        for (step, (object, right)) in story.iter().enumerate() {
            let answer = stage.rest.apply(object);
            let verdict = if answer.denial.is_none() { "admitted" } else { "refused" };
            assert_eq!(verdict, *right, "round {round}, step {step}: {answer:#?}\n{}", guard.server.log());
        }
    }
}

/// Two Gateways, of which KServe uses one.
struct Pair<'a> {
    shipped: &'a [Value],
}

impl Pair<'_> {
    fn story(&self) -> [(Value, &'static str); 10] {
        let (admitted, refused) = ("admitted", "refused");
        [
            (self.used("b"), admitted),
            (self.cut("b"), refused),
            (self.cut("a"), admitted),
            (self.used("a"), refused),
            (self.whole("a"), admitted),
            (self.used("a"), admitted),
            (self.cut("a"), refused),
            (self.cut("b"), admitted),
            (self.used("b"), refused),
            (self.whole("b"), admitted),
        ]
    }

    fn used(&self, name: &str) -> Value {
        let gateway = format!("custom/{name}");
        let knative = "knative-local-gateway.istio-system.svc.cluster.local";
        kserve_config(self.shipped, &[("localGateway", &gateway), ("knativeLocalGatewayService", knative)])
    }

    fn whole(&self, name: &str) -> Value {
        let mut gateway = named(self.shipped, "Gateway", "knative-local-gateway").clone();
        gateway["metadata"] = json!({"name": name, "namespace": "custom"});
        gateway
    }

    fn cut(&self, name: &str) -> Value {
        let mut gateway = self.whole(name);
        gateway["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
        gateway
    }
}
