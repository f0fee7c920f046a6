//! All CometD sessions of a gateway: whose they are, and how many there may be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::browsers::Browsers;
use super::session::{Room, Session};
use crate::genesys::GenesysConfig;
use callrec_core::sync::Mutex;
use callrec_core::text::Text;

/// Whom a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    User(Text),
    /// Shown by the cookie that a handshake has set. What it may do it may do only with
    /// a session's id beside it, which is as secret.
    Browser(String),
}

/// An id of ours: 128 random bits.
fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A message of this channel.
fn text(channel: &str, data: &Value) -> Arc<str> {
    let message = json!({ "data": data, "channel": channel });
    message.to_string().into()
}

/// Whether it could be one of ours.
pub fn valid_id(id: &str) -> Option<String> {
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| id.to_owned())
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, Arc<Session>>,
    by_user: HashMap<Text, Vec<Arc<Session>>>,
}

impl Known {
    fn remove(&mut self, session: &Session) {
        self.by_id.remove(session.id());
        if let Some(theirs) = self.by_user.get_mut(session.username()) {
            theirs.retain(|other| other.id() != session.id());
            if theirs.is_empty() {
                self.by_user.remove(session.username());
            }
        }
    }

    /// Room for one more session of this user; false: there is none.
    fn make_room(&mut self, username: &Text, most: usize) -> bool {
        let theirs = self.by_user.get(username).map_or(&[][..], Vec::as_slice);
        if theirs.len() < most {
            return true;
        }
        // Who has gone without a word has not polled for the longest time.
        let polled = theirs.iter().filter_map(|one| Some((one.left_since()?, one)));
        let Some(left) = polled.min_by_key(|(since, _)| *since) else {
            return false;
        };
        let left = left.1.clone();
        self.remove(&left);
        left.close("handshake");
        true
    }
}

/// All sessions of a gateway.
pub struct Sessions {
    config: GenesysConfig,
    known: Mutex<Known>,
    pub browsers: Browsers,
    max_sessions: usize,
    max_per_user: usize,
    room: Room,
}

impl Sessions {
    pub fn new(config: &GenesysConfig) -> Sessions {
        Sessions {
            config: config.clone(),
            known: Mutex::default(),
            browsers: Browsers::new(config.cometd_max_sessions_per_browser as usize),
            max_sessions: config.cometd_max_sessions as usize,
            max_per_user: config.cometd_max_sessions_per_user as usize,
            room: Room {
                messages: config.cometd_max_queue as usize,
                bytes: config.cometd_max_queue_bytes as usize,
            },
        }
    }

    pub fn config(&self) -> &GenesysConfig {
        &self.config
    }

    pub fn count(&self) -> u64 {
        self.known.lock().by_id.len() as u64
    }

    /// `None`: there are too many.
    pub fn begin(&self, username: Text, browser: Option<String>, ack: bool) -> Option<Arc<Session>> {
        let mut known = self.known.lock();
        if !known.make_room(&username, self.max_per_user) || known.by_id.len() >= self.max_sessions {
            return None;
        }
        let browser = browser.unwrap_or_else(new_id);
        let session = Arc::new(Session::new(new_id(), browser, username.clone(), ack));
        known.by_id.insert(session.id().to_owned(), session.clone());
        known.by_user.entry(username).or_default().push(session.clone());
        Some(session)
    }

    pub fn find(&self, id: &str, who: &Who) -> Option<Arc<Session>> {
        let session = self.known.lock().by_id.get(id).cloned()?;
        let theirs = match who {
            Who::User(username) => session.username() == username,
            Who::Browser(browser) => session.browser() == browser,
        };
        theirs.then_some(session)
    }

    /// Its client has said so.
    pub fn end(&self, session: &Session) {
        self.known.lock().remove(session);
        session.close("none");
    }

    /// Whether anybody listens for this user.
    pub fn has(&self, username: &Text) -> bool {
        self.known.lock().by_user.contains_key(username)
    }

    /// Queues a message with this `data` for each of the user's sessions that has
    /// subscribed to one of the channel's names. Who does not fetch them must begin anew.
    pub fn publish(&self, username: &Text, names: &[&str], data: &Value) {
        let mut known = self.known.lock();
        let mut texts: HashMap<&str, Arc<str>> = HashMap::new();
        let theirs = known.by_user.get(username).cloned().unwrap_or_default();
        for session in theirs {
            let fits = session.wanted(names).into_iter().all(|name| {
                let text = texts.entry(name).or_insert_with(|| text(name, data));
                session.push(text, self.room)
            });
            if !fits {
                known.remove(&session);
                session.close("handshake");
            }
        }
    }

    /// Forgets those that no connect has come from for so long.
    pub fn sweep(&self, gone: Duration) {
        let mut known = self.known.lock();
        let now = Instant::now();
        let is_left = |one: &Session| {
            let since = one.left_since();
            since.is_some_and(|since| now.saturating_duration_since(since) > gone)
        };
        let all = known.by_id.values();
        let left: Vec<_> = all.filter(|one| is_left(one)).cloned().collect();
        for session in left {
            known.remove(&session);
            session.close("handshake");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesys::comet::session::{HeldConnect, Polled};

    fn sessions() -> Sessions {
        Sessions::new(&GenesysConfig {
            cometd_max_sessions: 3,
            cometd_max_sessions_per_user: 2,
            cometd_max_queue: 2,
            ..GenesysConfig::default()
        })
    }

    fn user(name: &str) -> Who {
        Who::User(name.into())
    }

    #[test]
    fn a_message_is_for_one_user_alone() {
        let sessions = sessions();
        let mine = sessions.begin("a".into(), None, false).expect("room");
        mine.subscribe(&["/c"]);
        sessions.publish(&"b".into(), &["/c"], &json!("x"));
        let Polled::Messages(messages, None) = HeldConnect::new(&mine, None).take() else {
            panic!("no messages");
        };
        assert!(messages.is_empty());
    }

    #[test]
    fn who_fetches_nothing_is_forgotten_and_others_are_not() {
        let sessions = sessions();
        let lazy = sessions.begin("a".into(), None, false).expect("room");
        let other = sessions.begin("a".into(), None, false).expect("room");
        lazy.subscribe(&["/c"]);
        for _ in 0..3 {
            sessions.publish(&"a".into(), &["/c"], &json!("x"));
        }
        assert!(sessions.find(lazy.id(), &user("a")).is_none());
        assert!(sessions.find(other.id(), &user("a")).is_some());
        assert!(matches!(
            HeldConnect::new(&lazy, None).take(),
            Polled::Over("handshake")
        ));
    }

    #[test]
    fn a_users_session_too_many_takes_the_place_of_their_own_alone() {
        let sessions = sessions();
        let first = sessions.begin("a".into(), None, false).expect("room");
        let second = sessions.begin("a".into(), None, false).expect("room");
        let other = sessions.begin("b".into(), None, false).expect("room");
        // It has polled since the second one began.
        while first.left_since() <= second.left_since() {
            HeldConnect::new(&first, None);
        }
        let third = sessions.begin("a".into(), None, false).expect("room");
        assert!(sessions.find(second.id(), &user("a")).is_none());
        assert!(matches!(
            HeldConnect::new(&second, None).take(),
            Polled::Over("handshake")
        ));
        // One that is being polled stays, however old it is.
        let (_poll, _other_poll) = (HeldConnect::new(&first, None), HeldConnect::new(&third, None));
        assert!(sessions.begin("a".into(), None, false).is_none());
        for (session, who) in [(&first, "a"), (&third, "a"), (&other, "b")] {
            assert!(sessions.find(session.id(), &user(who)).is_some());
        }
        // Beyond the limit of all nobody's session makes room for another's.
        assert!(sessions.begin("b".into(), None, false).is_none());
    }

    #[test]
    fn a_session_that_is_polled_is_not_swept() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        let held = HeldConnect::new(&session, None);
        sessions.sweep(Duration::ZERO);
        assert_eq!(sessions.count(), 1);
        drop(held);
        while sessions.count() > 0 {
            sessions.sweep(Duration::ZERO);
        }
        assert!(!sessions.has(&"a".into()));
    }

    #[test]
    fn a_session_is_its_users_and_its_browsers_alone() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        let browser = session.browser().to_owned();
        assert!(sessions.find(session.id(), &user("a")).is_some());
        assert!(sessions.find(session.id(), &user("b")).is_none());
        assert!(sessions.find(session.id(), &Who::Browser(browser)).is_some());
        assert!(sessions.find(session.id(), &Who::Browser(new_id())).is_none());
    }
}
