//! What belongs to one process: its tables of ids. A forked child gets fresh ones,
//! since another thread may have held the parent's locks at the moment of the fork.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(callrec_shuttle))]
use once_cell::sync::OnceCell;

use super::Engine;
use super::call::Call;
use super::feeds::OpenFeed;
use super::slots::{Id, Kind, Refused, Table};
use crate::words::Status;

/// Forks within forks that can be told apart.
#[cfg(not(callrec_shuttle))]
const DEPTHS: usize = 64;

static DEPTH: AtomicU32 = AtomicU32::new(0);
#[cfg(not(callrec_shuttle))]
static PROCESSES: [OnceCell<Process>; DEPTHS] = [const { OnceCell::new() }; DEPTHS];

pub struct Process {
    pub engines: Table<Arc<Engine>>,
    pub calls: Table<Arc<Call>>,
    pub feeds: Table<Option<OpenFeed>>,
    pub subscriptions: Table<(Arc<Engine>, u64)>,
    /// Gateways, which stand above the engine and are opaque here.
    pub gateways: Table<Arc<dyn Any + Send + Sync>>,
}

/// Called in the child by the system's fork handler: no lock, no allocation.
pub fn forked() {
    DEPTH.fetch_add(1, Ordering::Relaxed);
}

/// `None` after more forks within forks than can be told apart.
#[cfg(not(callrec_shuttle))]
#[inline]
pub fn current() -> Option<&'static Process> {
    let depth = DEPTH.load(Ordering::Relaxed);
    let process = PROCESSES.get(depth as usize)?;
    Some(process.get_or_init(|| Process::new(depth)))
}

/// Each run of a model is a process of its own.
#[cfg(callrec_shuttle)]
pub fn current() -> Option<&'static Process> {
    shuttle::lazy_static! {
        static ref PROCESS: Process = Process::new(0);
    }
    Some(&PROCESS)
}

impl Process {
    fn new(depth: u32) -> Process {
        Process {
            engines: Table::new(Kind::Engine, depth),
            calls: Table::new(Kind::Call, depth),
            feeds: Table::new(Kind::Feed, depth),
            subscriptions: Table::new(Kind::Subscription, depth),
            gateways: Table::new(Kind::Gateway, depth),
        }
    }
}

/// What an id that opens nothing is: inherited over a fork, or simply bad.
pub fn refusal(id: Id) -> Status {
    let inherited = id.0 != 0 && id.depth() < DEPTH.load(Ordering::Relaxed);
    if inherited {
        Status::Forked
    } else {
        Status::BadHandle
    }
}

/// Enters a feed without ever waiting.
#[inline]
pub fn with_feed(id: Id, act: impl FnOnce(&mut OpenFeed) -> Status) -> Status {
    let Some(process) = current() else {
        return Status::Forked;
    };
    let enter = |slot: &mut Option<OpenFeed>| slot.as_mut().map_or(Status::BadHandle, act);
    match process.feeds.try_with(id, enter) {
        Ok(status) => status,
        Err(Refused::Busy) => Status::Busy,
        Err(Refused::BadHandle) => refusal(id),
    }
}
