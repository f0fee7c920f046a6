//! A host whose writes have gaps, in a call that is paused later.

use callrec::media::DropReason;
use callrec::media::ledger::ticks;
use callrec::media::sim::{RecordingOptions, Sim, SimRecording};
use callrec::types::{Codec, FeedFormat, Format, Layout, Leg};
use callrec_testkit::random::splitmix64;

const MS: u64 = 1_000_000;
const BLOCK_MS: u64 = 20;
const PAUSED: u8 = 0x01;
const SPOKEN: u8 = 0x10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Write,
    /// With the host's own count of samples, which goes on in a gap.
    WriteAt,
}

/// A host that writes 20 ms every 20 ms, up to 5 ms late.
struct Host {
    sim: Sim,
    recording: SimRecording,
    function: Function,
    began_ns: u64,
    /// The time of the next block, in ms.
    ms: u64,
    written: u64,
}

impl Host {
    fn new(function: Function) -> Host {
        let mut sim = Sim::real();
        let format = FeedFormat {
            codec: Codec::Pcmu,
            rate: 8000,
        };
        sim.attach(Leg::Local, format);
        let recording = sim.start(RecordingOptions {
            layout: Layout::Local,
            format: Format::WAV_ULAW,
            ..RecordingOptions::default()
        });
        sim.visit();
        Host {
            began_ns: sim.now_ns,
            sim,
            recording,
            function,
            ms: 0,
            written: 0,
        }
    }

    /// Writes blocks for this long, each as it comes.
    fn speak(&mut self, ms: u64, byte: u8) {
        for _ in 0..ms / BLOCK_MS {
            let jitter_ns = splitmix64(self.ms) % (5 * MS);
            self.pass_until(self.began_ns + self.ms * MS + jitter_ns);
            let block = [byte; 160];
            let status = match self.function {
                Function::Write => self.sim.write(Leg::Local, &block),
                Function::WriteAt => self.sim.write_at(Leg::Local, self.ms * 8, &block),
            };
            assert_eq!(status, callrec::types::Status::Ok);
            self.ms += BLOCK_MS;
            self.written += 160;
        }
    }

    fn be_silent(&mut self, ms: u64) {
        self.ms += ms;
        self.pass_until(self.began_ns + self.ms * MS);
    }

    /// Speaks for this long, with a gap of 300 ms every 10 s.
    fn speak_with_gaps(&mut self, seconds: u64) {
        for _ in 0..seconds / 10 {
            self.speak(9700, SPOKEN);
            self.be_silent(300);
        }
    }

    fn pass_until(&mut self, until_ns: u64) {
        while self.sim.now_ns + 100 * MS < until_ns {
            self.sim.now_ns += 100 * MS;
            self.sim.visit();
        }
        self.sim.now_ns = until_ns.max(self.sim.now_ns);
        self.sim.visit();
    }

    /// Pauses for five seconds, and speaks for ten after that. Returns how many ms of these are
    /// discarded, because they may have been spoken during the pause.
    fn discarded_after_a_pause(mut self) -> u64 {
        self.sim.pause(&self.recording);
        self.speak(5000, PAUSED);
        self.sim.resume(&self.recording);
        self.speak(10_000, SPOKEN);
        let bytes = self.end();
        assert!(!bytes.contains(&PAUSED));
        let ledger = self.recording.progress.ledger();
        let leg = ledger.leg(Leg::Local);
        let unclear = leg.dropped[DropReason::PauseUnclear as usize];
        assert_eq!(leg.lost(), unclear, "nothing else is lost");
        let kept = bytes.iter().filter(|byte| **byte == SPOKEN).count() as u64;
        let spoken = self.written - 5000 * 8;
        let lacking = (spoken - kept) / 8;
        assert!(
            unclear.abs_diff(ticks(8 * lacking, 8000)) <= ticks(160, 8000),
            "{lacking} ms are not in the file, and {unclear} ticks are in the ledger"
        );
        lacking
    }

    fn end(&mut self) -> Vec<u8> {
        self.sim.pass(500);
        self.sim.stop(&self.recording);
        self.sim.pass(500);
        let ledger = self.recording.progress.ledger();
        let leg = ledger.leg(Leg::Local);
        assert_eq!(leg.accounted(), leg.handed);
        self.recording.out.lock().bytes.clone()
    }
}

fn is_about(measured_ms: u64, expected_ms: u64) -> bool {
    measured_ms.abs_diff(expected_ms) <= 5 * BLOCK_MS
}

/// Without a pause, nothing is lost, and each gap is a silence of its length.
#[test]
fn gaps_lose_nothing_while_the_recording_is_live() {
    for function in [Function::Write, Function::WriteAt] {
        let mut host = Host::new(function);
        host.speak_with_gaps(180);
        let bytes = host.end();
        assert_eq!(host.recording.progress.ledger().leg(Leg::Local).lost(), 0);
        let spoken = bytes.iter().filter(|byte| **byte == SPOKEN).count() as u64;
        assert!(
            host.written.abs_diff(spoken) <= 160,
            "{function:?}: {spoken} samples"
        );
        let ms = bytes.len() as u64 / 8;
        assert!(is_about(ms, 180_500), "{function:?}: {ms} ms");
    }
}

/// Each gap may be a stall of the host, after which it is behind. Nothing shows the difference.
#[test]
fn gaps_add_up_if_nothing_shows_that_the_host_keeps_up() {
    for (seconds, expected_ms) in [(0, 0), (10, 300), (50, 1500), (180, 5000)] {
        let mut host = Host::new(Function::Write);
        host.speak_with_gaps(seconds);
        host.speak(1000, SPOKEN);
        let lost_ms = host.discarded_after_a_pause();
        assert!(is_about(lost_ms, expected_ms), "{seconds} s: {lost_ms} ms");
    }
}

/// A host that writes nothing for a while has nothing left that it could write.
#[test]
fn a_silence_shows_that_a_host_keeps_up() {
    for (silent_ms, gaps_after, expected_ms) in [
        (800, 0, 5000),
        (1500, 0, 500),
        (1500, 2, 1100),
        (4500, 0, 500),
        (6000, 0, 0),
    ] {
        let mut host = Host::new(Function::Write);
        host.speak_with_gaps(180);
        host.speak(1000, SPOKEN);
        host.be_silent(silent_ms);
        host.speak(1000, SPOKEN);
        host.speak_with_gaps(10 * gaps_after);
        host.speak(1000, SPOKEN);
        let lost_ms = host.discarded_after_a_pause();
        assert!(
            is_about(lost_ms, expected_ms),
            "silent for {silent_ms} ms: {lost_ms} ms"
        );
    }
}

/// The host's count of samples shows that a gap is one.
#[test]
fn positions_show_that_a_host_keeps_up() {
    let mut host = Host::new(Function::WriteAt);
    host.speak_with_gaps(180);
    assert_eq!(host.discarded_after_a_pause(), 0);
}

/// A host that stalls and never makes up for it is behind until its source is silent. It may stall
/// once more at the end of the silence.
#[test]
fn a_host_that_is_behind_keeps_nothing_of_a_pause() {
    const STALL_MS: u64 = 400;
    for (stalls, last_ms) in [(3, 0), (3, 200), (3, 480), (12, 480)] {
        let mut host = Host::new(Function::Write);
        for _ in 0..stalls {
            host.speak(3000, SPOKEN);
            host.be_silent(STALL_MS);
        }
        // The source is silent: first the host writes what it is behind, then nothing.
        host.speak(stalls * STALL_MS, SPOKEN);
        host.be_silent(1500 + last_ms);
        host.speak(3000, SPOKEN);
        host.sim.pause(&host.recording);
        host.speak(5000, PAUSED);
        host.sim.resume(&host.recording);
        host.speak(last_ms, PAUSED);
        host.speak(3000, SPOKEN);
        let bytes = host.end();
        assert!(
            !bytes.contains(&PAUSED),
            "{stalls} stalls, and one of {last_ms} ms"
        );
    }
}

/// A host that begins with a burst is ahead of the clock from then on, so a later stall of less than
/// that moves nothing. What it makes up for after a resume was spoken during the pause all the same.
#[test]
fn a_host_that_begins_with_a_burst_keeps_nothing_of_a_pause() {
    for function in [Function::Write, Function::WriteAt] {
        for (ahead_ms, stall_ms) in [(40, 40), (200, 100), (400, 400), (1900, 80), (1900, 1800)] {
            for makes_up_at_once in [true, false] {
                let mut host = Host::new(function);
                host.pass_until(host.began_ns + 2000 * MS);
                host.began_ns = host.sim.now_ns - ahead_ms * MS;
                host.speak(ahead_ms, SPOKEN);
                host.speak(3000, SPOKEN);
                host.sim.pause(&host.recording);
                host.speak(3000, PAUSED);
                host.pass_until(host.began_ns + (host.ms + stall_ms) * MS);
                host.sim.resume(&host.recording);
                if !makes_up_at_once {
                    host.began_ns += stall_ms * MS;
                }
                host.speak(stall_ms, PAUSED);
                host.speak(3000, SPOKEN);
                let bytes = host.end();
                let case = format!("{function:?}, {ahead_ms} ms, {stall_ms} ms, {makes_up_at_once}");
                assert!(!bytes.contains(&PAUSED), "{case}");
                let kept = bytes.iter().filter(|byte| **byte == SPOKEN).count() as u64 / 8;
                // What was ahead of the pause is in it by its position.
                let spoken = ahead_ms + 6000 - ahead_ms.saturating_sub(60);
                assert!(kept + BLOCK_MS >= spoken, "{case}: {kept} of {spoken} ms");
            }
        }
    }
}
