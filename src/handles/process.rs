//! What belongs to one process: its tables of handles. A forked child gets fresh ones,
//! since another thread may have held the parent's locks at the moment of the fork.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(callrec_shuttle))]
use once_cell::sync::OnceCell;

use super::handle::{Handle, HandleKind};
use super::table::HandleTable;
use crate::engine::{Call, Engine, HostReference, OpenFeed};
use crate::events::SubscriptionId;
use crate::gateway::GatewaySettings;
#[cfg(feature = "gateway")]
use crate::gateway::Router;
use crate::types::{Error, Status};

/// Forks within forks that can be told apart.
#[cfg(not(callrec_shuttle))]
const DEPTHS: usize = 64;

static DEPTH: AtomicU32 = AtomicU32::new(0);
#[cfg(not(callrec_shuttle))]
static PROCESSES: [OnceCell<Process>; DEPTHS] = [const { OnceCell::new() }; DEPTHS];

/// The tables of one process. A handle whose slot holds `None` opens nothing: its object is
/// just being made, and nobody has been given the handle yet.
pub(super) struct Process {
    pub(super) engines: HandleTable<Option<HostEngine>>,
    pub(super) calls: HandleTable<Option<Arc<Call>>>,
    pub(super) feeds: HandleTable<Option<OpenFeed>>,
    pub(super) subscriptions: HandleTable<HostSubscription>,
    #[cfg(feature = "gateway")]
    pub(super) gateways: HandleTable<Option<Arc<Router>>>,
}

/// An engine of the host's in its slot.
pub(super) struct HostEngine {
    pub(super) engine: Arc<Engine>,
    /// What its gateways are started with: the engine knows nothing of them.
    pub(super) gateway_settings: Arc<GatewaySettings>,
}

/// A subscription of the host's in its slot.
pub(super) struct HostSubscription {
    pub(super) engine: Arc<Engine>,
    /// 0 until the engine has been asked.
    pub(super) number: SubscriptionId,
    /// What the engine is told of it.
    pub(super) reference: Arc<dyn HostReference>,
}

impl Process {
    fn new(depth: u32) -> Process {
        Process {
            engines: HandleTable::new(HandleKind::Engine, depth),
            calls: HandleTable::new(HandleKind::Call, depth),
            feeds: HandleTable::new(HandleKind::Feed, depth),
            subscriptions: HandleTable::new(HandleKind::Subscription, depth),
            #[cfg(feature = "gateway")]
            gateways: HandleTable::new(HandleKind::Gateway, depth),
        }
    }
}

/// Called in the child by the system's fork handler: takes no lock and allocates nothing. The
/// handler then closes the parent's lock files (`capi/engine.rs`).
pub fn forked() {
    DEPTH.fetch_add(1, Ordering::Relaxed);
}

/// `None` after more forks within forks than can be told apart.
#[cfg(not(callrec_shuttle))]
#[inline]
pub(super) fn current() -> Option<&'static Process> {
    let depth = DEPTH.load(Ordering::Relaxed);
    let process = PROCESSES.get(depth as usize)?;
    Some(process.get_or_init(|| Process::new(depth)))
}

/// Each run of a model is a process of its own.
#[cfg(callrec_shuttle)]
pub(super) fn current() -> Option<&'static Process> {
    shuttle::lazy_static! {
        static ref PROCESS: Process = Process::new(0);
    }
    Some(&PROCESS)
}

/// The same where a new object needs a handle.
pub(super) fn current_or_error() -> Result<&'static Process, Error> {
    current().ok_or_else(|| Error::new(Status::Forked, "too many forks within forks"))
}

/// Why a handle opens nothing: it was inherited over a fork, or it is simply bad.
pub(super) fn refusal(handle: Handle) -> Status {
    let inherited = handle.0 != 0 && handle.depth() < DEPTH.load(Ordering::Relaxed);
    if inherited {
        Status::Forked
    } else {
        Status::BadHandle
    }
}
