//! Packets that were said and sent in a pause, and come after it. None of them is written.

use callrec::media::ClockMode;
use callrec::media::sim::Wish;
use callrec::words::{Leg, PauseMode};

use crate::marks::Head;
use crate::rig::{CLOCKS, Rig, VISITS, Visits, narrow, stereo};
use crate::verdict::Verdict;

const PAUSE: usize = 100;
const RESUME: usize = 400;
const END: usize = 700;

/// Which packets of the pause come late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    /// The last three, in order.
    Tail,
    /// Two, more than a hundred numbers old.
    Pair,
    /// One of the stream before the previous one.
    Third,
    /// As `Pair`, and two more 4 s later.
    Again,
    /// As `Pair`, of a stream whose feed was closed and opened again in the pause.
    Reopened,
    /// Fifty, a whole second.
    Fifty,
}

const LATE: [Late; 6] = [
    Late::Tail,
    Late::Pair,
    Late::Third,
    Late::Again,
    Late::Reopened,
    Late::Fifty,
];

impl Late {
    /// What does not come in time.
    fn holds(self, k: usize) -> bool {
        match self {
            Late::Tail => (397..400).contains(&k),
            Late::Pair => (250..252).contains(&k),
            Late::Third => false,
            Late::Again => (250..254).contains(&k),
            Late::Reopened => (250..400).contains(&k),
            Late::Fifty => (200..250).contains(&k),
        }
    }

    /// What comes late just before packet `k`.
    fn before(self, k: usize) -> std::ops::Range<usize> {
        match (self, k) {
            (Late::Tail, RESUME) => 397..400,
            (Late::Pair | Late::Again | Late::Reopened, RESUME) => 250..252,
            (Late::Again, 600) => 252..254,
            (Late::Fifty, RESUME) => 200..250,
            _ => 0..0,
        }
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

/// Streams: 0 and 1 kept, 5 and 6 said while paused.
fn leak(late: Late, clock: ClockMode, pause_mode: PauseMode, visits: Visits) -> Verdict {
    let mut rig = Rig::new(clock, visits);
    rig.attach_both();
    let recording = rig.start(Wish {
        pause_mode,
        ..stereo()
    });
    for k in 0..END {
        rig.until(20 * k as u64);
        let paused = (PAUSE..RESUME).contains(&k);
        if k == PAUSE {
            rig.pause(recording);
        }
        if late == Late::Reopened && k == 200 {
            rig.sim.detach(Leg::Local);
            rig.attach(Leg::Local, narrow());
        }
        if k == RESUME {
            rig.resume(recording);
        }
        for n in late.before(k) {
            say(&mut rig, n, 3, 5);
        }
        if late == Late::Third && k == RESUME {
            rig.say(Leg::Local, Head::audio(900, 7000, 11), 5, 160 * 260, 160);
        }
        rig.steady(Leg::Remote, k, if paused { 6 } else { 1 });
        if !late.holds(k) {
            say(&mut rig, k, late.ssrc(k), if paused { 5 } else { 0 });
        }
    }
    let file = &rig.finish()[recording];
    for (leg, stream) in [(Leg::Local, 5), (Leg::Remote, 6)] {
        let leaked = file.leg(leg).samples(stream);
        rig.check(leaked == 0, || {
            format!("{leaked} samples of the pause are in the file")
        });
    }
    rig.check_whole(file, Leg::Local, 0);
    rig.check_whole(file, Leg::Remote, 1);
    // One packet whose stream nobody remembers well may have been said at any time.
    let unclear = if late == Late::Third { 20 } else { 0 };
    rig.check(file.lost_ms == unclear, || format!("lost_ms is {}", file.lost_ms));
    let paused_ms = 20 * (RESUME - PAUSE) as u64;
    let skipped = if pause_mode == PauseMode::Skip {
        paused_ms
    } else {
        0
    };
    rig.check_length(file, 20 * END as u64 - skipped, 20);
    rig.check(file.paused_ms.abs_diff(paused_ms) <= 20, || {
        format!("paused_ms is {}", file.paused_ms)
    });
    rig.verdict()
}

fn say(rig: &mut Rig, k: usize, ssrc: u32, stream: usize) {
    let head = Head::audio(500 + k as u64, 160 * k as u64, ssrc);
    rig.say(Leg::Local, head, stream, 160 * k, 160);
}

#[test]
fn nothing_of_a_pause_is_written_after_it() {
    let mut verdict = Verdict::default();
    for clock in CLOCKS {
        for late in LATE {
            for pause_mode in [PauseMode::Silence, PauseMode::Skip] {
                for visits in VISITS {
                    let case = format!("{late:?}, {clock:?} time, {pause_mode:?}, {visits:?} visits");
                    verdict.add(&case, leak(late, clock, pause_mode, visits));
                }
            }
        }
    }
    verdict.end();
}
