//! The runbooks: one for every alert, and commands that work.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::cluster::{NAMESPACE, alone_with_webhooks, cluster};
use super::rendering::{CHART, Rendering};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks");
/// The pages that no alert links to.
const STORIES: [&str; 6] = ["denied", "down", "index", "restore", "turn-off", "upgrade"];

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let base = "https://runbooks.example.com/plumbline";
    let set = format!("prometheusRule.enabled=true,prometheusRule.runbookBaseUrl={base}");
    let rule = Rendering::of("plumbline", &["--set", &set]).only("PrometheusRule");

    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    let linked = alerts.iter().map(|alert| {
        let link = alert["annotations"]["runbook_url"].as_str().unwrap();
        let page = link.strip_prefix(base).unwrap().strip_prefix('/').unwrap().strip_suffix(".md").unwrap();
        let title = format!("# {}\n", alert["alert"].as_str().unwrap());
        assert!(read(page).starts_with(&title), "{page}.md does not begin with {title:?}");
        page.to_owned()
    });
    let expected: BTreeSet<_> = linked.chain(STORIES.map(str::to_owned)).collect();
    assert_eq!(pages(), expected);
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(PathBuf::from(FOLDER).join(link).exists(), "{page}.md links to {link}");
        }
        if page != "index" && !page.starts_with("plumbline") {
            assert!(read("index").contains(&format!("]({page}.md)")), "index.md does not lead to {page}.md");
        }
    }
}

#[test]
fn the_commands_of_every_page_work() {
    let _alone = alone_with_webhooks();
    // The harness has roles of the same name.
    let install = format!("helm install plumbline {CHART} --namespace {NAMESPACE} --take-ownership");
    let ensure = format!("helm status plumbline --namespace {NAMESPACE} || {install}");
    for page in pages() {
        let commands = commands(&read(&page));
        if commands.is_empty() {
            continue;
        }
        cluster().shell(&ensure).expect_success();
        for command in commands {
            let answer = cluster().shell(&command);
            assert!(answer.status.success(), "{page}.md: {command}\n{answer:#?}");
        }
    }
    let remove = "kubectl delete validatingwebhookconfiguration plumbline --ignore-not-found";
    cluster().shell(&format!("{remove}; helm uninstall plumbline --namespace {NAMESPACE}")).expect_success();
}

/// The lines of the blocks that promise to work without pods.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut within = false;
    for line in page.lines().map(str::trim) {
        match line {
            "```console" => within = true,
            "```" => within = false,
            command if within => commands.push(command.to_owned()),
            _ => {}
        }
    }
    commands
}

fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.map(|name| name.strip_suffix(".md").unwrap().to_owned()).collect()
}

fn read(page: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{page}.md")).unwrap_or_else(|error| panic!("{page}.md: {error}"))
}
