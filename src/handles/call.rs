//! Handles of calls.

use std::sync::Arc;

use super::handle::Handle;
use super::process::{HostCall, current, current_or_error, refusal};
use crate::calls::CallInfo;
use crate::engine::{Call, Engine, HostReference};
use crate::types::{Error, Result, Status};

struct CallReference(Handle);

impl HostReference for CallReference {
    fn revoke(&self) {
        if let Some(process) = current() {
            process.calls.remove(self.0);
        }
    }
}

/// Announces a call and gives it a handle, which becomes stale when the call ends. `opened` is the
/// engine's own handle.
pub fn begin(engine: &Arc<Engine>, opened: Handle, info: CallInfo) -> Result<Handle> {
    let process = current_or_error()?;
    // The handle comes first: a call without a handle must not begin.
    let handle = process.calls.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many calls: no handle is free"))?;
    match engine.begin_call(info) {
        Ok(call) => {
            let begun = HostCall {
                call: call.clone(),
                engine: opened,
            };
            process.calls.with(handle, |slot| *slot = Some(begun));
            call.set_reference(Box::new(CallReference(handle)));
            Ok(handle)
        }
        Err(error) => {
            process.calls.remove(handle);
            Err(error)
        }
    }
}

pub fn get(handle: Handle) -> Result<Arc<Call>> {
    Ok(find(handle)?.call)
}

/// The handle of the call's engine.
pub fn engine(handle: Handle) -> Result<Handle> {
    Ok(find(handle)?.engine)
}

fn find(handle: Handle) -> Result<HostCall> {
    let call = current().and_then(|process| process.calls.get(handle)).flatten();
    call.ok_or_else(|| {
        Error::new(
            refusal(handle),
            "call: the handle is invalid, or the call has ended",
        )
    })
}
