//! The folder `certs` does what it says: its manifests are the chart's, its recipe makes a pair that plumbline serves with.

use std::fs;
use std::process::Command;

use plumbline::certs::Pair;
use serde_json::Value;

use super::rendering::Rendering;
use crate::yaml;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs");
const NAME: &str = "plumbline.plumbline.svc";

#[test]
fn the_manifests_are_those_of_the_chart() {
    let text = fs::read_to_string(format!("{FOLDER}/cert-manager.yaml")).unwrap();
    let files = yaml::objects(&text).into_iter();

    let rendered = Rendering::of(
        "plumbline",
        &["--set", "certificate.mode=cert-manager", "--show-only", "templates/certificate.yaml"],
    );
    let unlabelled = rendered.objects().into_iter().map(|mut object| {
        object["metadata"].as_object_mut().unwrap().remove("labels");
        object
    });

    assert_eq!(sorted(files), sorted(unlabelled));
}

#[test]
fn the_recipe_makes_a_pair_for_the_service() {
    let readme = fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    let (_, rest) = readme.split_once("```sh\n").unwrap();
    let (recipe, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();

    let run = Command::new("bash").args(["-euo", "pipefail", "-c", recipe]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let pair = Pair::from_pem(&read("tls.crt"), "tls.crt", &read("tls.key"), "tls.key").unwrap();
    assert_eq!(pair.names(), [NAME]);
}

fn sorted(objects: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut objects: Vec<_> = objects.collect();
    objects.sort_by_key(|object| object["kind"].to_string() + &object["metadata"]["name"].to_string());
    objects
}
