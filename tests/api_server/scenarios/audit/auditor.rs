use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use plumbline::audit::access::NAME;
use serde_json::Value;

use crate::control_plane::{ControlPlane, User};
use crate::plumbline_server::PlumblineServer;
use crate::port::Port;
use crate::scenarios::stage::{Stage, render, wait_until_ready};
use crate::wait;

/// plumbline with the audit on and the rights of its chart, registered nowhere.
pub(super) struct Auditor {
    pub(super) server: PlumblineServer,
    health: Port,
}

/// An Event of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) reason: String,
    pub(super) object: String,
    pub(super) note: String,
    pub(super) count: u64,
    pub(super) has_uid: bool,
}

impl Auditor {
    pub(super) fn start(stage: &Stage, args: &[&str]) -> Self {
        let health = Port::lease();
        let listen = format!("127.0.0.1:{}", health.number());
        let all = [&["--audit", "--health-listen", &listen, "--drain-seconds=0"], args].concat();
        let server = PlumblineServer::start(stage.control_plane.kubeconfig(User::Plumbline), &all);
        wait_until_ready(&server);
        Self { server, health }
    }

    #[track_caller]
    pub(super) fn wait_until_elected(&self) {
        wait::until("the first walk", Duration::from_secs(20), || {
            if self.walks() > 0 { Ok(()) } else { Err(self.server.log()) }
        });
    }

    pub(super) fn is_elected(&self) -> bool {
        self.get("/metrics").contains("\nplumbline_audit_leader 1")
    }

    /// How many walks there were in the background.
    pub(super) fn walks(&self) -> u64 {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix("plumbline_audit_duration_seconds_count "));
        line.and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn wait_for_metric(&self, line: &str) {
        wait::until(line, Duration::from_secs(5), || {
            let metrics = self.get("/metrics");
            let audit = metrics.lines().filter(|line| line.starts_with("plumbline_audit"));
            if metrics.lines().any(|found| found == line) { Ok(()) } else { Err(audit.collect::<Vec<_>>().join("\n")) }
        });
    }

    /// A page of the health port.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.health.number())
    }

    /// What the health port answers, headers included.
    pub(super) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.health.number())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Leaves nothing of an earlier audit, and the Lease as the chart installs it.
pub(super) fn forget(control_plane: &ControlPlane) {
    control_plane.kubectl(&["delete", "events", "--all", "--all-namespaces"]).expect_success();
    let _ = control_plane.kubectl(&["delete", "lease", NAME, "--namespace=plumbline"]);
    let lease = render(control_plane, "lease", &[]);
    control_plane.apply(&lease, &["--server-side", "--force-conflicts"]).expect_success();
}

/// The Events of the audit.
pub(super) fn told(control_plane: &ControlPlane) -> Vec<Told> {
    let args = ["get", "events.events.k8s.io", "--all-namespaces", "--output=json"];
    let events: Value = serde_json::from_str(&control_plane.kubectl(&args).expect_success()).unwrap();
    let ours = events["items"].as_array().unwrap().iter();
    let ours = ours.filter(|event| event["reportingController"] == "plumbline.dev/audit");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = ours.map(|event| {
        let object = &event["regarding"];
        Told {
            kind: text(&event["type"]),
            reason: text(&event["reason"]),
            object: format!("{} {}/{}", text(&object["kind"]), text(&object["namespace"]), text(&object["name"])),
            note: text(&event["note"]),
            count: event["series"]["count"].as_u64().unwrap_or(1),
            has_uid: object["uid"].is_string(),
        }
    });
    told.collect()
}
