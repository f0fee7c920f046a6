//! An automatic recording that fails while its call goes on: another one begins in its
//! place, and none that somebody has stopped.

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
    call: rec_call,
    feeds: [rec_feed; 2],
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
        let call = scratch.begin(&call).unwrap();
        let feeds =
            [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
        let first = scratch.live_ids().remove(0);
        scratch.events.wait_kind(&first, REC_EVENT_STARTED);
        AutomaticCall { call, feeds, first }
    }

    fn say(&self, sample: i16) {
        let one = |leg: &rec_feed| write_pcm(*leg, &[sample; 1600]);
        self.feeds.iter().for_each(one);
    }

    /// A disk that refuses writes for a while. Audio comes all the time.
    fn fails(&self, scratch: &ScratchEngine) {
        disk_faults::fail_at(&scratch.dir, FaultPoint::WriteAudio, disk_full);
        until("it never fails", || {
            self.say(1111);
            scratch.events.kinds(&self.first).contains(&REC_EVENT_FAILED)
        });
    }

    fn next(&self, scratch: &ScratchEngine) -> ReceivedEvent {
        disk_faults::clear(&scratch.dir.0);
        scratch.events.wait(|told| {
            let seen = told.recording.as_ref();
            told.kind == REC_EVENT_STARTED && seen.is_some_and(|seen| seen.id != self.first)
        })
    }

    /// Ends the call. The samples of this recording.
    fn end(self, scratch: &ScratchEngine, id: &str) -> Vec<i16> {
        end(self.call).unwrap();
        let told = scratch.events.wait_terminal(id);
        assert_eq!(told.kind, REC_EVENT_FINISHED, "{told:#?}");
        WavFile::read(&told.recording.unwrap().path).pcm(0)
    }
}

#[test]
fn another_begins_as_the_first_did() {
    let scratch = automatic();
    let talk = AutomaticCall::begin(&scratch);
    talk.fails(&scratch);
    let told = talk.next(&scratch);
    let id = told.id().to_owned();
    assert_eq!(scratch.live_ids(), [id.as_str()]);
    let seen = scratch.get(HOST, &id).unwrap();
    let said = (seen.flags, seen.state, seen.device_name.as_str());
    assert_eq!(said, (REC_START_AUTOMATIC, REC_STATE_RECORDING, "AUTO"));
    talk.say(2222);
    let failed = scratch.events.wait_terminal(&talk.first).recording.unwrap();
    assert_eq!((failed.state, failed.error), (REC_STATE_FAILED, REC_ERR_NO_SPACE));
    let samples = talk.end(&scratch, &id);
    assert_eq!(samples.iter().filter(|sample| **sample == 2222).count(), 1600);
    let path = scratch.get(HOST, &id).unwrap().path;
    let manifest = manifest_beside(&path);
    let word = |name: &str| manifest[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (word("pause_mode"), word("layout")),
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
fn it_may_fail_again_and_again() {
    let scratch = automatic();
    let talk = AutomaticCall::begin(&scratch);
    talk.fails(&scratch);
    let failed = |told: &ReceivedEvent| told.kind == REC_EVENT_FAILED;
    until("it is not tried again", || {
        talk.say(1111);
        scratch.events.all().iter().filter(|told| failed(told)).count() == 2
    });
    disk_faults::clear(&scratch.dir.0);
    until("none begins that goes on", || {
        talk.say(2222);
        scratch.live().iter().any(|seen| seen.bytes > 0)
    });
    let id = scratch.live_ids().remove(0);
    assert!(talk.end(&scratch, &id).contains(&2222));
}

#[test]
fn it_begins_paused_on_a_private_call() {
    let scratch = automatic();
    let talk = AutomaticCall::begin(&scratch);
    talk.fails(&scratch);
    private(talk.call, 1).unwrap();
    let id = talk.next(&scratch).id().to_owned();
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    scratch.events.wait_kind(&id, REC_EVENT_PAUSED);
    talk.say(3333);
    private(talk.call, 0).unwrap();
    talk.say(2222);
    let samples = talk.end(&scratch, &id);
    assert!(samples.contains(&2222) && !samples.contains(&3333));
}

/// Paused before, or in between, when nothing is live to be paused; by every way.
#[test]
fn it_begins_paused_where_the_call_was_paused() {
    type Pause = fn(&ScratchEngine, &str) -> AbiResult<()>;
    let ways: [Pause; 3] = [
        |scratch, id| scratch.by_id(rec_pause_by_id, HOST, id),
        |scratch, _| {
            scratch
                .by_device(rec_pause_by_device, HOST, Some("AUTO"), None)
                .map(drop)
        },
        |scratch, _| scratch.by_call(rec_pause_by_call, HOST, "c").map(drop),
    ];
    for pause in ways {
        let scratch = automatic();
        let talk = AutomaticCall::begin(&scratch);
        talk.fails(&scratch);
        // Refused until the disk takes its file.
        disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, disk_full);
        until("one is live", || match pause(&scratch, &talk.first) {
            Ok(()) => false,
            Err(refusal) => refusal.status == REC_ERR_NOT_LIVE,
        });
        let id = talk.next(&scratch).id().to_owned();
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        talk.say(3333);
        scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
        talk.say(2222);
        let samples = talk.end(&scratch, &id);
        assert!(samples.contains(&2222) && !samples.contains(&3333));
    }
}

/// The write that fails was under way when the recording was ended.
#[test]
fn none_begins_where_the_recording_was_ended() {
    let stop = |scratch: &ScratchEngine| scratch.stop_by_call(HOST, "c", None).map(drop);
    let discard = |scratch: &ScratchEngine| {
        scratch
            .by_call_url(rec_discard_by_call, HOST, "c", None)
            .map(drop)
    };
    for ended in [stop, discard] {
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
            until("the disk is never asked", || {
                write_pcm(local, &[1111; 1600]);
                gate.arrivals() > 0
            });
            ended(&scratch).unwrap();
            gate.open();
            scratch.events.wait(|told| {
                let over = [REC_EVENT_START_FAILED, REC_EVENT_FAILED, REC_EVENT_FINISHED];
                over.contains(&told.kind) && told.id() == id
            });
            // The next one's file cannot be made either: that it is tried again shows that
            // the watch has looked.
            disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, disk_full);
            scratch.begin(&line("AUTO", "102")).unwrap();
            scratch
                .events
                .wait(|told| told.kind == REC_EVENT_START_FAILED && told.id() != id);
            disk_faults::clear(&scratch.dir.0);
            scratch.events.wait(|told| {
                let seen = told.recording.as_ref();
                told.kind == REC_EVENT_STARTED && seen.is_some_and(|seen| seen.directory_number == "102")
            });
            let live: Vec<_> = scratch
                .live()
                .into_iter()
                .map(|seen| seen.directory_number)
                .collect();
            assert_eq!(live, ["102"]);
        }
    }
}
