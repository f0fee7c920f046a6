//! Delivers the callbacks that are owed: `round` says whose turn it is, `paper` what
//! is said and how it is signed, `target` where it may go, `send` carries it there.
//! What is owed lies on disk (`storage/outbox.rs`) until it was answered.

mod paper;
mod round;
mod send;
mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{self, JoinSet, spawn_blocking};
use uuid::Uuid;

pub use paper::PLIVO;
pub use target::permitted;

use super::Gateway;
use super::vobiz::public_url_of;
use crate::clock::unix_ms;
use crate::events::LogLevel;
use crate::storage::Owed;
use crate::sync::atomic::{AtomicU64, Ordering};
use round::{Ended, Going, Pace, Round};
use send::Client;
use target::Address;

/// How long tries that are under way may go on when the gateway stops: whoever has
/// been told, but not heard, is told again.
const GRACE: Duration = Duration::from_millis(500);
/// Papers that are read at once.
const BATCH: usize = 256;

/// `None`: all that are owed.
type Mail = Option<Uuid>;

/// The gateway's end of the outbox.
#[derive(Default)]
pub struct Outbox {
    waiting: AtomicU64,
}

impl Outbox {
    /// Not answered yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Delivers until the gateway stops.
pub async fn run(gateway: Arc<Gateway>, mut stopped: watch::Receiver<bool>) {
    let (mail, letters) = unbounded_channel();
    let Ok(client) = spawn_blocking(Client::new).await else {
        return;
    };
    let number = gateway.engine().attach_postman(Arc::new(move |id| {
        // Nobody listens any more: it stays on disk.
        let _ = UnboundedSender::send(&mail, id);
    }));
    let mut clerk = Clerk {
        round: Round::new(pace(&gateway)),
        under_way: JoinSet::new(),
        going: HashMap::new(),
        letters,
        client,
        gateway: gateway.clone(),
    };
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = clerk.deliver() => {}
    }
    let _ = tokio::time::timeout(GRACE, clerk.finish()).await;
    gateway.engine().detach_postman(number);
}

fn pace(gateway: &Gateway) -> Pace {
    let config = gateway.config();
    Pace {
        parallel: config.callbacks_parallel as usize,
        retry: Duration::from_millis(config.callbacks_retry_ms.into()),
        retry_max: Duration::from_millis(config.callbacks_retry_max_ms.into()),
    }
}

struct Clerk {
    round: Round,
    under_way: JoinSet<Tried>,
    going: HashMap<task::Id, Going>,
    letters: UnboundedReceiver<Mail>,
    client: Client,
    gateway: Arc<Gateway>,
}

/// How one try went.
struct Tried {
    ended: Ended,
    /// Where to, and why in vain.
    trouble: String,
}

impl Clerk {
    async fn deliver(&mut self) {
        let mut letters = Vec::new();
        loop {
            while let Some(going) = self.round.next(Instant::now()) {
                let one = deliver(self.gateway.clone(), self.client.clone(), going.id);
                let task = self.under_way.spawn(one);
                self.going.insert(task.id(), going);
            }
            self.count();
            let due = self.round.due();
            let later = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                came = self.letters.recv_many(&mut letters, BATCH) => {
                    if came == 0 {
                        return;
                    }
                    self.take_in(std::mem::take(&mut letters)).await;
                }
                Some(ended) = self.under_way.join_next_with_id() => self.note(ended),
                () = tokio::time::sleep_until(later.into()) => {}
            }
        }
    }

    fn count(&self) {
        let waiting = self.round.len() as u64;
        self.gateway.outbox().waiting.store(waiting, Ordering::Relaxed);
    }

    /// Lets what is under way end.
    async fn finish(&mut self) {
        while let Some(ended) = self.under_way.join_next_with_id().await {
            self.note(ended);
        }
    }

    async fn take_in(&mut self, letters: Vec<Mail>) {
        let mut ids: Vec<Uuid> = letters.iter().copied().flatten().collect();
        if letters.contains(&None) {
            let engine = self.gateway.engine().clone();
            match spawn_blocking(move || engine.owed_callbacks()).await {
                Ok(Ok(all)) => ids.extend(all),
                Ok(Err(error)) => self.log(format!("the outbox cannot be read: {error}")),
                Err(_) => {}
            }
        }
        ids.retain(|id| !self.round.knows(*id));
        for batch in ids.chunks(BATCH) {
            let (engine, batch) = (self.gateway.engine().clone(), batch.to_vec());
            let read = move || {
                let read = batch.into_iter().map(|id| (id, engine.owed_callback(id)));
                read.collect::<Vec<_>>()
            };
            for (id, read) in spawn_blocking(read).await.unwrap_or_default() {
                match read {
                    Ok(Some(owed)) => self.round.add(id, &receiver(&owed), Instant::now()),
                    Ok(None) => {}
                    Err(error) => self.log(format!("{id}: its callback cannot be read: {error}")),
                }
            }
        }
    }

    fn note(&mut self, ended: Result<(task::Id, Tried), task::JoinError>) {
        let (task, tried) = match ended {
            Ok((task, tried)) => (task, tried),
            Err(error) => (error.id(), Tried::failed("a fault inside callrec")),
        };
        let Some(going) = self.going.remove(&task) else {
            return;
        };
        let failures = self.round.done(&going, tried.ended, Instant::now());
        let id = going.id;
        match tried.ended {
            Ended::GivenUp => self.log(format!("{id}: its callback is given up: {}", tried.trouble)),
            Ended::Failed if failures == 1 => {
                self.log(format!(
                    "{id}: its callback will be tried again: {}",
                    tried.trouble
                ));
            }
            _ => {}
        }
        self.count();
    }

    fn log(&self, message: String) {
        self.gateway.engine().bus().log(LogLevel::Warning, message);
    }
}

impl Tried {
    fn answered(promptly: bool) -> Tried {
        Tried {
            ended: Ended::Answered { promptly },
            trouble: String::new(),
        }
    }

    fn failed(trouble: impl Into<String>) -> Tried {
        Tried {
            ended: Ended::Failed,
            trouble: trouble.into(),
        }
    }
}

/// By what receivers are told apart.
fn receiver(owed: &Owed) -> String {
    let callback = owed.recording.callback.as_deref();
    let address = callback.and_then(|callback| Address::parse(&callback.url).ok());
    address.map(|address| address.origin()).unwrap_or_default()
}

/// One try, and what it leaves on disk.
async fn deliver(gateway: Arc<Gateway>, client: Client, id: Uuid) -> Tried {
    let engine = gateway.engine().clone();
    let owed = match spawn_blocking(move || engine.owed_callback(id)).await {
        Ok(Ok(Some(owed))) => owed,
        Ok(Ok(None)) => return Tried::answered(true),
        Ok(Err(error)) => return Tried::failed(error.to_string()),
        Err(_) => return Tried::failed("a fault inside callrec"),
    };
    let begun = Instant::now();
    let time = Duration::from_millis(gateway.config().callbacks_timeout_ms.into());
    let tried = match tokio::time::timeout(time, call(&gateway, &client, &owed)).await {
        Ok(Ok(())) => Tried::answered(begun.elapsed() < time / 4),
        Ok(Err(trouble)) => Tried::failed(format!("{}: {trouble}", receiver(&owed))),
        Err(_) => Tried::failed(format!("{}: no answer in time", receiver(&owed))),
    };
    let give_up_ms = gateway.config().callbacks_give_up_ms;
    let age_ms = unix_ms().saturating_sub(owed.queued_at_ms);
    let tried = match tried.ended {
        Ended::Failed if give_up_ms != 0 && age_ms >= give_up_ms as i64 => Tried {
            ended: Ended::GivenUp,
            ..tried
        },
        _ => tried,
    };
    if tried.ended != Ended::Failed {
        let engine = gateway.engine().clone();
        if let Ok(Err(error)) = spawn_blocking(move || engine.callback_done(id)).await {
            // At the next start it is owed again.
            let message = format!("{id}: its callback is not owed any more, but stays on disk: {error}");
            gateway.engine().bus().log(LogLevel::Warning, message);
        }
    }
    tried
}

/// Calls the receiver; 2xx alone is an answer.
async fn call(gateway: &Arc<Gateway>, client: &Client, owed: &Owed) -> Result<(), String> {
    let recording = &owed.recording;
    let callback = recording.callback.as_deref().ok_or("nobody is named")?;
    let address = Address::parse(&callback.url).map_err(|error| error.message)?;
    // Asked again: the configuration may be another one by now.
    let reach = address
        .reach(&gateway.config().callbacks_allow)
        .ok_or("not among callbacks.allow")?;
    let key = match callback.account.as_str() {
        "" => None,
        account => gateway
            .signature_key(account)
            .await
            .map_err(|_| "the host gave no key")?,
    };
    let fields = paper::fields(
        recording,
        &callback.api_id,
        public_url_of(gateway, &recording.url),
    );
    let request = paper::request(&address, callback, &fields, &recording.id, key.as_deref());
    let request = request.map_err(|error| error.to_string())?;
    let status = client.send(&address, reach, request).await?;
    if status.is_success() {
        return Ok(());
    }
    Err(format!("it answered {status}"))
}
