use super::*;

fn write(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let file = write("kserve-namespace = \"kubeflow\"\nlisten = \"127.0.0.1:9443\"\nsynthetic = \"warn\"\n");
    let flags = JudgeOptions { synthetic: Some(Synthetic::Off), ..JudgeOptions::default() };
    let settings = Settings::resolve(flags, ServeOptions::default(), Some(file.path())).unwrap();
    assert_eq!(&*settings.judge.facts.kserve_namespace, "kubeflow");
    assert_eq!(&*settings.judge.facts.knative_namespace, "knative-serving");
    assert_eq!(settings.judge.synthetic, SyntheticPolicy::Off);
    assert_eq!(settings.serve.listen.port(), 9443);
}

#[test]
fn what_is_printed_can_be_read_back() {
    let options = JudgeOptions { knative_version: Some("v1.18.2".to_owned()), ..JudgeOptions::default() };
    let settings = Settings::resolve(options, ServeOptions::default(), None).unwrap();
    let file = write(&settings.to_toml());
    let again = Settings::resolve(JudgeOptions::default(), ServeOptions::default(), Some(file.path())).unwrap();
    assert_eq!(again, Settings { cluster_domain_given: true, ..settings });
}

#[test]
fn the_audit_has_keys_of_its_own() {
    let file = write("audit = true\naudit-interval = \"90s\"\nlisten = \"127.0.0.1:9443\"\n");
    let audit = AuditOptions { audit_lease_namespace: Some("guard".to_owned()), ..AuditOptions::default() };
    let options = ServeOptions { audit, ..ServeOptions::default() };
    let settings = Settings::resolve(JudgeOptions::default(), options, Some(file.path())).unwrap();
    assert_eq!(
        settings.serve.audit,
        AuditSettings {
            is_on: true,
            interval: Duration::from_secs(90),
            lease_namespace: Some("guard".to_owned()),
            lease_name: "plumbline-audit".to_owned(),
        }
    );
    let again = write(&settings.to_toml());
    let again = Settings::resolve(JudgeOptions::default(), ServeOptions::default(), Some(again.path())).unwrap();
    assert_eq!(again.serve, settings.serve);

    for (interval, namespace, says) in
        [("0s", "a", "audit-interval: \"0s\""), ("1m", "A b", "audit-lease-namespace: \"A b\"")]
    {
        let audit = AuditOptions {
            audit_interval: Some(interval.to_owned()),
            audit_lease_namespace: Some(namespace.to_owned()),
            ..AuditOptions::default()
        };
        let options = ServeOptions { audit, ..ServeOptions::default() };
        let error = Settings::resolve(JudgeOptions::default(), options, None).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn a_key_that_is_no_setting_is_an_error_that_names_it() {
    let file = write("kserve-namespaces = \"kubeflow\"\n");
    let error = Settings::resolve(JudgeOptions::default(), ServeOptions::default(), Some(file.path())).unwrap_err();
    assert!(error.to_string().contains("kserve-namespaces"), "{error}");
    let options = JudgeOptions { kserve_version: Some("newest".to_owned()), ..JudgeOptions::default() };
    let error = Settings::resolve(options, ServeOptions::default(), None).unwrap_err();
    assert_eq!(error.to_string(), "kserve-version: \"newest\" is no release: write it as 0.15 or v1.18.2");
}

#[test]
fn the_length_of_a_transition_is_written_as_go_writes_it() {
    let resolve = |text: &str| {
        let options = JudgeOptions { transition_max_duration: Some(text.to_owned()), ..JudgeOptions::default() };
        Settings::resolve(options, ServeOptions::default(), None).map(|settings| settings.transition.longest)
    };
    for (text, seconds) in [("", 3_600), ("90m", 5_400), ("1h30m", 5_400), ("0s", 0), ("45s", 45)] {
        assert_eq!(resolve(text).unwrap(), Span(seconds), "{text}");
    }
    for text in ["1", "an hour", "1d", "-1h", "500ms"] {
        let error = resolve(text).unwrap_err().to_string();
        assert!(error.starts_with("transition-max-duration: ") && error.contains(text), "{error}");
    }
}

#[test]
fn a_certificate_of_our_own_can_be_set_in_the_file() {
    let file =
        write("tls-secret = \"a/b\"\ntls-service = \"c\"\nwebhook-configuration = \"d\"\ntls-ca-seconds = 1000\n");
    let serve = |serve, path| Settings::resolve(JudgeOptions::default(), serve, path);
    let flags = ServeOptions {
        self_managed: SelfManagedOptions {
            tls_ca_seconds: Some(2000),
            tls_leaf_seconds: Some(1000),
            ..SelfManagedOptions::default()
        },
        ..ServeOptions::default()
    };
    let settings = serve(flags, Some(file.path())).unwrap();
    let kept = settings.serve.self_managed.clone().unwrap();
    assert_eq!((kept.server_name().as_str(), kept.periods.authority), ("c.a.svc", 2000));

    let printed = write(&settings.to_toml());
    assert_eq!(serve(ServeOptions::default(), Some(printed.path())).unwrap().serve, settings.serve);
    let error = serve(ServeOptions::default(), Some(file.path())).unwrap_err().to_string();
    assert!(error.starts_with("tls-leaf-seconds: 7776000 is not between"), "{error}");
}
