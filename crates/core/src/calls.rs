//! Calls, their recordings and the rules of control. This module handles no audio.

mod automatic;
pub mod call;
mod call_handle;
mod consent;
pub mod control;
mod draft;
pub mod filter;
mod hold;
mod id;
mod idle;
mod kept_past;
mod key;
mod leg_parties;
mod line_policies;
mod live_list;
mod media_control;
mod origin;
mod parties;
mod pending_automatic;
mod private;
pub mod recording;
mod refusal;
pub mod registry;
mod registry_state;
pub mod rules;
mod slots;
pub mod spec;
mod start;
mod successor;
mod transfer;
mod update;
mod watch;

pub use call::{CallInfo, CallState, CallUpdate, LineStay};
pub use consent::{Consent, ConsentState, ConsentUpdate, RefusalAction};
pub use control::{ControlOutcome, parse_id};
pub use draft::{AcceptedDraft, RecordingDraft};
pub use filter::Filter;
pub use hold::{HoldTarget, held};
pub use key::Key;
pub use live_list::{ListedRecording, LiveList};
pub use media_control::MediaControl;
pub use origin::CallerOrigin;
pub use parties::{Party, PartyStay};
pub use recording::{
    Attachment, EventStage, NewestRecording, RawFileView, Readings, ReadingsHandle, Recording, RecordingView,
};
pub use registry::{CallView, FollowUp, Registry};
pub use rules::{Caller, ControlCounts, ControlOperation, LinePolicies};
pub use spec::RecordingSpec;
pub use successor::{SuccessorStart, TransferAction, TransferredRecording};
