//! The simulated time. It passes only while all tasks wait.

use std::cell::Cell;

use tokio::time::Instant;

thread_local! {
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Unix time at the beginning of a simulation.
const BEGINNING_MS: u64 = 1_700_000_000_000;

/// Begins a simulation. Called inside its runtime.
pub fn begin() {
    BEGUN.set(Some(Instant::now()));
}

/// Milliseconds since the beginning.
pub fn elapsed_ms() -> u64 {
    let begun = BEGUN.get().expect("a simulation");
    begun.elapsed().as_millis() as u64
}

pub fn unix_ms() -> u64 {
    BEGINNING_MS + elapsed_ms()
}
