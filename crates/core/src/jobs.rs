//! Jobs after publishing, for example callbacks. Storage keeps a file for each job. This module
//! performs the jobs, with back-off and bounded parallelism, until each is done or given up.
//!
//! An [`Action`] performs all jobs of one kind. It is registered with
//! [`crate::engine::Engine::register_action`]. No async runtime is needed: a runner polls the
//! futures of its action on one of the engine's threads.

mod action;
mod attempt;
mod pace;
mod pending_ages;
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
