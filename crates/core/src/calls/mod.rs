//! Who is on a call, and what of it is being recorded. Knows no audio.

mod book;
pub mod call;
pub mod control;
pub mod filter;
mod founding;
mod id;
mod idle;
mod key;
mod private;
pub mod recording;
pub mod registry;
pub mod rules;
mod slab;
mod start;
mod watch;
mod wire;

pub use call::{CallInfo, CallState, CallUpdate, LineStay};
pub use filter::Filter;
pub use founding::Founding;
pub use key::Key;
pub use recording::{Attachment, Newest, Readings, Recording, RecordingOptions, Told, View};
pub use registry::{Begun, CallView, Registry};
pub use rules::{Caller, Counts, Marks, Operation};
pub use start::StartRequest;
pub use wire::Wire;
