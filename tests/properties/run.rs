//! Executes a plan, on a driver and on the model.

use callrec::media::Ledger;
use callrec::types::{Codec, EndReason, Leg, Status};
use callrec_testkit::g711::Law;
use callrec_testkit::random::byte_at;
use callrec_testkit::rtp::{self, RtpHeader};

use crate::model::{CallModel, MIXED, NS_PER_MS, NamedSamples, PacketNumbers, WrittenSample, index};
use crate::plan::{CallPlan, Delivery, FeedMethod, PlanStep, PlannedRecording};

pub const LINEAR_TYPE: u8 = 96;
/// How many samples of a leg have different values.
pub const UNIQUE: u64 = 32_767;
/// How long the values of a leg's samples differ.
const LONGEST_NS: u64 = 5_000 * NS_PER_MS;
/// A longer silence is a jump of the sender's clock where another leg has continued.
const QUIET_MS: u64 = 900;

/// One packet or write.
pub enum FeedWrite {
    Rtp(Vec<u8>),
    Write(Vec<u8>),
    WriteAt(u64, Vec<u8>),
}

/// A reported span. `ms` may be rounded to whole milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct MsSpan {
    pub from: u64,
    pub to: u64,
    pub ms: f64,
}

/// The file and the reported numbers of a recording.
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
    /// Only from the media path.
    pub ledger: Option<Ledger>,
}

/// The library, behind one of its interfaces.
pub trait Driver {
    fn attach(&mut self, leg: Leg, codec: Codec, rate: u32);
    fn detach(&mut self, leg: Leg);
    fn reformat(&mut self, leg: Leg, codec: Codec, rate: u32);
    /// Returns `Overrun` if the packet must be written again after a visit.
    fn write(&mut self, leg: Leg, write: &FeedWrite, arrival_ns: u64) -> Status;
    fn start(&mut self, planned: PlannedRecording, rate: u32);
    fn pause(&mut self, recording: usize);
    fn resume(&mut self, recording: usize);
    fn stop(&mut self, recording: usize);
    fn visit(&mut self, now_ns: u64);
    fn now(&mut self, now_ns: u64);
    /// Whether the worker may visit the call at any moment, not only in `visit`.
    fn is_threaded(&self) -> bool;
}

/// A packet on its way.
struct SentPacket {
    due: u64,
    hand: FeedWrite,
    packet: PacketNumbers,
    position: u64,
    block: NamedSamples,
}

struct PlanSender {
    method: FeedMethod,
    codec: Codec,
    ssrc: u32,
    sequence: u64,
    timestamp: u64,
    position: u64,
    count: u64,
    held: Vec<SentPacket>,
    /// The last packet was sent in order.
    clean: bool,
    /// Samples of silence since then.
    quiet: u64,
    /// At least one packet was written.
    was_written: bool,
}

pub struct PlanRun<'a, D> {
    plan: &'a CallPlan,
    pub driver: D,
    pub model: CallModel,
    pub planned: Vec<PlannedRecording>,
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
        // Late enough that no timestamp stands for a time before the clock's 0.
        let began_ns = 10_000 * NS_PER_MS;
        model.now_ns = began_ns;
        PlanRun {
            plan,
            driver,
            model,
            planned: Vec::new(),
            senders: [None, None, None],
            names: [0; 3],
            ssrc: 1,
            began_ns,
            visited_ns: began_ns,
            unseen: 0,
        }
    }

    pub fn execute(&mut self) {
        for step in &self.plan.steps {
            self.step(step);
            if self.driver.is_threaded() {
                self.model.visit();
            }
        }
        for recording in 0..self.planned.len() {
            self.stop(recording);
        }
        self.visit();
        // A stop waits a moment for earlier audio that has no place yet.
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
                self.send(self.leg(0), deliveries[0], age_ms);
                if !self.plan.mixed {
                    self.send(1, deliveries[1], age_ms);
                }
                if visit {
                    self.visit();
                }
            }
            PlanStep::Alone(leg, delivery) => self.send(self.leg(leg), delivery, 0),
            PlanStep::Outage(leg, count) => {
                for _ in 0..count {
                    self.pass(self.plan.packet_ms);
                    self.send(self.leg(leg), Delivery::Lost, 0);
                    self.send(self.leg(1 - leg), Delivery::SentPacket, 0);
                }
            }
            PlanStep::Quiet(leg, ms) => self.be_silent(self.leg(leg), ms.into()),
            PlanStep::Pass(ms) => self.pass(ms.into()),
            PlanStep::Visit => self.visit(),
            PlanStep::Start(planned) => self.start(planned),
            PlanStep::Pause(recording) => self.pause(recording),
            PlanStep::Resume(recording) => self.resume(recording),
            PlanStep::Stop(recording) => {
                if self.planned.len() > 1 {
                    self.stop(recording % self.planned.len());
                }
            }
            PlanStep::Detach(leg) => self.detach(self.leg(leg)),
            PlanStep::Attach(leg, codec, method) => self.attach(self.leg(leg), codec, method),
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

    fn start(&mut self, planned: PlannedRecording) {
        if self.planned.len() < 4 {
            self.planned.push(planned);
            self.driver.start(planned, self.plan.rate);
            self.model.start();
        }
    }

    fn pause(&mut self, recording: usize) {
        let count = self.planned.len();
        if count > 0
            && self.model.recordings[recording % count].is_live()
            && !self.model.recordings[recording % count].is_paused()
        {
            self.driver.pause(recording % count);
            self.model.pause(recording % count);
        }
    }

    fn resume(&mut self, recording: usize) {
        let count = self.planned.len();
        if count > 0 && self.model.recordings[recording % count].is_paused() {
            self.driver.resume(recording % count);
            self.model.resume(recording % count);
        }
    }

    fn stop(&mut self, recording: usize) {
        if self.model.recordings[recording].is_live() {
            self.driver.stop(recording);
            self.model.stop(recording);
        }
    }

    fn attach(&mut self, leg: usize, codec: Codec, method: FeedMethod) {
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
            method,
            codec,
            ssrc: self.ssrc,
            sequence: 65_520,
            timestamp: 0xffff_f000,
            position: 77,
            count: 0,
            held: Vec::new(),
            clean: true,
            quiet: 0,
            was_written: false,
        });
    }

    fn detach(&mut self, leg: usize) {
        if self.senders[leg].take().is_some() {
            self.driver.detach(Leg::ALL[leg]);
            self.model.detach(leg);
        }
    }

    /// A new sender on the same feed, as after a transfer. Its second packet follows at once, and
    /// confirms the first one.
    fn new_sender(&mut self, leg: usize) {
        self.ssrc += 1;
        let fresh = self.model.is_fresh(leg);
        if let Some(sender) = &mut self.senders[leg]
            && sender.method == FeedMethod::Rtp
            && !fresh
        {
            (sender.ssrc, sender.clean) = (self.ssrc, true);
            sender.held.clear();
            self.model.new_sender(leg);
            self.send(leg, Delivery::SentPacket, 0);
            self.send(leg, Delivery::SentPacket, 0);
        }
    }

    fn reformat(&mut self, leg: usize, codec: Codec) {
        if let Some(sender) = &mut self.senders[leg]
            && self.plan.rate == 8000
        {
            (sender.codec, sender.was_written) = (codec, false);
            sender.held.retain(|_| sender.method == FeedMethod::Rtp);
            self.driver.reformat(Leg::ALL[leg], codec, 8000);
            self.model.reformat(leg);
        }
    }

    fn be_silent(&mut self, leg: usize, ms: u64) {
        let most = index(QUIET_MS * NS_PER_MS, self.plan.rate);
        if let Some(sender) = self.senders[leg].as_mut().filter(|sender| sender.clean) {
            // Equal silences again and again would look like wrong timestamps.
            let samples = index(ms * NS_PER_MS, self.plan.rate) + sender.sequence % 2;
            let samples = samples.min(most.saturating_sub(sender.quiet));
            sender.quiet += samples;
            sender.timestamp += samples;
            sender.position += samples;
        }
    }

    fn send(&mut self, leg: usize, delivery: Delivery, age_ms: u8) {
        let samples = index(self.plan.packet_ms * NS_PER_MS, self.plan.rate);
        let name = self.names[leg];
        let behind = self.model.has_been_silent(leg);
        if let Some(sender) = self.senders[leg].as_ref().filter(|_| behind)
            && sender.method == FeedMethod::Rtp
        {
            // The known end of the other legs depends on the moment of the worker's visit.
            self.attach(leg, sender.codec, FeedMethod::Rtp);
        }
        let Some(sender) = &mut self.senders[leg] else {
            return;
        };
        if delivery == Delivery::Mute {
            return;
        }
        // A host that writes in order does not lose, duplicate or reorder its audio.
        let delivery = match (sender.method, delivery) {
            (FeedMethod::Write, _) | (FeedMethod::WriteAt, Delivery::Doubled) => Delivery::SentPacket,
            // The first position is the reference for all others.
            (FeedMethod::WriteAt, Delivery::Held(_)) if !sender.was_written => Delivery::SentPacket,
            (_, delivery) => delivery,
        };
        self.names[leg] += samples;
        let arrival_ns = self.model.now_ns - u64::from(age_ms) * NS_PER_MS;
        let sent = sender.next_packet(leg, name, samples);
        sender.clean = matches!(delivery, Delivery::SentPacket | Delivery::Doubled);
        sender.was_written |= sender.clean;
        if sender.clean {
            sender.quiet = 0;
        }
        match delivery {
            Delivery::Lost | Delivery::Mute => {}
            Delivery::Held(after) => sender.held.push(SentPacket {
                due: sender.count + u64::from(after),
                ..sent
            }),
            Delivery::SentPacket => self.write(leg, &sent, arrival_ns),
            Delivery::Doubled => {
                self.write(leg, &sent, arrival_ns);
                self.write(leg, &sent, arrival_ns);
            }
        }
        self.release(leg, arrival_ns);
    }

    /// Writes the delayed packets that are due.
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
            self.write(leg, &sent, arrival_ns);
        }
    }

    fn write(&mut self, leg: usize, sent: &SentPacket, arrival_ns: u64) {
        if self.unseen >= 10 {
            self.visit();
        }
        self.unseen += 1;
        loop {
            match self.driver.write(Leg::ALL[leg], &sent.hand, arrival_ns) {
                Status::Ok => break,
                Status::Overrun if !self.plan.real => self.visit(),
                // Too far ahead of the clock, but written all the same.
                Status::Overrun => break,
                status => panic!("a write returns {status:?}"),
            }
        }
        match &sent.hand {
            FeedWrite::Rtp(_) => self.model.rtp(leg, sent.packet, &sent.block),
            FeedWrite::Write(_) => self.model.write(leg, &sent.block),
            FeedWrite::WriteAt(..) => self.model.write_at(leg, sent.position, &sent.block),
        }
        if self.driver.is_threaded() {
            self.model.visit();
        }
    }
}

impl PlanSender {
    fn next_packet(&mut self, leg: usize, name: u64, count: u64) -> SentPacket {
        let samples: Vec<WrittenSample> = (name..name + count)
            .map(|name| sample(leg, self.codec, name))
            .collect();
        let network = self.method == FeedMethod::Rtp;
        let bytes = samples
            .iter()
            .flat_map(|sample| written(*sample, network))
            .collect();
        let hand = match self.method {
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
            block: NamedSamples { samples, name },
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
            other => panic!("{other:?} is not planned"),
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

/// A sample that shows its leg and its name; never silence.
fn sample(leg: usize, codec: Codec, name: u64) -> WrittenSample {
    let noise = byte_at(leg as u64, name);
    match codec {
        Codec::Pcm16 => WrittenSample::Linear(value(leg, name)),
        // 0x7f and 0xff decode to zero in µ-law; 0x55 and 0xd5 are nearest to zero in A-law.
        Codec::Pcmu => WrittenSample::Coded(Law::Mu, if noise & 0x7f == 0x7f { noise ^ 1 } else { noise }),
        Codec::Pcma => WrittenSample::Coded(Law::A, if noise & 0x7f == 0x55 { noise ^ 1 } else { noise }),
        other => panic!("{other:?} is not planned"),
    }
}

/// Local and mixed legs count up, the remote leg counts down.
pub fn value(leg: usize, name: u64) -> i16 {
    let value = (name % UNIQUE) as i16 + 1;
    if leg == 1 { -value } else { value }
}

fn written(sample: WrittenSample, network: bool) -> Vec<u8> {
    match sample {
        WrittenSample::Silence => Vec::new(),
        WrittenSample::Coded(_, byte) => vec![byte],
        WrittenSample::Linear(sample) if network => sample.to_be_bytes().to_vec(),
        WrittenSample::Linear(sample) => sample.to_ne_bytes().to_vec(),
    }
}
