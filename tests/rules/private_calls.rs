//! Private calls: the values and calls that `rec_call_private` accepts, and where privacy is visible.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wait::until;
use serde_json::Value;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn values_other_than_0_and_1_are_refused() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    for on in [2, 3, 1 << 31, u32::MAX] {
        refused(private(call, on), REC_ERR_INVALID_ARGUMENT);
    }
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn repeating_the_present_value_succeeds() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    for (on, state) in [
        (0, REC_STATE_RECORDING),
        (1, REC_STATE_PAUSED),
        (0, REC_STATE_RECORDING),
    ] {
        for _ in 0..2 {
            private(call, on).unwrap();
            assert_eq!(scratch.state(&id), state);
        }
    }
}

#[test]
fn the_error_may_be_null() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let none = std::ptr::null_mut();
    assert_eq!(unsafe { rec_call_private(call, 1, none) }, REC_OK);
    assert_eq!(
        unsafe { rec_call_private(call, 2, none) },
        REC_ERR_INVALID_ARGUMENT
    );
}

#[test]
fn an_invalid_call_handle_is_refused() {
    let scratch = scratch_engine();
    let ended = scratch.begin(&line("SEP1", "101")).unwrap();
    private(ended, 1).unwrap();
    end(ended).unwrap();
    let invented = rec_call {
        id: ended.id ^ 1 << 40,
    };
    for call in [rec_call { id: 0 }, ended, invented] {
        for on in [0, 1] {
            refused(private(call, on), REC_ERR_BAD_HANDLE);
        }
        // The value is checked first.
        refused(private(call, 2), REC_ERR_INVALID_ARGUMENT);
    }
}

#[test]
fn a_call_of_a_closed_engine_is_refused() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.finish();
    refused(private(call, 1), REC_ERR_BAD_HANDLE);
}

/// Recordings that began before the call was private, and those that begin meanwhile.
#[test]
fn every_recording_of_the_call_is_paused() {
    let scratch = scratch_engine();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let (call, _) = scratch.recorded(&line("SEP1", "101"));
    private(call, 1).unwrap();
    scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    // The call moves to an automatic line.
    line("AUTO", "").update(call).unwrap();
    let states = |scratch: &ScratchEngine| -> Vec<i32> {
        scratch.live().iter().map(|recording| recording.state).collect()
    };
    assert_eq!(states(&scratch), [REC_STATE_PAUSED; 3]);
    private(call, 0).unwrap();
    assert_eq!(states(&scratch), [REC_STATE_RECORDING; 3]);
}

#[test]
fn other_calls_are_not_paused() {
    let scratch = scratch_engine();
    let (call, _) = scratch.recorded(&line("SEP1", "101"));
    let (_, other) = scratch.recorded(&line("SEP2", "102"));
    private(call, 1).unwrap();
    assert_eq!(scratch.state(&other), REC_STATE_RECORDING);
}

/// Pause and resume depend only on the recording's own pause, not on privacy.
#[test]
fn pause_and_privacy_are_independent() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let pause = || scratch.by_id(rec_pause_by_id, HOST, &id);
    let resume = || scratch.by_id(rec_resume_by_id, HOST, &id);
    private(call, 1).unwrap();
    let refusal = refused(resume(), REC_ERR_NOT_PAUSED);
    assert!(
        refusal.message.contains("its call is private"),
        "{}",
        refusal.message
    );
    pause().unwrap();
    refused(pause(), REC_ERR_ALREADY_PAUSED);
    resume().unwrap();
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED, "the call is still private");
    pause().unwrap();
    private(call, 0).unwrap();
    assert_eq!(
        scratch.state(&id),
        REC_STATE_PAUSED,
        "the recording is still paused"
    );
    resume().unwrap();
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn an_update_keeps_privacy() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    private(call, 1).unwrap();
    line("SEP2", "102").update(call).unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    state(REC_CALL_CONNECTED).update(call).unwrap();
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    private(call, 0).unwrap();
    let recording = scratch.get(HOST, &id).unwrap();
    assert_eq!(
        (recording.state, recording.device_name.as_str()),
        (REC_STATE_RECORDING, "SEP2")
    );
}

#[test]
fn the_json_of_a_list_shows_privacy() {
    let scratch = scratch_engine();
    let (call, _) = scratch.recorded(&line("SEP1", "101"));
    let item = || scratch.list_json(HOST, &FilterFields::default()).unwrap().1[0].clone();
    let fields = |item: &Value| (item.get("private").cloned(), item["isPaused"].clone());
    assert_eq!(fields(&item()), (None, false.into()));
    private(call, 1).unwrap();
    assert_eq!(fields(&item()), (Some(true.into()), true.into()));
    private(call, 0).unwrap();
    assert_eq!(fields(&item()), (None, false.into()));
}

#[test]
fn the_manifest_shows_privacy() {
    for (on, expected) in [(1, Some(true)), (0, None)] {
        let scratch = scratch_engine();
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        private(call, 1).unwrap();
        private(call, on).unwrap();
        end(call).unwrap();
        let event = scratch.events.wait_terminal(&id);
        let manifest = manifest_beside(&event.recording.unwrap().path);
        for call in [&manifest["call"], &event.json["recording"]["call"]] {
            assert_eq!(call.get("private").and_then(Value::as_bool), expected);
        }
    }
}

#[test]
fn a_recording_of_a_private_call_can_be_stopped() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    private(call, 1).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.state, recording.end_reason),
        (REC_STATE_FINISHED, REC_END_STOPPED)
    );
    assert_eq!(scratch.state(&id), REC_STATE_FINISHED);
}

/// During the first event.
#[test]
fn a_callback_may_make_a_call_private() {
    let scratch = scratch_engine();
    let call = Arc::new(AtomicU64::new(0));
    let statuses = Arc::new([const { AtomicI32::new(1) }; 3]);
    let (handle, results) = (call.clone(), statuses.clone());
    let subscription = subscribe(scratch.handle, move |event| {
        if event.kind == REC_EVENT_STARTED {
            let call = rec_call {
                id: handle.load(SeqCst),
            };
            for (on, result) in [0, 1, 1].into_iter().zip(results.iter()) {
                let status = unsafe { rec_call_private(call, on, std::ptr::null_mut()) };
                result.store(status, SeqCst);
            }
        }
    })
    .unwrap();
    let begun = scratch.begin(&line("SEP1", "101")).unwrap();
    call.store(begun.id, SeqCst);
    let id = scratch.start(HOST, &on_device("SEP1")).unwrap();
    until("the callback has run", || statuses[2].load(SeqCst) != 1);
    for status in statuses.iter() {
        assert_eq!(status.load(SeqCst), REC_OK);
    }
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    assert_eq!(subscription.end(), REC_OK);
}

/// An automatic recording that fails while it is paused, and its replacement.
#[cfg(feature = "faults")]
mod with_faults {
    use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, planted};
    use callrec_testkit::wait::until_some;
    use callrec_testkit::wav::WavFile;

    use super::*;

    /// Begins an automatic recording whose file cannot be created. The disk blocks at the gate.
    fn begin_failing(scratch: &ScratchEngine) -> (rec_call, String, DiskGate) {
        let gate = DiskGate::failing_at(&scratch.dir, FaultPoint::CreateAudio, planted);
        scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
        let call = CallFields {
            call_id: Some("c"),
            ..line("AUTO", "101")
        };
        let call = scratch.begin(&call).unwrap();
        let id = scratch.live_ids().remove(0);
        (call, id, gate)
    }

    /// Opens the gate, and waits until the recording has failed.
    fn fail(scratch: &ScratchEngine, id: &str, gate: &DiskGate) {
        gate.open();
        scratch.events.wait_kind(id, REC_EVENT_START_FAILED);
    }

    /// Clears the fault, and waits for the replacement. Returns its id.
    fn wait_for_replacement(scratch: &ScratchEngine) -> String {
        disk_faults::clear(&scratch.dir.0);
        scratch.wait_started_on("AUTO").id().to_owned()
    }

    #[test]
    fn a_replacement_begins_paused_and_records_nothing() {
        let scratch = scratch_engine();
        let (call, first, gate) = begin_failing(&scratch);
        scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
        fail(&scratch, &first, &gate);
        let id = wait_for_replacement(&scratch);
        assert_ne!(id, first);
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        scratch.events.wait_kind(&id, REC_EVENT_PAUSED);
        let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
        let write = |sample: i16| legs.iter().for_each(|leg| write_pcm(*leg, &[sample; 1600]));
        write(1111);
        scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
        write(2222);
        end(call).unwrap();
        let recording = scratch.events.wait_terminal(&id).recording.unwrap();
        let samples = WavFile::read(&recording.path).pcm(0);
        assert_eq!(samples.iter().filter(|sample| **sample == 2222).count(), 1600);
        assert!(!samples.contains(&1111));
        let (events, _dir) = scratch.finish();
        let kinds = [
            REC_EVENT_STARTED,
            REC_EVENT_PAUSED,
            REC_EVENT_RESUMED,
            REC_EVENT_FINISHED,
        ];
        assert_eq!(events.kinds(&id), kinds);
    }

    #[test]
    fn a_replacement_begins_unpaused_if_the_pause_had_ended() {
        let scratch = scratch_engine();
        let (_, first, gate) = begin_failing(&scratch);
        scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
        scratch.by_id(rec_resume_by_id, HOST, &first).unwrap();
        fail(&scratch, &first, &gate);
        assert_eq!(
            scratch.state(&wait_for_replacement(&scratch)),
            REC_STATE_RECORDING
        );
    }

    /// The resume returns REC_ERR_NOT_LIVE, because no recording is live, but it still takes effect.
    #[test]
    fn a_resume_before_the_replacement_takes_effect() {
        type Resume = fn(&ScratchEngine, &str) -> AbiResult<()>;
        let functions: [Resume; 3] = [
            |scratch, id| scratch.by_id(rec_resume_by_id, HOST, id),
            |scratch, _| {
                scratch
                    .by_device(rec_resume_by_device, HOST, Some("AUTO"), None)
                    .map(drop)
            },
            |scratch, _| scratch.by_call(rec_resume_by_call, HOST, "c").map(drop),
        ];
        for resume in functions {
            let scratch = scratch_engine();
            let (_, first, gate) = begin_failing(&scratch);
            scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
            fail(&scratch, &first, &gate);
            refused(resume(&scratch, &first), REC_ERR_NOT_LIVE);
            assert_eq!(
                scratch.state(&wait_for_replacement(&scratch)),
                REC_STATE_RECORDING
            );
        }
    }

    #[test]
    fn a_pause_survives_repeated_failures() {
        let scratch = scratch_engine();
        let (_, first, gate) = begin_failing(&scratch);
        scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
        fail(&scratch, &first, &gate);
        // The replacement fails, too. The failure is reported once for each call, so the gate holds the
        // replacement until it has been seen.
        gate.shut();
        let second = until_some("the replacement", || {
            let replacement = scratch.live().into_iter().find(|recording| recording.id != first);
            replacement.ok_or("none is live")
        });
        assert_eq!(second.state, REC_STATE_PAUSED);
        gate.open();
        until("the replacement has failed", || {
            scratch.live_ids().iter().all(|id| *id != second.id)
        });
        let third = wait_for_replacement(&scratch);
        assert_ne!(third, second.id);
        assert_eq!(scratch.state(&third), REC_STATE_PAUSED);
    }

    #[test]
    fn a_replacement_begins_paused_on_a_private_call() {
        let scratch = scratch_engine();
        let (call, first, gate) = begin_failing(&scratch);
        private(call, 1).unwrap();
        fail(&scratch, &first, &gate);
        let id = wait_for_replacement(&scratch);
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        private(call, 0).unwrap();
        assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    }
}
