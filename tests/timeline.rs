//! Where a leg's audio is in the file, in simulated time: patterns of real senders, networks and
//! hosts, with marked samples that are found again. No test waits for a clock, so that no load
//! can break one.

#[path = "timeline/model/check.rs"]
mod check;
#[path = "timeline/failures.rs"]
mod failures;
#[path = "timeline/fixture.rs"]
mod fixture;
#[path = "timeline/found_audio.rs"]
mod found_audio;
#[path = "timeline/marked_audio.rs"]
mod marked_audio;
#[path = "timeline/model/plan.rs"]
mod plan;
#[path = "timeline/model/run.rs"]
mod run;
#[path = "timeline/model/senders.rs"]
mod senders;

#[path = "timeline/bursts.rs"]
mod bursts;
#[path = "timeline/clock.rs"]
mod clock;
#[path = "timeline/codecs.rs"]
mod codecs;
#[path = "timeline/drift.rs"]
mod drift;
#[path = "timeline/duplicates.rs"]
mod duplicates;
#[path = "timeline/events.rs"]
mod events;
#[path = "timeline/hold.rs"]
mod hold;
#[path = "timeline/host.rs"]
mod host;
#[path = "timeline/leaks.rs"]
mod leaks;
#[path = "timeline/model.rs"]
mod model;
#[path = "timeline/pauses.rs"]
mod pauses;
#[cfg(feature = "faults")]
#[path = "timeline/planted.rs"]
mod planted;
#[path = "timeline/restarts.rs"]
mod restarts;
#[path = "timeline/stalls.rs"]
mod stalls;
#[path = "timeline/timestamps.rs"]
mod timestamps;
#[path = "timeline/write_gaps.rs"]
mod write_gaps;
#[path = "timeline/writes.rs"]
mod writes;
