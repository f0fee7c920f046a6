//! A connection between a host and the simulated Redis. In each direction, everything arrives in
//! the order in which it was sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redis::{RedisResult, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::host_network::HostNetwork;

/// What the server sends.
pub enum WireDelivery {
    Reply(u64, RedisResult<Value>),
    Message(String),
    End,
}

/// The state that both ends of a connection share.
pub struct Wire {
    pub id: u64,
    pub network: Arc<HostNetwork>,
    to_client: mpsc::UnboundedSender<(Instant, WireDelivery)>,
    /// What is on its way in either direction is lost.
    is_reset: AtomicBool,
    has_ended: AtomicBool,
    /// Messages are lost, and neither end learns it.
    is_mute: AtomicBool,
    pending: Mutex<BTreeMap<u64, oneshot::Sender<RedisResult<Value>>>>,
    messages: Mutex<Option<mpsc::UnboundedSender<String>>>,
}

impl Wire {
    /// Returns the connection, and what is sent to the client.
    pub fn new(
        id: u64,
        network: &Arc<HostNetwork>,
        messages: mpsc::UnboundedSender<String>,
    ) -> (Arc<Wire>, mpsc::UnboundedReceiver<(Instant, WireDelivery)>) {
        let (to_client, deliveries) = mpsc::unbounded_channel();
        let wire = Wire {
            id,
            network: network.clone(),
            to_client,
            is_reset: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            is_mute: AtomicBool::new(false),
            pending: Mutex::default(),
            messages: Mutex::new(Some(messages)),
        };
        (Arc::new(wire), deliveries)
    }

    pub fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Relaxed)
    }

    /// Whether the client knows that the connection has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Expects the response to a command.
    pub fn expect_reply(&self, number: u64) -> oneshot::Receiver<RedisResult<Value>> {
        let (sender, response) = oneshot::channel();
        self.pending.lock().insert(number, sender);
        response
    }

    pub fn send_message(&self, message: String) {
        if !self.is_mute.load(Ordering::Relaxed) {
            self.send(WireDelivery::Message(message));
        }
    }

    /// A firewall forgets the connection.
    pub fn mute(&self) {
        self.is_mute.store(true, Ordering::Relaxed);
    }

    pub fn send(&self, delivery: WireDelivery) {
        let _ = self.to_client.send((self.network.arrival(), delivery));
    }

    /// Breaks the connection. The client learns it if the network lets it.
    pub fn reset(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
        self.send(WireDelivery::End);
    }

    /// Brings what the server sends to the client, until the connection has ended.
    pub async fn bring_back(
        self: Arc<Wire>,
        mut deliveries: mpsc::UnboundedReceiver<(Instant, WireDelivery)>,
    ) {
        while let Some((arrival, delivery)) = deliveries.recv().await {
            sleep_until(arrival).await;
            self.network.inward.passed().await;
            match delivery {
                WireDelivery::End => break,
                _ if self.is_reset() => {}
                WireDelivery::Reply(number, result) => {
                    let waiting = self.pending.lock().remove(&number);
                    let _ = waiting.map(|waiting| waiting.send(result));
                }
                WireDelivery::Message(message) => {
                    let messages = self.messages.lock();
                    let _ = messages.as_ref().map(|messages| messages.send(message));
                }
            }
        }
        self.has_ended.store(true, Ordering::Relaxed);
        self.pending.lock().clear();
        *self.messages.lock() = None;
    }
}
