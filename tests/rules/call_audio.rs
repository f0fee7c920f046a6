//! The audio that is recorded of private and held calls, and the events about media.

use std::sync::Barrier;

use callrec::capi::*;
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::until;
use callrec_testkit::wav::WavFile;

use super::scratch_engine::*;
use crate::support::*;

const SPEECH: i16 = 1111;
const SECRET: i16 = 2222;
/// Samples of one write.
const LENGTH: usize = 1600;

/// Both legs of a call.
struct CallLegs([rec_feed; 2]);

impl CallLegs {
    fn of(call: rec_call) -> CallLegs {
        CallLegs([REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap()))
    }

    fn write(&self, sample: i16) {
        self.0.iter().for_each(|leg| write_pcm(*leg, &[sample; LENGTH]));
    }
}

fn count(path: &str, sample: i16) -> [usize; 2] {
    let wav = WavFile::read(path);
    [0, 1].map(|channel| wav.pcm(channel).into_iter().filter(|one| *one == sample).count())
}

/// The pauses of the manifest: first frame and end frame.
fn pauses(path: &str) -> Vec<(u64, u64)> {
    let pauses = spans_of(&manifest_beside(path), "pause").into_iter();
    pauses.map(|span| (span.from_frame, span.to_frame)).collect()
}

#[test]
fn private_audio_is_not_recorded() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let legs = CallLegs::of(call);
    legs.write(SPEECH);
    private(call, 1).unwrap();
    legs.write(SECRET);
    private(call, 0).unwrap();
    legs.write(SPEECH);
    end(call).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(count(&recording.path, SECRET), [0; 2]);
    assert_eq!(count(&recording.path, SPEECH), [2 * LENGTH; 2]);
    let pause = (LENGTH as u64, 2 * LENGTH as u64);
    assert_eq!((pauses(&recording.path), recording.paused_ms), (vec![pause], 200));
    let (events, _dir) = scratch.finish();
    let kinds = [
        REC_EVENT_STARTED,
        REC_EVENT_PAUSED,
        REC_EVENT_RESUMED,
        REC_EVENT_FINISHED,
    ];
    assert_eq!(events.kinds(&id), kinds);
}

/// Two recordings of a caller, and one that the policy of the line starts.
#[test]
fn recordings_of_a_private_call_begin_paused() {
    let scratch = scratch_engine();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let legs = CallLegs::of(call);
    private(call, 1).unwrap();
    for _ in 0..2 {
        scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
        legs.write(SECRET);
    }
    line("AUTO", "").update(call).unwrap();
    legs.write(SECRET);
    let ids = scratch.live_ids();
    assert_eq!(ids.len(), 3);
    for id in &ids {
        scratch.events.wait_kind(id, REC_EVENT_PAUSED);
    }
    private(call, 0).unwrap();
    legs.write(SPEECH);
    end(call).unwrap();
    for id in &ids {
        let recording = scratch.events.wait_terminal(id).recording.unwrap();
        assert_eq!(count(&recording.path, SECRET), [0; 2]);
        assert_eq!(count(&recording.path, SPEECH), [LENGTH; 2]);
        assert_eq!(pauses(&recording.path).len(), 1);
    }
}

/// One event for each change of the effective state, in either order of pause and privacy.
#[test]
fn a_pause_and_privacy_may_overlap() {
    for pause_first in [true, false] {
        let scratch = scratch_engine();
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        let legs = CallLegs::of(call);
        legs.write(SPEECH);
        let pause = |on: bool| match on {
            true => scratch.by_id(rec_pause_by_id, HOST, &id).unwrap(),
            false => scratch.by_id(rec_resume_by_id, HOST, &id).unwrap(),
        };
        let privacy = |on: bool| private(call, u32::from(on)).unwrap();
        let set = |is_pause: bool, on: bool| if is_pause { pause(on) } else { privacy(on) };
        set(pause_first, true);
        legs.write(SECRET);
        set(!pause_first, true);
        legs.write(SECRET);
        set(pause_first, false);
        legs.write(SECRET);
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        set(!pause_first, false);
        legs.write(SPEECH);
        end(call).unwrap();
        let recording = scratch.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&recording.path, SECRET), [0; 2]);
        assert_eq!(count(&recording.path, SPEECH), [2 * LENGTH; 2]);
        assert_eq!((pauses(&recording.path).len(), recording.paused_ms), (1, 600));
        let (events, _dir) = scratch.finish();
        let kinds = [
            REC_EVENT_STARTED,
            REC_EVENT_PAUSED,
            REC_EVENT_RESUMED,
            REC_EVENT_FINISHED,
        ];
        assert_eq!(events.kinds(&id), kinds, "pause first: {pause_first}");
    }
}

/// Recordings start at the same time as the call becomes private. No audio that is written after
/// `rec_call_private` has returned is recorded.
#[test]
fn a_start_may_race_with_privacy() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let legs = CallLegs::of(call);
    let round = Barrier::new(2);
    const ROUNDS: usize = 30;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                round.wait();
                let id = scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
                round.wait();
                scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
            }
        });
        for _ in 0..ROUNDS {
            round.wait();
            private(call, 1).unwrap();
            legs.write(SECRET);
            round.wait();
            private(call, 0).unwrap();
            legs.write(SPEECH);
        }
    });
    end(call).unwrap();
    let (events, _dir) = scratch.finish();
    let ends: Vec<ReceivedEvent> = events
        .all()
        .into_iter()
        .filter(ReceivedEvent::is_terminal)
        .collect();
    assert_eq!(ends.len(), ROUNDS);
    for event in ends {
        let path = event.recording.unwrap().path;
        assert_eq!(count(&path, SECRET), [0; 2], "{path}");
    }
}

#[test]
fn hold_audio_is_recorded_or_silent_as_configured() {
    for (hold_audio, samples) in [("keep", LENGTH), ("silence", 0)] {
        let scratch = scratch_engine_with(&[("calls.hold_audio", hold_audio)]);
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        let legs = CallLegs::of(call);
        legs.write(SPEECH);
        state(REC_CALL_HELD).update(call).unwrap();
        legs.write(SECRET);
        state(REC_CALL_CONNECTED).update(call).unwrap();
        legs.write(SPEECH);
        end(call).unwrap();
        let recording = scratch.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&recording.path, SECRET), [samples; 2], "{hold_audio}");
        assert_eq!(count(&recording.path, SPEECH), [2 * LENGTH; 2], "{hold_audio}");
        // Hold is neither a pause nor a loss.
        assert_eq!(
            (recording.paused_ms, recording.lost_ms, recording.duration_ms),
            (0, 0, 600)
        );
    }
}

#[test]
fn an_unsupported_codec_is_reported_once_for_each_leg_and_payload_type() {
    let scratch = scratch_engine();
    let call = scratch
        .begin(&CallFields {
            tag: 7,
            ..line("SEP1", "101")
        })
        .unwrap();
    scratch.start(HOST, &on_device("SEP1")).unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCMU, 8000).unwrap());
    for payload_type in [18, 101] {
        for leg in legs {
            let mut sender = RtpSender::new(payload_type, 1);
            for _ in 0..10 {
                send_rtp(leg, &sender.packet(&[1; 20], 160));
            }
        }
    }
    end(call).unwrap();
    let (events, _dir) = scratch.finish();
    let mut reported: Vec<(String, u64)> = events
        .all()
        .iter()
        .filter(|event| event.kind == REC_EVENT_MEDIA_IGNORED)
        .map(|event| {
            assert!(event.recording.is_none());
            assert_eq!(
                (event.call_tag, &event.json["call"]["device_name"]),
                (7, &"SEP1".into())
            );
            assert!(!event.json["remedy"].as_str().unwrap().is_empty());
            let leg = event.json["leg"].as_str().unwrap().to_owned();
            (leg, event.json["payload_type"].as_u64().unwrap())
        })
        .collect();
    reported.sort();
    let report = |leg: &str, payload_type| (leg.to_owned(), payload_type);
    assert_eq!(
        reported,
        [
            report("local", 18),
            report("local", 101),
            report("remote", 18),
            report("remote", 101)
        ]
    );
}

#[test]
fn a_leg_without_audio_is_reported_once() {
    let scratch = scratch_engine_with(&[("media.clock", "real"), ("media.silent_ms", "300")]);
    let call = scratch
        .begin(&CallFields {
            tag: 7,
            ..line("SEP1", "101")
        })
        .unwrap();
    scratch.start(HOST, &on_device("SEP1")).unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCMU, 8000).unwrap());
    let is_silent = |event: &ReceivedEvent| event.kind == REC_EVENT_LEG_SILENT;
    let mut sender = RtpSender::new(0, 1);
    // One leg gets audio until the silence of the other leg is reported.
    until("the silent leg is reported", || {
        send_rtp(legs[0], &sender.packet(&[0x55; 160], 160));
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        scratch.events.all().iter().any(is_silent)
    });
    let event = scratch.events.wait(is_silent);
    assert_eq!((event.call_tag, &event.json["leg"]), (7, &"remote".into()));
    assert!(event.recording.is_none());
    end(call).unwrap();
    let (events, _dir) = scratch.finish();
    let remote = |event: &&ReceivedEvent| is_silent(event) && event.json["leg"] == "remote";
    assert_eq!(events.all().iter().filter(remote).count(), 1);
}
