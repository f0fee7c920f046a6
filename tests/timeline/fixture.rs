//! A simulated call, the marked audio of its legs, and its recordings.

use callrec::codec::SampleFormat;
use callrec::media::sim::{self, RecordingOptions, Sim, SimRecording, SinkEnd};
use callrec::media::{ClockMode, Ledger, Span};
use callrec::types::{Codec, EndReason, FeedFormat, Format, Layout, Leg, Status};
use callrec_testkit::g711::{Law, decode};
use callrec_testkit::random::splitmix64;
use callrec_testkit::wav::pcm16;

use crate::failures::{Failures, check_ledger};
use crate::found_audio::{AudioIndex, FoundAudio};
use crate::marked_audio::{MarkedAudio, MarkedHeader};

pub const NS_PER_MS: u64 = 1_000_000;
pub const CLOCKS: [ClockMode; 2] = [ClockMode::Real, ClockMode::Stream];
pub const VISITS: [Visits; 2] = [Visits::Regular, Visits::Irregular];

/// When the worker visits the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visits {
    /// Every 100 ms. In stream time: when a ring is full.
    Regular,
    /// After 1 to 250 ms. In stream time: also after 1 to 40 packets.
    Irregular,
}

/// G.711 µ-law at 8 kHz.
pub fn narrow() -> FeedFormat {
    format(Codec::Pcmu, 8000)
}

pub fn format(codec: Codec, rate: u32) -> FeedFormat {
    FeedFormat { codec, rate }
}

/// Options of a recording of both legs in µ-law.
pub fn stereo() -> RecordingOptions {
    RecordingOptions {
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    }
}

/// Options of a recording of the local leg.
pub fn local() -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        ..stereo()
    }
}

/// A recording, and the samples that each leg has written since its start and since its stop.
struct OpenRecording {
    tape: SimRecording,
    layout: Layout,
    during: [u64; 3],
    after: [u64; 3],
    stopped: bool,
}

/// One leg of a finished recording.
pub struct ChannelAudio {
    pub found: FoundAudio,
    pub rate: u32,
    pub least: u64,
    pub during: u64,
    pub after: u64,
}

/// A finished recording.
pub struct MarkedRecording {
    pub legs: Vec<(Leg, ChannelAudio)>,
    pub rate: u32,
    pub lost_ms: u64,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub ledger: Ledger,
    pub losses: Vec<Span>,
}

impl MarkedRecording {
    pub fn leg(&self, leg: Leg) -> &FoundAudio {
        let (_, audio) = self
            .legs
            .iter()
            .find(|(of, _)| *of == leg)
            .expect("the recording has the leg");
        &audio.found
    }

    /// How much later than the remote leg the local leg is at the end, in ms.
    pub fn apart_ms(&self, local: usize, remote: usize) -> f64 {
        let end = |leg, stream| self.leg(leg).last_offset(stream).unwrap_or(i64::MAX / 2);
        (end(Leg::Local, local) - end(Leg::Remote, remote)) as f64 / 8.0
    }
}

pub struct MediaFixture {
    pub sim: Sim,
    pub sent_audio: MarkedAudio,
    pub overruns: u64,
    clock: ClockMode,
    visits: Visits,
    began_ns: u64,
    next_visit_ns: u64,
    /// Packets until the next visit in stream time.
    countdown: u64,
    rng: u64,
    /// 0: the leg never had a feed.
    rates: [u32; 3],
    recordings: Vec<OpenRecording>,
    failures: Failures,
}

impl MediaFixture {
    pub fn new(clock: ClockMode, visits: Visits) -> MediaFixture {
        let sim = Sim::new(sim::config(clock));
        MediaFixture {
            began_ns: sim.now_ns,
            next_visit_ns: sim.now_ns + 30 * NS_PER_MS,
            sim,
            sent_audio: MarkedAudio::default(),
            overruns: 0,
            clock,
            visits,
            countdown: 1,
            rng: 1,
            rates: [0; 3],
            recordings: Vec::new(),
            failures: Failures::default(),
        }
    }

    pub fn real(visits: Visits) -> MediaFixture {
        MediaFixture::new(ClockMode::Real, visits)
    }

    fn random_below(&mut self, sides: u64) -> u64 {
        self.rng += 1;
        splitmix64(self.rng) % sides
    }

    pub fn attach(&mut self, leg: Leg, format: FeedFormat) {
        self.rates[leg as usize] = format.rate;
        self.sim.attach(leg, format);
    }

    /// Both legs in G.711 µ-law.
    pub fn attach_both(&mut self) {
        self.attach(Leg::Local, narrow());
        self.attach(Leg::Remote, narrow());
    }

    pub fn start(&mut self, options: RecordingOptions) -> usize {
        self.recordings.push(OpenRecording {
            tape: self.sim.start(options),
            layout: options.layout,
            during: [0; 3],
            after: [0; 3],
            stopped: false,
        });
        self.recordings.len() - 1
    }

    pub fn pause(&mut self, recording: usize) {
        self.sim.pause(&self.recordings[recording].tape);
    }

    pub fn resume(&mut self, recording: usize) {
        self.sim.resume(&self.recordings[recording].tape);
    }

    /// Real time: advances the clock to this moment after the beginning, with all visits until then.
    pub fn until_us(&mut self, us: u64) {
        if self.clock == ClockMode::Stream {
            return;
        }
        let until = self.began_ns + us * 1000;
        while self.next_visit_ns <= until {
            self.sim.now_ns = self.next_visit_ns;
            self.visit();
        }
        self.sim.now_ns = until.max(self.sim.now_ns);
    }

    pub fn until(&mut self, ms: u64) {
        self.until_us(ms * 1000);
    }

    fn visit(&mut self) {
        self.sim.visit();
        let ms = match self.visits {
            Visits::Regular => 100,
            Visits::Irregular => 1 + self.random_below(250),
        };
        self.next_visit_ns = self.sim.now_ns + ms * NS_PER_MS;
        self.countdown = 1 + self.random_below(40);
    }

    /// Writes an RTP packet with this many samples of audio, which the host received `age_us` ago.
    pub fn write_rtp_aged(&mut self, leg: Leg, packet: &[u8], samples: usize, age_us: u64) {
        let arrival = self.sim.now_ns - age_us * 1000;
        loop {
            let feed = self.sim.feed(leg).expect("the leg has a feed");
            let status = feed.rtp(packet, arrival);
            if !self.must_repeat(status) {
                break;
            }
        }
        self.note_written(leg, samples);
    }

    pub fn write_rtp(&mut self, leg: Leg, packet: &[u8], samples: usize) {
        self.write_rtp_aged(leg, packet, samples, 0);
    }

    /// Whether a packet must be written again, because the feed was full in stream time.
    fn must_repeat(&mut self, status: Status) -> bool {
        assert!(matches!(status, Status::Ok | Status::Overrun), "{status:?}");
        if self.clock == ClockMode::Real {
            self.overruns += u64::from(status == Status::Overrun);
            return false;
        }
        if status == Status::Overrun {
            self.visit();
            return true;
        }
        self.countdown = self.countdown.saturating_sub(1);
        if self.visits == Visits::Irregular && self.countdown == 0 {
            self.visit();
        }
        false
    }

    fn note_written(&mut self, leg: Leg, samples: usize) {
        for recording in &mut self.recordings {
            let sum = match recording.stopped {
                false => &mut recording.during,
                true => &mut recording.after,
            };
            sum[leg as usize] += samples as u64;
        }
    }

    /// A packet of G.711 µ-law for a feed.
    pub fn audio(&mut self, head: MarkedHeader, stream: usize, from: usize, samples: usize) -> Vec<u8> {
        head.packet(&self.sent_audio.encode(Codec::Pcmu, stream, from, samples))
    }

    /// Writes `samples` samples of a stream in one packet of G.711 µ-law.
    pub fn send(&mut self, leg: Leg, head: MarkedHeader, stream: usize, from: usize, samples: usize) {
        let packet = self.audio(head, stream, from, samples);
        self.write_rtp(leg, &packet, samples);
    }

    /// Writes the `k`th packet of 20 ms of a sender without any trouble.
    pub fn steady(&mut self, leg: Leg, k: usize, stream: usize) {
        let head = MarkedHeader::audio(k as u64, 160 * k as u64, 9);
        self.send(leg, head, stream, 160 * k, 160);
    }

    /// Writes samples of a stream, without RTP.
    pub fn write(&mut self, leg: Leg, codec: Codec, stream: usize, from: usize, samples: usize) -> Status {
        let bytes = self.sent_audio.encode(codec, stream, from, samples);
        let status = self.sim.write(leg, &bytes);
        self.overruns += u64::from(status == Status::Overrun);
        self.note_written(leg, samples);
        status
    }

    pub fn stop(&mut self, recording: usize) {
        let recording = &mut self.recordings[recording];
        if !std::mem::replace(&mut recording.stopped, true) {
            self.sim.stop(&recording.tape);
        }
    }

    /// Stops all recordings and waits until they have ended.
    pub fn finish(&mut self) -> Vec<MarkedRecording> {
        self.finish_by(EndReason::Stopped)
    }

    pub fn finish_by(&mut self, reason: EndReason) -> Vec<MarkedRecording> {
        for recording in 0..self.recordings.len() {
            self.stop(recording);
        }
        for _ in 0..200 {
            self.sim.now_ns = self.next_visit_ns;
            self.visit();
            let ended = |booked: &OpenRecording| booked.tape.out.lock().ending.is_some();
            if self.recordings.iter().all(ended) {
                break;
            }
        }
        let index = AudioIndex::new(&self.sent_audio);
        let files: Vec<_> = self
            .recordings
            .iter()
            .map(|booked| recorded(booked, reason, &self.rates, &index))
            .collect();
        for file in &files {
            check_ledger(&mut self.failures, file);
        }
        files
    }

    pub fn check(&mut self, good: bool, text: impl FnOnce() -> String) {
        self.failures.check(good, text);
    }

    /// Checks that a leg's channel has a whole stream.
    pub fn check_whole(&mut self, file: &MarkedRecording, leg: Leg, stream: usize) {
        self.check_missing(file, leg, stream, 0);
    }

    /// Checks that a leg's channel misses this many samples of a stream.
    pub fn check_missing(&mut self, file: &MarkedRecording, leg: Leg, stream: usize, samples: u64) {
        let missing = self.missing(file, leg, stream);
        let text = || file.leg(leg).text();
        self.failures.check(missing == samples, || {
            format!(
                "{leg:?} leg misses {missing} samples of stream {stream}, not {samples}; {}",
                text()
            )
        });
        let unknown = file.leg(leg).unknown;
        self.failures.check(unknown == 0, || {
            format!("{leg:?} leg: {unknown} samples that were never sent; {}", text())
        });
    }

    pub fn missing(&self, file: &MarkedRecording, leg: Leg, stream: usize) -> u64 {
        self.sent_audio.sent(stream) - file.leg(leg).samples(stream)
    }

    /// Checks that the recording reports no loss.
    pub fn check_no_loss(&mut self, file: &MarkedRecording) {
        self.check(file.lost_ms == 0, || {
            format!("{} ms are reported as lost", file.lost_ms)
        });
        self.check(file.losses.is_empty(), || format!("losses: {:?}", file.losses));
    }

    /// Checks that neither the recording nor the statistics report a loss.
    pub fn check_nothing_lost(&mut self, file: &MarkedRecording) {
        self.check_no_loss(file);
        let frames = self.sim.stats.frames_lost();
        self.check(frames == 0, || format!("frames_lost is {frames}"));
    }

    /// Checks that the legs are at most `ms` apart at the end.
    pub fn check_together(&mut self, file: &MarkedRecording, local: usize, remote: usize, ms: f64) {
        let apart = file.apart_ms(local, remote);
        self.check(apart.abs() <= ms, || {
            format!("legs apart by {apart} ms; {}", file.leg(Leg::Local).text())
        });
    }

    /// Checks the length of the file, within `slack` ms.
    pub fn check_length(&mut self, file: &MarkedRecording, ms: u64, slack: u64) {
        self.check(file.duration_ms.abs_diff(ms) <= slack, || {
            format!("the file is {} ms long, not {ms}", file.duration_ms)
        });
    }

    pub fn failures(self) -> Failures {
        self.failures
    }
}

fn recorded(
    booked: &OpenRecording,
    reason: EndReason,
    rates: &[u32; 3],
    index: &AudioIndex,
) -> MarkedRecording {
    let (tape, out) = (&booked.tape, booked.tape.out.lock());
    let is_right = matches!(out.ending, Some(SinkEnd::Finished(why, _)) if why == reason);
    assert!(is_right, "ended with {:?}", out.ending);
    let shape = out.shape.expect("a finished recording has a shape");
    let legs: &[Leg] = match booked.layout {
        Layout::Stereo => &[Leg::Local, Leg::Remote],
        Layout::Local => &[Leg::Local],
        Layout::Remote => &[Leg::Remote],
        Layout::Mono => &[],
    };
    let fed = legs
        .iter()
        .enumerate()
        .filter(|(_, leg)| rates[**leg as usize] > 0);
    let audio = fed.map(|(channel, leg)| {
        let samples = samples(&out.bytes, shape.format, legs.len(), channel);
        let audio = ChannelAudio {
            found: index.find(&samples),
            rate: rates[*leg as usize],
            // A recording that reaches its limit has only what was taken out of the ring.
            least: match reason {
                EndReason::Limit => 0,
                _ => booked.during[*leg as usize],
            },
            during: booked.during[*leg as usize],
            after: booked.after[*leg as usize],
        };
        (*leg, audio)
    });
    MarkedRecording {
        legs: audio.collect(),
        rate: shape.rate,
        lost_ms: tape.progress.lost_ms(),
        duration_ms: tape.progress.duration_ms(),
        paused_ms: tape.progress.paused_ms(),
        ledger: tape.progress.ledger(),
        losses: out.losses.clone(),
    }
}

/// The linear samples of one channel of a file.
fn samples(bytes: &[u8], format: Format, channels: usize, channel: usize) -> Vec<i16> {
    let own = bytes.iter().skip(channel).step_by(channels);
    match format.samples() {
        SampleFormat::Ulaw => own.map(|byte| decode(Law::Mu, *byte)).collect(),
        SampleFormat::Alaw => unreachable!("silence in A-law is not zero"),
        SampleFormat::Pcm16 => pcm16(bytes, channels, channel).collect(),
    }
}
