//! What is said while a recording is paused has no part in it: the same call is held
//! twice, with other words in the pauses, and what the recording leaves is the same to the
//! last byte. That needs no model, so here the rates of legs and files differ, senders
//! change their clock rate, and their clocks run slow or fast.

use callrec::media::sim::{self, Sim, Tape};
use callrec::media::{ClockMode, Span};
use callrec::words::{Codec, FeedFormat, Format, Layout, Leg, PauseMode};
use callrec_testkit::rtp::{self, RtpHeader};
use proptest::prelude::*;

use crate::model::NS_PER_MS;

const RATES: [u32; 4] = [8000, 16_000, 44_100, 48_000];
/// Payload types of these rates.
const TYPES: u8 = 96;
const LEGS: [Leg; 2] = [Leg::Local, Leg::Remote];

#[derive(Clone, Copy, Debug)]
enum PauseStep {
    /// So many milliseconds.
    Talk(u64),
    Pause,
    Resume,
    /// A leg goes on at another of the rates.
    Rate(usize, usize),
    /// The host says so, too.
    Format(usize, usize),
    Lose(usize, u16),
}

#[derive(Clone, Debug)]
struct SenderPlan {
    rate: usize,
    /// Its clock is so much slow, in millionths.
    slow: i64,
    /// Its first packet is that late.
    late_ms: u64,
    /// Samples in a packet more than 20 ms.
    odd: usize,
}

#[derive(Clone, Debug)]
struct PausePlan {
    real: bool,
    senders: [SenderPlan; 2],
    /// Of the recording that is paused, and of the one that goes on.
    files: [u32; 2],
    layout: Layout,
    pause_mode: PauseMode,
    /// Before anything else happens.
    prelude_ms: u64,
    steps: Vec<PauseStep>,
}

/// A sender as it goes along.
struct RunningSender {
    plan: SenderPlan,
    sequence: u16,
    timestamp: u32,
    /// When its next packet is due.
    due_ns: u64,
    said: u64,
    to_lose: u16,
}

impl RunningSender {
    fn rate(&self) -> u32 {
        RATES[self.plan.rate]
    }

    /// The next packet; `word`: what is said instead of the usual.
    fn speak(&mut self, word: Option<i16>) -> Vec<u8> {
        let samples = self.rate() as usize / 50 + self.plan.odd;
        let usual = (self.said as i16).wrapping_mul(997) >> 2;
        let payload = word.unwrap_or(usual).to_be_bytes().repeat(samples);
        let header = RtpHeader {
            payload_type: TYPES + self.plan.rate as u8,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: 7,
        };
        self.said += 1;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        let length_ns = samples as i64 * 1_000_000_000 / i64::from(self.rate());
        self.due_ns += (length_ns + length_ns / 1_000_000 * self.plan.slow) as u64;
        rtp::packet(header, &payload)
    }
}

struct PausedCall {
    sim: Sim,
    begin_ns: u64,
    mouths: [RunningSender; 2],
    paused: bool,
    secret: i16,
}

impl PausedCall {
    fn talk(&mut self, ms: u64) {
        let until = self.sim.now_ns + ms * NS_PER_MS;
        loop {
            let next = usize::from(self.mouths[1].due_ns < self.mouths[0].due_ns);
            let mouth = &mut self.mouths[next];
            if mouth.due_ns > until {
                break;
            }
            let late_ns = self.begin_ns + mouth.plan.late_ms * NS_PER_MS;
            self.sim.now_ns = self.sim.now_ns.max(mouth.due_ns).max(late_ns);
            let packet = mouth.speak(self.paused.then_some(self.secret));
            if mouth.to_lose > 0 {
                mouth.to_lose -= 1;
            } else {
                self.sim.rtp(LEGS[next], &packet);
            }
            if mouth.said.is_multiple_of(5) {
                self.sim.visit();
            }
        }
        self.sim.now_ns = self.sim.now_ns.max(until);
    }
}

/// What the paused recording left.
type PausedOutput = (Vec<u8>, Vec<Span>, Vec<Span>, u64);

fn hold(plan: &PausePlan, secret: i16) -> PausedOutput {
    let clock = [ClockMode::Stream, ClockMode::Real][usize::from(plan.real)];
    let mut sim = Sim::new(sim::config(clock));
    let begin_ns = sim.now_ns;
    for (leg, sender) in LEGS.into_iter().zip(&plan.senders) {
        sim.attach(leg, format(sender.rate));
        for rate in 0..RATES.len() {
            sim.payload(leg, TYPES + rate as u8, format(rate));
        }
    }
    let [paused, _] = plan.files.map(|rate| start(&mut sim, plan, rate));
    let mouths = plan.senders.clone().map(|plan| RunningSender {
        plan,
        sequence: 65_500,
        timestamp: 0xffff_f000,
        due_ns: begin_ns,
        said: 0,
        to_lose: 0,
    });
    let mut held = PausedCall {
        sim,
        begin_ns,
        mouths,
        paused: false,
        secret,
    };
    held.talk(plan.prelude_ms);
    for step in &plan.steps {
        match *step {
            PauseStep::Talk(ms) => held.talk(ms),
            PauseStep::Pause => {
                held.sim.pause(&paused);
                held.paused = true;
            }
            PauseStep::Resume => {
                held.sim.resume(&paused);
                held.paused = false;
            }
            PauseStep::Rate(leg, rate) => held.mouths[leg].plan.rate = rate,
            PauseStep::Format(leg, rate) => {
                held.mouths[leg].plan.rate = rate;
                held.sim.set_format(LEGS[leg], format(rate));
            }
            PauseStep::Lose(leg, count) => held.mouths[leg].to_lose = count,
        }
    }
    held.sim.end();
    held.sim.visit();
    let out = paused.out.lock();
    let (bytes, losses) = (out.bytes.clone(), out.losses.clone());
    (bytes, losses, out.pauses.clone(), out.lost_ns)
}

fn format(rate: usize) -> FeedFormat {
    FeedFormat {
        codec: Codec::Pcm16,
        rate: RATES[rate],
    }
}

fn start(sim: &mut Sim, plan: &PausePlan, rate: u32) -> Tape {
    sim.start(sim::Wish {
        layout: plan.layout,
        format: Format::WAV,
        pause_mode: plan.pause_mode,
        max_duration_ms: 0,
        rate,
    })
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout::Stereo),
        Just(Layout::Mono),
        Just(Layout::Local),
        Just(Layout::Remote)
    ]
}

fn pause_mode() -> impl Strategy<Value = PauseMode> {
    prop_oneof![Just(PauseMode::Silence), Just(PauseMode::Skip)]
}

fn sender() -> impl Strategy<Value = SenderPlan> {
    (0..RATES.len(), 0usize..7).prop_map(|(rate, odd)| SenderPlan {
        rate,
        slow: 0,
        late_ms: 0,
        odd,
    })
}

fn step() -> impl Strategy<Value = PauseStep> {
    let to = (0..2usize, 0..RATES.len());
    prop_oneof![
        8 => (1u64..70).prop_map(PauseStep::Talk),
        5 => Just(PauseStep::Pause),
        5 => Just(PauseStep::Resume),
        2 => to.clone().prop_map(|(leg, rate)| PauseStep::Rate(leg, rate)),
        2 => to.prop_map(|(leg, rate)| PauseStep::Format(leg, rate)),
        1 => (0..2usize, 1u16..4).prop_map(|(leg, count)| PauseStep::Lose(leg, count)),
    ]
}

/// Rates that differ and change, within a second or two.
fn rates() -> impl Strategy<Value = PausePlan> {
    let file = || prop_oneof![Just(8000u32), Just(16_000), Just(44_100), Just(48_000)];
    let steps = prop::collection::vec(step(), 5..40);
    let (senders, files) = ([sender(), sender()], [file(), file()]);
    (any::<bool>(), senders, files, layout(), pause_mode(), steps).prop_map(
        |(real, senders, files, layout, pause_mode, steps)| PausePlan {
            real,
            senders,
            files,
            layout,
            pause_mode,
            prelude_ms: 20,
            steps,
        },
    )
}

/// Clocks that are slow or fast, until each packet is moved by a sample.
fn drifts() -> impl Strategy<Value = PausePlan> {
    let slow = prop_oneof![3 => 2100i64..2600, 1 => -2600i64..-2100];
    let sender = || {
        (slow.clone(), 0u64..50).prop_map(|(slow, late_ms)| SenderPlan {
            rate: 0,
            slow,
            late_ms,
            odd: 0,
        })
    };
    let step = prop_oneof![
        5 => (1u64..50).prop_map(PauseStep::Talk),
        3 => Just(PauseStep::Pause),
        3 => Just(PauseStep::Resume),
    ];
    let steps = prop::collection::vec(step, 40..120);
    ([sender(), sender()], layout(), pause_mode(), steps).prop_map(|(senders, layout, pause_mode, steps)| {
        PausePlan {
            real: true,
            senders,
            files: [8000; 2],
            layout,
            pause_mode,
            prelude_ms: 20_200,
            steps,
        }
    })
}

fn holds(plan: &PausePlan) -> Result<(), TestCaseError> {
    let (one, other) = (hold(plan, 20_000), hold(plan, -20_000));
    let at = one.0.iter().zip(&other.0).position(|(one, other)| one != other);
    prop_assert_eq!(at, None, "the byte that tells what was said in a pause");
    prop_assert!(one == other, "{:?}, {:?}", (&one.1, &one.2), (&other.1, &other.2));
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(30, crate::seeds!("rates")))]

    #[test]
    fn nothing_of_a_pause_whatever_the_rates(plan in rates()) {
        holds(&plan)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(15, crate::seeds!("drifts")))]

    #[test]
    fn nothing_of_a_pause_whatever_the_clocks(plan in drifts()) {
        holds(&plan)?;
    }
}
