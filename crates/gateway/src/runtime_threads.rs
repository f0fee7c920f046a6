//! The threads of tokio's runtimes.

use tokio::runtime::Builder;

use callrec_core::engine::Engine;
use callrec_core::memory;

/// Names the runtime's threads, and notifies the host when each of them begins and ends.
pub fn with_own_threads<'a>(
    builder: &'a mut Builder,
    name: &'static str,
    engine: &Engine,
) -> &'a mut Builder {
    let hooks = engine.config().thread_hooks.clone();
    let at_end = hooks.clone();
    builder
        .thread_name(name)
        .on_thread_start(move || {
            memory::stay_inside();
            hooks.started(name);
        })
        .on_thread_stop(move || at_end.ended(name))
}
