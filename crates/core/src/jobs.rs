//! What is done after recordings were published: the files of jobs are storage's; here they
//! are performed, with back-off and bounded parallelism, until each is done or given up.
//!
//! An [`Action`] performs all jobs of one kind; whoever wants them performed registers one
//! with [`crate::engine::Engine::register_action`]. Nothing here needs an async runtime: a
//! runner polls the futures of its action on a thread of the engine's.

mod action;
mod attempt;
mod pace;
mod registration;
mod registry;
mod runner;
mod runner_handle;
mod schedule;

pub use action::{Action, AttemptFuture, JobOutcome};
pub use pace::JobPace;
pub use registration::RegisteredAction;
pub use registry::ActionRegistry;
pub use runner::JobRunner;
pub use runner_handle::RunnerHandle;
