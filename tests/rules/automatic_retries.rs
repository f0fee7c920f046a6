//! Automatic recordings that fail during a call. A new recording replaces a failed one, but not
//! one that a caller has ended.

use callrec::capi::*;
use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, disk_full};
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wait::until;
use callrec_testkit::wav::WavFile;

use super::scratch_engine::*;
use crate::support::*;

fn automatic() -> ScratchEngine {
    let scratch = scratch_engine_with(&[("storage.flush_ms", "100"), ("recording.pause_mode", "skip")]);
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch
}

/// A call on the automatic line, with both legs.
struct AutomaticCall {
    handle: rec_call,
    feeds: [rec_feed; 2],
    /// The id of the first recording.
    first: String,
}

impl AutomaticCall {
    fn begin(scratch: &ScratchEngine) -> AutomaticCall {
        let call = CallFields {
            call_id: Some("c"),
            direction: REC_DIRECTION_INCOMING,
            phone: Some("0555"),
            ..by_user("AUTO", "101", "user1")
        };
        let handle = scratch.begin(&call).unwrap();
        let feeds =
            [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(handle, leg, REC_CODEC_PCM16, 8000).unwrap());
        let first = scratch.live_ids().remove(0);
        scratch.events.wait_kind(&first, REC_EVENT_STARTED);
        AutomaticCall { handle, feeds, first }
    }

    fn write(&self, sample: i16) {
        let write_leg = |leg: &rec_feed| write_pcm(*leg, &[sample; 1600]);
        self.feeds.iter().for_each(write_leg);
    }

    /// Makes the disk full, and writes audio until the first recording has failed.
    fn fail_first(&self, scratch: &ScratchEngine) {
        disk_faults::fail_at(&scratch.dir, FaultPoint::WriteAudio, disk_full);
        until("the first recording fails", || {
            self.write(1111);
            scratch.events.kinds(&self.first).contains(&REC_EVENT_FAILED)
        });
    }

    /// Clears the fault, and waits for the recording that replaces the first.
    fn wait_for_replacement(&self, scratch: &ScratchEngine) -> ReceivedEvent {
        disk_faults::clear(&scratch.dir.0);
        scratch.events.wait(|event| {
            let recording = event.recording.as_ref();
            event.kind == REC_EVENT_STARTED && recording.is_some_and(|recording| recording.id != self.first)
        })
    }

    /// Ends the call. Returns the samples of this recording.
    fn end(self, scratch: &ScratchEngine, id: &str) -> Vec<i16> {
        end(self.handle).unwrap();
        let event = scratch.events.wait_terminal(id);
        assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
        WavFile::read(&event.recording.unwrap().path).pcm(0)
    }
}

#[test]
fn a_failed_recording_is_replaced_with_the_same_settings() {
    let scratch = automatic();
    let call = AutomaticCall::begin(&scratch);
    call.fail_first(&scratch);
    let event = call.wait_for_replacement(&scratch);
    let id = event.id().to_owned();
    assert_eq!(scratch.live_ids(), [id.as_str()]);
    let recording = scratch.get(HOST, &id).unwrap();
    let fields = (recording.flags, recording.state, recording.device_name.as_str());
    assert_eq!(fields, (REC_START_AUTOMATIC, REC_STATE_RECORDING, "AUTO"));
    call.write(2222);
    let failed = scratch.events.wait_terminal(&call.first).recording.unwrap();
    assert_eq!((failed.state, failed.error), (REC_STATE_FAILED, REC_ERR_NO_SPACE));
    let samples = call.end(&scratch, &id);
    assert_eq!(samples.iter().filter(|sample| **sample == 2222).count(), 1600);
    let path = scratch.get(HOST, &id).unwrap().path;
    let manifest = manifest_beside(&path);
    let text = |name: &str| manifest[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text("pause_mode"), text("layout")),
        ("skip".into(), "stereo".into())
    );
    assert_eq!(manifest["automatic"], true);
    for (name, value) in [
        ("direction", "incoming"),
        ("username", "user1"),
        ("directory_number", "101"),
        ("remote_phone_number", "0555"),
    ] {
        assert_eq!(manifest["call"][name], value);
    }
}

#[test]
fn a_replacement_that_fails_is_replaced() {
    let scratch = automatic();
    let call = AutomaticCall::begin(&scratch);
    call.fail_first(&scratch);
    let is_failure = |event: &ReceivedEvent| event.kind == REC_EVENT_FAILED;
    until("the replacement fails", || {
        call.write(1111);
        scratch
            .events
            .all()
            .iter()
            .filter(|event| is_failure(event))
            .count()
            == 2
    });
    disk_faults::clear(&scratch.dir.0);
    until("a replacement records", || {
        call.write(2222);
        scratch.live().iter().any(|recording| recording.bytes > 0)
    });
    let id = scratch.live_ids().remove(0);
    assert!(call.end(&scratch, &id).contains(&2222));
}

#[test]
fn a_replacement_begins_paused_on_a_private_call() {
    let scratch = automatic();
    let call = AutomaticCall::begin(&scratch);
    call.fail_first(&scratch);
    private(call.handle, 1).unwrap();
    let id = call.wait_for_replacement(&scratch).id().to_owned();
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    scratch.events.wait_kind(&id, REC_EVENT_PAUSED);
    call.write(3333);
    private(call.handle, 0).unwrap();
    call.write(2222);
    let samples = call.end(&scratch, &id);
    assert!(samples.contains(&2222) && !samples.contains(&3333));
}

/// The caller pauses the failed recording, or the call while no recording is live.
#[test]
fn a_replacement_begins_paused_if_the_call_was_paused() {
    type Pause = fn(&ScratchEngine, &str) -> AbiResult<()>;
    let functions: [Pause; 3] = [
        |scratch, id| scratch.by_id(rec_pause_by_id, HOST, id),
        |scratch, _| {
            scratch
                .by_device(rec_pause_by_device, HOST, Some("AUTO"), None)
                .map(drop)
        },
        |scratch, _| scratch.by_call(rec_pause_by_call, HOST, "c").map(drop),
    ];
    for pause in functions {
        let scratch = automatic();
        let call = AutomaticCall::begin(&scratch);
        call.fail_first(&scratch);
        // Keeps the replacement from starting.
        disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, disk_full);
        until("no recording is live", || match pause(&scratch, &call.first) {
            Ok(()) => false,
            Err(refusal) => refusal.status == REC_ERR_NOT_LIVE,
        });
        let id = call.wait_for_replacement(&scratch).id().to_owned();
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        call.write(3333);
        scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
        call.write(2222);
        let samples = call.end(&scratch, &id);
        assert!(samples.contains(&2222) && !samples.contains(&3333));
    }
}

/// The recording is ended during the write that fails.
#[test]
fn an_ended_recording_is_not_replaced() {
    let stop = |scratch: &ScratchEngine| scratch.stop_by_call(HOST, "c", None).map(drop);
    let discard = |scratch: &ScratchEngine| {
        scratch
            .by_call_url(rec_discard_by_call, HOST, "c", None)
            .map(drop)
    };
    for end_recording in [stop, discard] {
        for step in [FaultPoint::WriteAudio, FaultPoint::CreateAudio] {
            let scratch = automatic();
            let gate = DiskGate::failing_at(&scratch.dir, step, disk_full);
            let call = CallFields {
                call_id: Some("c"),
                ..line("AUTO", "101")
            };
            let call = scratch.begin(&call).unwrap();
            let id = scratch.live_ids().remove(0);
            let local = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
            until("a write arrives at the gate", || {
                write_pcm(local, &[1111; 1600]);
                gate.arrivals() > 0
            });
            end_recording(&scratch).unwrap();
            gate.open();
            scratch.events.wait(|event| {
                let kinds = [REC_EVENT_START_FAILED, REC_EVENT_FAILED, REC_EVENT_FINISHED];
                kinds.contains(&event.kind) && event.id() == id
            });
            // Another call's recording fails, too. Its retry shows that the retries of all calls
            // have run.
            disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, disk_full);
            scratch.begin(&line("AUTO", "102")).unwrap();
            scratch
                .events
                .wait(|event| event.kind == REC_EVENT_START_FAILED && event.id() != id);
            disk_faults::clear(&scratch.dir.0);
            scratch.events.wait(|event| {
                let recording = event.recording.as_ref();
                event.kind == REC_EVENT_STARTED
                    && recording.is_some_and(|recording| recording.directory_number == "102")
            });
            let live: Vec<_> = scratch
                .live()
                .into_iter()
                .map(|recording| recording.directory_number)
                .collect();
            assert_eq!(live, ["102"]);
        }
    }
}
