//! Who is on a call, and what of it is being recorded. Knows no audio.

mod book;
pub mod call;
pub mod control;
pub mod filter;
pub mod json;
mod private;
pub mod recording;
pub mod registry;
pub mod rules;
mod slab;
mod start;
mod watch;

pub use call::{CallInfo, CallState, CallUpdate, LineStay};
pub use filter::{Filter, Key};
pub use recording::{Attachment, Newest, Readings, Recording, RecordingOptions, Told, View};
pub use registry::{Begun, CallView, Registry, Wire};
pub use rules::{Caller, Counts, Marks, Operation};
pub use start::{Founding, StartRequest};
