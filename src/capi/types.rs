//! The structs and constants of the C API, for the files of its functions.

pub use super::audit_types::*;
pub use super::call_types::*;
pub use super::event_types::*;
pub use super::feed_types::*;
pub use super::handle_types::*;
pub use super::recording_types::*;
pub use super::values::*;
