//! Random plans of a call.

use callrec::types::{Codec, Format, Layout, PauseMode};
use proptest::prelude::*;

/// How the network delivers a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    SentPacket,
    Lost,
    Doubled,
    /// Arrives after this many later packets of its leg.
    Held(u8),
    /// The sender sends nothing.
    Mute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedMethod {
    Rtp,
    Write,
    WriteAt,
}

#[derive(Clone, Copy, Debug)]
pub struct PlannedRecording {
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    pub max_duration_ms: u32,
}

#[derive(Clone, Debug)]
pub enum PlanStep {
    /// Both legs send a packet, and about a packet's time passes.
    Round {
        deliveries: [Delivery; 2],
        jitter_ms: i8,
        age_ms: u8,
        visit: bool,
    },
    Alone(usize, Delivery),
    Outage(usize, u8),
    /// A silence that the sender's numbers show.
    Quiet(usize, u16),
    Pass(u16),
    Visit,
    Start(PlannedRecording),
    Pause(usize),
    Resume(usize),
    Stop(usize),
    Detach(usize),
    Attach(usize, Codec, FeedMethod),
    NewSender(usize),
    Reformat(usize, Codec),
}

#[derive(Clone, Debug)]
pub struct CallPlan {
    pub real: bool,
    pub rate: u32,
    pub mixed: bool,
    pub packet_ms: u64,
    pub flush_ms: u64,
    pub leg_wait_ms: u64,
    pub steps: Vec<PlanStep>,
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![3 => Just(Codec::Pcm16), 1 => Just(Codec::Pcmu), 1 => Just(Codec::Pcma)]
}

fn method() -> impl Strategy<Value = FeedMethod> {
    prop_oneof![3 => Just(FeedMethod::Rtp), 1 => Just(FeedMethod::Write), 1 => Just(FeedMethod::WriteAt)]
}

fn planned() -> impl Strategy<Value = PlannedRecording> {
    let layout = prop_oneof![
        2 => Just(Layout::Stereo),
        1 => Just(Layout::Mono),
        1 => Just(Layout::Local),
        1 => Just(Layout::Remote),
    ];
    let format =
        prop_oneof![4 => Just(Format::WAV), 1 => Just(Format::WAV_ULAW), 1 => Just(Format::WAV_ALAW)];
    let pause_mode = prop_oneof![Just(PauseMode::Silence), Just(PauseMode::Skip)];
    let limit = prop_oneof![5 => Just(0u32), 1 => 1u32..1500];
    (layout, format, pause_mode, limit).prop_map(|(layout, format, pause_mode, max_duration_ms)| {
        PlannedRecording {
            layout,
            format,
            pause_mode,
            max_duration_ms,
        }
    })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        40 => Just(Delivery::SentPacket),
        4 => Just(Delivery::Lost),
        2 => Just(Delivery::Doubled),
        5 => (1u8..7).prop_map(Delivery::Held),
        1 => Just(Delivery::Mute),
    ]
}

fn round() -> impl Strategy<Value = PlanStep> {
    let jitter = prop_oneof![3 => Just(0i8), 2 => -20i8..25, 1 => -30i8..80];
    let age = prop_oneof![4 => Just(0u8), 1 => 0u8..30];
    ([delivery(), delivery()], jitter, age, any::<bool>()).prop_map(
        |(deliveries, jitter_ms, age_ms, visit)| PlanStep::Round {
            deliveries,
            jitter_ms,
            age_ms,
            visit,
        },
    )
}

fn step() -> impl Strategy<Value = PlanStep> {
    let leg = 0..2usize;
    let tape = 0..4usize;
    prop_oneof![
        60 => round(),
        6 => (leg.clone(), delivery()).prop_map(|(leg, delivery)| PlanStep::Alone(leg, delivery)),
        2 => (leg.clone(), 2u8..20).prop_map(|(leg, count)| PlanStep::Outage(leg, count)),
        3 => (leg.clone(), 5u16..400).prop_map(|(leg, ms)| PlanStep::Quiet(leg, ms)),
        2 => (10u16..1500).prop_map(PlanStep::Pass),
        4 => Just(PlanStep::Visit),
        4 => planned().prop_map(PlanStep::Start),
        6 => tape.clone().prop_map(PlanStep::Pause),
        6 => tape.clone().prop_map(PlanStep::Resume),
        2 => tape.prop_map(PlanStep::Stop),
        1 => leg.clone().prop_map(PlanStep::Detach),
        2 => (leg.clone(), codec(), method()).prop_map(|(leg, codec, method)| PlanStep::Attach(leg, codec, method)),
        1 => leg.clone().prop_map(PlanStep::NewSender),
        1 => (leg, codec()).prop_map(|(leg, codec)| PlanStep::Reformat(leg, codec)),
    ]
}

fn steps(most: usize) -> impl Strategy<Value = Vec<PlanStep>> {
    let leg = |n| (codec(), method()).prop_map(move |(codec, method)| PlanStep::Attach(n, codec, method));
    let begin = (leg(0), leg(1), planned()).prop_map(|(a, b, planned)| [a, b, PlanStep::Start(planned)]);
    (begin, prop::collection::vec(step(), 5..most)).prop_map(|(begin, rest)| {
        let mut steps = begin.to_vec();
        steps.extend(rest);
        steps
    })
}

/// Plans for the media path alone.
pub fn plans(real: bool) -> impl Strategy<Value = CallPlan> {
    let rate = prop_oneof![14 => Just(8000u32), 1 => Just(16_000), 1 => Just(44_100)];
    let mixed = prop::bool::weighted(0.1);
    let packet_ms = prop_oneof![3 => Just(10u64), 3 => Just(20), 1 => Just(30)];
    let flush_ms = prop_oneof![1 => Just(1u64), 1 => Just(50), 1 => Just(300), 2 => Just(700)];
    let leg_wait_ms = prop_oneof![Just(2000u64), Just(300), Just(100)];
    (rate, mixed, packet_ms, flush_ms, leg_wait_ms, steps(70)).prop_map(
        move |(rate, mixed, packet_ms, flush_ms, leg_wait_ms, steps)| CallPlan {
            real,
            rate,
            mixed,
            packet_ms,
            flush_ms,
            leg_wait_ms,
            steps,
        },
    )
}

/// Plans for the whole library.
pub fn whole_plans() -> impl Strategy<Value = CallPlan> {
    plans(false).prop_map(|plan| CallPlan { rate: 8000, ..plan })
}
