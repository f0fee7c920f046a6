//! Subscriptions whose callback is a closure.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use callrec::capi::*;

use super::abi::{AbiResult, checked, init};

type EventClosure = Box<dyn Fn(&rec_event) + Send + Sync>;

struct SubscriptionData {
    act: EventClosure,
    freed: Arc<AtomicU32>,
}

/// A subscription. It does not end when it is dropped.
pub struct ClosureSubscription {
    pub handle: rec_subscription,
    /// How often the library has given the user data back.
    pub freed: Arc<AtomicU32>,
    /// Keeps the data alive if the library gives it back twice.
    _data: Arc<SubscriptionData>,
}

impl std::fmt::Debug for ClosureSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClosureSubscription").finish_non_exhaustive()
    }
}

unsafe extern "C" fn call_closure(user_data: *mut c_void, event: *const rec_event) {
    unsafe { ((*user_data.cast::<SubscriptionData>()).act)(&*event) };
}

/// Only the first call gives the data back: a second one must not become a double free here.
unsafe extern "C" fn free(user_data: *mut c_void) {
    let data = user_data.cast::<SubscriptionData>();
    if unsafe { &*data }.freed.fetch_add(1, SeqCst) == 0 {
        drop(unsafe { Arc::from_raw(data) });
    }
}

/// `rec_subscribe`: `act` receives each event.
pub fn subscribe(
    engine: rec_engine,
    act: impl Fn(&rec_event) + Send + Sync + 'static,
) -> AbiResult<ClosureSubscription> {
    begin(act, |data, handle| {
        checked(|e| unsafe { rec_subscribe(engine, Some(call_closure), data, Some(free), handle, e) })
    })
}

/// `rec_subscribe_with`: the same with flags.
pub fn subscribe_with(
    engine: rec_engine,
    flags: u32,
    act: impl Fn(&rec_event) + Send + Sync + 'static,
) -> AbiResult<ClosureSubscription> {
    let mut options: rec_subscribe_options = init();
    options.flags = flags;
    begin(act, |data, handle| {
        checked(|e| unsafe {
            rec_subscribe_with(engine, &options, Some(call_closure), data, Some(free), handle, e)
        })
    })
}

fn begin(
    act: impl Fn(&rec_event) + Send + Sync + 'static,
    begin: impl FnOnce(*mut c_void, *mut rec_subscription) -> AbiResult<()>,
) -> AbiResult<ClosureSubscription> {
    let freed = Arc::new(AtomicU32::new(0));
    let data = Arc::new(SubscriptionData {
        act: Box::new(act),
        freed: freed.clone(),
    });
    let mut handle = rec_subscription { id: 0 };
    let user_data = Arc::into_raw(data.clone());
    match begin(user_data.cast_mut().cast(), &mut handle) {
        Ok(()) => Ok(ClosureSubscription {
            handle,
            freed,
            _data: data,
        }),
        Err(error) => {
            drop(unsafe { Arc::from_raw(user_data) });
            Err(error)
        }
    }
}

impl ClosureSubscription {
    pub fn end(&self) -> rec_status {
        unsafe { rec_unsubscribe(self.handle) }
    }

    pub fn freed(&self) -> u32 {
        self.freed.load(SeqCst)
    }
}
