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
fn a_key_that_is_no_setting_is_an_error_that_names_it() {
    let file = write("kserve-namespaces = \"kubeflow\"\n");
    let error = Settings::resolve(JudgeOptions::default(), ServeOptions::default(), Some(file.path())).unwrap_err();
    assert!(error.to_string().contains("kserve-namespaces"), "{error}");
    let options = JudgeOptions { kserve_version: Some("newest".to_owned()), ..JudgeOptions::default() };
    let error = Settings::resolve(options, ServeOptions::default(), None).unwrap_err();
    assert_eq!(error.to_string(), "kserve-version: \"newest\" is no release: write it as 0.15 or v1.18.2");
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
