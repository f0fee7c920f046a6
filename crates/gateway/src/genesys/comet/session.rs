//! One CometD session: its queue of messages and its connects.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use callrec_core::sync::Mutex;
use callrec_core::text::Text;

/// Maximum bytes of messages in one response, unless a single message is longer. The next connect
/// gets the rest.
const RESPONSE_BYTES: usize = 256 << 10;

/// Whether a subscription matches a channel: exactly, one more segment with `/a/*`, any number with
/// `/a/**`.
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

/// Limits of one session's queue.
#[derive(Clone, Copy)]
pub struct QueueLimits {
    pub messages: usize,
    /// A single message may exceed the limit.
    pub bytes: usize,
}

struct QueuedMessage {
    /// The batch in which it was last sent; 0: not sent yet.
    batch: u64,
    message: Arc<str>,
}

struct SessionState {
    channels: BTreeSet<String>,
    /// Messages that were sent but not acknowledged come first.
    queue: VecDeque<QueuedMessage>,
    /// Total length of the queued messages.
    bytes: usize,
    /// Number of responses with messages so far.
    batch: u64,
    /// The client has connected since the handshake.
    connected: bool,
    /// The client was advised to pause between its connects.
    paused: bool,
    /// The number of the newest connect.
    connect_number: u64,
    held_connects: u32,
    /// When the last connect ended.
    last_connect: Instant,
    /// The advice for the client of a closed session.
    closed: Option<&'static str>,
}

impl SessionState {
    fn new() -> SessionState {
        SessionState {
            channels: BTreeSet::new(),
            queue: VecDeque::new(),
            bytes: 0,
            batch: 0,
            connected: false,
            paused: false,
            connect_number: 0,
            held_connects: 0,
            last_connect: Instant::now(),
            closed: None,
        }
    }

    fn pop(&mut self) -> Option<Arc<str>> {
        let message = self.queue.pop_front()?.message;
        self.bytes -= message.len();
        Some(message)
    }

    /// Removes acknowledged messages. Clients that do not acknowledge get each message once.
    fn acknowledge(&mut self, acknowledged: Option<u64>) {
        let acknowledged = acknowledged.unwrap_or(u64::MAX);
        // A message that was not sent cannot be acknowledged.
        let is_acknowledged = |queued: &QueuedMessage| queued.batch != 0 && queued.batch <= acknowledged;
        while self.queue.front().is_some_and(is_acknowledged) {
            self.pop();
        }
    }

    /// How many queued messages fit into one response.
    fn fitting(&self) -> usize {
        let mut bytes = 0;
        let fits = |queued: &&QueuedMessage| {
            let first = bytes == 0;
            bytes += queued.message.len();
            first || bytes <= RESPONSE_BYTES
        };
        self.queue.iter().take_while(fits).count()
    }
}

/// One client.
pub struct Session {
    id: String,
    browser: String,
    username: Text,
    /// The client acknowledges messages, which are kept until then.
    ack: bool,
    wake: Notify,
    state: Mutex<SessionState>,
}

impl Session {
    pub fn new(id: String, browser: String, username: Text, ack: bool) -> Session {
        Session {
            id,
            browser,
            username,
            ack,
            wake: Notify::new(),
            state: Mutex::new(SessionState::new()),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn browser(&self) -> &str {
        &self.browser
    }

    pub fn username(&self) -> &Text {
        &self.username
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

    /// The names of one channel under which the client gets a message. A subscription that matches
    /// several names counts only for the first, so that it brings the message once.
    pub fn matching_names<'c>(&self, names: &[&'c str]) -> Vec<&'c str> {
        let state = self.state.lock();
        let selects = |index: &usize, subscription: &String| {
            let first = names.iter().position(|name| matches(subscription, name));
            first == Some(*index)
        };
        let all = (0..names.len()).filter(|index| state.channels.iter().any(|one| selects(index, one)));
        all.filter_map(|index| names.get(index).copied()).collect()
    }

    /// Returns false if the queue is full.
    pub fn push(&self, message: &Arc<str>, limits: QueueLimits) -> bool {
        let mut state = self.state.lock();
        let queued = state.queue.len();
        if queued >= limits.messages || queued > 0 && state.bytes + message.len() > limits.bytes {
            return false;
        }
        state.bytes += message.len();
        state.queue.push_back(QueuedMessage {
            batch: 0,
            message: message.clone(),
        });
        drop(state);
        self.wake.notify_waiters();
        true
    }

    pub fn close(&self, reconnect: &'static str) {
        let mut state = self.state.lock();
        state.closed = Some(reconnect);
        state.queue.clear();
        state.bytes = 0;
        drop(state);
        self.wake.notify_waiters();
    }

    /// Records whether the client was advised to pause. Returns the previous value.
    pub fn set_paused(&self, paused: bool) -> bool {
        std::mem::replace(&mut self.state.lock().paused, paused)
    }

    /// Since when no connect is held; `None` while one is.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.held_connects == 0).then_some(state.last_connect)
    }
}

/// The result of a connect.
#[derive(Debug)]
pub enum ConnectResult {
    /// The messages, possibly none, and the batch number if the client acknowledges.
    Messages(Vec<Arc<str>>, Option<u64>),
    /// A later connect has arrived.
    Superseded,
    /// The session is closed.
    Closed(&'static str),
}

/// One connect, from its arrival until it is answered or its client has gone.
pub struct HeldConnect<'a> {
    session: &'a Session,
    connect_number: u64,
    is_first: bool,
}

impl<'a> HeldConnect<'a> {
    /// Supersedes earlier connects of the session.
    pub fn new(session: &'a Session, acknowledged: Option<u64>) -> HeldConnect<'a> {
        let mut state = session.state.lock();
        state.connect_number += 1;
        state.held_connects += 1;
        state.acknowledge(acknowledged);
        let connect_number = state.connect_number;
        let is_first = !std::mem::replace(&mut state.connected, true);
        drop(state);
        session.wake.notify_waiters();
        HeldConnect {
            session,
            connect_number,
            is_first,
        }
    }

    /// Whether it is the first connect since the handshake. Clients wait for its response before
    /// they are ready.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Waits until there is a message, or until the deadline.
    pub async fn wait(&self, until: Instant) -> ConnectResult {
        loop {
            let mut woken = std::pin::pin!(self.session.wake.notified());
            // Registered before the check, so that a later message wakes the task.
            woken.as_mut().enable();
            if let Some(result) = self.poll() {
                return result;
            }
            if tokio::time::timeout_at(until.into(), woken).await.is_err() {
                return self.take();
            }
        }
    }

    fn poll(&self) -> Option<ConnectResult> {
        let state = self.session.state.lock();
        let is_idle =
            state.closed.is_none() && state.connect_number == self.connect_number && state.queue.is_empty();
        drop(state);
        (!is_idle).then(|| self.take())
    }

    /// The queued messages that fit into a response.
    pub fn take(&self) -> ConnectResult {
        let mut state = self.session.state.lock();
        if let Some(reconnect) = state.closed {
            return ConnectResult::Closed(reconnect);
        }
        if state.connect_number != self.connect_number {
            return ConnectResult::Superseded;
        }
        let count = state.fitting();
        if !self.session.ack {
            let messages = (0..count).map_while(|_| state.pop());
            return ConnectResult::Messages(messages.collect(), None);
        }
        if count > 0 {
            state.batch += 1;
        }
        let batch = state.batch;
        let messages = state.queue.iter_mut().take(count).map(|queued| {
            queued.batch = batch;
            queued.message.clone()
        });
        ConnectResult::Messages(messages.collect(), Some(batch))
    }
}

impl Drop for HeldConnect<'_> {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        state.held_connects -= 1;
        state.last_connect = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        messages: 100,
        bytes: 1 << 20,
    };

    fn session(ack: bool) -> Session {
        Session::new("s".into(), "b".into(), "a".into(), ack)
    }

    fn push(session: &Session, message: &str) {
        assert!(session.push(&message.into(), LIMITS));
    }

    fn texts(result: ConnectResult) -> Vec<String> {
        match result {
            ConnectResult::Messages(messages, _) => messages.iter().map(|text| text.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wildcards_match_one_segment_or_any() {
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
    fn a_message_is_sent_once_for_each_subscribed_name() {
        let names = ["/v2/me/calls", "/notifications/me/calls"];
        let [new, old] = names;
        for (subscriptions, expected) in [
            (&[][..], &[][..]),
            (&["/d"], &[]),
            (&[new], &[new]),
            (&[old], &[old]),
            (&[old, new], &names),
            (&["/**"], &[new]),
            (&["/**", new], &[new]),
            (&["/**", old], &names),
            (&["/notifications/**", "/notifications/me/*"], &[old]),
        ] {
            let session = session(false);
            session.subscribe(subscriptions);
            assert_eq!(session.matching_names(&names), expected, "{subscriptions:?}");
        }
    }

    #[test]
    fn only_the_first_connect_reports_that_it_is_the_first() {
        let session = session(false);
        assert!(HeldConnect::new(&session, None).is_first());
        assert!(!HeldConnect::new(&session, None).is_first());
    }

    #[test]
    fn without_acknowledgement_a_message_is_sent_once() {
        let session = session(false);
        push(&session, "1");
        let held = HeldConnect::new(&session, None);
        assert_eq!(texts(held.take()), ["1"]);
        assert!(texts(held.take()).is_empty());
    }

    #[test]
    fn with_acknowledgement_a_message_is_resent_until_it_is_acknowledged() {
        let session = session(true);
        push(&session, "1");
        assert_eq!(texts(HeldConnect::new(&session, Some(0)).take()), ["1"]);
        // The response was lost: the client still acknowledges 0.
        push(&session, "2");
        assert_eq!(texts(HeldConnect::new(&session, Some(0)).take()), ["1", "2"]);
        assert!(texts(HeldConnect::new(&session, Some(2)).take()).is_empty());
        // A message that was not sent cannot be acknowledged.
        push(&session, "3");
        assert_eq!(texts(HeldConnect::new(&session, Some(u64::MAX)).take()), ["3"]);
    }

    #[test]
    fn a_client_that_never_acknowledges_gets_each_message_once() {
        let session = session(true);
        push(&session, "1");
        assert_eq!(texts(HeldConnect::new(&session, None).take()), ["1"]);
        push(&session, "2");
        assert_eq!(texts(HeldConnect::new(&session, None).take()), ["2"]);
        assert!(texts(HeldConnect::new(&session, None).take()).is_empty());
    }

    #[test]
    fn a_response_is_limited_and_the_next_one_continues() {
        let long = |mark: &str| mark.repeat(RESPONSE_BYTES / 2);
        for ack in [false, true] {
            let session = session(ack);
            let (one, two, three) = (long("1"), long("2"), long("3"));
            for message in [&one, &two, &three] {
                push(&session, message);
            }
            assert!(texts(HeldConnect::new(&session, Some(0)).take()) == [one, two]);
            assert!(texts(HeldConnect::new(&session, Some(1)).take()) == [three]);
            // A message longer than the limit is sent alone.
            let longer = "4".repeat(2 * RESPONSE_BYTES);
            push(&session, &longer);
            push(&session, "5");
            assert!(texts(HeldConnect::new(&session, Some(2)).take()) == [longer]);
            assert_eq!(texts(HeldConnect::new(&session, Some(3)).take()), ["5"]);
        }
    }

    #[test]
    fn the_queue_is_limited_in_bytes_too() {
        let limits = QueueLimits {
            messages: 100,
            bytes: 10,
        };
        let session = session(true);
        let push = |length: usize| session.push(&"x".repeat(length).into(), limits);
        assert!(push(6) && push(4));
        assert!(!push(1));
        assert_eq!(texts(HeldConnect::new(&session, None).take()).len(), 2);
        HeldConnect::new(&session, None);
        // Acknowledged messages free space. A single message may have any length.
        assert!(push(11));
        assert!(!push(1));
    }

    #[test]
    fn a_later_connect_supersedes_an_earlier_one() {
        let session = session(false);
        let first = HeldConnect::new(&session, None);
        let second = HeldConnect::new(&session, None);
        push(&session, "1");
        assert!(matches!(first.take(), ConnectResult::Superseded));
        assert_eq!(texts(second.take()), ["1"]);
    }
}
