//! Engines by their handles.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{current, current_or_error, refusal};
use crate::config::Config;
use crate::engine::Engine;
use crate::words::{Error, Result, Status};

/// Opens an engine and gives it a handle.
pub fn open(config: Config) -> Result<Handle> {
    let process = current_or_error()?;
    let handle = process.engines.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many engines"))?;
    match Engine::open(config) {
        Ok(engine) => {
            process.engines.with(handle, |slot| *slot = Some(engine));
            Ok(handle)
        }
        Err(error) => {
            process.engines.remove(handle);
            Err(error)
        }
    }
}

pub fn get(handle: Handle) -> Result<Arc<Engine>> {
    let engine = current()
        .and_then(|process| process.engines.get(handle))
        .flatten();
    engine.ok_or_else(|| no_engine(handle))
}

/// Makes the engine's handle stale and closes the engine. The handle is consumed in any
/// case, unless this thread is inside one of the engine's own callbacks.
pub fn close(handle: Handle, timeout: Duration) -> Result<()> {
    let process = current_or_error()?;
    get(handle)?.refuse_in_callback()?;
    // Of two threads that close one engine, exactly one takes it out.
    let engine = process.engines.remove(handle).flatten();
    engine.ok_or_else(|| no_engine(handle))?.close(timeout)
}

fn no_engine(handle: Handle) -> Error {
    Error::new(refusal(handle), "engine: no such engine")
}
