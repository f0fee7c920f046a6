//! Who is on a call, and what of it is being recorded. Knows no audio.

mod automatic;
mod book;
pub mod call;
pub mod control;
mod draft;
pub mod filter;
mod id;
mod idle;
mod key;
mod origin;
mod owed;
mod private;
pub mod recording;
pub mod registry;
pub mod rules;
mod slab;
pub mod spec;
mod start;
mod watch;
mod wire;

pub use call::{CallInfo, CallState, CallUpdate, LineStay};
pub use control::Touched;
pub use draft::{AcceptedDraft, RecordingDraft};
pub use filter::Filter;
pub use key::Key;
pub use origin::CallerOrigin;
pub use recording::{Attachment, Newest, Readings, Recording, Told, View};
pub use registry::{Begun, CallView, Registry};
pub use rules::{Caller, Counts, Marks, Operation};
pub use spec::RecordingSpec;
pub use wire::Wire;
