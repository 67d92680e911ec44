//! The audit as a page: plain HTML, every text escaped, no script.

use std::fmt::Write as _;

use super::audit;
use super::trace::{request, step};
use super::words::{counted, place};
use crate::engine::{Traced, Walked};
use crate::finding::{Finding, Remedy};
use crate::quote;
use crate::survey::{Entry, Listed, Standing, Survey};
use crate::view::Lookup;
use crate::walk::End;

/// The style sheet.
pub const STYLE: &str = include_str!("page.css");

/// How many groups of namespaces are drawn, and how many namespaces of one are named.
const GROUPS: usize = 100;
const NAMESPACES: usize = 12;
/// How often a browser asks again, in seconds.
const REFRESH: u32 = 30;

/// Writes the page.
#[must_use]
pub fn html(survey: &Survey) -> String {
    let mut page = Page(String::new());
    let state = if survey.fails() { "failing" } else { "sound" };
    page.raw(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>plumbline: {state}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n\
         <link rel=\"stylesheet\" href=\"audit.css\">\n</head>\n<body class=\"{state}\">\n<h1>plumbline</h1>\n"
    ));
    page.element("p", "sum", audit::sum(survey).trim_end());
    page.element("p", "at", &format!("as of {}", survey.at));
    page.section("findings", "Findings", |page| {
        let plain = survey.entries.iter().filter(|entry| entry.standing == Standing::Plain);
        plain.for_each(|entry| page.finding(entry));
    });
    page.section("excepted", "Excepted", |page| {
        let others = survey.entries.iter().filter(|entry| entry.standing != Standing::Plain);
        others.for_each(|entry| page.element("p", "line", &audit::excepted(entry, survey.at)));
    });
    page.section("walks", "Requests", |page| page.walks(&survey.walks));
    page.section("gateways", "Gateways", |page| survey.gateways.iter().for_each(|listed| page.gateway(listed)));
    page.section("transitions", "Transitions", |page| {
        for declared in &survey.transitions {
            page.element("p", declared.state.name(), &audit::transition(declared, survey.at));
        }
    });
    page.section("suppressions", "Suppressions in force", |page| {
        survey.suppressions.iter().for_each(|in_force| page.element("p", "line", &audit::suppression(in_force)));
    });
    page.section("not-judged", "Not judged", |page| {
        survey.unknown.iter().for_each(|why| page.element("p", "line", why));
    });
    page.raw("</body>\n</html>\n");
    page.0
}

struct Page(String);

impl Page {
    /// Writes markup of our own.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Writes what anybody may have written.
    fn text(&mut self, text: &str) {
        for character in quote::printable(text).chars() {
            match character {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    fn element(&mut self, tag: &str, class: &str, text: &str) {
        write!(self.0, "<{tag} class=\"{class}\">").ok();
        self.text(text);
        write!(self.0, "</{tag}>").ok();
        self.raw("\n");
    }

    fn section(&mut self, id: &str, title: &str, fill: impl FnOnce(&mut Self)) {
        write!(self.0, "<section id=\"{id}\">\n<h2>{title}</h2>\n").ok();
        let empty = self.0.len();
        fill(self);
        if self.0.len() == empty {
            self.raw("<p class=\"none\">none</p>\n");
        }
        self.raw("</section>\n");
    }

    fn finding(&mut self, entry: &Entry) {
        let Finding { code, severity, message, site, says, related, remedies, .. } = &entry.finding;
        writeln!(self.0, "<article class=\"{severity}\">").ok();
        self.element("h3", "message", &format!("{code} {message}"));
        self.element("p", "site", &format!("{}: {says}", place(site)));
        for (site, says) in related {
            self.element("p", "site", &format!("{}: {says}", place(site)));
        }
        if let Some(whom) = audit::affected(&entry.finding) {
            self.element("p", "affects", &format!("affects {whom}"));
        }
        if let Some(remedy) = remedies.first().map(Remedy::text) {
            self.element("p", "remedy", &format!("to fix: {remedy}"));
        }
        self.raw("</article>\n");
    }

    /// Draws the walks of those who share them, those with a broken one first.
    fn walks(&mut self, walks: &[Walked]) {
        let mut groups: Vec<&[Walked]> = walks.chunk_by(|one, other| one.subject == other.subject).collect();
        let is_whole = |group: &&[Walked]| !group.iter().any(|walked| walked.traced.walk.end.broken().is_some());
        groups.sort_by_key(is_whole);
        for group in groups.iter().take(GROUPS) {
            let [first, ..] = group else { continue };
            self.raw("<div class=\"group\">\n");
            self.element("h3", "namespaces", &namespaces(first));
            for Walked { traced, .. } in *group {
                if !matches!(traced.walk.end, End::NotMade) {
                    self.path(traced);
                }
            }
            self.raw("</div>\n");
        }
        if groups.len() > GROUPS {
            self.element("p", "more", &format!("and {} more groups, none worse", groups.len() - GROUPS));
        }
    }

    fn path(&mut self, Traced { walk, finding }: &Traced) {
        self.element("h4", "request", &format!("{} {}", walk.request.kind.name(), request(walk)));
        self.raw("<ol class=\"path\">\n");
        for passed in &walk.passed {
            self.hop("ok", passed.hop.label(), &step(&passed.step));
        }
        match (&walk.end, finding) {
            (End::Reached, _) => self.element("li", "end", "reached"),
            (End::NotMade, _) => {}
            (End::Unknown { hop, why }, _) => self.hop("unknown", hop.label(), why),
            (End::Broken(broken), Some(finding)) => {
                self.hop("broken", broken.hop.label(), &format!("{} {}", finding.code, finding.message));
            }
            (End::Broken(broken), None) => self.hop("broken", broken.hop.label(), &place(&broken.site)),
        }
        self.raw("</ol>\n");
    }

    fn hop(&mut self, class: &str, label: &str, what: &str) {
        write!(self.0, "<li class=\"{class}\">").ok();
        self.raw("<b>");
        self.text(label);
        self.raw("</b> ");
        self.text(what);
        self.raw("</li>\n");
    }

    fn gateway(&mut self, Listed { key, roles, servers }: &Listed) {
        let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let (class, servers) = match servers {
            Lookup::Present(servers) if servers.is_empty() => ("broken", "no servers".to_owned()),
            Lookup::Present(servers) => ("ok", servers.join("; ")),
            Lookup::Absent => ("broken", "there is no such Gateway".to_owned()),
            Lookup::Unknown(why) => ("unknown", why.to_string()),
        };
        let name = quote::name(&key.qualified_name());
        self.element("p", class, &format!("{name}, named by {}: {servers}", roles.join(", ")));
    }
}

/// Whose walks these are.
fn namespaces(Walked { subject, affected, .. }: &Walked) -> String {
    let named = affected.namespaces.iter().take(NAMESPACES).map(|(namespace, (count, _))| match count {
        0 => quote::name(namespace),
        count => format!("{} ({count})", quote::name(namespace)),
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if affected.namespaces.len() > NAMESPACES {
        write!(named, " and {}", counted(affected.namespaces.len() - NAMESPACES, "more namespace")).ok();
    }
    let stands_for = if affected.synthetic { ", where nothing is deployed yet" } else { "" };
    format!("{named}{stands_for}, as {} is walked", quote::name(&subject.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_wrote_is_text_and_stays_on_its_line() {
        let mut page = Page(String::new());
        page.element("p", "line", "<img src=x onerror=\"alert('a')\">&\n\u{202e}");
        let expected =
            "<p class=\"line\">&lt;img src=x onerror=&quot;alert(&#39;a&#39;)&quot;&gt;&amp;\\n\\u{202e}</p>\n";
        assert_eq!(page.0, expected);
    }

    #[test]
    fn an_empty_section_says_so() {
        let mut page = Page(String::new());
        page.section("gateways", "Gateways", |_| {});
        assert!(page.0.contains("<p class=\"none\">none</p>"), "{}", page.0);
    }

    #[test]
    fn the_style_sheet_loads_nothing() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
