//! All CometD sessions of a gateway, with their owners and limits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::browser_limits::BrowserLimits;
use super::session::{QueueLimits, Session};
use crate::genesys::GenesysConfig;
use callrec_core::sync::Mutex;
use callrec_core::text::Text;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdentity {
    User(Text),
    /// Identified by the cookie that a handshake has set. It gives access only together with the id
    /// of a session, which is equally secret.
    Browser(String),
}

/// A new id with 128 random bits.
fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A message on this channel.
fn channel_message(channel: &str, data: &Value) -> Arc<str> {
    let message = json!({ "data": data, "channel": channel });
    message.to_string().into()
}

/// Returns the id if it has the form of `new_id`.
pub fn valid_id(id: &str) -> Option<String> {
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| id.to_owned())
}

#[derive(Default)]
struct SessionTable {
    by_id: HashMap<String, Arc<Session>>,
    by_user: HashMap<Text, Vec<Arc<Session>>>,
}

impl SessionTable {
    fn remove(&mut self, session: &Session) {
        self.by_id.remove(session.id());
        if let Some(sessions) = self.by_user.get_mut(session.username()) {
            sessions.retain(|other| other.id() != session.id());
            if sessions.is_empty() {
                self.by_user.remove(session.username());
            }
        }
    }

    /// Makes room for one more session of this user by closing the one idle for longest. Returns
    /// false if all are in use.
    fn evict_idle(&mut self, username: &Text, max: usize) -> bool {
        let sessions = self.by_user.get(username).map_or(&[][..], Vec::as_slice);
        if sessions.len() < max {
            return true;
        }
        // A session whose client has vanished has been idle for longest.
        let idle = sessions.iter().filter_map(|one| Some((one.idle_since()?, one)));
        let Some(idle) = idle.min_by_key(|(since, _)| *since) else {
            return false;
        };
        let idle = idle.1.clone();
        self.remove(&idle);
        idle.close("handshake");
        true
    }
}

/// All sessions of a gateway.
pub struct Sessions {
    config: GenesysConfig,
    table: Mutex<SessionTable>,
    pub browsers: BrowserLimits,
    max_sessions: usize,
    max_per_user: usize,
    limits: QueueLimits,
}

impl Sessions {
    pub fn new(config: &GenesysConfig) -> Sessions {
        Sessions {
            config: config.clone(),
            table: Mutex::default(),
            browsers: BrowserLimits::new(config.cometd_max_sessions_per_browser as usize),
            max_sessions: config.cometd_max_sessions as usize,
            max_per_user: config.cometd_max_sessions_per_user as usize,
            limits: QueueLimits {
                messages: config.cometd_max_queue as usize,
                bytes: config.cometd_max_queue_bytes as usize,
            },
        }
    }

    pub fn config(&self) -> &GenesysConfig {
        &self.config
    }

    pub fn count(&self) -> u64 {
        self.table.lock().by_id.len() as u64
    }

    /// Returns `None` if a limit is reached.
    pub fn begin(&self, username: Text, browser: Option<String>, ack: bool) -> Option<Arc<Session>> {
        let mut table = self.table.lock();
        if !table.evict_idle(&username, self.max_per_user) || table.by_id.len() >= self.max_sessions {
            return None;
        }
        let browser = browser.unwrap_or_else(new_id);
        let session = Arc::new(Session::new(new_id(), browser, username.clone(), ack));
        table.by_id.insert(session.id().to_owned(), session.clone());
        table.by_user.entry(username).or_default().push(session.clone());
        Some(session)
    }

    pub fn find(&self, id: &str, client: &ClientIdentity) -> Option<Arc<Session>> {
        let session = self.table.lock().by_id.get(id).cloned()?;
        let is_owner = match client {
            ClientIdentity::User(username) => session.username() == username,
            ClientIdentity::Browser(browser) => session.browser() == browser,
        };
        is_owner.then_some(session)
    }

    /// Ends a session at its client's request.
    pub fn end(&self, session: &Session) {
        self.table.lock().remove(session);
        session.close("none");
    }

    /// Whether the user has a session.
    pub fn has(&self, username: &Text) -> bool {
        self.table.lock().by_user.contains_key(username)
    }

    /// Queues a message with this `data` for each of the user's sessions that has subscribed to one
    /// of the channel's names. A session with a full queue is closed, and its client must repeat
    /// the handshake.
    pub fn publish(&self, username: &Text, names: &[&str], data: &Value) {
        let mut table = self.table.lock();
        let mut texts: HashMap<&str, Arc<str>> = HashMap::new();
        let sessions = table.by_user.get(username).cloned().unwrap_or_default();
        for session in sessions {
            let fits = session.matching_names(names).into_iter().all(|name| {
                let text = texts.entry(name).or_insert_with(|| channel_message(name, data));
                session.push(text, self.limits)
            });
            if !fits {
                table.remove(&session);
                session.close("handshake");
            }
        }
    }

    /// Closes sessions that have had no connect for longer than `timeout`.
    pub fn expire(&self, timeout: Duration) {
        let mut table = self.table.lock();
        let now = Instant::now();
        let is_idle = |one: &Session| {
            let since = one.idle_since();
            since.is_some_and(|since| now.saturating_duration_since(since) > timeout)
        };
        let all = table.by_id.values();
        let idle: Vec<_> = all.filter(|one| is_idle(one)).cloned().collect();
        for session in idle {
            table.remove(&session);
            session.close("handshake");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesys::comet::session::{ConnectResult, HeldConnect};

    fn sessions() -> Sessions {
        Sessions::new(&GenesysConfig {
            cometd_max_sessions: 3,
            cometd_max_sessions_per_user: 2,
            cometd_max_queue: 2,
            ..GenesysConfig::default()
        })
    }

    fn user(name: &str) -> ClientIdentity {
        ClientIdentity::User(name.into())
    }

    #[test]
    fn a_message_reaches_only_its_user() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        session.subscribe(&["/c"]);
        sessions.publish(&"b".into(), &["/c"], &json!("x"));
        let ConnectResult::Messages(messages, None) = HeldConnect::new(&session, None).take() else {
            panic!("no messages");
        };
        assert!(messages.is_empty());
    }

    #[test]
    fn only_the_session_with_a_full_queue_is_closed() {
        let sessions = sessions();
        let idle = sessions.begin("a".into(), None, false).expect("room");
        let other = sessions.begin("a".into(), None, false).expect("room");
        idle.subscribe(&["/c"]);
        for _ in 0..3 {
            sessions.publish(&"a".into(), &["/c"], &json!("x"));
        }
        assert!(sessions.find(idle.id(), &user("a")).is_none());
        assert!(sessions.find(other.id(), &user("a")).is_some());
        assert!(matches!(
            HeldConnect::new(&idle, None).take(),
            ConnectResult::Closed("handshake")
        ));
    }

    #[test]
    fn a_session_over_the_users_limit_replaces_only_that_users_sessions() {
        let sessions = sessions();
        let first = sessions.begin("a".into(), None, false).expect("room");
        let second = sessions.begin("a".into(), None, false).expect("room");
        let other = sessions.begin("b".into(), None, false).expect("room");
        // The first session polls after the second one began.
        while first.idle_since() <= second.idle_since() {
            HeldConnect::new(&first, None);
        }
        let third = sessions.begin("a".into(), None, false).expect("room");
        assert!(sessions.find(second.id(), &user("a")).is_none());
        assert!(matches!(
            HeldConnect::new(&second, None).take(),
            ConnectResult::Closed("handshake")
        ));
        // A session with a held connect stays, however old it is.
        let (_poll, _other_poll) = (HeldConnect::new(&first, None), HeldConnect::new(&third, None));
        assert!(sessions.begin("a".into(), None, false).is_none());
        for (session, client) in [(&first, "a"), (&third, "a"), (&other, "b")] {
            assert!(sessions.find(session.id(), &user(client)).is_some());
        }
        // At the total limit, no session is closed for another user's.
        assert!(sessions.begin("b".into(), None, false).is_none());
    }

    #[test]
    fn a_session_with_a_held_connect_does_not_expire() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        let held = HeldConnect::new(&session, None);
        sessions.expire(Duration::ZERO);
        assert_eq!(sessions.count(), 1);
        drop(held);
        while sessions.count() > 0 {
            sessions.expire(Duration::ZERO);
        }
        assert!(!sessions.has(&"a".into()));
    }

    #[test]
    fn a_session_is_found_only_by_its_user_and_its_browser() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        let browser = session.browser().to_owned();
        assert!(sessions.find(session.id(), &user("a")).is_some());
        assert!(sessions.find(session.id(), &user("b")).is_none());
        assert!(
            sessions
                .find(session.id(), &ClientIdentity::Browser(browser))
                .is_some()
        );
        assert!(
            sessions
                .find(session.id(), &ClientIdentity::Browser(new_id()))
                .is_none()
        );
    }
}
