//! What to do next about an authority that replicas share, given what a Secret, a bundle and a clock say.
//!
//! The order keeps every call verified: an authority is *published* beside the one in force, *settles* while all API servers
//! take notice, then is *promoted* to sign what is shown, and the one before is *retired* once nobody shows its leaf any more.
//! Nothing found in the bundle is dropped at once: somebody may show a leaf that it vouches for.
//!
//! Every replica plans alone. Two that plan the same write differ in who comes first; the other looks again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The clock of a caller may be behind by that many seconds: so much earlier a certificate is valid than it is used.
pub const CLOCK_SKEW: i64 = 300;
/// Authorities that are kept beside the one in force; more is somebody's mistake.
const MOST_PREVIOUS: usize = 16;

/// A certificate, by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub Arc<[u8]>);

/// A set of certificates.
pub type Ids = BTreeSet<Id>;

/// A certificate and when it is used, in seconds of Unix time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// Which.
    pub id: Id,
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// How long an authority is valid, in seconds; two thirds of it pass before its successor is made.
    pub authority: u32,
    /// How long a leaf is valid, in seconds; two thirds of it pass before it is renewed.
    pub leaf: u32,
    /// How long the slowest API server takes to notice a bundle, in seconds.
    pub settle: u32,
    /// How long after a promotion the slowest replica still shows the leaf of the authority before, in seconds.
    pub retire: u32,
}

/// What the Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It does not exist.
    Absent,
    /// No authority that could sign, and why.
    Unusable(String),
    /// An authority that can sign.
    Kept(Kept),
}

/// The content of a Secret that has an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Signs leaves.
    pub authority: Dated,
    /// What is to be shown; none where that is missing, of another authority, for other names, or out of its time.
    pub leaf: Option<Dated>,
    /// Will sign leaves once it has settled.
    pub next: Option<Dated>,
    /// Signed leaves that somebody may still show.
    pub previous: Ids,
}

/// What the bundles of a webhook configuration hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// It could not be read.
    Unread,
    /// There is no such configuration: nobody is called.
    Absent,
    /// The authorities that each webhook trusts; `None` where there is anything beside authorities that are valid now.
    Found(Vec<(Ids, Purity)>),
}

/// Whether a bundle is worth keeping as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purity {
    /// It holds authorities that are valid now.
    Pure,
    /// It holds something else as well.
    Mixed,
}

/// The leaf that this replica shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub leaf: Id,
    /// Who signed it.
    pub authority: Id,
    /// Its last second.
    pub until: i64,
}

/// What this replica has seen so far, by a clock that never jumps, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Since when every webhook trusts it.
    trusted: BTreeMap<Id, u64>,
    /// Which authority is in force, and since when.
    in_force: Option<(Id, u64)>,
    /// The bundle as it was found first.
    first: Option<Ids>,
    /// What this replica retired: others may still read it in the bundle.
    retired: Ids,
}

/// All that decides.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The time of day, as Unix time.
    pub now: i64,
    /// The clock of [`Observed`].
    pub moment: u64,
    /// How long things take.
    pub periods: &'a Periods,
    /// The Secret.
    pub stored: &'a Stored,
    /// The webhook configuration.
    pub bundle: &'a Bundle,
    /// What is shown.
    pub shown: Option<&'a Shown>,
    /// What was seen.
    pub observed: &'a Observed,
}

/// What to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Show the leaf of the Secret.
    pub show: bool,
    /// Write the Secret.
    pub write: Option<Write>,
    /// Have every webhook trust these and no others.
    pub publish: Option<Ids>,
    /// What has to happen before callers can be expected to trust this replica.
    pub waiting: Option<&'static str>,
}

/// A write of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Make it anew, and trust what the bundle trusts as well.
    Repair(Ids),
    /// Keep trusting these.
    Adopt(Ids),
    /// Sign another leaf.
    Leaf,
    /// Make the next authority.
    Begin,
    /// Let the next authority sign.
    Promote,
    /// Trust no authority before the one in force any more.
    Retire,
}

impl Dated {
    /// Whether a third of its time, or less, is left; or more than it should ever have had.
    fn is_due(&self, now: i64, lifetime: u32) -> bool {
        now >= self.until - (self.until - self.from) / 3 || self.until - now > i64::from(lifetime) + CLOCK_SKEW
    }
}

impl Kept {
    /// The authorities that callers are to trust.
    #[must_use]
    pub fn trusted(&self) -> Ids {
        let named = [Some(&self.authority), self.next.as_ref()].into_iter().flatten().map(|dated| dated.id.clone());
        named.chain(self.previous.iter().cloned()).collect()
    }
}

impl Bundle {
    /// The authorities that every webhook trusts.
    fn every(&self) -> Ids {
        let Self::Found(webhooks) = self else { return Ids::new() };
        let sets = webhooks.iter().map(|(ids, _)| ids.clone());
        sets.reduce(|one, other| &one & &other).unwrap_or_default()
    }

    /// The authorities that some webhook trusts.
    fn some(&self) -> Ids {
        let Self::Found(webhooks) = self else { return Ids::new() };
        webhooks.iter().flat_map(|(ids, _)| ids.iter().cloned()).collect()
    }

    fn is_exactly(&self, wanted: &Ids) -> bool {
        match self {
            Self::Unread | Self::Absent => true,
            Self::Found(webhooks) => webhooks.iter().all(|(ids, purity)| ids == wanted && *purity == Purity::Pure),
        }
    }
}

impl Observed {
    /// Takes note of what was read at a moment.
    pub fn note(&mut self, moment: u64, stored: &Stored, bundle: &Bundle) {
        if let Stored::Kept(kept) = stored
            && self.in_force.as_ref().is_none_or(|(id, _)| *id != kept.authority.id)
        {
            self.in_force = Some((kept.authority.id.clone(), moment));
        }
        if *bundle == Bundle::Unread {
            return;
        }
        let every = bundle.every();
        self.retired = &self.retired & &bundle.some();
        self.trusted = every.iter().map(|id| (id.clone(), *self.trusted.get(id).unwrap_or(&moment))).collect();
        self.first.get_or_insert(every);
    }

    /// Takes note that these were retired, and will be gone from the bundle.
    pub fn retire(&mut self, ids: Ids) {
        self.retired.extend(ids);
    }

    fn trusted_for(&self, id: &Id, moment: u64, seconds: u32) -> bool {
        self.trusted.get(id).is_some_and(|since| passed(*since, moment, seconds))
    }

    fn in_force_for(&self, id: &Id, moment: u64, seconds: u32) -> bool {
        self.in_force.as_ref().is_some_and(|(known, since)| known == id && passed(*since, moment, seconds))
    }

    fn found_first(&self, id: &Id) -> bool {
        self.first.as_ref().is_some_and(|first| first.contains(id))
    }
}

fn passed(since: u64, moment: u64, seconds: u32) -> bool {
    moment.saturating_sub(since) >= u64::from(seconds) * 1000
}

impl Situation<'_> {
    /// Decides what to do.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let kept = match self.stored {
            Stored::Kept(kept) => kept,
            Stored::Absent | Stored::Unusable(_) => {
                // Unread, the bundle might lose an authority that somebody rests on.
                let repair = (*self.bundle != Bundle::Unread).then(|| Write::Repair(self.found()));
                let waiting = self.shown.is_none().then_some("the Secret with the certificate is to be made first");
                return Plan { write: repair, waiting, ..Plan::default() };
            }
        };
        let show = kept.leaf.as_ref().is_some_and(|leaf| self.shows(kept, leaf));
        let authority = if show { Some(&kept.authority.id) } else { self.shown.map(|shown| &shown.authority) };
        let trusted = kept.trusted();
        let adopted: Ids = &(&self.found() | &authority.into_iter().cloned().collect()) - &trusted;
        let target = &trusted | &adopted;
        let write = if adopted.is_empty() || *self.bundle == Bundle::Absent {
            self.write(kept, authority)
        } else {
            Some(Write::Adopt(adopted))
        };
        Plan {
            show,
            write,
            publish: (!self.bundle.is_exactly(&target)).then_some(target),
            waiting: self.waiting(kept, authority),
        }
    }

    /// The authorities in the bundle that nobody has retired.
    fn found(&self) -> Ids {
        (&self.bundle.some() - &self.observed.retired).into_iter().take(MOST_PREVIOUS).collect()
    }

    /// Whether to show the leaf of the Secret from now on.
    fn shows(&self, kept: &Kept, leaf: &Dated) -> bool {
        let Some(shown) = self.shown else { return true };
        if shown.leaf == leaf.id {
            return false;
        }
        let unverified = || match self.bundle {
            Bundle::Unread => false,
            Bundle::Absent => true,
            Bundle::Found(_) => !self.bundle.some().contains(&shown.authority),
        };
        shown.authority == kept.authority.id
            || shown.until <= self.now
            || self.observed.trusted_for(&kept.authority.id, self.moment, self.periods.settle)
            || unverified()
    }

    fn write(&self, kept: &Kept, authority: Option<&Id>) -> Option<Write> {
        let Some(leaf) = &kept.leaf else { return Some(Write::Leaf) };
        let next_due = kept.next.as_ref().is_some_and(|next| next.is_due(self.now, self.periods.authority));
        let settled = |next: &Dated| self.observed.trusted_for(&next.id, self.moment, self.periods.settle);
        if next_due || (kept.next.is_none() && kept.authority.is_due(self.now, self.periods.authority)) {
            Some(Write::Begin)
        } else if kept.next.as_ref().is_some_and(settled) {
            Some(Write::Promote)
        } else if leaf.is_due(self.now, self.periods.leaf) && leaf.until < kept.authority.until {
            // One that ends with its authority cannot be bettered by the same.
            Some(Write::Leaf)
        } else if !kept.previous.is_empty()
            && authority == Some(&kept.authority.id)
            && self.observed.in_force_for(&kept.authority.id, self.moment, self.periods.retire)
        {
            Some(Write::Retire)
        } else {
            None
        }
    }

    fn waiting(&self, kept: &Kept, authority: Option<&Id>) -> Option<&'static str> {
        let Some(authority) = authority else {
            return Some("the Secret holds no usable certificate yet");
        };
        match self.bundle {
            Bundle::Unread => Some("the webhook configuration could not be read"),
            Bundle::Found(_) if !self.bundle.every().contains(authority) => {
                Some("the caBundle does not hold the certificate's CA yet")
            }
            // Where an authority was there before, its leaves are served by others until everybody knows the new one.
            Bundle::Found(_)
                if !kept.previous.is_empty()
                    && !self.observed.found_first(authority)
                    && !self.observed.trusted_for(authority, self.moment, self.periods.settle) =>
            {
                Some("the API servers are taking notice of a new CA")
            }
            Bundle::Absent | Bundle::Found(_) => None,
        }
    }
}
