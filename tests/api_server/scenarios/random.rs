//! Random writes by several clients, each held against a walk by brute force over what is stored.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use plumbline::exception::Moment;
use serde_json::{Value, json};

use super::stage::Stage;
use super::transition::open;
use crate::brute_force::{Effect, working};
use crate::control_plane::User;
use crate::rest::Rest;
use crate::sequences::{
    Objects, Random, Write, case, case_text, effect_of, followed, is_judged, laid_over, place, shipped, shrunk, theme,
};

/// How many writes one client makes after another.
const LENGTH: usize = 45;
/// How many clients write at once, and how often.
const CLIENTS: usize = 3;
const ROUNDS: usize = 20;

/// Where everything is listed that decides.
const LISTS: [(&str, &str); 7] = [
    ("ConfigMap", "/api/v1/configmaps"),
    ("Service", "/api/v1/services"),
    ("Pod", "/api/v1/pods"),
    ("Deployment", "/apis/apps/v1/deployments"),
    ("Gateway", "/apis/networking.istio.io/v1/gateways"),
    ("KnativeServing", "/apis/operator.knative.dev/v1beta1/knativeservings"),
    ("InferenceService", "/apis/serving.kserve.io/v1beta1/inferenceservices"),
];

/// A guarded cluster, and what was sent to it.
struct Run<'a> {
    stage: &'a Stage,
    operator: &'a Rest,
    shipped: Objects,
    sent: Objects,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    admitted: usize,
    refused: usize,
    excepted: usize,
    unclear: usize,
    skewed: usize,
}

/// A write as it was sent, and whether it was admitted.
#[derive(Debug)]
struct Sent {
    key: String,
    object: Option<Value>,
    denial: Option<String>,
    is_declared: bool,
}

impl<'a> Run<'a> {
    fn begin(stage: &'a Stage, operator: &'a Rest) -> Self {
        stage.clear();
        let shipped = shipped();
        // InferenceServices last: an order in which nothing is cut.
        let is_served = |key: &&String| key.starts_with("InferenceService ");
        let (served, others): (Vec<_>, Vec<_>) = shipped.keys().partition(is_served);
        for key in others.into_iter().chain(served) {
            stage.rest.apply(&shipped[key]).expect_admitted();
        }
        settle();
        let objects: Vec<_> = shipped.values().cloned().collect();
        assert!(working(&objects).len() > 2, "something is at stake");
        Self { stage, operator, sent: shipped.clone(), shipped, counts: Counts::default() }
    }

    /// The object as a write makes it, unless server-side apply cannot: it makes `null` of a map that loses its last key.
    #[allow(clippy::option_option, reason = "no write, and a delete, are two things")]
    fn outcome(&self, write: &Write) -> Option<Option<Value>> {
        let made = write.outcome(&self.sent, &self.shipped)?;
        let is_emptied = |object: &Value| object["kind"] == "Gateway" && object["spec"]["selector"] == json!({});
        (!made.as_ref().is_some_and(is_emptied)).then_some(made)
    }

    /// What is stored, read back.
    fn stored(&self) -> Objects {
        let mut stored = Objects::new();
        for (kind, path) in LISTS {
            for mut object in self.stage.rest.list(path) {
                object["kind"] = kind.into();
                let metadata = &object["metadata"];
                let (space, name) = (metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap());
                stored.insert(format!("{kind} {space}/{name}"), object);
            }
        }
        stored
    }

    /// Makes one write, and tells in which way plumbline was wrong about it.
    fn make(&mut self, write: &Write) -> Result<(), String> {
        let key = write.object().to_owned();
        let Some(object) = self.outcome(write) else { return Ok(()) };
        let before = self.stored();
        let Some(sent) = send(&self.stage.rest, &key, object, write.is_declared()) else { return Ok(()) };
        let after = if sent.denial.is_some() { would_be(&before, &sent) } else { self.follow(&sent) };
        let wrong = self.judge(&before, &after, &sent);
        if sent.denial.is_none() {
            self.sent = laid_over(&self.sent, &key, sent.object.as_ref());
        }
        wrong
    }

    /// Lets the operator write what follows from a write that was admitted, and reads what is stored then.
    fn follow(&self, sent: &Sent) -> Objects {
        for (key, derived) in followed(&self.sent, &sent.key, sent.object.as_ref()) {
            let answer = match &derived {
                Some(derived) => self.operator.apply(derived),
                None => self.operator.delete(&named(&key)),
            };
            answer.expect_admitted();
        }
        self.stored()
    }

    fn judge(&mut self, before: &Objects, after: &Objects, sent: &Sent) -> Result<(), String> {
        if !is_judged(&sent.key) {
            settle();
            return sent.denial.clone().map_or(Ok(()), Err);
        }
        let effect = effect_of(before, after);
        match (&sent.denial, effect) {
            (Some(denial), Effect::Harmless) => return Err(format!("refused, and harmless: {denial}")),
            (Some(_), Effect::Harmful(_)) => self.counts.refused += 1,
            (None, Effect::Harmful(_)) if sent.is_declared && sent.object.is_some() => self.counts.excepted += 1,
            (None, Effect::Harmful(worse)) => return Err(format!("admitted, and harmful: {worse:#?}")),
            (None, Effect::Harmless) => self.counts.admitted += 1,
            (_, Effect::Unclear(_)) => self.counts.unclear += 1,
        }
        Ok(())
    }

    fn replay(&mut self, writes: &[Write]) -> Result<(), String> {
        for (place, write) in writes.iter().enumerate() {
            self.make(write).map_err(|wrong| format!("write {place}, {write:?}: {wrong}"))?;
        }
        Ok(())
    }

    /// Sends one write of each client at the same time, and tells which of their answers nothing can explain.
    fn race(&mut self, clients: &[Rest], writes: &[Write]) -> Result<(), String> {
        let mut outgoing: Vec<(String, Option<Value>, bool)> = Vec::new();
        for write in writes {
            let (key, object) = (write.object(), self.outcome(write));
            // Two writes of one object are in an order anyway, and an operator cannot be raced with.
            if !key.starts_with("KnativeServing ")
                && outgoing.iter().all(|(other, ..)| other != key)
                && let Some(object) = object
            {
                outgoing.push((key.to_owned(), object, write.is_declared()));
            }
        }
        let before = self.stored();
        let answers: Vec<Sent> = thread::scope(|scope| {
            let writers: Vec<_> = clients
                .iter()
                .zip(outgoing)
                .map(|(client, (key, object, declared))| scope.spawn(move || send(client, &key, object, declared)))
                .collect();
            writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
        });
        for sent in answers.iter().filter(|sent| sent.denial.is_none()) {
            self.sent = laid_over(&self.sent, &sent.key, sent.object.as_ref());
        }
        settle();
        match explained(&before, &answers) {
            Explained::InOrder => {}
            Explained::BySkew => self.counts.skewed += 1,
            Explained::Not(wrong) => return Err(wrong),
        }
        let refused = answers.iter().filter(|sent| sent.denial.is_some()).count();
        self.counts.refused += refused;
        self.counts.admitted += answers.len() - refused;
        Ok(())
    }
}

/// Gives watches the time to bring what nobody was asked about.
fn settle() {
    thread::sleep(Duration::from_millis(250));
}

fn send(client: &Rest, key: &str, object: Option<Value>, is_declared: bool) -> Option<Sent> {
    let answer = if let Some(object) = &object {
        let mut object = object.clone();
        if is_declared {
            object["metadata"]["annotations"] = open("move");
        }
        client.try_apply(&object)
    } else {
        client.try_delete(&named(key))
    };
    // What the API server itself refuses is no write.
    let (answer, is_write) = match answer {
        Ok(answer) => (Some(answer), true),
        Err(why) if why.starts_with("422 ") => (None, false),
        Err(why) => panic!("{why}: {key} {object:?}"),
    };
    let denial = answer.and_then(|answer| answer.denial);
    is_write.then(|| Sent { key: key.to_owned(), object, denial, is_declared })
}

/// An object by its key alone.
fn named(key: &str) -> Value {
    let (kind, _) = key.split_once(' ').unwrap();
    let (space, name) = place(key);
    let (_, list) = LISTS.iter().find(|(listed, _)| *listed == kind).unwrap();
    let (version, _) = list.trim_start_matches("/apis/").trim_start_matches("/api/").rsplit_once('/').unwrap();
    json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": space, "name": name}})
}

/// What would be stored after a write.
fn would_be(before: &Objects, sent: &Sent) -> Objects {
    let mut object = sent.object.clone();
    if let Some(object) = &mut object {
        let created = before.get(&sent.key).map(|stored| stored["metadata"]["creationTimestamp"].clone());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        object["metadata"]["creationTimestamp"] =
            created.unwrap_or_else(|| Moment(i64::try_from(now).unwrap()).to_string().into());
    }
    laid_over(before, &sent.key, object.as_ref())
}

/// How the answers to writes at the same time came about.
enum Explained {
    /// As if one had come after the other.
    InOrder,
    /// Each is right about a state that the others were just leaving.
    BySkew,
    /// Not at all.
    Not(String),
}

fn explained(before: &Objects, answers: &[Sent]) -> Explained {
    if orders(answers.len()).iter().any(|order| {
        let mut state = before.clone();
        order.iter().all(|place| {
            let sent = &answers[*place];
            let after = would_be(&state, sent);
            let is_right = is_right(&state, &after, sent);
            if sent.denial.is_none() {
                state = after;
            }
            is_right
        })
    }) {
        return Explained::InOrder;
    }
    for (place, sent) in answers.iter().enumerate() {
        let others: Vec<_> =
            answers.iter().enumerate().filter(|(other, it)| *other != place && it.denial.is_none()).collect();
        let is_right_once = (0..1_usize << others.len()).any(|chosen| {
            let seen = others.iter().enumerate().filter(|(bit, _)| chosen & (1 << bit) != 0);
            let state = seen.fold(before.clone(), |state, (_, (_, other))| would_be(&state, other));
            is_right(&state, &would_be(&state, sent), sent)
        });
        if !is_right_once {
            return Explained::Not(format!("{sent:?} is wrong whatever came first: {answers:#?}"));
        }
    }
    Explained::BySkew
}

fn is_right(before: &Objects, after: &Objects, sent: &Sent) -> bool {
    if !is_judged(&sent.key) {
        return sent.denial.is_none();
    }
    match effect_of(before, after) {
        Effect::Harmless => sent.denial.is_none(),
        Effect::Harmful(_) => sent.denial.is_some() || sent.is_declared && sent.object.is_some(),
        Effect::Unclear(_) => true,
    }
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for place in 0..count {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, place);
                order
            })
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

#[test]
fn two_writes_that_are_right_alone_and_wrong_together_are_told_from_wrong_answers() {
    let shipped = shipped();
    let write = |text: &str, denial: Option<&str>| {
        let write = case(&format!(r#"{{"writes": [{text}]}}"#)).remove(0);
        let object = write.outcome(&shipped, &shipped).unwrap();
        Sent { key: write.object().to_owned(), object, denial: denial.map(str::to_owned), is_declared: false }
    };
    let used = r#"{"object": "ConfigMap kserve/inferenceservice-config", "set": {
        "ingress/localGateway": "other/custom", "ingress/localGatewayService": "custom.istio-system.svc.cluster.local",
        "ingress/knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"}}"#;
    let cut = r#"{"object": "Gateway other/custom", "set": {"/spec/servers/0/hosts": ["*.example.com"]}}"#;
    let no = Some("no");

    let both = |one, other| explained(&shipped, &[write(used, one), write(cut, other)]);
    assert!(matches!(both(None, None), Explained::BySkew));
    assert!(matches!(both(no, None), Explained::InOrder));
    assert!(matches!(both(None, no), Explained::InOrder));
    assert!(matches!(explained(&shipped, &[write(cut, no)]), Explained::Not(_)));
}

/// The seeds to run: a fixed few, or as many as are asked for.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first: u64 = asked("PLUMBLINE_SEED").unwrap_or(1);
    first..first + asked("PLUMBLINE_SEQUENCES").unwrap_or(usual)
}

#[allow(clippy::print_stdout, reason = "a long run tells what it saw")]
#[test]
fn random_writes_one_after_the_other_are_judged_as_brute_force_judges_them() {
    let stage = Stage::enter();
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    // As the walk by brute force takes it; to an unknown release an empty gateway list has two meanings.
    let _guard = stage.guard_with(&["--knative-version=1.22"], &[]);
    let mut refused = 0;
    for seed in seeds(2) {
        let mut random = Random::of(seed);
        let mut run = Run::begin(&stage, &operator);
        let mut writes = Vec::new();
        let mut begun = theme(&mut random).into_iter();
        for _ in 0..LENGTH {
            let write = begun.next().unwrap_or_else(|| Write::random(&mut random, &run.sent, &run.shipped));
            writes.push(write.clone());
            if let Err(wrong) = run.make(&write) {
                let again = |writes: &[Write]| Run::begin(&stage, &operator).replay(writes);
                let few = shrunk(&writes, |writes| again(writes).is_err());
                panic!("seed {seed}: {wrong}\n{}", case_text(&wrong, &few));
            }
        }
        println!("seed {seed}: {:?}", run.counts);
        refused += run.counts.refused;
    }
    assert!(refused > 0, "what refuses nothing guards nothing");
}

#[test]
fn cases_that_were_judged_wrongly_once_are_judged_rightly() {
    let stage = Stage::enter();
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    // As the walk by brute force takes it; to an unknown release an empty gateway list has two meanings.
    let _guard = stage.guard_with(&["--knative-version=1.22"], &[]);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences")).unwrap() {
        let file = entry.unwrap().path();
        let writes = case(&fs::read_to_string(&file).unwrap());
        if let Err(wrong) = Run::begin(&stage, &operator).replay(&writes) {
            panic!("{}: {wrong}", file.display());
        }
    }
}

#[allow(clippy::print_stdout, reason = "a long run tells what it saw")]
#[test]
fn random_writes_at_the_same_time_are_judged_as_if_in_some_order() {
    let stage = Stage::enter();
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    let clients: Vec<_> = (0..CLIENTS).map(|_| Rest::open(stage.control_plane, User::Gitops)).collect();
    // As the walk by brute force takes it; to an unknown release an empty gateway list has two meanings.
    let _guard = stage.guard_with(&["--knative-version=1.22"], &[]);
    let mut refused = 0;
    for seed in seeds(1) {
        let mut random = Random::of(seed ^ 0x5eed);
        let mut run = Run::begin(&stage, &operator);
        if let Err(wrong) = run.replay(&theme(&mut random)) {
            panic!("seed {seed}: {wrong}");
        }
        for round in 0..ROUNDS {
            let writes: Vec<_> = clients.iter().map(|_| Write::random(&mut random, &run.sent, &run.shipped)).collect();
            if let Err(wrong) = run.race(&clients, &writes) {
                panic!("seed {seed}, round {round}: {wrong}\n{}", case_text(&wrong, &writes));
            }
        }
        println!("seed {seed}: {:?}", run.counts);
        refused += run.counts.refused;
    }
    assert!(refused > 0, "what refuses nothing guards nothing");
}
