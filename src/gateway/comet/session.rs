//! CometD sessions: what waits for a client, and the poll that waits for it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::config::GatewayConfig;
use crate::sync::Mutex;
use crate::text::Text;

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

/// Whether it could be one of ours.
pub fn valid_id(id: &str) -> Option<String> {
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| id.to_owned())
}

/// Whether a subscription takes a channel: the same, `/a/*` one part more, `/a/**` any.
pub fn matches(subscription: &str, channel: &str) -> bool {
    if let Some(prefix) = subscription.strip_suffix("/**") {
        return channel
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('/'));
    }
    if let Some(prefix) = subscription.strip_suffix("/*") {
        let rest = channel
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('/'));
        return rest.is_some_and(|rest| !rest.contains('/'));
    }
    subscription == channel
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, Arc<Session>>,
    by_user: HashMap<Text, Vec<Arc<Session>>>,
}

impl Known {
    fn remove(&mut self, session: &Session) {
        self.by_id.remove(&session.id);
        if let Some(theirs) = self.by_user.get_mut(&session.username) {
            theirs.retain(|other| other.id != session.id);
            if theirs.is_empty() {
                self.by_user.remove(&session.username);
            }
        }
    }
}

/// All sessions of a gateway.
pub struct Sessions {
    known: Mutex<Known>,
    max_sessions: usize,
    max_queue: usize,
}

impl Sessions {
    pub fn new(config: &GatewayConfig) -> Sessions {
        Sessions {
            known: Mutex::default(),
            max_sessions: config.cometd_max_sessions as usize,
            max_queue: config.cometd_max_queue as usize,
        }
    }

    pub fn count(&self) -> u64 {
        self.known.lock().by_id.len() as u64
    }

    /// `None`: there are too many.
    pub fn begin(&self, username: Text, browser: Option<String>, ack: bool) -> Option<Arc<Session>> {
        let mut known = self.known.lock();
        if known.by_id.len() >= self.max_sessions {
            return None;
        }
        let session = Arc::new(Session {
            id: new_id(),
            browser: browser.unwrap_or_else(new_id),
            username: username.clone(),
            ack,
            wake: Notify::new(),
            state: Mutex::new(State::new()),
        });
        known.by_id.insert(session.id.clone(), session.clone());
        known.by_user.entry(username).or_default().push(session.clone());
        Some(session)
    }

    pub fn find(&self, id: &str, who: &Who) -> Option<Arc<Session>> {
        let session = self.known.lock().by_id.get(id).cloned()?;
        let theirs = match who {
            Who::User(username) => session.username == *username,
            Who::Browser(browser) => session.browser == *browser,
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

    /// Queues a message for each of the user's sessions that has subscribed. Who does
    /// not fetch them must begin anew.
    pub fn publish(&self, username: &Text, channel: &str, message: &str) {
        let mut known = self.known.lock();
        let message: Arc<str> = message.into();
        let theirs = known.by_user.get(username).cloned().unwrap_or_default();
        for session in theirs {
            if !session.push(channel, &message, self.max_queue) {
                known.remove(&session);
                session.close("handshake");
            }
        }
    }

    /// Forgets those that no connect has come from for so long.
    pub fn sweep(&self, gone: Duration) {
        let mut known = self.known.lock();
        let now = Instant::now();
        let left: Vec<_> = known
            .by_id
            .values()
            .filter(|one| one.is_left(now, gone))
            .cloned()
            .collect();
        for session in left {
            known.remove(&session);
            session.close("handshake");
        }
    }
}

struct Queued {
    /// The answer that it was last written in; 0: none yet.
    batch: u64,
    message: Arc<str>,
}

struct State {
    channels: BTreeSet<String>,
    queue: VecDeque<Queued>,
    /// Answers with messages so far.
    batch: u64,
    /// The connect that is being held is the newest.
    poll: u64,
    holding: u32,
    /// When a connect was last there.
    seen: Instant,
    /// What a client is to do now that its session is over.
    over: Option<&'static str>,
}

impl State {
    fn new() -> State {
        State {
            channels: BTreeSet::new(),
            queue: VecDeque::new(),
            batch: 0,
            poll: 0,
            holding: 0,
            seen: Instant::now(),
            over: None,
        }
    }
}

/// One client.
pub struct Session {
    id: String,
    browser: String,
    username: Text,
    /// Messages are kept until the client says that it has them.
    ack: bool,
    wake: Notify,
    state: Mutex<State>,
}

impl Session {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn browser(&self) -> &str {
        &self.browser
    }

    pub fn acknowledges(&self) -> bool {
        self.ack
    }

    pub fn subscribe(&self, channels: &[&str]) {
        let channels = channels.iter().map(|&channel| channel.to_owned());
        self.state.lock().channels.extend(channels);
    }

    pub fn unsubscribe(&self, channels: &[&str]) {
        let mut state = self.state.lock();
        for &channel in channels {
            state.channels.remove(channel);
        }
    }

    /// False: too many wait already.
    fn push(&self, channel: &str, message: &Arc<str>, most: usize) -> bool {
        let mut state = self.state.lock();
        if !state.channels.iter().any(|wanted| matches(wanted, channel)) {
            return true;
        }
        if state.queue.len() >= most {
            return false;
        }
        state.queue.push_back(Queued {
            batch: 0,
            message: message.clone(),
        });
        drop(state);
        self.wake.notify_waiters();
        true
    }

    fn close(&self, reconnect: &'static str) {
        let mut state = self.state.lock();
        state.over = Some(reconnect);
        state.queue.clear();
        drop(state);
        self.wake.notify_waiters();
    }

    fn is_left(&self, now: Instant, gone: Duration) -> bool {
        let state = self.state.lock();
        state.holding == 0 && now.saturating_duration_since(state.seen) > gone
    }
}

/// What a connect has come to.
#[derive(Debug)]
pub enum Polled {
    /// Perhaps none; with the number to acknowledge, if the client does.
    Messages(Vec<Arc<str>>, Option<u64>),
    /// A later connect has come.
    Superseded,
    /// The session is over.
    Over(&'static str),
}

/// One connect, from when it came until it has been answered or its client has gone.
pub struct Held<'a> {
    session: &'a Session,
    poll: u64,
}

impl<'a> Held<'a> {
    /// An earlier connect of the session is answered now.
    pub fn new(session: &'a Session, acknowledged: Option<u64>) -> Held<'a> {
        let mut state = session.state.lock();
        state.poll += 1;
        state.holding += 1;
        if session.ack
            && let Some(acknowledged) = acknowledged
        {
            // What was never written cannot have been got.
            let got = |queued: &Queued| queued.batch != 0 && queued.batch <= acknowledged;
            state.queue.retain(|queued| !got(queued));
        }
        let poll = state.poll;
        drop(state);
        session.wake.notify_waiters();
        Held { session, poll }
    }

    /// Until there is something to say, or time is up.
    pub async fn wait(&self, until: Instant) -> Polled {
        loop {
            let mut woken = std::pin::pin!(self.session.wake.notified());
            // Before it is looked: what comes from here on wakes.
            woken.as_mut().enable();
            if let Some(polled) = self.look() {
                return polled;
            }
            if tokio::time::timeout_at(until.into(), woken).await.is_err() {
                return self.take();
            }
        }
    }

    fn look(&self) -> Option<Polled> {
        let state = self.session.state.lock();
        let nothing = state.over.is_none() && state.poll == self.poll && state.queue.is_empty();
        drop(state);
        (!nothing).then(|| self.take())
    }

    /// What there is now.
    pub fn take(&self) -> Polled {
        let mut state = self.session.state.lock();
        if let Some(reconnect) = state.over {
            return Polled::Over(reconnect);
        }
        if state.poll != self.poll {
            return Polled::Superseded;
        }
        if !self.session.ack {
            let messages = state.queue.drain(..).map(|queued| queued.message);
            return Polled::Messages(messages.collect(), None);
        }
        if !state.queue.is_empty() {
            state.batch += 1;
        }
        let batch = state.batch;
        let messages = state.queue.iter_mut().map(|queued| {
            queued.batch = batch;
            queued.message.clone()
        });
        Polled::Messages(messages.collect(), Some(batch))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        state.holding -= 1;
        state.seen = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Sessions {
        Sessions::new(&GatewayConfig {
            cometd_max_sessions: 2,
            cometd_max_queue: 2,
            ..GatewayConfig::default()
        })
    }

    fn texts(polled: Polled) -> Vec<String> {
        match polled {
            Polled::Messages(messages, _) => messages.iter().map(|text| text.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wildcards_take_one_part_or_any() {
        let channel = "/v2/me/calls";
        for taken in [channel, "/v2/me/*", "/v2/**", "/**", "/v2/me/**"] {
            assert!(matches(taken, channel), "{taken}");
        }
        for other in [
            "/v2/*",
            "/*",
            "",
            "/v2/me",
            "/v2/me/calls/*",
            "/v2/me/call*",
            "**",
            "/v2/me/calls/**",
        ] {
            assert!(!matches(other, channel), "{other}");
        }
    }

    #[test]
    fn without_acknowledgement_a_message_is_given_once() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        session.subscribe(&["/c"]);
        sessions.publish(&"a".into(), "/c", "1");
        sessions.publish(&"b".into(), "/c", "of another user");
        sessions.publish(&"a".into(), "/d", "of another channel");
        let held = Held::new(&session, None);
        assert_eq!(texts(held.take()), ["1"]);
        assert!(texts(held.take()).is_empty());
    }

    #[test]
    fn with_it_a_message_is_given_until_it_was_got() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, true).expect("room");
        session.subscribe(&["/c"]);
        sessions.publish(&"a".into(), "/c", "1");
        assert_eq!(texts(Held::new(&session, Some(0)).take()), ["1"]);
        // The answer was lost on its way: the client still says 0.
        sessions.publish(&"a".into(), "/c", "2");
        assert_eq!(texts(Held::new(&session, Some(0)).take()), ["1", "2"]);
        assert!(texts(Held::new(&session, Some(2)).take()).is_empty());
        // Nobody can acknowledge what was not written yet.
        sessions.publish(&"a".into(), "/c", "3");
        assert_eq!(texts(Held::new(&session, Some(u64::MAX)).take()), ["3"]);
    }

    #[test]
    fn who_fetches_nothing_is_forgotten_and_others_are_not() {
        let sessions = sessions();
        let lazy = sessions.begin("a".into(), None, false).expect("room");
        let other = sessions.begin("a".into(), None, false).expect("room");
        assert!(sessions.begin("a".into(), None, false).is_none(), "two at most");
        lazy.subscribe(&["/c"]);
        for _ in 0..3 {
            sessions.publish(&"a".into(), "/c", "x");
        }
        let user = Who::User("a".into());
        assert!(sessions.find(lazy.id(), &user).is_none());
        assert!(sessions.find(other.id(), &user).is_some());
        assert!(matches!(Held::new(&lazy, None).take(), Polled::Over("handshake")));
    }

    #[test]
    fn a_later_connect_ends_an_earlier_one() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        session.subscribe(&["/c"]);
        let first = Held::new(&session, None);
        let second = Held::new(&session, None);
        sessions.publish(&"a".into(), "/c", "1");
        assert!(matches!(first.take(), Polled::Superseded));
        assert_eq!(texts(second.take()), ["1"]);
    }

    #[test]
    fn a_session_that_is_polled_is_not_swept() {
        let sessions = sessions();
        let session = sessions.begin("a".into(), None, false).expect("room");
        let held = Held::new(&session, None);
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
        assert!(sessions.find(session.id(), &Who::User("a".into())).is_some());
        assert!(sessions.find(session.id(), &Who::User("b".into())).is_none());
        assert!(sessions.find(session.id(), &Who::Browser(browser)).is_some());
        assert!(sessions.find(session.id(), &Who::Browser(new_id())).is_none());
    }
}
