//! Who may: the host's own function knows names and secrets; failed tries are slowed
//! down for each source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Gateway;
use super::http::Asked;
use crate::calls::Caller;
use crate::sync::Mutex;
use crate::text::Text;
use crate::words::Status;

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Scheme {
    /// HTTP Basic.
    Basic = 1,
    /// X-Auth-ID and X-Auth-Token.
    Token = 2,
    /// Nobody asks: callrec needs the account's key to sign a callback.
    Signature = 3,
}

/// What a client has shown.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub scheme: Scheme,
    pub name: String,
    pub secret: String,
    pub source: IpAddr,
}

/// Whom the host knows by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub username: Text,
    /// 1 to 10.
    pub level: u32,
    /// Signs the account's callbacks; empty: its secret does.
    pub signature_key: String,
}

/// The host's function. It may take its time: it is called on threads that may wait.
pub trait Doorkeeper: Send + Sync {
    /// `Err(Unauthenticated)`: unknown or wrong; any other: it cannot be said now.
    fn identify(&self, credentials: &Credentials) -> Result<Identity, Status>;

    /// The gateway has started. Before that, what is the host's stays the host's.
    fn lent(&self) {}
}

/// Why nobody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No credentials, or wrong ones: 401.
    Unknown,
    /// The host's function failed: 500.
    Broken,
}

/// Sources that are remembered at most.
const SOURCES: usize = 65_536;
/// Tries of one source that wait at a time; more are refused unheard.
const WAITING: u32 = 32;
/// A source without a failure for so long is as good as new.
const FORGIVEN: Duration = Duration::from_secs(600);

#[derive(Default)]
struct Failures {
    count: u32,
    waiting: u32,
    last: Option<Instant>,
    /// No try is heard before.
    next: Option<Instant>,
}

/// Remembers failed tries by source.
pub struct Throttle {
    delay: Duration,
    longest: Duration,
    sources: Mutex<HashMap<IpAddr, Failures>>,
}

impl Throttle {
    pub fn new(delay_ms: u32, longest_ms: u32) -> Throttle {
        Throttle {
            delay: Duration::from_millis(delay_ms.into()),
            longest: Duration::from_millis(longest_ms.into()),
            sources: Mutex::default(),
        }
    }

    /// When this try may be heard; `None`: too many wait already.
    fn enter(&self, source: IpAddr) -> Option<Option<Instant>> {
        let mut sources = self.sources.lock();
        let Some(failures) = sources.get_mut(&source) else {
            return Some(None);
        };
        if failures.waiting >= WAITING {
            return None;
        }
        failures.waiting += 1;
        let at = failures.next;
        if let Some(at) = at {
            // Whoever comes next waits behind this one.
            failures.next = Some(at.max(Instant::now()) + self.delay_of(failures.count));
        }
        Some(at)
    }

    fn delay_of(&self, count: u32) -> Duration {
        let doubled = self.delay.saturating_mul(1 << count.saturating_sub(1).min(16));
        doubled.min(self.longest)
    }

    fn leave(&self, source: IpAddr, failed: bool) {
        let now = Instant::now();
        let mut sources = self.sources.lock();
        if failed {
            if sources.len() >= SOURCES && !sources.contains_key(&source) {
                sources.retain(|_, failures| failures.last.is_some_and(|at| now - at < FORGIVEN));
                if sources.len() >= SOURCES {
                    sources.clear();
                }
            }
            let failures = sources.entry(source).or_default();
            if failures.last.is_some_and(|at| now - at >= FORGIVEN) {
                failures.count = 0;
            }
            failures.count += 1;
            failures.last = Some(now);
            failures.waiting = failures.waiting.saturating_sub(1);
            let next = now + self.delay_of(failures.count);
            failures.next = Some(failures.next.map_or(next, |before| before.max(next)));
        } else if let Some(failures) = sources.get_mut(&source) {
            failures.waiting = failures.waiting.saturating_sub(1);
            if failures.waiting == 0 {
                sources.remove(&source);
            }
        }
    }
}

impl Gateway {
    /// Whom these credentials belong to. Waits if their source has failed lately.
    pub async fn identify(self: &Arc<Self>, credentials: Credentials) -> Result<Identity, Refused> {
        let source = credentials.source;
        let at = self.throttle.enter(source).ok_or(Refused::Unknown)?;
        if let Some(at) = at {
            tokio::time::sleep_until(at.into()).await;
        }
        let found = self.ask_host(credentials).await;
        self.throttle.leave(source, found == Err(Status::Unauthenticated));
        found.map_err(|status| match status {
            Status::Unauthenticated => Refused::Unknown,
            _ => Refused::Broken,
        })
    }

    /// The key that signs the callbacks of an account; `None`: they are not signed.
    pub async fn signature_key(self: &Arc<Self>, account: &str) -> Result<Option<String>, Refused> {
        let asked = self.ask_host(Credentials {
            scheme: Scheme::Signature,
            name: account.to_owned(),
            secret: String::new(),
            source: IpAddr::from([127, 0, 0, 1]),
        });
        match asked.await {
            Ok(identity) => Ok(Some(identity.signature_key).filter(|key| !key.is_empty())),
            Err(Status::Unauthenticated) => Ok(None),
            Err(_) => Err(Refused::Broken),
        }
    }

    async fn ask_host(self: &Arc<Self>, credentials: Credentials) -> Result<Identity, Status> {
        let Some(doorkeeper) = self.doorkeeper.clone() else {
            return Err(Status::Unauthenticated);
        };
        // Where nobody is let in, no level is needed.
        let any_level = credentials.scheme == Scheme::Signature;
        let asked = tokio::task::spawn_blocking(move || doorkeeper.identify(&credentials));
        match asked.await {
            Ok(Ok(identity)) if any_level || (1..=10).contains(&identity.level) => Ok(identity),
            // Level 0 is nobody.
            Ok(Ok(_)) => Err(Status::Unauthenticated),
            Ok(Err(status)) => Err(status),
            Err(_) => Err(Status::Internal),
        }
    }

    /// The caller by HTTP Basic.
    pub async fn basic(self: &Arc<Self>, asked: &Asked) -> Result<Caller, Refused> {
        let (name, secret) = asked.basic().ok_or(Refused::Unknown)?;
        let credentials = Credentials {
            scheme: Scheme::Basic,
            name,
            secret,
            source: asked.source,
        };
        self.identify(credentials).await.map(caller_of)
    }
}

pub fn caller_of(identity: Identity) -> Caller {
    Caller::User {
        username: identity.username,
        level: identity.level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn each_failure_doubles_the_wait_up_to_the_longest() {
        let throttle = Throttle::new(100, 1000);
        let delays: Vec<_> = (1..=6)
            .map(|count| throttle.delay_of(count).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn a_source_waits_after_a_failure_and_others_do_not() {
        let throttle = Throttle::new(10_000, 100_000);
        assert_eq!(throttle.enter(SOURCE), Some(None));
        throttle.leave(SOURCE, true);
        let first = throttle.enter(SOURCE).flatten();
        let second = throttle.enter(SOURCE).flatten();
        assert!(first.is_some_and(|at| at > Instant::now()));
        assert!(second > first, "tries at the same time wait one behind the other");
        assert_eq!(throttle.enter(IpAddr::from([10, 0, 0, 2])), Some(None));
    }

    #[test]
    fn the_right_secret_clears_the_slate() {
        let throttle = Throttle::new(10_000, 100_000);
        throttle.leave(SOURCE, true);
        assert!(throttle.enter(SOURCE).flatten().is_some());
        throttle.leave(SOURCE, false);
        assert_eq!(throttle.enter(SOURCE), Some(None));
    }

    #[test]
    fn too_many_waiting_tries_are_not_heard() {
        let throttle = Throttle::new(10_000, 100_000);
        throttle.leave(SOURCE, true);
        for _ in 0..WAITING {
            assert!(throttle.enter(SOURCE).is_some());
        }
        assert_eq!(throttle.enter(SOURCE), None);
    }

    #[test]
    fn no_number_of_sources_fills_the_memory() {
        let throttle = Throttle::new(1, 1);
        for number in 0..2 * SOURCES as u32 {
            throttle.leave(IpAddr::from(number.to_be_bytes()), true);
        }
        assert!(throttle.sources.lock().len() <= SOURCES);
    }
}
