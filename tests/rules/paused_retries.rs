//! An automatic recording that began paused and has failed: nothing of its pause is kept, and the rest
//! is.

use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::disk_faults::{self, FaultPoint, disk_full};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::holds;
use callrec_testkit::wait::{sleep_until, until};
use callrec_testkit::wav::WavFile;

use super::scratch_engine::*;
use crate::support::*;

const SECRET: [u8; 160] = [0x5a; 160];
/// Spoken while only the automatic recording is paused.
const HALF_SECRET: [u8; 160] = [0x21; 160];
const SPOKEN: [u8; 160] = [0x18; 160];

/// A leg that speaks in real time, with packets of 20 ms.
struct Speaker {
    leg: rec_feed,
    sender: RtpSender,
    begun: Instant,
    /// Its time in packets.
    packets: u32,
}

impl Speaker {
    fn new(call: rec_call) -> Speaker {
        Speaker {
            leg: feed(call, REC_LEG_REMOTE, REC_CODEC_PCMU, 8000).unwrap(),
            sender: RtpSender::new(0, 7),
            begun: Instant::now(),
            packets: 0,
        }
    }

    /// Says nothing for 300 ms, so that what is said next lies clearly behind the present moment, even
    /// if this process is late.
    fn be_silent(&self) {
        sleep_until(Instant::now() + Duration::from_millis(300));
    }

    /// Speaks from now on. It was silent since it spoke last.
    fn speak(&mut self, count: u32, payload: &[u8]) {
        let now = (self.begun.elapsed().as_millis() / 20) as u32;
        let silent = now.saturating_sub(self.packets);
        let next = &mut self.sender.next;
        next.timestamp = next.timestamp.wrapping_add(160 * silent);
        self.packets += silent;
        for _ in 0..count {
            self.packets += 1;
            sleep_until(self.begun + Duration::from_millis(20) * self.packets);
            send_rtp(self.leg, &self.sender.packet(payload, 160));
        }
    }
}

/// The samples of this payload in a µ-law file.
fn count(scratch: &ScratchEngine, id: &str, payload: &[u8; 160]) -> usize {
    let recording = scratch.events.wait_terminal(id).recording.unwrap();
    assert_eq!(recording.state, REC_STATE_FINISHED, "{recording:?}");
    let samples = WavFile::read(&recording.path).data;
    samples.iter().filter(|sample| **sample == payload[0]).count()
}

/// The start of a recording that is none of the others.
fn is_started(event: &ReceivedEvent, others: &[&str]) -> bool {
    let recording = event.recording.as_ref();
    event.kind == REC_EVENT_STARTED && recording.is_some_and(|new| !others.contains(&&*new.id))
}

/// Begins a call whose automatic recording begins paused, because the call was paused while the disk
/// was full. Returns the recording's id.
fn begun_paused() -> (ScratchEngine, rec_call, String) {
    let scratch = scratch_engine_with(&[
        ("media.clock", "real"),
        ("media.lookback_ms", "60000"),
        ("storage.flush_ms", "100"),
        ("recording.format", "wav-ulaw"),
        ("recording.layout", "remote"),
    ]);
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    // The first recording cannot begin, and the call is paused meanwhile.
    disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, disk_full);
    let call = CallFields {
        call_id: Some("c"),
        ..line("AUTO", "101")
    };
    let call = scratch.begin(&call).unwrap();
    let failed = scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    let refused = scratch.by_call(rec_pause_by_call, HOST, "c").map(drop);
    assert_eq!(refused.unwrap_err().status, REC_ERR_NOT_LIVE);
    disk_faults::clear(&scratch.dir.0);
    let first = scratch.events.wait(|event| is_started(event, &[failed.id()]));
    assert_eq!(scratch.state(first.id()), REC_STATE_PAUSED, "it begins paused");
    (scratch, call, first.id().to_owned())
}

fn from_the_past() -> StartFields<'static> {
    StartFields {
        call_id: Some("c"),
        format: Some("wav-ulaw"),
        layout: REC_LAYOUT_REMOTE,
        flags: REC_START_ADDITIONAL,
        lookback_ms: REC_LOOKBACK_ALL,
        ..StartFields::default()
    }
}

/// A recording that began paused fails, and until it is replaced, no recording is live. What is
/// spoken in this gap belongs to the pause, even for a recording that begins earlier than it is
/// started.
#[test]
fn nothing_of_the_gap_after_a_failed_paused_recording_is_kept() {
    let (scratch, call, first) = begun_paused();
    let mut remote = Speaker::new(call);
    // The silence of the pause cannot be written.
    disk_faults::fail_at(&scratch.dir, FaultPoint::WriteAudio, disk_full);
    until("the paused recording fails", || {
        remote.speak(5, &SECRET);
        scratch.events.kinds(&first).contains(&REC_EVENT_FAILED)
    });
    disk_faults::clear(&scratch.dir.0);
    remote.speak(20, &SECRET);
    let in_gap = scratch.start(HOST, &from_the_past()).unwrap();
    let others = [&*first, &in_gap];
    let mut half_secret = 0;
    let find = |event: &ReceivedEvent| is_started(event, &others);
    remote.be_silent();
    until("the failed recording is replaced", || {
        remote.speak(5, &HALF_SECRET);
        half_secret += 5;
        scratch.events.all().iter().any(find)
    });
    let second = scratch.events.wait(find);
    assert_eq!(scratch.state(second.id()), REC_STATE_PAUSED);
    scratch.by_id(rec_resume_by_id, HOST, second.id()).unwrap();
    remote.be_silent();
    remote.speak(20, &SPOKEN);
    let after = scratch.start(HOST, &from_the_past()).unwrap();
    remote.speak(5, &SPOKEN);
    end(call).unwrap();
    // A packet at the border may begin before it.
    let border = |packets: usize| (packets - 1) * 160..=packets * 160;
    let since_start = count(&scratch, &in_gap, &HALF_SECRET);
    assert!(border(half_secret).contains(&since_start), "{since_start}");
    assert_eq!(count(&scratch, &in_gap, &SPOKEN), 25 * 160);
    let since_pause = count(&scratch, second.id(), &SPOKEN);
    assert!(border(25).contains(&since_pause), "{since_pause}");
    let given = count(&scratch, &after, &SPOKEN);
    assert!(given + 160 >= since_pause, "the past since the pause: {given}");
    for id in [&in_gap, second.id(), &after] {
        assert_eq!(count(&scratch, id, &SECRET), 0);
    }
    for id in [second.id(), &after] {
        assert_eq!(count(&scratch, id, &HALF_SECRET), 0);
    }
    assert!(!holds(&scratch.dir.0, &SECRET[..16]));
}
