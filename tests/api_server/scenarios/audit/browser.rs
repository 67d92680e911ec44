use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Story;
use super::auditor::Auditor;
use crate::wait;

/// Without a profile of its own, without a sandbox (tests may run as root), and without a word to anybody but the server.
const QUIETLY: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
];

#[test]
#[ignore = "needs chromium, 300 MB that the other tests do without: make browser-test"]
fn a_browser_draws_the_broken_hop_in_red() {
    let story = Story::begin();
    let auditor = Auditor::start(&story.stage, &[]);
    let mut cut = story.cut();
    cut["metadata"]["annotations"] = serde_json::json!({
        "plumbline.dev/allow.PL107": "<script>alert('said by anybody')</script>",
        "plumbline.dev/transition": "narrow", "plumbline.dev/transition-until": "2020-01-01T00:00:00Z",
    });
    story.write(&cut);
    wait::until("the page", Duration::from_secs(20), || {
        let page = auditor.get("/audit");
        if page.contains("<li class=\"broken\">") { Ok(()) } else { Err(page) }
    });

    let profile = tempfile::tempdir().unwrap();
    let (dom, complaints) = browse(profile.path(), &auditor.url("/audit"), &["--dump-dom"]);
    assert!(dom.contains("<title>plumbline: failing</title>"), "{dom}\n{complaints}");
    assert!(dom.contains("<li class=\"broken\"><b>L4 route</b> PL110 "), "{dom}");
    assert!(dom.contains("&lt;script&gt;alert('said by anybody')"), "{dom}");
    assert!(!dom.contains("<script"), "{dom}");
    for word in ["Content Security Policy", "Refused to", "said by anybody"] {
        assert!(!complaints.contains(word), "{complaints}");
    }

    // For whoever wants to look at it.
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit-page.png");
    let screenshot = format!("--screenshot={}", picture.display());
    let (_, complaints) =
        browse(profile.path(), &auditor.url("/audit"), &[&screenshot, "--window-size=1280,1400", "--hide-scrollbars"]);
    let length = std::fs::metadata(&picture).unwrap_or_else(|error| panic!("{error}: {complaints}")).len();
    assert!(length > 20_000, "{length} bytes are no page");
}

/// What a browser prints, and what it complains of.
fn browse(profile: &Path, url: &str, args: &[&str]) -> (String, String) {
    let profile = format!("--user-data-dir={}", profile.display());
    let ended = Command::new("chromium").args(QUIETLY).arg(profile).args(args).arg(url).output();
    let ended = ended.unwrap_or_else(|error| panic!("chromium: {error}: apt-get install chromium"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (output, complaints) = (text(ended.stdout), text(ended.stderr));
    assert!(ended.status.success(), "{complaints}");
    (output, complaints)
}
