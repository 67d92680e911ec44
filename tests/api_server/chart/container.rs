//! The container is started with arguments that `plumbline serve` knows, and stopped no sooner than it is done.

use std::process::Command;

use serde_json::Value;
use toml::Table;

use super::rendering::Rendering;

#[test]
fn serve_understands_its_arguments() {
    let (settings, _) = settings_of(&[]);
    for (key, expected) in [
        ("listen", "0.0.0.0:8443"),
        ("health-listen", "0.0.0.0:8080"),
        ("tls-secret", "plumbline/plumbline-self-managed"),
        ("tls-service", "plumbline"),
        ("webhook-configuration", "plumbline"),
        ("kserve-namespace", "kserve"),
        ("knative-namespace", "knative-serving"),
        ("synthetic", "deny"),
    ] {
        assert_eq!(settings[key].as_str(), Some(expected), "{key}");
    }
    assert_eq!(settings["judge-namespaces"].as_array().unwrap().len(), 0);

    assert_eq!(settings["tls-ca-seconds"].as_integer(), Some(31_536_000));
    // The chart's defaults are the program's.
    let (plain, _) = settings_of(&["--set", "certificate.selfManaged=null"]);
    assert_eq!(plain, settings);

    for args in [
        "certificate.mode=cert-manager",
        "certificate.mode=supplied,certificate.supplied.secretName=ours,certificate.supplied.caBundle=-----BEGIN CERTIFICATE-----",
    ] {
        let (settings, pod) = settings_of(&["--set", args]);
        assert_eq!(settings["tls-cert"].as_str(), Some("/certs/tls.crt"));
        assert_eq!(settings["tls-key"].as_str(), Some("/certs/tls.key"));
        assert!(!settings.contains_key("tls-secret"));
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/certs");
    }

    let values = "namespaces.kserve=kubeflow,namespaces.knative=serverless,clusterDomain=cluster.example.com,\
        judge.namespaces={a,b},judge.synthetic=off,listenAddress=[::],ports.webhook=9443,ports.health=9080,\
        drainSeconds=20,extraArgs={--concurrency=8,--operator-users=somebody}";
    let (settings, _) = settings_of(&["--set", values]);
    for (key, expected) in [
        ("listen", "[::]:9443"),
        ("health-listen", "[::]:9080"),
        ("kserve-namespace", "kubeflow"),
        ("knative-namespace", "serverless"),
        ("cluster-domain", "cluster.example.com"),
        ("synthetic", "off"),
    ] {
        assert_eq!(settings[key].as_str(), Some(expected), "{key}");
    }
    assert_eq!(settings["judge-namespaces"], toml::Value::from(vec!["a", "b"]));
    assert_eq!(settings["operator-users"], toml::Value::from(vec!["somebody"]));
    assert_eq!(settings["drain-seconds"].as_integer(), Some(20));
    assert_eq!(settings["concurrency"].as_integer(), Some(8));
}

#[test]
fn the_authority_of_the_callers_is_mounted_where_it_is_read() {
    for certificate in ["certificate.mode=self-managed", "certificate.mode=cert-manager"] {
        let values = format!("{certificate},clients.caConfigMap=callers,clients.names={{kube-apiserver,standby}}");
        let (settings, pod) = settings_of(&["--set", &values]);

        let path = settings["client-ca"].as_str().unwrap();
        assert_eq!(settings["client-names"], toml::Value::from(vec!["kube-apiserver", "standby"]));

        let (folder, file) = path.rsplit_once('/').unwrap();
        let named = |list: &Value, key: &str, value: &str| {
            list.as_array().unwrap().iter().find(|item| item[key] == value).cloned().unwrap()
        };
        let mount = named(&pod["containers"][0]["volumeMounts"], "mountPath", folder);
        let volume = named(&pod["volumes"], "name", mount["name"].as_str().unwrap());
        assert_eq!(volume["configMap"]["name"], "callers");
        assert_eq!(volume["configMap"]["items"][0]["path"], file);
    }
    let (settings, pod) = settings_of(&[]);
    assert!(!settings.contains_key("client-ca") && pod.get("volumes").is_none());
}

#[test]
fn a_pod_is_killed_only_after_it_had_the_time_to_stop() {
    for args in [&[][..], &["--set", "drainSeconds=0"], &["--set", "drainSeconds=600"]] {
        let (settings, pod) = settings_of(args);
        let drain = settings["drain-seconds"].as_integer().unwrap();
        let finish = plumbline::server::Settings::new(([0, 0, 0, 0], 0).into()).finish;

        let grace = pod["terminationGracePeriodSeconds"].as_i64().unwrap();
        assert!(grace >= drain + i64::try_from(finish.as_secs()).unwrap() + 5, "{grace} s for a drain of {drain} s");
    }
}

#[test]
fn probes_and_ports_are_those_that_are_served() {
    let (_, pod) = settings_of(&[]);
    let container = &pod["containers"][0];
    for (probe, path) in [("livenessProbe", plumbline::server::LIVE), ("readinessProbe", plumbline::server::READY)] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], "health");
    }
    let monitor = Rendering::of("plumbline", &["--set", "serviceMonitor.enabled=true"]).only("ServiceMonitor");
    assert_eq!(monitor["spec"]["endpoints"][0]["path"], plumbline::server::METRICS);
}

/// The settings in force in the container, as `plumbline config` tells them, and the pod.
fn settings_of(args: &[&str]) -> (Table, Value) {
    let deployment = Rendering::of("plumbline", args).only("Deployment");
    let pod = deployment["spec"]["template"]["spec"].clone();
    let arguments: Vec<_> =
        pod["containers"][0]["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()).collect();
    assert_eq!(arguments[0], "serve");

    let told =
        Command::new(env!("CARGO_BIN_EXE_plumbline")).env_clear().arg("config").args(&arguments[1..]).output().unwrap();
    assert!(told.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&told.stderr));
    (toml::from_str(&String::from_utf8(told.stdout).unwrap()).unwrap(), pod)
}
