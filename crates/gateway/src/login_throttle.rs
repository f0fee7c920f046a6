//! Slows down password guessing. Failures of a name at a client delay that name. All failures of a
//! client together also delay the names that have not succeeded there. So neither many attempts at
//! one name nor single attempts at many names get far, and other users of a shared address are not
//! delayed unless their own name is guessed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client_address::client_network;
use callrec_core::sync::Mutex;

/// Maximum number of remembered names, and of remembered clients.
const RECORDS_MAX: usize = 65_536;
/// A name is forgotten after this time without a failure.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Failures of a client, whatever the names, that cause no common delay.
const FREE_FAILURES: u32 = 16;
/// Beyond those, this many attempts are allowed within the longest delay.
const ATTEMPTS_PER_DELAY: u32 = 4;

/// Remembers failed attempts.
pub struct LoginThrottle {
    delay: Duration,
    max_delay: Duration,
    hasher: RandomState,
    records: Mutex<LoginRecords>,
}

#[derive(Default)]
struct LoginRecords {
    /// The key holds a hash of the name, since names may be long.
    names: HashMap<(IpAddr, u64), NameRecord>,
    clients: HashMap<IpAddr, ClientRecord>,
}

/// One name at one client.
struct NameRecord {
    failures: u32,
    /// The name has succeeded at this client, so it is not one of many guesses.
    has_succeeded: bool,
    last: Instant,
    /// The next attempt is not allowed before.
    next: Instant,
}

/// All names of a client together.
struct ClientRecord {
    /// Each failure moves this time forward; it delays attempts once it is far enough ahead.
    charged_until: Instant,
}

trait AgedRecord {
    fn last(&self) -> Instant;
}

impl AgedRecord for NameRecord {
    fn last(&self) -> Instant {
        self.last
    }
}

impl AgedRecord for ClientRecord {
    fn last(&self) -> Instant {
        self.charged_until
    }
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    Accepted,
    Rejected,
    /// The attempt was cancelled, or the host could not decide.
    Undecided,
}

/// The delay that a waiting attempt has reserved. It is refunded unless the attempt fails.
#[derive(Clone, Copy, Debug, Default)]
struct ReservedDelay {
    name: Duration,
    client: Duration,
}

/// One attempt from its arrival to its outcome. When dropped without one, it counts as undecided.
pub struct LoginAttempt {
    throttle: Arc<LoginThrottle>,
    client: IpAddr,
    name: u64,
    reserved: ReservedDelay,
    has_waited: bool,
    is_finished: bool,
}

/// The attempt would have to wait longer than the longest delay, so it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyAttempts;

impl LoginThrottle {
    pub fn new(delay_ms: u32, max_delay_ms: u32) -> Arc<LoginThrottle> {
        Arc::new(LoginThrottle {
            delay: Duration::from_millis(delay_ms.into()),
            max_delay: Duration::from_millis(max_delay_ms.into()),
            hasher: RandomState::new(),
            records: Mutex::default(),
        })
    }

    pub fn begin_attempt(self: &Arc<Self>, client: IpAddr, name: impl Hash) -> LoginAttempt {
        LoginAttempt {
            throttle: self.clone(),
            client: client_network(client),
            name: self.hasher.hash_one(name),
            reserved: ReservedDelay::default(),
            has_waited: false,
            is_finished: false,
        }
    }

    fn is_off(&self) -> bool {
        self.delay.min(self.max_delay).is_zero()
    }

    fn delay_of(&self, failures: u32) -> Duration {
        let doubled = self.delay.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.max_delay)
    }

    /// How far one failure moves a client's time forward.
    fn failure_cost(&self) -> Duration {
        self.max_delay / ATTEMPTS_PER_DELAY
    }

    fn allowance(&self) -> Duration {
        self.failure_cost() * FREE_FAILURES
    }
}

impl NameRecord {
    fn new(now: Instant) -> NameRecord {
        NameRecord {
            failures: 0,
            has_succeeded: false,
            last: now,
            next: now,
        }
    }

    fn is_delayed(&self, now: Instant) -> bool {
        self.failures > 0 && now.saturating_duration_since(self.last) < FORGET_AFTER
    }
}

impl LoginAttempt {
    /// Returns `None` if the attempt may proceed now. Otherwise returns when it may, and reserves
    /// its position in the queue: the next call returns `None`.
    pub fn wait_until(&mut self, now: Instant) -> Result<Option<Instant>, TooManyAttempts> {
        if self.has_waited || self.throttle.is_off() {
            return Ok(None);
        }
        let throttle = self.throttle.clone();
        let mut records = throttle.records.lock();
        let records = &mut *records;
        let name = records.names.get_mut(&(self.client, self.name));
        let has_succeeded = name.as_ref().is_some_and(|name| name.has_succeeded);
        let name = name.filter(|name| name.is_delayed(now));
        let client = records.clients.get_mut(&self.client).filter(|_| !has_succeeded);
        let allowance = throttle.allowance();
        let by_client = client
            .as_ref()
            .and_then(|client| client.charged_until.checked_sub(allowance));
        let at = by_client.max(name.as_ref().map(|name| name.next));
        let Some(at) = at.filter(|at| *at > now) else {
            return Ok(None);
        };
        if at - now > throttle.max_delay {
            return Err(TooManyAttempts);
        }
        // Later attempts queue behind this one.
        if let Some(name) = name {
            self.reserved.name = throttle.delay_of(name.failures);
            name.next = name.next.max(now) + self.reserved.name;
        }
        if let Some(client) = client {
            self.reserved.client = throttle.failure_cost();
            client.charged_until = client.charged_until.max(now) + self.reserved.client;
        }
        self.has_waited = true;
        Ok(Some(at))
    }

    pub fn finish(mut self, outcome: LoginOutcome, now: Instant) {
        self.record(outcome, now);
    }

    fn record(&mut self, outcome: LoginOutcome, now: Instant) {
        self.is_finished = true;
        if self.throttle.is_off() {
            return;
        }
        let throttle = self.throttle.clone();
        let mut records = throttle.records.lock();
        match outcome {
            LoginOutcome::Rejected => self.record_failure(&mut records, now),
            LoginOutcome::Accepted => {
                self.refund_client(&mut records);
                evict(&mut records.names, now);
                let name = records.names.entry((self.client, self.name));
                let name = name.or_insert_with(|| NameRecord::new(now));
                (name.failures, name.has_succeeded, name.last) = (0, true, now);
            }
            LoginOutcome::Undecided => {
                self.refund_client(&mut records);
                if let Some(name) = records.names.get_mut(&(self.client, self.name)) {
                    let least = name.last + throttle.delay_of(name.failures);
                    name.next = name
                        .next
                        .checked_sub(self.reserved.name)
                        .unwrap_or(least)
                        .max(least);
                }
            }
        }
    }

    fn record_failure(&self, records: &mut LoginRecords, now: Instant) {
        evict(&mut records.names, now);
        let name = records.names.entry((self.client, self.name));
        let name = name.or_insert_with(|| NameRecord::new(now));
        if !name.is_delayed(now) {
            (name.failures, name.next) = (0, now);
        }
        name.failures = name.failures.saturating_add(1);
        name.last = now;
        name.next = name.next.max(now + self.throttle.delay_of(name.failures));
        if self.reserved.client.is_zero() {
            evict(&mut records.clients, now);
            let client = records.clients.entry(self.client);
            let client = client.or_insert(ClientRecord { charged_until: now });
            client.charged_until = client.charged_until.max(now) + self.throttle.failure_cost();
        }
    }

    fn refund_client(&self, records: &mut LoginRecords) {
        if let Some(client) = records.clients.get_mut(&self.client)
            && let Some(before) = client.charged_until.checked_sub(self.reserved.client)
        {
            client.charged_until = before;
        }
    }
}

impl Drop for LoginAttempt {
    fn drop(&mut self) {
        if !self.is_finished {
            self.record(LoginOutcome::Undecided, Instant::now());
        }
    }
}

/// Removes the oldest records, a quarter at a time so that this happens rarely.
fn evict<K: Eq + Hash, S: AgedRecord>(records: &mut HashMap<K, S>, now: Instant) {
    if records.len() < RECORDS_MAX {
        return;
    }
    records.retain(|_, record| now.saturating_duration_since(record.last()) < FORGET_AFTER);
    if records.len() < RECORDS_MAX {
        return;
    }
    let mut ages: Vec<Instant> = records.values().map(AgedRecord::last).collect();
    let (_, limit, _) = ages.select_nth_unstable(RECORDS_MAX / 4);
    let limit = *limit;
    records.retain(|_, record| record.last() > limit);
}

#[cfg(test)]
mod tests;
