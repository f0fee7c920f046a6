//! A random schedule, always the same one for the same seed.

use callrec_testkit::random::Dice;

use crate::senders::{Kind, Wrong};

/// From, and to, in ms.
pub type Stretch = (u64, u64);

#[derive(Clone, Debug)]
pub struct Recording {
    pub start: u64,
    pub stop: u64,
    pub pauses: Vec<Stretch>,
    pub skips: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub ms: u64,
    pub senders: Vec<Kind>,
    pub recordings: Vec<Recording>,
    pub private: Vec<Stretch>,
    /// The worker comes by after at most so many ms.
    pub visit_ms: u64,
}

/// Sample numbers fit into 16 bits for so long.
const LONGEST_MS: u64 = 8000;

impl Plan {
    pub fn new(dice: &mut Dice) -> Plan {
        let ms = match dice.chance(10) {
            true => dice.between(5000, LONGEST_MS),
            false => dice.between(1200, 3200),
        };
        let recordings = (0..dice.pick(&[1, 1, 2, 3])).map(|_| Recording::new(ms, dice));
        let recordings: Vec<_> = recordings.collect();
        let private = match dice.chance(20) {
            true => stretches(200, ms, 1, dice),
            false => Vec::new(),
        };
        let pause = recordings[0].pauses.first().copied();
        let senders = (0..dice.between(1, 2)).map(|_| kind(ms, pause, dice)).collect();
        Plan {
            ms,
            senders,
            recordings,
            private,
            visit_ms: dice.pick(&[20, 100, 100, 250]),
        }
    }
}

impl Recording {
    fn new(ms: u64, dice: &mut Dice) -> Recording {
        let start = dice.below(ms / 3);
        let stop = match dice.chance(50) {
            true => ms,
            false => dice.between(start + ms / 3, ms),
        };
        let pauses = dice.pick(&[0, 0, 1, 1, 2]);
        Recording {
            start,
            stop,
            pauses: stretches(start, stop, pauses, dice),
            skips: dice.chance(30),
        }
    }
}

/// So many stretches within these times, one after the other.
fn stretches(from: u64, to: u64, count: u64, dice: &mut Dice) -> Vec<Stretch> {
    let share = (to - from) / count.max(1);
    let within = |n: u64| {
        let begin = from + n * share + dice.below(share / 2);
        (begin, begin + 1 + dice.below(share / 2))
    };
    (0..count).map(within).collect()
}

fn kind(ms: u64, pause: Option<Stretch>, dice: &mut Dice) -> Kind {
    match dice.below(16) {
        0 => Kind::Clean,
        1 => Kind::Jitter(dice.between(5, 50)),
        2 => Kind::Reorder,
        3 => Kind::Duplicates,
        4 => Kind::Loss(dice.between(1, 20)),
        5 => Kind::Dtx,
        6 => Kind::SharedEvents,
        7 => Kind::OwnEvents(dice.pick(&[50, 5000, -50])),
        8 => Kind::Restart(dice.pick(&[-30, -1000, 500, 20_000])),
        9 => Kind::Ssrc(dice.between(20, 80) as usize),
        10 => Kind::Wrong(wrong(dice)),
        11 => Kind::Stall {
            from: dice.between(15, 60) as usize,
            ms: dice.between(100, (ms * 2 / 3).min(4800)),
            pace: dice.pick(&[0, 130, 200, 1000]),
        },
        12 => Kind::Drift(dice.pick(&[-10_000, -1000, 1000, 10_000])),
        13 => match pause {
            Some((from, to)) => Kind::StoodStill(from + dice.below(100), to + dice.below(300)),
            None => Kind::Clean,
        },
        14 => Kind::Unknown(dice.between(5, 40) as usize, dice.pick(&[0, 3, 400, 20_000])),
        _ => Kind::Writes(dice.between(0, 450)),
    }
}

fn wrong(dice: &mut Dice) -> Wrong {
    let jump = dice.pick(&[-320, -13_440, 12_000, 80_000]);
    dice.pick(&[
        Wrong::Half,
        Wrong::Double,
        Wrong::Pairs,
        Wrong::Stuck,
        Wrong::Jump(jump),
    ])
}
