//! Carries a schedule out, on a driver and on the model at once.

use callrec::media::Ledger;
use callrec::words::{Codec, EndReason, Leg, Status};
use callrec_testkit::g711::Law;
use callrec_testkit::rtp::{self, RtpHeader};

use crate::model::{CallModel, MIXED, NS_PER_MS, NamedSamples, PacketNumbers, WrittenSample, index};
use crate::plan::{CallPlan, Delivery, FeedMethod, PlanStep, PlannedRecording};

pub const LINEAR_TYPE: u8 = 96;
/// So many samples of a leg have a value of their own.
pub const UNIQUE: u64 = 32_767;
/// Samples of a leg have names of their own for so long.
const LONGEST_NS: u64 = 5_000 * NS_PER_MS;
/// A longer silence is a jump of a sender's clock, where another leg has gone on.
const QUIET_MS: u64 = 900;

/// What is handed in.
pub enum FeedWrite {
    Rtp(Vec<u8>),
    Write(Vec<u8>),
    WriteAt(u64, Vec<u8>),
}

/// A span as it was told; lengths in whole or in broken milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct MsSpan {
    pub from: u64,
    pub to: u64,
    pub ms: f64,
}

/// What a recording left.
#[derive(Debug, Default)]
pub struct RecordingResult {
    pub rate: u32,
    pub channels: u16,
    pub bytes: Vec<u8>,
    pub reason: Option<EndReason>,
    pub pauses: Vec<MsSpan>,
    pub losses: Vec<(usize, MsSpan)>,
    pub frames: u64,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    /// Of the media path alone.
    pub ledger: Option<Ledger>,
}

/// The library, one way or another.
pub trait Driver {
    fn attach(&mut self, leg: Leg, codec: Codec, rate: u32);
    fn detach(&mut self, leg: Leg);
    fn reformat(&mut self, leg: Leg, codec: Codec, rate: u32);
    /// `Overrun`: hand it in again after a visit.
    fn hand(&mut self, leg: Leg, hand: &FeedWrite, arrival_ns: u64) -> Status;
    fn start(&mut self, wish: PlannedRecording, rate: u32);
    fn pause(&mut self, tape: usize);
    fn resume(&mut self, tape: usize);
    fn stop(&mut self, tape: usize);
    fn visit(&mut self, now_ns: u64);
    fn now(&mut self, now_ns: u64);
    /// The worker may come by at any moment, not only at `visit`.
    fn is_threaded(&self) -> bool;
}

/// One thing that a sender has sent, and when it is due.
struct SentPacket {
    due: u64,
    hand: FeedWrite,
    packet: PacketNumbers,
    position: u64,
    speech: NamedSamples,
}

struct PlanSender {
    how: FeedMethod,
    codec: Codec,
    ssrc: u32,
    sequence: u64,
    timestamp: u64,
    position: u64,
    count: u64,
    held: Vec<SentPacket>,
    /// The last one went out in order.
    clean: bool,
    /// Since then nothing was said for so many samples.
    quiet: u64,
    /// Something of it was handed in.
    is_heard: bool,
}

pub struct PlanRun<'a, D> {
    plan: &'a CallPlan,
    pub driver: D,
    pub model: CallModel,
    pub wishes: Vec<PlannedRecording>,
    senders: [Option<PlanSender>; 3],
    names: [u64; 3],
    ssrc: u32,
    began_ns: u64,
    visited_ns: u64,
    unseen: u32,
}

impl<'a, D: Driver> PlanRun<'a, D> {
    pub fn new(plan: &'a CallPlan, driver: D) -> PlanRun<'a, D> {
        let mut model = CallModel::new(plan.real, plan.rate, 60, plan.leg_wait_ms);
        // So late that no sender's timestamps lead to a time before the clock's 0.
        let began_ns = 10_000 * NS_PER_MS;
        model.now_ns = began_ns;
        PlanRun {
            plan,
            driver,
            model,
            wishes: Vec::new(),
            senders: [None, None, None],
            names: [0; 3],
            ssrc: 1,
            began_ns,
            visited_ns: began_ns,
            unseen: 0,
        }
    }

    pub fn all(&mut self) {
        for step in &self.plan.steps {
            self.step(step);
            if self.driver.is_threaded() {
                self.model.visit();
            }
        }
        for tape in 0..self.wishes.len() {
            self.stop(tape);
        }
        self.visit();
        // A stop waits for a moment, in case of earlier audio that has no place yet.
        for _ in 0..if self.plan.real { 10 } else { 0 } {
            self.model.now_ns += 100 * NS_PER_MS;
            self.visit();
        }
    }

    fn leg(&self, leg: usize) -> usize {
        if self.plan.mixed { MIXED } else { leg }
    }

    fn step(&mut self, step: &PlanStep) {
        match *step {
            PlanStep::Round {
                deliveries,
                jitter_ms,
                age_ms,
                visit,
            } => {
                let packet = self.plan.packet_ms as i64;
                self.pass((packet + i64::from(jitter_ms)).max(0) as u64);
                self.say(self.leg(0), deliveries[0], age_ms);
                if !self.plan.mixed {
                    self.say(1, deliveries[1], age_ms);
                }
                if visit {
                    self.visit();
                }
            }
            PlanStep::Alone(leg, delivery) => self.say(self.leg(leg), delivery, 0),
            PlanStep::Outage(leg, count) => {
                for _ in 0..count {
                    self.pass(self.plan.packet_ms);
                    self.say(self.leg(leg), Delivery::Lost, 0);
                    self.say(self.leg(1 - leg), Delivery::SentPacket, 0);
                }
            }
            PlanStep::Quiet(leg, ms) => self.quiet(self.leg(leg), ms.into()),
            PlanStep::Pass(ms) => self.pass(ms.into()),
            PlanStep::Visit => self.visit(),
            PlanStep::Start(wish) => self.start(wish),
            PlanStep::Pause(tape) => self.pause(tape),
            PlanStep::Resume(tape) => self.resume(tape),
            PlanStep::Stop(tape) => {
                if self.wishes.len() > 1 {
                    self.stop(tape % self.wishes.len());
                }
            }
            PlanStep::Detach(leg) => self.detach(self.leg(leg)),
            PlanStep::Attach(leg, codec, how) => self.attach(self.leg(leg), codec, how),
            PlanStep::NewSender(leg) => self.new_sender(self.leg(leg)),
            PlanStep::Reformat(leg, codec) => self.reformat(self.leg(leg), codec),
        }
    }

    fn pass(&mut self, ms: u64) {
        let until = self.model.now_ns + ms * NS_PER_MS;
        if !self.plan.real || until > self.began_ns + LONGEST_NS {
            return;
        }
        while self.model.now_ns < until {
            let visit = self.visited_ns + 100 * NS_PER_MS;
            self.model.now_ns = until.min(visit);
            self.driver.now(self.model.now_ns);
            if self.model.now_ns >= visit {
                self.visit();
            }
        }
    }

    fn visit(&mut self) {
        (self.visited_ns, self.unseen) = (self.model.now_ns, 0);
        self.driver.visit(self.model.now_ns);
        self.model.visit();
    }

    fn start(&mut self, wish: PlannedRecording) {
        if self.wishes.len() < 4 {
            self.wishes.push(wish);
            self.driver.start(wish, self.plan.rate);
            self.model.start();
        }
    }

    fn pause(&mut self, tape: usize) {
        let count = self.wishes.len();
        if count > 0
            && self.model.tapes[tape % count].is_live()
            && !self.model.tapes[tape % count].is_paused()
        {
            self.driver.pause(tape % count);
            self.model.pause(tape % count);
        }
    }

    fn resume(&mut self, tape: usize) {
        let count = self.wishes.len();
        if count > 0 && self.model.tapes[tape % count].is_paused() {
            self.driver.resume(tape % count);
            self.model.resume(tape % count);
        }
    }

    fn stop(&mut self, tape: usize) {
        if self.model.tapes[tape].is_live() {
            self.driver.stop(tape);
            self.model.stop(tape);
        }
    }

    fn attach(&mut self, leg: usize, codec: Codec, how: FeedMethod) {
        self.detach(leg);
        let codec = if self.plan.rate == 8000 {
            codec
        } else {
            Codec::Pcm16
        };
        self.driver.attach(Leg::ALL[leg], codec, self.plan.rate);
        self.model.attach(leg);
        self.ssrc += 1;
        self.senders[leg] = Some(PlanSender {
            how,
            codec,
            ssrc: self.ssrc,
            sequence: 65_520,
            timestamp: 0xffff_f000,
            position: 77,
            count: 0,
            held: Vec::new(),
            clean: true,
            quiet: 0,
            is_heard: false,
        });
    }

    fn detach(&mut self, leg: usize) {
        if self.senders[leg].take().is_some() {
            self.driver.detach(Leg::ALL[leg]);
            self.model.detach(leg);
        }
    }

    /// Another sender on the same feed, as after a transfer. Its second packet comes at
    /// once: it confirms the first one.
    fn new_sender(&mut self, leg: usize) {
        self.ssrc += 1;
        let fresh = self.model.is_fresh(leg);
        if let Some(sender) = &mut self.senders[leg]
            && sender.how == FeedMethod::Rtp
            && !fresh
        {
            (sender.ssrc, sender.clean) = (self.ssrc, true);
            sender.held.clear();
            self.model.new_sender(leg);
            self.say(leg, Delivery::SentPacket, 0);
            self.say(leg, Delivery::SentPacket, 0);
        }
    }

    fn reformat(&mut self, leg: usize, codec: Codec) {
        if let Some(sender) = &mut self.senders[leg]
            && self.plan.rate == 8000
        {
            (sender.codec, sender.is_heard) = (codec, false);
            sender.held.retain(|_| sender.how == FeedMethod::Rtp);
            self.driver.reformat(Leg::ALL[leg], codec, 8000);
            self.model.reformat(leg);
        }
    }

    fn quiet(&mut self, leg: usize, ms: u64) {
        let most = index(QUIET_MS * NS_PER_MS, self.plan.rate);
        if let Some(sender) = self.senders[leg].as_mut().filter(|sender| sender.clean) {
            // The same again and again would be a sender that counts wrongly.
            let samples = index(ms * NS_PER_MS, self.plan.rate) + sender.sequence % 2;
            let samples = samples.min(most.saturating_sub(sender.quiet));
            sender.quiet += samples;
            sender.timestamp += samples;
            sender.position += samples;
        }
    }

    fn say(&mut self, leg: usize, delivery: Delivery, age_ms: u8) {
        let samples = index(self.plan.packet_ms * NS_PER_MS, self.plan.rate);
        let name = self.names[leg];
        let behind = self.model.has_been_silent(leg);
        if let Some(sender) = self.senders[leg].as_ref().filter(|_| behind)
            && sender.how == FeedMethod::Rtp
        {
            // How far the others are known to have gone on depends on when a worker looks.
            self.attach(leg, sender.codec, FeedMethod::Rtp);
        }
        let Some(sender) = &mut self.senders[leg] else {
            return;
        };
        if delivery == Delivery::Mute {
            return;
        }
        // A host that writes in order neither loses, doubles nor swaps its own audio.
        let delivery = match (sender.how, delivery) {
            (FeedMethod::Write, _) | (FeedMethod::WriteAt, Delivery::Doubled) => Delivery::SentPacket,
            // Its first position is what all others are counted from.
            (FeedMethod::WriteAt, Delivery::Held(_)) if !sender.is_heard => Delivery::SentPacket,
            (_, delivery) => delivery,
        };
        self.names[leg] += samples;
        let arrival_ns = self.model.now_ns - u64::from(age_ms) * NS_PER_MS;
        let sent = sender.speak(leg, name, samples);
        sender.clean = matches!(delivery, Delivery::SentPacket | Delivery::Doubled);
        sender.is_heard |= sender.clean;
        if sender.clean {
            sender.quiet = 0;
        }
        match delivery {
            Delivery::Lost | Delivery::Mute => {}
            Delivery::Held(after) => sender.held.push(SentPacket {
                due: sender.count + u64::from(after),
                ..sent
            }),
            Delivery::SentPacket => self.hand(leg, &sent, arrival_ns),
            Delivery::Doubled => {
                self.hand(leg, &sent, arrival_ns);
                self.hand(leg, &sent, arrival_ns);
            }
        }
        self.release(leg, arrival_ns);
    }

    /// What was held long enough.
    fn release(&mut self, leg: usize, arrival_ns: u64) {
        let Some(sender) = &mut self.senders[leg] else {
            return;
        };
        let count = sender.count;
        let (due, held) = std::mem::take(&mut sender.held)
            .into_iter()
            .partition(|sent| sent.due <= count);
        sender.held = held;
        let due: Vec<SentPacket> = due;
        for sent in due {
            self.hand(leg, &sent, arrival_ns);
        }
    }

    fn hand(&mut self, leg: usize, sent: &SentPacket, arrival_ns: u64) {
        if self.unseen >= 10 {
            self.visit();
        }
        self.unseen += 1;
        loop {
            match self.driver.hand(Leg::ALL[leg], &sent.hand, arrival_ns) {
                Status::Ok => break,
                Status::Overrun if !self.plan.real => self.visit(),
                // Further ahead of the clock than a host may write: handed in all the same.
                Status::Overrun => break,
                status => panic!("handing in: {status:?}"),
            }
        }
        match &sent.hand {
            FeedWrite::Rtp(_) => self.model.rtp(leg, sent.packet, &sent.speech),
            FeedWrite::Write(_) => self.model.write(leg, &sent.speech),
            FeedWrite::WriteAt(..) => self.model.write_at(leg, sent.position, &sent.speech),
        }
        if self.driver.is_threaded() {
            self.model.visit();
        }
    }
}

impl PlanSender {
    fn speak(&mut self, leg: usize, name: u64, count: u64) -> SentPacket {
        let samples: Vec<WrittenSample> = (name..name + count)
            .map(|name| sample(leg, self.codec, name))
            .collect();
        let network = self.how == FeedMethod::Rtp;
        let bytes = samples
            .iter()
            .flat_map(|sample| handed(*sample, network))
            .collect();
        let hand = match self.how {
            FeedMethod::Write => FeedWrite::Write(bytes),
            FeedMethod::WriteAt => FeedWrite::WriteAt(self.position, bytes),
            FeedMethod::Rtp => FeedWrite::Rtp(self.packet(&bytes)),
        };
        let packet = PacketNumbers {
            sequence: self.sequence,
            timestamp: self.timestamp as i64,
        };
        let sent = SentPacket {
            due: 0,
            hand,
            packet,
            position: self.position,
            speech: NamedSamples { samples, name },
        };
        self.sequence += 1;
        self.count += 1;
        self.timestamp += count;
        self.position += count;
        sent
    }

    fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let payload_type = match self.codec {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::Pcm16 => LINEAR_TYPE,
        };
        let header = RtpHeader {
            payload_type,
            sequence: self.sequence as u16,
            timestamp: self.timestamp as u32,
            ssrc: self.ssrc,
        };
        rtp::packet(header, payload)
    }
}

/// A sample that tells its leg and its number; never silence.
fn sample(leg: usize, codec: Codec, name: u64) -> WrittenSample {
    let noise = ((name + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * leg as u64) >> 40) as u8;
    match codec {
        Codec::Pcm16 => WrittenSample::Linear(value(leg, name)),
        // 0x7f and 0xff are zero; of A-law, 0x55 and 0xd5 are the nearest to it.
        Codec::Pcmu => WrittenSample::Coded(Law::Mu, if noise & 0x7f == 0x7f { noise ^ 1 } else { noise }),
        Codec::Pcma => WrittenSample::Coded(Law::A, if noise & 0x7f == 0x55 { noise ^ 1 } else { noise }),
    }
}

/// Local and mixed count up, remote counts down.
pub fn value(leg: usize, name: u64) -> i16 {
    let value = (name % UNIQUE) as i16 + 1;
    if leg == 1 { -value } else { value }
}

fn handed(sample: WrittenSample, network: bool) -> Vec<u8> {
    match sample {
        WrittenSample::Silence => Vec::new(),
        WrittenSample::Coded(_, byte) => vec![byte],
        WrittenSample::Linear(sample) if network => sample.to_be_bytes().to_vec(),
        WrittenSample::Linear(sample) => sample.to_ne_bytes().to_vec(),
    }
}
