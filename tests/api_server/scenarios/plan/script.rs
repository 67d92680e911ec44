//! The script that a plan is written as.

use std::fs;
use std::process::Command;

use super::journey::{Journey, edited};
use crate::control_plane::User;
use crate::scenarios::stock::named;
use crate::scratch::Scratch;

#[test]
fn a_script_applies_its_steps_and_checks_in_between() {
    let journey = Journey::from(|_| Vec::new());
    let shipped = &journey.shipped;
    let to = [
        edited(named(shipped, "Gateway", "knative-local-gateway"), &[("/spec/servers/0/port/number", 8082.into())]),
        edited(named(shipped, "Service", "knative-local-gateway"), &[("/spec/ports/0/targetPort", 8082.into())]),
    ];
    let scratch = Scratch::new();
    let script = scratch.write("apply.sh", &journey.run("script", &to, &[]));
    let run = || {
        let control_plane = journey.stage.control_plane;
        let output = Command::new("bash")
            .arg(&script)
            .env("KUBECTL", control_plane.program("kubectl"))
            .env("PLUMBLINE", env!("CARGO_BIN_EXE_plumbline"))
            .env("KUBECONFIG", control_plane.kubeconfig(User::Admin))
            .env("HOME", scratch.path("home"))
            .output()
            .unwrap();
        let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), format!("{out}\n{errors}\n{}", fs::read_to_string(&script).unwrap()))
    };
    let (done, said) = run();
    assert!(done, "{said}");
    assert!(said.contains("Wave 3 of 3") && said.contains("=> reached"), "{said}");
    assert_eq!(journey.plan(&to, &[])["waves"], serde_json::json!([]), "{said}");
}
