//! Random schedules; the same seed gives the same schedule.

use callrec_testkit::random::SeededRng;

use crate::senders::{SenderKind, TimestampFault};

/// A start and an end, in ms.
pub type MsRange = (u64, u64);

#[derive(Clone, Debug)]
pub struct ScheduledRecording {
    pub start: u64,
    pub stop: u64,
    pub pauses: Vec<MsRange>,
    pub skips: bool,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub ms: u64,
    pub senders: Vec<SenderKind>,
    pub recordings: Vec<ScheduledRecording>,
    pub private: Vec<MsRange>,
    /// The longest time between two visits of the worker, in ms.
    pub visit_ms: u64,
}

/// How long sample numbers fit into 16 bits.
const LONGEST_MS: u64 = 8000;

impl Schedule {
    pub fn new(rng: &mut SeededRng) -> Schedule {
        let ms = match rng.chance(10) {
            true => rng.between(5000, LONGEST_MS),
            false => rng.between(1200, 3200),
        };
        let recordings = (0..rng.pick(&[1, 1, 2, 3])).map(|_| ScheduledRecording::new(ms, rng));
        let recordings: Vec<_> = recordings.collect();
        let private = match rng.chance(20) {
            true => ranges(200, ms, 1, rng),
            false => Vec::new(),
        };
        let pause = recordings[0].pauses.first().copied();
        let senders = (0..rng.between(1, 2)).map(|_| kind(ms, pause, rng)).collect();
        Schedule {
            ms,
            senders,
            recordings,
            private,
            visit_ms: rng.pick(&[20, 100, 100, 250]),
        }
    }
}

impl ScheduledRecording {
    fn new(ms: u64, rng: &mut SeededRng) -> ScheduledRecording {
        let start = rng.below(ms / 3);
        let stop = match rng.chance(50) {
            true => ms,
            false => rng.between(start + ms / 3, ms),
        };
        let pauses = rng.pick(&[0, 0, 1, 1, 2]);
        ScheduledRecording {
            start,
            stop,
            pauses: ranges(start, stop, pauses, rng),
            skips: rng.chance(30),
        }
    }
}

/// `count` ranges between these times, one after the other.
fn ranges(from: u64, to: u64, count: u64, rng: &mut SeededRng) -> Vec<MsRange> {
    let share = (to - from) / count.max(1);
    let within = |n: u64| {
        let begin = from + n * share + rng.below(share / 2);
        (begin, begin + 1 + rng.below(share / 2))
    };
    (0..count).map(within).collect()
}

fn kind(ms: u64, pause: Option<MsRange>, rng: &mut SeededRng) -> SenderKind {
    match rng.below(16) {
        0 => SenderKind::Clean,
        1 => SenderKind::Jitter(rng.between(5, 50)),
        2 => SenderKind::Reorder,
        3 => SenderKind::Duplicates,
        4 => SenderKind::Loss(rng.between(1, 20)),
        5 => SenderKind::Dtx,
        6 => SenderKind::SharedEvents,
        7 => SenderKind::OwnEvents(rng.pick(&[50, 5000, -50])),
        8 => SenderKind::Restart(rng.pick(&[-30, -1000, 500, 20_000])),
        9 => SenderKind::Ssrc(rng.between(20, 80) as usize),
        10 => SenderKind::TimestampFault(wrong(rng)),
        11 => SenderKind::Stall {
            from: rng.between(15, 60) as usize,
            ms: rng.between(100, (ms * 2 / 3).min(4800)),
            pace: rng.pick(&[0, 130, 200, 1000]),
        },
        12 => SenderKind::Drift(rng.pick(&[-10_000, -1000, 1000, 10_000])),
        13 => match pause {
            Some((from, to)) => SenderKind::Stopped(from + rng.below(100), to + rng.below(300)),
            None => SenderKind::Clean,
        },
        14 => SenderKind::Unknown(rng.between(5, 40) as usize, rng.pick(&[0, 3, 400, 20_000])),
        _ => SenderKind::Writes(rng.between(0, 450)),
    }
}

fn wrong(rng: &mut SeededRng) -> TimestampFault {
    let jump = rng.pick(&[-320, -13_440, 12_000, 80_000]);
    rng.pick(&[
        TimestampFault::Half,
        TimestampFault::Double,
        TimestampFault::Pairs,
        TimestampFault::Stuck,
        TimestampFault::Jump(jump),
    ])
}
