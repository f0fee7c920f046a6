//! Audio during a pause does not influence the recording: the same call is played twice with
//! different audio in the pauses, and both recordings are the same to the last byte. This needs
//! no model, so here the rates of legs and files differ, senders change their clock rate, and
//! their clocks run slow or fast.

use callrec::media::sim::{self, Sim, SimRecording};
use callrec::media::{ClockMode, Span};
use callrec::types::{Codec, FeedFormat, Format, KeepRaw, Layout, Leg, PauseMode};
use callrec_testkit::rtp::{self, RtpHeader};
use proptest::prelude::*;

use crate::model::NS_PER_MS;

const RATES: [u32; 4] = [8000, 16_000, 44_100, 48_000];
/// Payload types of these rates.
const TYPES: u8 = 96;
const LEGS: [Leg; 2] = [Leg::Local, Leg::Remote];

#[derive(Clone, Copy, Debug)]
enum PauseStep {
    /// The senders send for this many milliseconds.
    Send(u64),
    Pause,
    Resume,
    /// A leg's sender changes to another rate.
    Rate(usize, usize),
    /// The same, and the host sets the feed's format.
    Format(usize, usize),
    Lose(usize, u16),
}

#[derive(Clone, Debug)]
struct SenderPlan {
    rate: usize,
    /// How much its clock is slow, in parts per million.
    slow: i64,
    /// The delay of its first packet.
    late_ms: u64,
    /// Samples of a packet beyond 20 ms.
    odd: usize,
}

#[derive(Clone, Debug)]
struct PausePlan {
    real: bool,
    senders: [SenderPlan; 2],
    /// Sample rates of the recording that is paused, and of the one that is not.
    files: [u32; 2],
    layout: Layout,
    pause_mode: PauseMode,
    /// Time before the first step.
    prelude_ms: u64,
    steps: Vec<PauseStep>,
}

/// A sender while it sends.
struct RunningSender {
    plan: SenderPlan,
    sequence: u16,
    timestamp: u32,
    /// The time of its next packet.
    due_ns: u64,
    sent: u64,
    to_lose: u16,
}

impl RunningSender {
    fn rate(&self) -> u32 {
        RATES[self.plan.rate]
    }

    /// The next packet. `audio` replaces its usual sample.
    fn next_packet(&mut self, audio: Option<i16>) -> Vec<u8> {
        let samples = self.rate() as usize / 50 + self.plan.odd;
        let usual = (self.sent as i16).wrapping_mul(997) >> 2;
        let payload = audio.unwrap_or(usual).to_be_bytes().repeat(samples);
        let header = RtpHeader {
            payload_type: TYPES + self.plan.rate as u8,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: 7,
        };
        self.sent += 1;
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
    senders: [RunningSender; 2],
    paused: bool,
    paused_sample: i16,
}

impl PausedCall {
    fn send(&mut self, ms: u64) {
        let until = self.sim.now_ns + ms * NS_PER_MS;
        loop {
            let next = usize::from(self.senders[1].due_ns < self.senders[0].due_ns);
            let sender = &mut self.senders[next];
            if sender.due_ns > until {
                break;
            }
            let late_ns = self.begin_ns + sender.plan.late_ms * NS_PER_MS;
            self.sim.now_ns = self.sim.now_ns.max(sender.due_ns).max(late_ns);
            let packet = sender.next_packet(self.paused.then_some(self.paused_sample));
            if sender.to_lose > 0 {
                sender.to_lose -= 1;
            } else {
                self.sim.rtp(LEGS[next], &packet);
            }
            if sender.sent.is_multiple_of(5) {
                self.sim.visit();
            }
        }
        self.sim.now_ns = self.sim.now_ns.max(until);
    }
}

/// A packet that is kept as it arrived.
type KeptPacket = (Leg, u64, Vec<u8>);

/// The audio, losses, pauses, lost nanoseconds and kept packets of the paused recording.
type PausedOutput = (Vec<u8>, Vec<Span>, Vec<Span>, u64, Vec<KeptPacket>);

fn play(plan: &PausePlan, paused_sample: i16) -> PausedOutput {
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
    let senders = plan.senders.clone().map(|plan| RunningSender {
        plan,
        sequence: 65_500,
        timestamp: 0xffff_f000,
        due_ns: begin_ns,
        sent: 0,
        to_lose: 0,
    });
    let mut call = PausedCall {
        sim,
        begin_ns,
        senders,
        paused: false,
        paused_sample,
    };
    call.send(plan.prelude_ms);
    for step in &plan.steps {
        match *step {
            PauseStep::Send(ms) => call.send(ms),
            PauseStep::Pause => {
                call.sim.pause(&paused);
                call.paused = true;
            }
            PauseStep::Resume => {
                call.sim.resume(&paused);
                call.paused = false;
            }
            PauseStep::Rate(leg, rate) => call.senders[leg].plan.rate = rate,
            PauseStep::Format(leg, rate) => {
                call.senders[leg].plan.rate = rate;
                call.sim.set_format(LEGS[leg], format(rate));
            }
            PauseStep::Lose(leg, count) => call.senders[leg].to_lose = count,
        }
    }
    call.sim.end();
    call.sim.visit();
    let out = paused.out.lock();
    let (bytes, losses) = (out.bytes.clone(), out.losses.clone());
    (bytes, losses, out.pauses.clone(), out.lost_ns, out.raw.clone())
}

fn format(rate: usize) -> FeedFormat {
    FeedFormat {
        codec: Codec::Pcm16,
        rate: RATES[rate],
    }
}

fn start(sim: &mut Sim, plan: &PausePlan, rate: u32) -> SimRecording {
    sim.start(sim::RecordingOptions {
        layout: plan.layout,
        format: Format::WAV,
        pause_mode: plan.pause_mode,
        max_duration_ms: 0,
        rate,
        keep_raw: KeepRaw::Always,
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
        8 => (1u64..70).prop_map(PauseStep::Send),
        5 => Just(PauseStep::Pause),
        5 => Just(PauseStep::Resume),
        2 => to.clone().prop_map(|(leg, rate)| PauseStep::Rate(leg, rate)),
        2 => to.prop_map(|(leg, rate)| PauseStep::Format(leg, rate)),
        1 => (0..2usize, 1u16..4).prop_map(|(leg, count)| PauseStep::Lose(leg, count)),
    ]
}

/// Different and changing rates, for one or two seconds.
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

/// Slow or fast clocks, for so long that each packet is moved by a sample.
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
        5 => (1u64..50).prop_map(PauseStep::Send),
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
    let (one, other) = (play(plan, 20_000), play(plan, -20_000));
    let at = one.0.iter().zip(&other.0).position(|(one, other)| one != other);
    prop_assert_eq!(at, None, "the byte that differs by the audio of a pause");
    prop_assert!(one == other, "{:?}, {:?}", (&one.1, &one.2), (&other.1, &other.2));
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(30, crate::seeds!("rates")))]

    #[test]
    fn a_pause_leaves_no_trace_at_any_rate(plan in rates()) {
        holds(&plan)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(15, crate::seeds!("drifts")))]

    #[test]
    fn a_pause_leaves_no_trace_with_any_clock(plan in drifts()) {
        holds(&plan)?;
    }
}
