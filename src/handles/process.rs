//! The tables of handles of one process. A forked child gets new tables, because another thread
//! of the parent may have held the old tables' locks at the fork.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(callrec_shuttle))]
use once_cell::sync::OnceCell;

use super::handle::{Handle, HandleKind};
use super::table::HandleTable;
#[cfg(feature = "cluster")]
use crate::cluster::ClusterNode;
use crate::engine::{Call, Engine, HostReference, OpenFeed};
use crate::events::SubscriptionId;
use crate::gateway::GatewaySettings;
#[cfg(feature = "gateway")]
use crate::gateway::Router;
use crate::types::{Error, Status};

/// The maximum depth of nested forks.
#[cfg(not(callrec_shuttle))]
const DEPTHS: usize = 64;

static DEPTH: AtomicU32 = AtomicU32::new(0);
#[cfg(not(callrec_shuttle))]
static PROCESSES: [OnceCell<Process>; DEPTHS] = [const { OnceCell::new() }; DEPTHS];

/// The tables of one process. A slot that holds `None` is reserved for an object that is just
/// being created; its handle does not open anything yet.
pub(super) struct Process {
    pub(super) engines: HandleTable<Option<HostEngine>>,
    pub(super) calls: HandleTable<Option<HostCall>>,
    pub(super) feeds: HandleTable<Option<OpenFeed>>,
    pub(super) subscriptions: HandleTable<HostSubscription>,
    #[cfg(feature = "gateway")]
    pub(super) gateways: HandleTable<Option<Arc<Router>>>,
}

/// An engine in its slot.
pub(super) struct HostEngine {
    pub(super) engine: Arc<Engine>,
    /// The settings for the engine's gateways, which the engine itself does not know.
    pub(super) gateway_settings: Arc<GatewaySettings>,
    /// The engine's part in a cluster, if it has one.
    #[cfg(feature = "cluster")]
    pub(super) cluster: Option<Arc<ClusterNode>>,
}

/// A call in its slot.
#[derive(Clone)]
pub(super) struct HostCall {
    pub(super) call: Arc<Call>,
    pub(super) engine: Handle,
}

/// A subscription in its slot.
pub(super) struct HostSubscription {
    pub(super) engine: Arc<Engine>,
    /// 0 until the engine has accepted the subscription.
    pub(super) number: SubscriptionId,
    /// The reference that the engine revokes.
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

/// Counts a fork. The fork handler calls this in the child, so it takes no lock and allocates
/// nothing. The handler then closes the parent's lock files (`capi/engine.rs`).
pub fn forked() {
    DEPTH.fetch_add(1, Ordering::Relaxed);
}

/// The tables of the current process. `None` beyond the maximum depth of nested forks.
#[cfg(not(callrec_shuttle))]
#[inline]
pub(super) fn current() -> Option<&'static Process> {
    let depth = DEPTH.load(Ordering::Relaxed);
    let process = PROCESSES.get(depth as usize)?;
    Some(process.get_or_init(|| Process::new(depth)))
}

/// In a model, each run counts as a process.
#[cfg(callrec_shuttle)]
pub(super) fn current() -> Option<&'static Process> {
    shuttle::lazy_static! {
        static ref PROCESS: Process = Process::new(0);
    }
    Some(&PROCESS)
}

/// As [`current`], for creating an object.
pub(super) fn current_or_error() -> Result<&'static Process, Error> {
    current().ok_or_else(|| Error::new(Status::Forked, "too many nested forks"))
}

/// The error for a handle that does not open anything: `FORKED` if it was inherited from the
/// parent process, `BAD_HANDLE` otherwise.
pub(super) fn refusal(handle: Handle) -> Status {
    let inherited = handle.0 != 0 && handle.depth() < DEPTH.load(Ordering::Relaxed);
    if inherited {
        Status::Forked
    } else {
        Status::BadHandle
    }
}
