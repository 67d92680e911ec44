//! Who audits: the rules of a Lease, as `client-go` keeps them (`tools/leaderelection/leaderelection.go`).
//!
//! Clocks of different machines are never compared: what counts is how long ago *this* process saw the Lease change.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// For how long a Lease that nobody renews keeps others out.
pub(super) const TERM: Duration = Duration::from_secs(15);
/// For how long after its last renewal the holder itself goes on: less, lest two act at once.
pub(super) const TENURE: Duration = Duration::from_secs(10);
/// How often the Lease is renewed, or looked at.
pub(super) const ROUND: Duration = Duration::from_secs(2);

/// What a Lease says, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) holder: String,
    renewed: String,
    term: Duration,
}

/// One candidate's view of the Lease.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    seen: Option<(Record, Instant)>,
}

impl Record {
    pub(super) fn of(lease: &Value) -> Self {
        let spec = &lease["spec"];
        let text = |field: &str| spec[field].as_str().unwrap_or_default().to_owned();
        let term = spec["leaseDurationSeconds"].as_u64().map_or(TERM, Duration::from_secs);
        Self { holder: text("holderIdentity"), renewed: text("renewTime"), term }
    }
}

impl Election {
    pub(super) fn new(identity: String) -> Self {
        Self { identity, seen: None }
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Notes what the Lease says now; one that says what it said is as old as when it was first seen so.
    pub(super) fn observe(&mut self, record: Record, now: Instant) {
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != record) {
            self.seen = Some((record, now));
        }
    }

    /// Whether we hold it, as far as we saw.
    pub(super) fn is_ours(&self) -> bool {
        self.seen.as_ref().is_some_and(|(record, _)| record.holder == self.identity)
    }

    /// Whether we may write our name into it: it is ours, nobody's, or of somebody who has not renewed it for its whole term.
    pub(super) fn may_take(&self, now: Instant) -> bool {
        let Some((record, at)) = &self.seen else { return false };
        record.holder.is_empty() || record.holder == self.identity || now.duration_since(*at) >= record.term
    }

    /// The Lease with our name in it.
    pub(super) fn taken(&self, mut lease: Value, time: &str) -> Value {
        let before = Record::of(&lease).holder;
        let changes = lease["spec"]["leaseTransitions"].as_u64().unwrap_or_default();
        let is_renewal = before == self.identity;
        let acquired = match lease["spec"]["acquireTime"].as_str() {
            Some(acquired) if is_renewal => acquired.to_owned(),
            _ => time.to_owned(),
        };
        lease["spec"] = json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": TERM.as_secs(),
            "acquireTime": acquired,
            "renewTime": time,
            "leaseTransitions": if is_renewal { changes } else { changes + 1 },
        });
        lease
    }

    /// The Lease without a holder, for whoever comes next.
    pub(super) fn released(mut lease: Value, time: &str) -> Value {
        lease["spec"]["holderIdentity"] = "".into();
        lease["spec"]["leaseDurationSeconds"] = 1.into();
        lease["spec"]["renewTime"] = time.into();
        lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str) -> Value {
        json!({
            "metadata": {"resourceVersion": "7", "labels": {"a": "b"}},
            "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15, "leaseTransitions": 3},
        })
    }

    #[test]
    fn a_lease_is_taken_when_it_was_not_renewed_for_a_term_as_we_saw_it() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut election = Election::new("us".to_owned());
        assert!(!election.may_take(start), "nobody has looked yet");
        // Another clock may be years away.
        election.observe(Record::of(&lease("them", "1999-01-01T00:00:00.000000Z")), start);
        assert!(!election.may_take(after(14)));
        election.observe(Record::of(&lease("them", "1999-01-01T00:00:02.000000Z")), after(14));
        assert!(!election.may_take(after(28)));
        election.observe(Record::of(&lease("them", "1999-01-01T00:00:02.000000Z")), after(28));
        assert!(election.may_take(after(29)));
        assert!(!election.is_ours());
    }

    #[test]
    fn what_nobody_holds_is_taken_at_once() {
        let now = Instant::now();
        let mut election = Election::new("us".to_owned());
        election.observe(Record::of(&json!({"metadata": {}})), now);
        assert!(election.may_take(now));
        let taken = election.taken(json!({"metadata": {"name": "x"}}), "T");
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
        election.observe(Record::of(&taken), now);
        assert!(election.is_ours() && election.may_take(now));
    }

    #[test]
    fn a_renewal_keeps_what_others_wrote_and_counts_no_transition() {
        let election = Election::new("us".to_owned());
        let taken = election.taken(lease("them", "R"), "T");
        assert_eq!(
            taken["metadata"],
            lease("", "")["metadata"],
            "a write of somebody else between makes it a conflict"
        );
        assert_eq!((&taken["spec"]["holderIdentity"], &taken["spec"]["leaseTransitions"]), (&json!("us"), &json!(4)));
        let renewed = election.taken(taken, "U");
        assert_eq!(
            renewed["spec"],
            json!({
                "holderIdentity": "us", "leaseDurationSeconds": 15, "acquireTime": "T", "renewTime": "U",
                "leaseTransitions": 4,
            })
        );
        let released = Election::released(renewed, "V");
        assert_eq!(Record::of(&released).holder, "");
        let mut next = Election::new("them".to_owned());
        next.observe(Record::of(&released), Instant::now());
        assert!(next.may_take(Instant::now()));
    }
}
