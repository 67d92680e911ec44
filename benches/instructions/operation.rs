//! What is counted: the parts of a review that are ours alone, one by one.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;

use plumbline::admission::Request;
use plumbline::engine::{Change, JudgeSettings, Verdict, judge};
use plumbline::manifests::Manifests;
use plumbline::model::Object;
use plumbline::model::kserve_config::KserveConfig;
use plumbline::model::version::Versions;
use plumbline::object::Kind;
use plumbline::report::denial;
use plumbline::view::Snapshot;
use serde_json::json;

use crate::changes::Written;
use crate::cluster::{self, Cluster, Variant};

/// The cluster of the verdicts. How they grow with it is `verdict.rs`'s to say.
const CLUSTER: Cluster = Cluster { inference_services: 1_000, gateways: 100, services: 100, variant: Variant::Plain };
/// A manifest as people write them: a Gateway, an InferenceService and KServe's configuration, with comments and a block of text.
const MANIFEST: &str = include_str!("manifest.yaml");

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The envelope of a review, whose objects stay raw.
    ParseReview,
    /// A ConfigMap out of a review, and KServe's configuration out of that.
    ParseConfigMap,
    /// A Gateway out of a review.
    ParseGateway,
    /// A file for `check`.
    ParseManifest,
    /// The engine's verdict on a write.
    Judge(Written),
    /// The message and the causes of a denial.
    Render,
}

impl Operation {
    /// All of them, in the order of the table.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let parses = [Self::ParseReview, Self::ParseConfigMap, Self::ParseGateway, Self::ParseManifest];
        parses.into_iter().chain(Written::ALL.map(Self::Judge)).chain([Self::Render])
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|operation| operation.name() == name)
    }

    /// What the table and the record call it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::ParseReview => "parse an AdmissionReview".to_owned(),
            Self::ParseConfigMap => "parse inferenceservice-config".to_owned(),
            Self::ParseGateway => "parse a Gateway".to_owned(),
            Self::ParseManifest => "parse a YAML manifest".to_owned(),
            Self::Judge(written) => format!("judge: {}", written.name()),
            Self::Render => "render a denial".to_owned(),
        }
    }

    /// Everything but the operation itself, which is returned; what it is meant to find has been checked by then.
    pub(crate) fn prepare(self) -> Result<Box<dyn FnMut()>, Box<dyn Error>> {
        Ok(match self {
            Self::ParseReview => {
                let body = review();
                Request::parse(&body)?;
                Box::new(move || drop(black_box(Request::parse(black_box(&body)))))
            }
            Self::ParseConfigMap => {
                let json = kserve_config().to_string();
                parse_kserve_config(&json)?;
                Box::new(move || drop(black_box(parse_kserve_config(black_box(&json)))))
            }
            Self::ParseGateway => {
                let json = CLUSTER.gateway(0).to_string();
                Object::from_json(Kind::IstioGateway, json.as_bytes())?;
                Box::new(move || drop(black_box(Object::from_json(Kind::IstioGateway, black_box(json.as_bytes())))))
            }
            Self::ParseManifest => {
                let found = parse_manifest(MANIFEST)?.objects().count();
                if found != 3 {
                    return Err(format!("{found} objects are in the manifest of three").into());
                }
                Box::new(|| drop(black_box(parse_manifest(black_box(MANIFEST)))))
            }
            Self::Judge(written) => {
                let (snapshot, change) = judged(written)?;
                let settings = JudgeSettings::default();
                Box::new(move || drop(black_box(judge(black_box(&snapshot), black_box(&change), &settings))))
            }
            Self::Render => {
                let (snapshot, change) = judged(Written::GatewayNarrowed)?;
                let findings = judge(&snapshot, &change, &JudgeSettings::default()).findings;
                Box::new(move || {
                    drop(black_box(denial::message(&change.key, black_box(&findings))));
                    drop(black_box(denial::causes(&change.key, black_box(&findings))));
                })
            }
        })
    }
}

/// A write and the cluster that it is made to, once its verdict has been found right.
fn judged(written: Written) -> Result<(Snapshot, Change), Box<dyn Error>> {
    let snapshot = CLUSTER.snapshot()?;
    let change = written.change(&snapshot)?;
    let verdict: Verdict = judge(&snapshot, &change, &JudgeSettings::default()).verdict;
    if verdict != written.verdict(CLUSTER) {
        return Err(format!("{} got the verdict {verdict:?}", written.name()).into());
    }
    Ok((snapshot, change))
}

fn parse_kserve_config(json: &str) -> Result<KserveConfig, Box<dyn Error>> {
    let (key, object) = Object::from_json(Kind::ConfigMap, json.as_bytes())?;
    let Object::ConfigMap(config_map) = object else { return Err(format!("{key} is no ConfigMap").into()) };
    KserveConfig::parse(&config_map, Versions::default()).map_err(|refusal| format!("{refusal:?}").into())
}

fn parse_manifest(text: &str) -> Result<Manifests, Box<dyn Error>> {
    Ok(Manifests::load_from(&[PathBuf::from("-")], "default", text.as_bytes())?)
}

/// `inferenceservice-config` over as many lines as the one that KServe ships.
fn kserve_config() -> serde_json::Value {
    cluster::kserve_config(&cluster::ingress_config().replace(',', ",\n    "))
}

/// The review of a write to `inferenceservice-config`, with the user and the fields that an API server sends.
fn review() -> Vec<u8> {
    let (before, after) = (cluster::kserve_config(&cluster::ingress_config()), kserve_config());
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": "inferenceservice-config",
            "namespace": "kserve",
            "operation": "UPDATE",
            "userInfo": {
                "username": "system:serviceaccount:argocd:argocd-application-controller",
                "uid": "9d2a3f58-7e0e-4f0e-9a59-3f6d7b0f7f11",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:argocd", "system:authenticated"],
            },
            "object": after,
            "oldObject": before,
            "dryRun": false,
            "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "argocd-controller"},
        },
    })
    .to_string()
    .into_bytes()
}
