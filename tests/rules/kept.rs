//! What of a private or held call is kept, and what its media reports.

use std::sync::Barrier;

use callrec::capi::*;
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::until;
use callrec_testkit::wav::WavFile;

use super::scratch_engine::*;
use crate::support::*;

const SAID: i16 = 1111;
const SECRET: i16 = 2222;
/// Samples that are said at once.
const LENGTH: usize = 1600;

/// Both legs of a call.
struct CallLegs([rec_feed; 2]);

impl CallLegs {
    fn of(call: rec_call) -> CallLegs {
        CallLegs([REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap()))
    }

    fn say(&self, sample: i16) {
        self.0.iter().for_each(|leg| write_pcm(*leg, &[sample; LENGTH]));
    }
}

fn count(path: &str, sample: i16) -> [usize; 2] {
    let wav = WavFile::read(path);
    [0, 1].map(|channel| wav.pcm(channel).into_iter().filter(|one| *one == sample).count())
}

/// The pauses that the manifest beside it lists, as frames.
fn pauses(path: &str) -> Vec<(u64, u64)> {
    let pauses = spans_of(&manifest_beside(path), "pause").into_iter();
    pauses.map(|span| (span.from_frame, span.to_frame)).collect()
}

#[test]
fn nothing_of_a_private_stretch_is_kept() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let legs = CallLegs::of(call);
    legs.say(SAID);
    private(call, 1).unwrap();
    legs.say(SECRET);
    private(call, 0).unwrap();
    legs.say(SAID);
    end(call).unwrap();
    let seen = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(count(&seen.path, SECRET), [0; 2]);
    assert_eq!(count(&seen.path, SAID), [2 * LENGTH; 2]);
    let pause = (LENGTH as u64, 2 * LENGTH as u64);
    assert_eq!((pauses(&seen.path), seen.paused_ms), (vec![pause], 200));
    let (events, _dir) = scratch.finish();
    let kinds = [
        REC_EVENT_STARTED,
        REC_EVENT_PAUSED,
        REC_EVENT_RESUMED,
        REC_EVENT_FINISHED,
    ];
    assert_eq!(events.kinds(&id), kinds);
}

/// By a caller, by a caller beside another recording, and by the line's mark.
#[test]
fn what_begins_on_a_private_call_begins_paused() {
    let scratch = scratch_engine();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let legs = CallLegs::of(call);
    private(call, 1).unwrap();
    for _ in 0..2 {
        scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
        legs.say(SECRET);
    }
    line("AUTO", "").update(call).unwrap();
    legs.say(SECRET);
    let ids = scratch.live_ids();
    assert_eq!(ids.len(), 3);
    for id in &ids {
        scratch.events.wait_kind(id, REC_EVENT_PAUSED);
    }
    private(call, 0).unwrap();
    legs.say(SAID);
    end(call).unwrap();
    for id in &ids {
        let seen = scratch.events.wait_terminal(id).recording.unwrap();
        assert_eq!(count(&seen.path, SECRET), [0; 2]);
        assert_eq!(count(&seen.path, SAID), [LENGTH; 2]);
        assert_eq!(pauses(&seen.path).len(), 1);
    }
}

/// One event for each change of what is written, whichever reason comes and goes first.
#[test]
fn a_pause_and_the_privacy_overlap() {
    for own_first in [true, false] {
        let scratch = scratch_engine();
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        let legs = CallLegs::of(call);
        legs.say(SAID);
        let own = |on: bool| match on {
            true => scratch.by_id(rec_pause_by_id, HOST, &id).unwrap(),
            false => scratch.by_id(rec_resume_by_id, HOST, &id).unwrap(),
        };
        let privacy = |on: bool| private(call, u32::from(on)).unwrap();
        let set = |own_one: bool, on: bool| if own_one { own(on) } else { privacy(on) };
        set(own_first, true);
        legs.say(SECRET);
        set(!own_first, true);
        legs.say(SECRET);
        set(own_first, false);
        legs.say(SECRET);
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
        set(!own_first, false);
        legs.say(SAID);
        end(call).unwrap();
        let seen = scratch.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&seen.path, SECRET), [0; 2]);
        assert_eq!(count(&seen.path, SAID), [2 * LENGTH; 2]);
        assert_eq!((pauses(&seen.path).len(), seen.paused_ms), (1, 600));
        let (events, _dir) = scratch.finish();
        let kinds = [
            REC_EVENT_STARTED,
            REC_EVENT_PAUSED,
            REC_EVENT_RESUMED,
            REC_EVENT_FINISHED,
        ];
        assert_eq!(events.kinds(&id), kinds, "own first: {own_first}");
    }
}

/// Whatever starts meanwhile: nothing that is said after the return is kept.
#[test]
fn starts_race_with_the_privacy() {
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
            legs.say(SECRET);
            round.wait();
            private(call, 0).unwrap();
            legs.say(SAID);
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
    for told in ends {
        let path = told.recording.unwrap().path;
        assert_eq!(count(&path, SECRET), [0; 2], "{path}");
    }
}

#[test]
fn hold_is_kept_or_silent_as_configured() {
    for (hold_audio, kept) in [("keep", LENGTH), ("silence", 0)] {
        let scratch = scratch_engine_with(&[("calls.hold_audio", hold_audio)]);
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        let legs = CallLegs::of(call);
        legs.say(SAID);
        state(REC_CALL_HELD).update(call).unwrap();
        legs.say(SECRET);
        state(REC_CALL_CONNECTED).update(call).unwrap();
        legs.say(SAID);
        end(call).unwrap();
        let seen = scratch.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&seen.path, SECRET), [kept; 2], "{hold_audio}");
        assert_eq!(count(&seen.path, SAID), [2 * LENGTH; 2], "{hold_audio}");
        // Hold is no pause, and no loss.
        assert_eq!((seen.paused_ms, seen.lost_ms, seen.duration_ms), (0, 0, 600));
    }
}

#[test]
fn a_codec_that_is_not_decoded_is_told_once_for_each_leg_and_type() {
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
    let mut told: Vec<(String, u64)> = events
        .all()
        .iter()
        .filter(|told| told.kind == REC_EVENT_MEDIA_IGNORED)
        .map(|told| {
            assert!(told.recording.is_none());
            assert_eq!(
                (told.call_tag, &told.json["call"]["device_name"]),
                (7, &"SEP1".into())
            );
            assert!(!told.json["remedy"].as_str().unwrap().is_empty());
            let leg = told.json["leg"].as_str().unwrap().to_owned();
            (leg, told.json["payload_type"].as_u64().unwrap())
        })
        .collect();
    told.sort();
    let each = |leg: &str, payload_type| (leg.to_owned(), payload_type);
    assert_eq!(
        told,
        [
            each("local", 18),
            each("local", 101),
            each("remote", 18),
            each("remote", 101)
        ]
    );
}

#[test]
fn a_leg_without_audio_is_told_once() {
    let scratch = scratch_engine_with(&[("media.clock", "real"), ("media.silent_ms", "300")]);
    let call = scratch
        .begin(&CallFields {
            tag: 7,
            ..line("SEP1", "101")
        })
        .unwrap();
    scratch.start(HOST, &on_device("SEP1")).unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCMU, 8000).unwrap());
    let is_silent = |told: &ReceivedEvent| told.kind == REC_EVENT_LEG_SILENT;
    let mut heard = RtpSender::new(0, 1);
    // What is said on one leg until the other one's silence is known.
    until("the silent leg is told", || {
        send_rtp(legs[0], &heard.packet(&[0x55; 160], 160));
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        scratch.events.all().iter().any(is_silent)
    });
    let told = scratch.events.wait(is_silent);
    assert_eq!((told.call_tag, &told.json["leg"]), (7, &"remote".into()));
    assert!(told.recording.is_none());
    end(call).unwrap();
    let (events, _dir) = scratch.finish();
    let remote = |told: &&ReceivedEvent| is_silent(told) && told.json["leg"] == "remote";
    assert_eq!(events.all().iter().filter(remote).count(), 1);
}
