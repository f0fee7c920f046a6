//! Random schedules.

use callrec::types::{Codec, Format, Layout, PauseMode};
use proptest::prelude::*;

/// What the network does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Sent,
    Lost,
    Doubled,
    /// Arrives after so many more of its leg.
    Held(u8),
    /// Nothing was said.
    Mute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Rtp,
    Write,
    WriteAt,
}

#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    pub max_duration_ms: u32,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// Both legs say something and a packet's time goes by, more or less.
    Round {
        fates: [Fate; 2],
        jitter_ms: i8,
        age_ms: u8,
        visit: bool,
    },
    Alone(usize, Fate),
    Outage(usize, u8),
    /// A silence that the sender's numbers tell of.
    Quiet(usize, u16),
    Pass(u16),
    Visit,
    Start(Wish),
    Pause(usize),
    Resume(usize),
    Stop(usize),
    Detach(usize),
    Attach(usize, Codec, How),
    NewSender(usize),
    Reformat(usize, Codec),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub real: bool,
    pub rate: u32,
    pub mixed: bool,
    pub packet_ms: u64,
    pub flush_ms: u64,
    pub leg_wait_ms: u64,
    pub steps: Vec<Step>,
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![3 => Just(Codec::Pcm16), 1 => Just(Codec::Pcmu), 1 => Just(Codec::Pcma)]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![3 => Just(How::Rtp), 1 => Just(How::Write), 1 => Just(How::WriteAt)]
}

fn wish() -> impl Strategy<Value = Wish> {
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
    (layout, format, pause_mode, limit).prop_map(|(layout, format, pause_mode, max_duration_ms)| Wish {
        layout,
        format,
        pause_mode,
        max_duration_ms,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        40 => Just(Fate::Sent),
        4 => Just(Fate::Lost),
        2 => Just(Fate::Doubled),
        5 => (1u8..7).prop_map(Fate::Held),
        1 => Just(Fate::Mute),
    ]
}

fn round() -> impl Strategy<Value = Step> {
    let jitter = prop_oneof![3 => Just(0i8), 2 => -20i8..25, 1 => -30i8..80];
    let age = prop_oneof![4 => Just(0u8), 1 => 0u8..30];
    ([fate(), fate()], jitter, age, any::<bool>()).prop_map(|(fates, jitter_ms, age_ms, visit)| Step::Round {
        fates,
        jitter_ms,
        age_ms,
        visit,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let leg = 0..2usize;
    let tape = 0..4usize;
    prop_oneof![
        60 => round(),
        6 => (leg.clone(), fate()).prop_map(|(leg, fate)| Step::Alone(leg, fate)),
        2 => (leg.clone(), 2u8..20).prop_map(|(leg, count)| Step::Outage(leg, count)),
        3 => (leg.clone(), 5u16..400).prop_map(|(leg, ms)| Step::Quiet(leg, ms)),
        2 => (10u16..1500).prop_map(Step::Pass),
        4 => Just(Step::Visit),
        4 => wish().prop_map(Step::Start),
        6 => tape.clone().prop_map(Step::Pause),
        6 => tape.clone().prop_map(Step::Resume),
        2 => tape.prop_map(Step::Stop),
        1 => leg.clone().prop_map(Step::Detach),
        2 => (leg.clone(), codec(), how()).prop_map(|(leg, codec, how)| Step::Attach(leg, codec, how)),
        1 => leg.clone().prop_map(Step::NewSender),
        1 => (leg, codec()).prop_map(|(leg, codec)| Step::Reformat(leg, codec)),
    ]
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let leg = |n| (codec(), how()).prop_map(move |(codec, how)| Step::Attach(n, codec, how));
    let begin = (leg(0), leg(1), wish()).prop_map(|(a, b, wish)| [a, b, Step::Start(wish)]);
    (begin, prop::collection::vec(step(), 5..most)).prop_map(|(begin, rest)| {
        let mut steps = begin.to_vec();
        steps.extend(rest);
        steps
    })
}

/// Schedules for the media path alone.
pub fn plans(real: bool) -> impl Strategy<Value = Plan> {
    let rate = prop_oneof![14 => Just(8000u32), 1 => Just(16_000), 1 => Just(44_100)];
    let mixed = prop::bool::weighted(0.1);
    let packet_ms = prop_oneof![3 => Just(10u64), 3 => Just(20), 1 => Just(30)];
    let flush_ms = prop_oneof![1 => Just(1u64), 1 => Just(50), 1 => Just(300), 2 => Just(700)];
    let leg_wait_ms = prop_oneof![Just(2000u64), Just(300), Just(100)];
    (rate, mixed, packet_ms, flush_ms, leg_wait_ms, steps(70)).prop_map(
        move |(rate, mixed, packet_ms, flush_ms, leg_wait_ms, steps)| Plan {
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

/// Schedules for the whole library.
pub fn whole_plans() -> impl Strategy<Value = Plan> {
    plans(false).prop_map(|plan| Plan { rate: 8000, ..plan })
}
