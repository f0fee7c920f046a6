//! Delivers the callbacks that are owed: `round` says whose turn it is.
//! What is owed lies on disk (`storage/callbacks.rs`) until it was answered.

mod round;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{self, JoinSet, spawn_blocking};
use uuid::Uuid;

use super::Gateway;
use super::callbacks::{Address, Client};
use super::recording_url::public_url_of;
use super::vobiz::callback as callback_form;
use callrec_core::clock::unix_ms;
use callrec_core::events::LogLevel;
use callrec_core::storage::Owed;
use callrec_core::sync::atomic::{AtomicU64, Ordering};
use round::{Ended, Going, Pace, Past, Round};

/// How long tries that are under way may go on when the gateway stops: whoever has
/// been told, but not heard, is told again.
const GRACE: Duration = Duration::from_millis(500);
/// Papers that are read at once.
const BATCH: usize = 256;
/// 2025-01-01. Before it callrec was not there: it is the time of a clock that was not set.
const CLOCK_IS_SET_MS: i64 = 1_735_689_600_000;

const FAULT: &str = "a fault inside callrec";

/// `None`: all that are owed.
type Mail = Option<Uuid>;

/// What others are told of the outbox.
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
pub async fn run(gateway: Arc<Gateway>, outbox: Arc<Outbox>, mut stopped: watch::Receiver<bool>) {
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
        outbox,
        listing: None,
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
    outbox: Arc<Outbox>,
    listing: Option<Listing>,
}

/// All that is owed is to be listed.
#[derive(Clone, Copy)]
struct Listing {
    due: Instant,
    failures: u32,
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
            if let Some(listing) = self.listing.filter(|listing| listing.due <= Instant::now()) {
                self.list(listing.failures).await;
            }
            while let Some(going) = self.round.next(Instant::now()) {
                let one = deliver(self.gateway.clone(), self.client.clone(), going.id, going.past);
                let task = self.under_way.spawn(one);
                self.going.insert(task.id(), going);
            }
            self.count();
            let listing = self.listing.map(|listing| listing.due);
            let due = self.round.due().into_iter().chain(listing).min();
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
        self.outbox.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Lets what is under way end.
    async fn finish(&mut self) {
        while let Some(ended) = self.under_way.join_next_with_id().await {
            self.note(ended);
        }
    }

    async fn take_in(&mut self, letters: Vec<Mail>) {
        if letters.contains(&None) {
            let due = Instant::now();
            self.listing = Some(Listing { due, failures: 0 });
        }
        self.read(letters.into_iter().flatten().collect()).await;
    }

    /// What is not listed now is listed later: nobody else would ever ask for it.
    async fn list(&mut self, failures: u32) {
        let engine = self.gateway.engine().clone();
        let trouble = match spawn_blocking(move || engine.owed_callbacks()).await {
            Ok(Ok(all)) => {
                self.listing = None;
                return self.read(all).await;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => FAULT.to_owned(),
        };
        if failures == 0 {
            self.log(format!("the outbox cannot be read, and will be again: {trouble}"));
        }
        let failures = failures.saturating_add(1);
        let due = Instant::now() + pace(&self.gateway).pause(failures);
        self.listing = Some(Listing { due, failures });
    }

    async fn read(&mut self, mut ids: Vec<Uuid>) {
        ids.retain(|id| !self.round.knows(*id));
        for batch in ids.chunks(BATCH) {
            let (engine, asked) = (self.gateway.engine().clone(), batch.to_vec());
            let read = move || {
                let read = asked.into_iter().map(|id| (id, engine.owed_callback(id)));
                read.collect::<Vec<_>>()
            };
            let fault = |_| {
                let faults = batch.iter().map(|id| (*id, Err(io::Error::other(FAULT))));
                faults.collect()
            };
            for (id, read) in spawn_blocking(read).await.unwrap_or_else(fault) {
                match read {
                    Ok(Some(owed)) => self
                        .round
                        .add(id, &receiver(&owed), before(&owed), Instant::now()),
                    Ok(None) => {}
                    // Its turn comes: then it is read again.
                    Err(_) => self.round.add(id, "", Duration::ZERO, Instant::now()),
                }
            }
        }
    }

    fn note(&mut self, ended: Result<(task::Id, Tried), task::JoinError>) {
        let (task, tried) = match ended {
            Ok((task, tried)) => (task, tried),
            Err(error) => (error.id(), Tried::failed(FAULT)),
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

/// How long it was owed before it was read here, as far as a clock can say.
fn before(owed: &Owed) -> Duration {
    if owed.queued_at_ms < CLOCK_IS_SET_MS {
        return Duration::ZERO;
    }
    let ms = unix_ms().saturating_sub(owed.queued_at_ms);
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

/// One try, and what it leaves on disk.
async fn deliver(gateway: Arc<Gateway>, client: Client, id: Uuid, past: Past) -> Tried {
    let (tried, is_read) = match read(&gateway, id).await {
        Ok(Some(owed)) => (attempt(&gateway, &client, &owed).await, true),
        Ok(None) => return Tried::answered(true),
        Err(trouble) => (Tried::failed(format!("it cannot be read: {trouble}")), false),
    };
    let give_up_ms = gateway.config().callbacks_give_up_ms;
    let give_up = Duration::from_millis(give_up_ms);
    let tried = match tried.ended {
        Ended::Failed if give_up_ms != 0 && past.is_over(give_up, Instant::now()) => Tried {
            ended: Ended::GivenUp,
            ..tried
        },
        _ => tried,
    };
    // What could not be read is left to the next gateway.
    if tried.ended != Ended::Failed && is_read {
        let engine = gateway.engine().clone();
        if let Ok(Err(error)) = spawn_blocking(move || engine.callback_done(id)).await {
            // At the next start it is owed again.
            let message = format!("{id}: its callback is not owed any more, but stays on disk: {error}");
            gateway.engine().bus().log(LogLevel::Warning, message);
        }
    }
    tried
}

async fn read(gateway: &Gateway, id: Uuid) -> Result<Option<Owed>, String> {
    let engine = gateway.engine().clone();
    match spawn_blocking(move || engine.owed_callback(id)).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(FAULT.to_owned()),
    }
}

async fn attempt(gateway: &Arc<Gateway>, client: &Client, owed: &Owed) -> Tried {
    let begun = Instant::now();
    let time = Duration::from_millis(gateway.config().callbacks_timeout_ms.into());
    match tokio::time::timeout(time, call(gateway, client, owed)).await {
        Ok(Ok(())) => Tried::answered(begun.elapsed() < time / 4),
        Ok(Err(trouble)) => Tried::failed(format!("{}: {trouble}", receiver(owed))),
        Err(_) => Tried::failed(format!("{}: no answer in time", receiver(owed))),
    }
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
            .logins
            .signature_key(account)
            .await
            .map_err(|_| "the host gave no key")?,
    };
    let fields = callback_form::fields(
        recording,
        &callback.api_id,
        public_url_of(gateway, &recording.url),
    );
    let request = callback_form::request(&address, callback, &fields, &recording.id, key.as_deref());
    let request = request.map_err(|error| error.to_string())?;
    let status = client.send(&address, reach, request).await?;
    if status.is_success() {
        return Ok(());
    }
    Err(format!("it answered {status}"))
}
