//! Packets that are sent in a pause and arrive after it. None of them is recorded.

use callrec::media::ClockMode;
use callrec::media::sim::RecordingOptions;
use callrec::types::{Codec, Leg, PauseMode};

use crate::failures::Failures;
use crate::fixture::{CLOCKS, MediaFixture, VISITS, Visits, local, narrow, stereo};
use crate::marked_audio::MarkedHeader;

const PAUSE: usize = 100;
const RESUME: usize = 400;
const END: usize = 700;

/// The packets of the pause that arrive late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// The last three, in order.
    Tail,
    /// Two packets that are more than a hundred numbers old.
    Pair,
    /// One packet of the stream before the previous one.
    Third,
    /// As `Pair`, and two more 4 s later.
    Again,
    /// As `Pair`, of a stream whose feed was closed and opened again in the pause.
    Reopened,
    /// Fifty, a whole second.
    Fifty,
    /// Two packets whose numbers are forgotten already, while the leg is silent.
    OldPair,
    /// Six such packets.
    OldSix,
    /// Two packets of a sequence with the same SSRC that ended early in the pause.
    Sequence,
}

pub const LATE: [Late; 7] = [
    Late::Tail,
    Late::Pair,
    Late::Third,
    Late::Again,
    Late::Reopened,
    Late::Fifty,
    Late::OldPair,
];

/// Packets that look like a sequence that restarts. In real time only.
pub const ANEW: [Late; 2] = [Late::OldSix, Late::Sequence];

impl Late {
    /// The packets that the local leg does not send, so that old packets would find a free place.
    fn silence(self) -> std::ops::Range<usize> {
        match self {
            // More than a stall after the resume.
            Late::OldPair | Late::OldSix => 645..665,
            Late::Sequence => 620..660,
            _ => 0..0,
        }
    }

    /// Whether packet `k` is not in time.
    fn holds(self, k: usize) -> bool {
        match self {
            Late::Tail => (397..400).contains(&k),
            Late::Pair => (250..252).contains(&k),
            Late::Third => false,
            Late::Again => (250..254).contains(&k),
            Late::Reopened => (250..400).contains(&k),
            Late::Fifty => (200..250).contains(&k),
            Late::OldSix => (101..107).contains(&k) || self.silence().contains(&k),
            Late::OldPair => (101..103).contains(&k) || self.silence().contains(&k),
            Late::Sequence => (130..132).contains(&k) || self.silence().contains(&k),
        }
    }

    /// The late packets that arrive just before packet `k`.
    fn before(self, k: usize) -> std::ops::Range<usize> {
        match (self, k) {
            (Late::Tail, RESUME) => 397..400,
            (Late::Pair | Late::Again | Late::Reopened, RESUME) => 250..252,
            (Late::Again, 600) => 252..254,
            (Late::Fifty, RESUME) => 200..250,
            (Late::OldPair, 655) => 101..103,
            (Late::OldSix, 655) => 101..107,
            (Late::Sequence, 630) => 130..132,
            _ => 0..0,
        }
    }

    /// The sequence number, which does not advance in the silence.
    fn sequence(self, k: usize) -> u64 {
        if self == Late::Sequence && k < 140 {
            return 30_000 + k as u64;
        }
        let silence = self.silence();
        let silent = if k >= silence.end { silence.len() } else { 0 };
        (500 + k - silent) as u64
    }

    fn ssrc(self, k: usize) -> u32 {
        match (self, k) {
            (Late::Third, 0..150) => 3,
            (Late::Third, 150..260) => 11,
            (Late::Third, 260..390) => 12,
            (Late::Third, _) => 13,
            (Late::Reopened, RESUME..) => 4,
            _ => 3,
        }
    }
}

/// Streams: 0 and 1 are kept, 5 and 6 are sent during the pause.
pub fn leak(late: Late, clock: ClockMode, pause_mode: PauseMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(RecordingOptions {
        pause_mode,
        ..stereo()
    });
    for k in 0..END {
        fixture.until(20 * k as u64);
        let paused = (PAUSE..RESUME).contains(&k);
        if k == PAUSE {
            fixture.pause(recording);
        }
        if late == Late::Reopened && k == 200 {
            fixture.sim.detach(Leg::Local);
            fixture.attach(Leg::Local, narrow());
        }
        if k == RESUME {
            fixture.resume(recording);
        }
        for n in late.before(k) {
            say(&mut fixture, n, (late.sequence(n), 3), 5);
        }
        if late == Late::Third && k == RESUME {
            fixture.send(Leg::Local, MarkedHeader::audio(900, 7000, 11), 5, 160 * 260, 160);
        }
        fixture.steady(Leg::Remote, k, if paused { 6 } else { 1 });
        if !late.holds(k) {
            say(
                &mut fixture,
                k,
                (late.sequence(k), late.ssrc(k)),
                if paused { 5 } else { 0 },
            );
        }
    }
    let file = &fixture.finish()[recording];
    for (leg, stream) in [(Leg::Local, 5), (Leg::Remote, 6)] {
        let leaked = file.leg(leg).samples(stream);
        fixture.check(leaked == 0, || {
            format!("{leaked} samples of the pause are in the file")
        });
    }
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    // Forgotten packets may have been sent at any time.
    let unclear = match late {
        Late::Third => 20,
        Late::OldPair | Late::Sequence => 40,
        Late::OldSix => 120,
        _ => 0,
    };
    fixture.check(file.lost_ms == unclear, || format!("lost_ms is {}", file.lost_ms));
    let paused_ms = 20 * (RESUME - PAUSE) as u64;
    let skipped = if pause_mode == PauseMode::Skip {
        paused_ms
    } else {
        0
    };
    fixture.check_length(file, 20 * END as u64 - skipped, 20);
    fixture.check(file.paused_ms.abs_diff(paused_ms) <= 20, || {
        format!("paused_ms is {}", file.paused_ms)
    });
    fixture.failures()
}

fn say(fixture: &mut MediaFixture, k: usize, (sequence, ssrc): (u64, u32), stream: usize) {
    let head = MarkedHeader::audio(sequence, 160 * k as u64, ssrc);
    fixture.send(Leg::Local, head, stream, 160 * k, 160);
}

#[test]
fn audio_of_a_pause_is_not_recorded_after_it() {
    let mut failures = Failures::default();
    for clock in CLOCKS {
        for late in LATE {
            for pause_mode in [PauseMode::Silence, PauseMode::Skip] {
                for visits in VISITS {
                    let case = format!("{late:?}, {clock:?} time, {pause_mode:?}, {visits:?} visits");
                    failures.add(&case, leak(late, clock, pause_mode, visits));
                }
            }
        }
    }
    failures.end();
}

/// The local leg's network holds all packets from 3 s on for 2 s, and delivers them in real time,
/// so that they stay 2 s late and look live. The pause is from 4 s to 7 s. Streams: 0 is sent
/// before and after the pause, 4 is sent before it and received in it, 5 is sent in it.
pub fn delayed(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    for k in 0..700 {
        fixture.until(20 * k as u64);
        if k == 200 {
            fixture.pause(recording);
        }
        if k == 350 {
            fixture.resume(recording);
        }
        let n = match k {
            0..150 => k,
            150..250 => continue,
            _ => k - 100,
        };
        let stream = match n {
            150..200 => 4,
            200..350 => 5,
            _ => 0,
        };
        say(&mut fixture, n, (n as u64, 3), stream);
    }
    let file = &fixture.finish()[recording];
    for stream in [4, 5] {
        let leaked = file.leg(Leg::Local).samples(stream);
        fixture.check(leaked == 0, || {
            format!("{leaked} samples of stream {stream} are in the file")
        });
    }
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check(file.lost_ms == 2000, || format!("lost_ms is {}", file.lost_ms));
    fixture.failures()
}

/// The local leg is written 300 ms ahead of the clock. The pause is from 1 s to 1.5 s. Streams: 0
/// is the local leg, 1 is sent before and after the pause, 6 in it.
pub fn ahead(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    for k in 0..15 {
        fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
    }
    for k in 0..150 {
        fixture.until(20 * k as u64);
        if k == 50 {
            fixture.pause(recording);
        }
        if k == 75 {
            fixture.resume(recording);
        }
        fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * (15 + k), 160);
        fixture.steady(Leg::Remote, k, if (50..75).contains(&k) { 6 } else { 1 });
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_missing(file, Leg::Remote, 6, 25 * 160);
    fixture.check((440..=500).contains(&file.paused_ms), || {
        format!("paused_ms is {}", file.paused_ms)
    });
    fixture.failures()
}

#[test]
fn an_apparent_new_sequence_leaks_nothing_of_a_pause() {
    let mut failures = Failures::default();
    for late in ANEW {
        for visits in VISITS {
            let played = leak(late, ClockMode::Real, PauseMode::Silence, visits);
            failures.add(&format!("{late:?}, {visits:?} visits"), played);
        }
    }
    failures.end();
}

#[test]
fn a_stream_that_stays_late_leaks_nothing_of_a_pause() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), delayed(visits));
    }
    failures.end();
}

#[test]
fn a_leg_that_is_ahead_does_not_delay_a_pause() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), ahead(visits));
    }
    failures.end();
}
