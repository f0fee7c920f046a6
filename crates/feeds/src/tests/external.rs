//! Codecs whose packets are decoded elsewhere: when a recording waits for answers, and for how long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;
use crate::ledger::{self, DropReason};
use crate::sim::{RecordingOptions, SinkEnd};
use callrec_base::types::{Layout, PauseMode};
use callrec_media::external::{
    DecoderState, DecodingAnswer, DecodingJob, DecodingService, DecodingStream, ExternalFormat, PacketLength,
};

/// Samples of a packet, one byte each.
const PACKET: usize = 160;

/// A decoder that answers while the test lets it. A sample is its byte, and 1000 more for each
/// packet since its state was new.
#[derive(Default)]
pub(super) struct Answering {
    pub is_silent: AtomicBool,
    states: std::sync::Mutex<Vec<DecoderState>>,
}

struct AnsweringService(Arc<Answering>);

impl DecodingService for AnsweringService {
    fn open(&self) -> Box<dyn DecodingStream> {
        Box::new(AnsweringStream {
            answering: self.0.clone(),
            jobs: VecDeque::new(),
            answerable: 0,
            cancelled: 0,
            packets: 0,
        })
    }
}

struct AnsweringStream {
    answering: Arc<Answering>,
    jobs: VecDeque<DecodingJob>,
    /// Jobs from before the latest look.
    answerable: usize,
    cancelled: u64,
    packets: i16,
}

impl DecodingStream for AnsweringStream {
    fn submit(&mut self, job: DecodingJob) -> bool {
        self.answering.states.lock().expect("no panic").push(job.state);
        self.jobs.push_back(job);
        true
    }

    /// A packet is not answered in the visit that queues it.
    fn take(&mut self) -> Option<DecodingAnswer> {
        if self.answerable == 0 || self.answering.is_silent.load(SeqCst) {
            self.answerable = self.jobs.len();
            return None;
        }
        self.answerable -= 1;
        let job = self.jobs.pop_front()?;
        self.packets = if job.state == DecoderState::New {
            0
        } else {
            self.packets + 1
        };
        let base = 1000 * self.packets.min(20);
        let samples = job.payload.iter().map(|byte| i16::from(*byte) + base).collect();
        let is_cancelled = job.number <= self.cancelled;
        Some(DecodingAnswer {
            number: job.number,
            samples: (!is_cancelled).then_some(samples),
            concealed: Vec::new(),
        })
    }

    fn cancel(&mut self, number: u64) {
        self.cancelled = number;
    }
}

fn format(answering: &Arc<Answering>) -> Arc<ExternalFormat> {
    numbered_format(answering, 1)
}

fn numbered_format(answering: &Arc<Answering>, number: u16) -> Arc<ExternalFormat> {
    external_of(answering, number, 8000)
}

/// A format with a byte per sample.
pub(super) fn external_of(answering: &Arc<Answering>, number: u16, rate: u32) -> Arc<ExternalFormat> {
    Arc::new(ExternalFormat {
        format: FeedFormat {
            codec: Codec::External {
                number,
                samples_per_tick: 1,
            },
            rate,
        },
        name: format!("X/{rate}").into(),
        length: PacketLength::Frames { bytes: 1, samples: 1 },
        service: Box::new(AnsweringService(answering.clone())),
    })
}

fn recorded(mut sim: Sim, layout: Layout) -> (Sim, SimRecording, Arc<Answering>) {
    let answering = Arc::<Answering>::default();
    sim.attach(Leg::Local, ULAW);
    sim.payload(Leg::Local, 96, format(&answering));
    let recording = sim.start(RecordingOptions {
        layout,
        pause_mode: PauseMode::Silence,
        ..Default::default()
    });
    sim.visit();
    (sim, recording, answering)
}

fn external(n: u64) -> Vec<u8> {
    packet(9, 96, n as u16, (n * 160) as u32, &[tag(n); PACKET])
}

/// Feeds packets, one every 20 ms, with a visit after each.
fn send_external(sim: &mut Sim, packets: std::ops::Range<u64>) {
    for n in packets {
        sim.rtp(Leg::Local, &external(n));
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
}

fn local(recording: &SimRecording) -> crate::ledger::LegLedger {
    recording.progress.ledger().leg(Leg::Local).clone()
}

/// The numbers of the packets in a file whose states began with packet `first`.
fn found(samples: &[i16]) -> Vec<i16> {
    let packets = samples.chunks(PACKET).filter(|packet| packet[0] != 0);
    packets.map(|packet| packet[0] % 1000).collect()
}

fn tags_of(packets: std::ops::Range<u64>) -> Vec<i16> {
    packets.map(|n| i16::from(tag(n))).collect()
}

#[test]
fn a_decoder_that_answers_at_the_next_visit_costs_no_second_write() {
    let (mut sim, recording, _) = recorded(Sim::real(), Layout::Local);
    for n in 0..150 {
        sim.rtp(Leg::Local, &external(n));
        sim.now_ns += 20 * NS_PER_MS;
        // A worker visits the call when a block is due, and at each tick until it is written.
        if [0, 1].contains(&(n % 36)) {
            sim.visit();
        }
    }
    let (blocks, patches) = {
        let out = recording.out.lock();
        (out.blocks, out.patches)
    };
    assert!(blocks >= 3 && patches == 0, "{blocks} blocks, {patches} patches");
    // What is written is at most a block, the reorder window and one visit behind the clock.
    let behind_ms = 3000 - recording.out.lock().frames() / 8;
    assert!(behind_ms <= 700 + 60 + 100 + 40, "{behind_ms} ms");
    sim.end();
    sim.pass(100);
    assert_eq!(found(&recording.out.lock().channel(0)), tags_of(0..150));
    assert_eq!(ledger::ms(local(&recording).in_file), 3000);
}

#[test]
fn a_late_answer_is_a_patch_and_other_legs_do_not_wait_for_it() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Stereo);
    sim.attach(Leg::Remote, ULAW);
    answering.is_silent.store(true, SeqCst);
    for n in 0..75 {
        sim.rtp(Leg::Remote, &ulaw(n));
        send_external(&mut sim, n..n + 1);
    }
    // The remote leg is written as if nothing were missing.
    let behind_ms = 1500 - recording.out.lock().frames() / 8;
    assert!(behind_ms <= 700 + 60 + 100 + 40, "{behind_ms} ms");
    assert_eq!(recording.out.lock().patches, 0);
    answering.is_silent.store(false, SeqCst);
    sim.pass(100);
    assert!(recording.out.lock().patches > 0);
    sim.end();
    sim.pass(100);
    assert_eq!(found(&recording.out.lock().channel(0)), tags_of(0..75));
    assert_eq!(local(&recording).dropped_sum(), 0);
}

#[test]
fn a_decoder_that_is_silent_for_two_seconds_loses_its_packets() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Local);
    send_external(&mut sim, 0..50);
    sim.visit();
    answering.is_silent.store(true, SeqCst);
    send_external(&mut sim, 50..175);
    // It is asked no more until it answers.
    let asked = answering.states.lock().expect("no panic").len();
    send_external(&mut sim, 175..200);
    assert_eq!(answering.states.lock().expect("no panic").len(), asked);
    answering.is_silent.store(false, SeqCst);
    sim.visit();
    send_external(&mut sim, 200..250);
    sim.end();
    sim.pass(500);
    let ledger = local(&recording);
    assert_eq!(ledger::ms(ledger.handed), 5000);
    assert_eq!(ledger.accounted(), ledger.handed);
    let lost = ledger::ms(ledger.dropped[DropReason::DecoderTimeout as usize]);
    assert!((1000..=3000).contains(&lost), "{lost}");
    assert_eq!(
        ledger.dropped_sum(),
        ledger.dropped[DropReason::DecoderTimeout as usize]
    );
    let packets = found(&recording.out.lock().channel(0));
    assert_eq!(packets[..50], tags_of(0..50));
    assert!(packets.ends_with(&tags_of(200..250)));
}

#[test]
fn a_stop_waits_for_answers_but_not_for_ever() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Local);
    let _other = sim.start(RecordingOptions::default());
    answering.is_silent.store(true, SeqCst);
    send_external(&mut sim, 0..20);
    sim.stop(&recording);
    // Later packets, which another recording keeps, do not extend the wait.
    let mut packets = 20;
    while recording.out.lock().ending.is_none() && packets < 200 {
        send_external(&mut sim, packets..packets + 1);
        packets += 1;
    }
    assert!((100..=125).contains(&packets), "{packets}");
    let ended = recording.out.lock().ending.clone();
    assert!(matches!(ended, Some(SinkEnd::Finished(..))), "{ended:?}");
    let ledger = local(&recording);
    assert_eq!((ledger::ms(ledger.handed), ledger.in_file), (400, 0));
    assert_eq!(
        ledger::ms(ledger.dropped[DropReason::DecoderTimeout as usize]),
        400
    );
}

#[test]
fn a_stop_ends_with_the_last_answer() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Local);
    answering.is_silent.store(true, SeqCst);
    send_external(&mut sim, 0..20);
    sim.stop(&recording);
    sim.pass(1000);
    assert_eq!(recording.out.lock().ending, None);
    answering.is_silent.store(false, SeqCst);
    sim.visit();
    assert!(recording.out.lock().ending.is_some());
    assert_eq!(found(&recording.out.lock().channel(0)), tags_of(0..20));
}

/// What was spoken before a pause is recorded although the answer comes in the pause, and the state
/// after the pause is new. Packets of the pause are not decoded at all.
#[test]
fn a_pause_separates_states() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Local);
    send_external(&mut sim, 0..10);
    answering.is_silent.store(true, SeqCst);
    send_external(&mut sim, 10..20);
    sim.pause(&recording);
    sim.visit();
    send_external(&mut sim, 20..30);
    answering.is_silent.store(false, SeqCst);
    send_external(&mut sim, 30..40);
    sim.resume(&recording);
    sim.visit();
    send_external(&mut sim, 40..50);
    sim.end();
    sim.pass(500);
    let states = answering.states.lock().expect("no panic").clone();
    let new = states.iter().filter(|state| **state == DecoderState::New).count();
    assert_eq!((states.len(), new), (30, 2));
    let samples = recording.out.lock().channel(0);
    assert_eq!(found(&samples), [tags_of(0..20), tags_of(40..50)].concat());
    // A state counts its packets in thousands.
    let first = samples[40 * PACKET..].iter().find(|sample| **sample != 0);
    assert_eq!(first, Some(&i16::from(tag(40))));
}

/// A party that declares new parameters for ever. Formats in use are kept, the others are not.
#[test]
fn a_leg_forgets_formats_that_it_does_not_use() {
    let (mut sim, recording, answering) = recorded(Sim::real(), Layout::Local);
    send_external(&mut sim, 0..10);
    let formats: Vec<Arc<ExternalFormat>> = (2..200)
        .map(|number| numbered_format(&answering, number))
        .collect();
    for format in &formats {
        sim.payload(Leg::Local, 97, format.clone());
        sim.visit();
    }
    let kept = formats
        .iter()
        .filter(|format| Arc::strong_count(format) > 1)
        .count();
    assert!((1..=32).contains(&kept), "{kept}");
    send_external(&mut sim, 10..20);
    sim.end();
    sim.pass(500);
    assert_eq!(found(&recording.out.lock().channel(0)), tags_of(0..20));
    assert_eq!(local(&recording).external.len(), 1);
}

/// The packets of a stall come late, and so do their answers. What is rendered already does not hold
/// up the rest.
#[test]
fn rendering_does_not_wait_for_answers_to_late_packets() {
    let (mut sim, recording, _) = recorded(Sim::real(), Layout::Stereo);
    sim.attach(Leg::Remote, ULAW);
    let mut next = 0;
    for tick in 0..400 {
        sim.rtp(Leg::Remote, &ulaw(tick));
        // Nothing for 3 s, then twice the pace.
        let until = if (50..200).contains(&tick) { next } else { next + 2 };
        while next < until.min(tick + 1) {
            sim.rtp(Leg::Local, &external(next));
            next += 1;
        }
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
        let behind_ms = (tick + 1) * 20 - recording.out.lock().frames() / 8;
        assert!(behind_ms <= 700 + 60 + 100 + 40, "{behind_ms} ms at {tick}");
    }
    sim.end();
    sim.pass(500);
    assert_eq!(found(&recording.out.lock().channel(0)), tags_of(0..400));
}
