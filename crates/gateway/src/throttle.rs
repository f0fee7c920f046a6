//! Slows down guessing. Each name that fails is slowed down at its source, and all
//! failures of a source together slow down the names that have not been right there: so
//! neither many tries of one name nor one try of many names gets far, and who shares a
//! source with somebody who guesses is let in as before, unless it is their own name.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::source::network;
use callrec_core::sync::Mutex;

/// Names that are remembered at most, and sources.
const REMEMBERED: usize = 65_536;
/// A name without a failure for so long is as good as new.
const FORGIVEN: Duration = Duration::from_secs(600);
/// Failures of a source, whatever the names, that slow nothing down.
const SPARE: u32 = 16;
/// Beyond them, so many are heard in the longest delay.
const TOGETHER: u32 = 4;

/// Remembers failed tries.
pub struct Throttle {
    delay: Duration,
    longest: Duration,
    hasher: RandomState,
    slates: Mutex<Slates>,
}

#[derive(Default)]
struct Slates {
    /// By the name's hash: a name may be long.
    names: HashMap<(IpAddr, u64), Name>,
    sources: HashMap<IpAddr, Source>,
}

/// One name at one source.
struct Name {
    failures: u32,
    /// It has been right here, so it is not one of many that are guessed at.
    known: bool,
    last: Instant,
    /// No try is heard before.
    next: Instant,
}

/// All names of a source together.
struct Source {
    /// Each failure moves it on.
    paid_until: Instant,
}

trait Slate {
    fn last(&self) -> Instant;
}

impl Slate for Name {
    fn last(&self) -> Instant {
        self.last
    }
}

impl Slate for Source {
    fn last(&self) -> Instant {
        self.paid_until
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Right,
    Wrong,
    /// Nobody knows: it was given up, or the host could not say.
    Open,
}

/// What a slowed try has paid in advance, and gets back unless it fails.
#[derive(Clone, Copy, Debug, Default)]
struct Paid {
    name: Duration,
    source: Duration,
}

/// One try, from its coming to its outcome. Dropped without one, its outcome is open.
pub struct Try {
    throttle: Arc<Throttle>,
    source: IpAddr,
    name: u64,
    paid: Paid,
    has_waited: bool,
    settled: bool,
}

/// It would have to wait longer than the longest delay: it is not heard at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Throttle {
    pub fn new(delay_ms: u32, longest_ms: u32) -> Arc<Throttle> {
        Arc::new(Throttle {
            delay: Duration::from_millis(delay_ms.into()),
            longest: Duration::from_millis(longest_ms.into()),
            hasher: RandomState::new(),
            slates: Mutex::default(),
        })
    }

    pub fn enter(self: &Arc<Self>, source: IpAddr, name: impl Hash) -> Try {
        Try {
            throttle: self.clone(),
            source: network(source),
            name: self.hasher.hash_one(name),
            paid: Paid::default(),
            has_waited: false,
            settled: false,
        }
    }

    fn is_off(&self) -> bool {
        self.delay.min(self.longest).is_zero()
    }

    fn delay_of(&self, failures: u32) -> Duration {
        let doubled = self.delay.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest)
    }

    /// What one failure costs a source.
    fn price(&self) -> Duration {
        self.longest / TOGETHER
    }

    fn spare(&self) -> Duration {
        self.price() * SPARE
    }
}

impl Name {
    fn new(now: Instant) -> Name {
        Name {
            failures: 0,
            known: false,
            last: now,
            next: now,
        }
    }

    fn is_slowed(&self, now: Instant) -> bool {
        self.failures > 0 && now.saturating_duration_since(self.last) < FORGIVEN
    }
}

impl Try {
    /// `None`: it may be heard now. Else it waits until then, its place in the line being
    /// its own, and is heard without asking again.
    pub fn wait_until(&mut self, now: Instant) -> Result<Option<Instant>, TooMany> {
        if self.has_waited || self.throttle.is_off() {
            return Ok(None);
        }
        let throttle = self.throttle.clone();
        let mut slates = throttle.slates.lock();
        let slates = &mut *slates;
        let name = slates.names.get_mut(&(self.source, self.name));
        let known = name.as_ref().is_some_and(|name| name.known);
        let name = name.filter(|name| name.is_slowed(now));
        let source = slates.sources.get_mut(&self.source).filter(|_| !known);
        let spare = throttle.spare();
        let by_source = source
            .as_ref()
            .and_then(|source| source.paid_until.checked_sub(spare));
        let at = by_source.max(name.as_ref().map(|name| name.next));
        let Some(at) = at.filter(|at| *at > now) else {
            return Ok(None);
        };
        if at - now > throttle.longest {
            return Err(TooMany);
        }
        // Whoever comes next waits behind this one.
        if let Some(name) = name {
            self.paid.name = throttle.delay_of(name.failures);
            name.next = name.next.max(now) + self.paid.name;
        }
        if let Some(source) = source {
            self.paid.source = throttle.price();
            source.paid_until = source.paid_until.max(now) + self.paid.source;
        }
        self.has_waited = true;
        Ok(Some(at))
    }

    pub fn settle(mut self, outcome: Outcome, now: Instant) {
        self.note(outcome, now);
    }

    fn note(&mut self, outcome: Outcome, now: Instant) {
        self.settled = true;
        if self.throttle.is_off() {
            return;
        }
        let throttle = self.throttle.clone();
        let mut slates = throttle.slates.lock();
        match outcome {
            Outcome::Wrong => self.failed(&mut slates, now),
            Outcome::Right => {
                self.refund_source(&mut slates);
                make_room(&mut slates.names, now);
                let name = slates.names.entry((self.source, self.name));
                let name = name.or_insert_with(|| Name::new(now));
                (name.failures, name.known, name.last) = (0, true, now);
            }
            Outcome::Open => {
                self.refund_source(&mut slates);
                if let Some(name) = slates.names.get_mut(&(self.source, self.name)) {
                    let least = name.last + throttle.delay_of(name.failures);
                    name.next = name.next.checked_sub(self.paid.name).unwrap_or(least).max(least);
                }
            }
        }
    }

    fn failed(&self, slates: &mut Slates, now: Instant) {
        make_room(&mut slates.names, now);
        let name = slates.names.entry((self.source, self.name));
        let name = name.or_insert_with(|| Name::new(now));
        if !name.is_slowed(now) {
            (name.failures, name.next) = (0, now);
        }
        name.failures = name.failures.saturating_add(1);
        name.last = now;
        name.next = name.next.max(now + self.throttle.delay_of(name.failures));
        if self.paid.source.is_zero() {
            make_room(&mut slates.sources, now);
            let source = slates.sources.entry(self.source);
            let source = source.or_insert(Source { paid_until: now });
            source.paid_until = source.paid_until.max(now) + self.throttle.price();
        }
    }

    fn refund_source(&self, slates: &mut Slates) {
        if let Some(source) = slates.sources.get_mut(&self.source)
            && let Some(before) = source.paid_until.checked_sub(self.paid.source)
        {
            source.paid_until = before;
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if !self.settled {
            self.note(Outcome::Open, Instant::now());
        }
    }
}

/// The oldest go first, many at a time, so that it is seldom done.
fn make_room<K: Eq + Hash, S: Slate>(slates: &mut HashMap<K, S>, now: Instant) {
    if slates.len() < REMEMBERED {
        return;
    }
    slates.retain(|_, slate| now.saturating_duration_since(slate.last()) < FORGIVEN);
    if slates.len() < REMEMBERED {
        return;
    }
    let mut ages: Vec<Instant> = slates.values().map(Slate::last).collect();
    let (_, limit, _) = ages.select_nth_unstable(REMEMBERED / 4);
    let limit = *limit;
    slates.retain(|_, slate| slate.last() > limit);
}

#[cfg(test)]
mod tests;
