//! The media timeline of calls: places packets and writes in time, and decides what each recording
//! keeps of them. Pure functions over explicit state, without threads, clocks or files.
//!
//! ```text
//! packets of a leg -> LegMedia (placement, Timeline) -> Track -> Tap of each recording -> Sink
//! ```

#![forbid(unsafe_code)]

mod comfort_noise;
mod concealment;
pub mod dtmf;
pub mod external;
mod feed_format;
pub mod grid;
mod layout;
pub mod ledger;
pub mod leg;
pub mod legs;
pub mod packet;
pub mod placement;
pub mod planted;
mod progress;
mod raw_packets;
mod resample;
pub mod rtp;
pub mod sdp;
mod sink;
pub mod sink_queue;
pub mod sort;
mod spec;
pub mod tap;
mod terms;
pub mod time;
pub mod track;

pub use feed_format::{FeedFormat, FeedOptions};
pub use ledger::{DropReason, Ledger, LegLedger, LossReason};
pub use progress::Progress;
pub use raw_packets::{KeepRaw, RawPackets};
pub use sink::{Sink, Span, SpanKind};
pub use spec::{AudioSpec, TapSpec};
pub use terms::{EndReason, Layout, Leg, PauseMode};
