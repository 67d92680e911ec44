//! Decisions one by one, and then replicas and API servers at play: whoever may call is verified at every moment.

use super::*;

const PERIODS: Periods = Periods { authority: 60, leaf: 20, settle: 2, retire: 8 };

fn id(number: u32) -> Id {
    Id(number.to_be_bytes().as_slice().into())
}

fn ids<const N: usize>(numbers: [u32; N]) -> Ids {
    numbers.map(id).into()
}

fn dated(number: u32, from: i64, until: i64) -> Dated {
    Dated { id: id(number), from, until }
}

fn kept() -> Kept {
    Kept { authority: dated(1, 0, 60), leaf: Some(dated(11, 0, 20)), next: None, previous: Ids::new() }
}

fn found(ids: Ids) -> Bundle {
    Bundle::Found(vec![(ids.clone(), Purity::Pure), (ids, Purity::Pure)])
}

/// What a replica that shows leaf 11 of authority 1 decides at second `now`, after it saw the same from second `since` on.
fn decide(kept: Kept, bundle: &Bundle, since: u64, now: u32) -> Plan {
    let mut observed = Observed::default();
    let stored = Stored::Kept(kept);
    observed.note(since * 1000, &stored, bundle);
    let shown = Shown { leaf: id(11), authority: id(1), until: 60 };
    Situation {
        now: now.into(),
        moment: u64::from(now) * 1000,
        periods: &PERIODS,
        stored: &stored,
        bundle,
        shown: Some(&shown),
        observed: &observed,
    }
    .plan()
}

#[test]
fn nothing_is_to_be_done_while_all_agree() {
    assert_eq!(decide(kept(), &found(ids([1])), 0, 5), Plan::default());
}

#[test]
fn a_leaf_is_renewed_after_two_thirds_and_by_its_authority_as_long_as_that_helps() {
    let at = |now| decide(kept(), &found(ids([1])), 0, now).write;
    assert_eq!((at(13), at(14)), (None, Some(Write::Leaf)));
    let last = Kept { leaf: Some(dated(11, 45, 60)), next: Some(dated(2, 41, 101)), ..kept() };
    assert_eq!(decide(last, &found(ids([1])), 0, 58).write, None, "no leaf outlives its authority");
    assert_eq!(decide(Kept { leaf: None, ..kept() }, &Bundle::Unread, 0, 1).write, Some(Write::Leaf));
}

#[test]
fn an_authority_is_published_and_settles_before_it_signs() {
    let fresh = |from| Kept { leaf: Some(dated(11, from, from + 20)), ..kept() };
    assert_eq!(decide(fresh(30), &found(ids([1])), 0, 40).write, Some(Write::Begin));
    let strange = Kept { authority: dated(1, 0, 60 + 1 + 60 + CLOCK_SKEW), ..kept() };
    assert_eq!(decide(strange, &found(ids([1])), 0, 1).write, Some(Write::Begin), "it should not live that long");
    let begun = Kept { next: Some(dated(2, 40, 100)), ..fresh(30) };
    let plan = decide(begun.clone(), &found(ids([1])), 40, 41);
    assert_eq!((plan.write, plan.publish), (None, Some(ids([1, 2]))));
    let uneven = Bundle::Found(vec![(ids([1, 2]), Purity::Pure), (ids([1]), Purity::Pure)]);
    assert_eq!(decide(begun.clone(), &uneven, 40, 43).write, None, "every webhook has to trust it");
    assert_eq!(decide(begun.clone(), &found(ids([1, 2])), 40, 41).write, None, "it has not settled");
    let plan = decide(begun.clone(), &found(ids([1, 2])), 40, 42);
    assert_eq!((plan.write, plan.publish), (Some(Write::Promote), None));
    assert_eq!(decide(begun, &Bundle::Unread, 40, 43).write, None, "who knows what is trusted");
}

#[test]
fn a_promoted_leaf_is_shown_once_settled_and_the_authority_before_goes_last() {
    let promoted = Kept { authority: dated(2, 40, 100), leaf: Some(dated(22, 42, 62)), next: None, previous: ids([1]) };
    let both = found(ids([1, 2]));
    assert!(!decide(promoted.clone(), &both, 42, 43).show);
    let plan = decide(promoted.clone(), &both, 42, 44);
    assert_eq!(plan, Plan { show: true, ..Plan::default() });
    assert!(decide(promoted.clone(), &found(ids([2])), 42, 42).show, "nothing else is trusted any more");
    assert_eq!(decide(promoted.clone(), &both, 42, 49).write, None);
    assert_eq!(decide(promoted, &both, 42, 50).write, Some(Write::Retire));
}

#[test]
fn a_bundle_that_somebody_wrote_over_is_put_back() {
    for bundle in [
        found(Ids::new()),
        Bundle::Found(vec![(ids([1]), Purity::Pure), (Ids::new(), Purity::Pure)]),
        Bundle::Found(vec![(ids([1]), Purity::Mixed)]),
    ] {
        assert_eq!(decide(kept(), &bundle, 0, 1).publish, Some(ids([1])), "{bundle:?}");
    }
    // Somebody may show a leaf of whatever else is trusted.
    let plan = decide(kept(), &found(ids([7])), 0, 1);
    assert_eq!((plan.publish, plan.write), (Some(ids([1, 7])), Some(Write::Adopt(ids([7])))));
    assert_eq!(decide(kept(), &Bundle::Absent, 0, 1), Plan::default(), "turned off is no fault");
}

#[test]
fn a_secret_is_made_anew_only_if_the_bundle_was_read() {
    for stored in [Stored::Absent, Stored::Unusable("torn".to_owned())] {
        let plan = |bundle: &Bundle| {
            let mut observed = Observed::default();
            observed.note(0, &stored, bundle);
            let shown = None;
            let (periods, observed) = (&PERIODS, &observed);
            Situation { now: 0, moment: 0, periods, stored: &stored, bundle, shown, observed }.plan()
        };
        assert_eq!(plan(&found(ids([7]))).write, Some(Write::Repair(ids([7]))));
        assert_eq!(plan(&Bundle::Unread).write, None);
        assert!(plan(&Bundle::Absent).waiting.is_some());
    }
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Clone, PartialEq)]
struct Read {
    stored: Stored,
    secret: u64,
    bundle: Ids,
    configuration: u64,
}

#[derive(Default)]
struct Replica {
    observed: Observed,
    shown: Option<Shown>,
    remembered: Option<Kept>,
    ready: bool,
    born: u64,
    /// What it read and has not acted upon yet.
    read: Option<Read>,
    looks: u64,
}

struct World {
    dice: Dice,
    moment: u64,
    made: u32,
    stored: Stored,
    secret: u64,
    /// The bundle at every moment: API servers see the past.
    bundles: Vec<Ids>,
    configuration: u64,
    replicas: Vec<Replica>,
    rotations: u32,
}

/// Milliseconds from one moment to the next.
const TICK: u64 = 100;

impl World {
    fn new(seed: u64) -> Self {
        let replicas = (0..2).map(|_| Replica::default()).collect();
        let (stored, bundles) = (Stored::Absent, vec![Ids::new()]);
        Self {
            dice: Dice(seed),
            moment: 0,
            made: 0,
            stored,
            secret: 0,
            bundles,
            configuration: 0,
            replicas,
            rotations: 0,
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.moment / 1000).unwrap()
    }

    fn make(&mut self, lifetime: u32) -> Dated {
        self.made += 1;
        dated(self.made, self.now(), self.now() + i64::from(lifetime))
    }

    fn leaf(&mut self, authority: &Dated) -> Dated {
        let left = u32::try_from(authority.until - self.now()).unwrap_or(0);
        self.make(PERIODS.leaf.min(left))
    }

    fn read(&self) -> Read {
        let bundle = self.bundles.last().unwrap().clone();
        Read { stored: self.stored.clone(), secret: self.secret, bundle, configuration: self.configuration }
    }

    fn tick(&mut self) {
        self.moment += TICK;
        let bundle = self.bundles.last().unwrap().clone();
        self.bundles.push(bundle);
        for index in 0..self.replicas.len() {
            let mut replica = std::mem::take(&mut self.replicas[index]);
            if let Some(read) = replica.read.take() {
                self.act(&mut replica, &read);
            } else if self.moment >= replica.looks {
                replica.read = Some(self.read());
                replica.looks = self.moment + 300 + self.dice.below(500);
            }
            self.replicas[index] = replica;
        }
    }

    /// Does as the driver does, on a read that may be out of date.
    fn act(&mut self, replica: &mut Replica, read: &Read) {
        let bundle = Bundle::Found(vec![(read.bundle.clone(), Purity::Pure)]);
        replica.observed.note(self.moment, &read.stored, &bundle);
        let plan = Situation {
            now: self.now(),
            moment: self.moment,
            periods: &PERIODS,
            stored: &read.stored,
            bundle: &bundle,
            shown: replica.shown.as_ref(),
            observed: &replica.observed,
        }
        .plan();
        let kept = if let Stored::Kept(kept) = &read.stored { Some(kept.clone()) } else { None };
        if plan.show {
            let kept = kept.clone().unwrap();
            let leaf = kept.leaf.unwrap();
            replica.shown = Some(Shown { leaf: leaf.id, authority: kept.authority.id, until: leaf.until });
        }
        replica.ready |= plan.waiting.is_none();
        if let Some(ids) = plan.publish
            && read.configuration == self.configuration
        {
            *self.bundles.last_mut().unwrap() = ids;
            self.configuration += 1;
        }
        if let Some(write) = plan.write
            && read.secret == self.secret
        {
            let kept = self.written(replica, write, kept);
            self.stored = Stored::Kept(kept);
            self.secret += 1;
        }
        replica.remembered =
            if let Stored::Kept(kept) = &read.stored { Some(kept.clone()) } else { replica.remembered.take() };
    }

    fn written(&mut self, replica: &mut Replica, write: Write, kept: Option<Kept>) -> Kept {
        let mut kept = match (write, kept) {
            (Write::Repair(found), _) => {
                let mut kept = if let Some(mut kept) = replica.remembered.clone() {
                    kept.previous.extend(kept.next.take().map(|next| next.id));
                    kept.next = Some(self.make(PERIODS.authority));
                    kept
                } else {
                    let authority = self.make(PERIODS.authority);
                    let leaf = Some(self.leaf(&authority));
                    Kept { authority, leaf, next: None, previous: Ids::new() }
                };
                kept.previous.extend(found);
                kept
            }
            (write, kept) => {
                let mut kept = kept.unwrap();
                match write {
                    Write::Repair(_) => {}
                    Write::Adopt(ids) => kept.previous.extend(ids),
                    Write::Leaf => kept.leaf = Some(self.leaf(&kept.authority)),
                    Write::Begin => kept.next = Some(self.make(PERIODS.authority)),
                    Write::Promote => {
                        kept.previous.insert(kept.authority.id);
                        kept.authority = kept.next.take().unwrap();
                        kept.leaf = Some(self.leaf(&kept.authority));
                        self.rotations += 1;
                    }
                    Write::Retire => replica.observed.retire(std::mem::take(&mut kept.previous)),
                }
                kept
            }
        };
        kept.previous.remove(&kept.authority.id);
        kept
    }

    /// Has an API server that sees the bundle of any moment within the settling time call every replica.
    fn check(&self, seed: u64) {
        let lag = usize::try_from(u64::from(PERIODS.settle) * 1000 / TICK).unwrap() - 3;
        for replica in self.replicas.iter().filter(|replica| replica.ready) {
            let shown = replica.shown.as_ref().unwrap();
            let at = format!("seed {seed}, at {} ms, {shown:?} of {:?}", self.moment, self.stored);
            assert!(shown.until > self.now(), "expired: {at}");
            let first = self.bundles.len().saturating_sub(lag);
            // A replica is called once it was found ready.
            let recent = self.bundles.iter().enumerate().skip(first);
            let mut recent = recent.filter(|(tick, _)| u64::try_from(*tick).unwrap() * TICK >= replica.born + 3000);
            assert!(recent.all(|(_, bundle)| bundle.contains(&shown.authority)), "not trusted: {at}");
        }
    }
}

fn play(seed: u64, mischief: impl Fn(&mut World, u64)) -> World {
    let mut world = World::new(seed);
    while world.moment < 200_000 {
        world.tick();
        // Everybody is there by now.
        if world.moment > 5000 {
            world.check(seed);
            if world.moment.is_multiple_of(7000) {
                let which = world.dice.below(4);
                mischief(&mut world, which);
            }
        }
    }
    assert!(world.rotations >= 3, "seed {seed}: {} rotations", world.rotations);
    world
}

#[test]
fn undisturbed_replicas_rotate_without_a_gap_and_forget_what_was() {
    for seed in 0..10 {
        let world = play(seed, |_, _| {});
        assert!(world.bundles.last().unwrap().len() <= 2, "seed {seed}");
        let [one, other] = &world.replicas[..] else { panic!("two replicas") };
        assert!(one.ready && other.ready);
    }
}

#[test]
fn secrets_may_go_and_replicas_come_without_a_gap() {
    for seed in 0..20 {
        play(seed, |world, which| match which {
            0 => {
                world.stored = Stored::Absent;
                world.secret += 1;
            }
            1 => {
                world.stored = Stored::Unusable("torn".to_owned());
                world.secret += 1;
            }
            // Somebody else's authority, and a leaf of it.
            2 => {
                let authority = world.make(PERIODS.authority);
                let leaf = Some(world.leaf(&authority));
                world.stored = Stored::Kept(Kept { authority, leaf, next: None, previous: Ids::new() });
                world.secret += 1;
            }
            _ => {
                let index = usize::try_from(world.dice.below(2)).unwrap();
                world.replicas[index] = Replica { born: world.moment, ..Replica::default() };
                if world.dice.below(2) == 0 {
                    world.stored = Stored::Absent;
                    world.secret += 1;
                }
            }
        });
    }
}
