//! Carries a schedule out, on a driver and on the model at once.

use callrec::media::Ledger;
use callrec::types::{Codec, EndReason, Leg, Status};
use callrec_testkit::g711::Law;
use callrec_testkit::rtp::{self, Header};

use crate::model::{Cell, MIXED, Model, NS_PER_MS, Packet, Speech, index};
use crate::plan::{Fate, How, Plan, Step, Wish};

pub const LINEAR_TYPE: u8 = 96;
/// So many samples of a leg have a value of their own.
pub const UNIQUE: u64 = 32_767;
/// Samples of a leg have names of their own for so long.
const LONGEST_NS: u64 = 5_000 * NS_PER_MS;
/// A longer silence is a jump of a sender's clock, where another leg has gone on.
const QUIET_MS: u64 = 900;

/// What is handed in.
pub enum Hand {
    Rtp(Vec<u8>),
    Write(Vec<u8>),
    WriteAt(u64, Vec<u8>),
}

/// A span as it was told; lengths in whole or in broken milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub from: u64,
    pub to: u64,
    pub ms: f64,
}

/// What a recording left.
#[derive(Debug, Default)]
pub struct Taken {
    pub rate: u32,
    pub channels: u16,
    pub bytes: Vec<u8>,
    pub reason: Option<EndReason>,
    pub pauses: Vec<Span>,
    pub losses: Vec<(usize, Span)>,
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
    fn hand(&mut self, leg: Leg, hand: &Hand, arrival_ns: u64) -> Status;
    fn start(&mut self, wish: Wish, rate: u32);
    fn pause(&mut self, tape: usize);
    fn resume(&mut self, tape: usize);
    fn stop(&mut self, tape: usize);
    fn visit(&mut self, now_ns: u64);
    fn now(&mut self, now_ns: u64);
    /// The worker may come by at any moment, not only at `visit`.
    fn is_threaded(&self) -> bool;
}

/// One thing that a sender has sent, and when it is due.
struct Sent {
    due: u64,
    hand: Hand,
    packet: Packet,
    position: u64,
    speech: Speech,
}

struct Sender {
    how: How,
    codec: Codec,
    ssrc: u32,
    sequence: u64,
    timestamp: u64,
    position: u64,
    count: u64,
    held: Vec<Sent>,
    /// The last one went out in order.
    clean: bool,
    /// Since then nothing was said for so many samples.
    quiet: u64,
    /// Something of it was handed in.
    is_heard: bool,
}

pub struct Run<'a, D> {
    plan: &'a Plan,
    pub driver: D,
    pub model: Model,
    pub wishes: Vec<Wish>,
    senders: [Option<Sender>; 3],
    names: [u64; 3],
    ssrc: u32,
    began_ns: u64,
    visited_ns: u64,
    unseen: u32,
}

impl<'a, D: Driver> Run<'a, D> {
    pub fn new(plan: &'a Plan, driver: D) -> Run<'a, D> {
        let mut model = Model::new(plan.real, plan.rate, 60, plan.leg_wait_ms);
        // So late that no sender's timestamps lead to a time before the clock's 0.
        let began_ns = 10_000 * NS_PER_MS;
        model.now_ns = began_ns;
        Run {
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

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Round {
                fates,
                jitter_ms,
                age_ms,
                visit,
            } => {
                let packet = self.plan.packet_ms as i64;
                self.pass((packet + i64::from(jitter_ms)).max(0) as u64);
                self.say(self.leg(0), fates[0], age_ms);
                if !self.plan.mixed {
                    self.say(1, fates[1], age_ms);
                }
                if visit {
                    self.visit();
                }
            }
            Step::Alone(leg, fate) => self.say(self.leg(leg), fate, 0),
            Step::Outage(leg, count) => {
                for _ in 0..count {
                    self.pass(self.plan.packet_ms);
                    self.say(self.leg(leg), Fate::Lost, 0);
                    self.say(self.leg(1 - leg), Fate::Sent, 0);
                }
            }
            Step::Quiet(leg, ms) => self.quiet(self.leg(leg), ms.into()),
            Step::Pass(ms) => self.pass(ms.into()),
            Step::Visit => self.visit(),
            Step::Start(wish) => self.start(wish),
            Step::Pause(tape) => self.pause(tape),
            Step::Resume(tape) => self.resume(tape),
            Step::Stop(tape) => {
                if self.wishes.len() > 1 {
                    self.stop(tape % self.wishes.len());
                }
            }
            Step::Detach(leg) => self.detach(self.leg(leg)),
            Step::Attach(leg, codec, how) => self.attach(self.leg(leg), codec, how),
            Step::NewSender(leg) => self.new_sender(self.leg(leg)),
            Step::Reformat(leg, codec) => self.reformat(self.leg(leg), codec),
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

    fn start(&mut self, wish: Wish) {
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

    fn attach(&mut self, leg: usize, codec: Codec, how: How) {
        self.detach(leg);
        let codec = if self.plan.rate == 8000 {
            codec
        } else {
            Codec::Pcm16
        };
        self.driver.attach(Leg::ALL[leg], codec, self.plan.rate);
        self.model.attach(leg);
        self.ssrc += 1;
        self.senders[leg] = Some(Sender {
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
            && sender.how == How::Rtp
            && !fresh
        {
            (sender.ssrc, sender.clean) = (self.ssrc, true);
            sender.held.clear();
            self.model.new_sender(leg);
            self.say(leg, Fate::Sent, 0);
            self.say(leg, Fate::Sent, 0);
        }
    }

    fn reformat(&mut self, leg: usize, codec: Codec) {
        if let Some(sender) = &mut self.senders[leg]
            && self.plan.rate == 8000
        {
            (sender.codec, sender.is_heard) = (codec, false);
            sender.held.retain(|_| sender.how == How::Rtp);
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

    fn say(&mut self, leg: usize, fate: Fate, age_ms: u8) {
        let samples = index(self.plan.packet_ms * NS_PER_MS, self.plan.rate);
        let name = self.names[leg];
        let behind = self.model.has_been_silent(leg);
        if let Some(sender) = self.senders[leg].as_ref().filter(|_| behind)
            && sender.how == How::Rtp
        {
            // How far the others are known to have gone on depends on when a worker looks.
            self.attach(leg, sender.codec, How::Rtp);
        }
        let Some(sender) = &mut self.senders[leg] else {
            return;
        };
        if fate == Fate::Mute {
            return;
        }
        // A host that writes in order neither loses, doubles nor swaps its own audio.
        let fate = match (sender.how, fate) {
            (How::Write, _) | (How::WriteAt, Fate::Doubled) => Fate::Sent,
            // Its first position is what all others are counted from.
            (How::WriteAt, Fate::Held(_)) if !sender.is_heard => Fate::Sent,
            (_, fate) => fate,
        };
        self.names[leg] += samples;
        let arrival_ns = self.model.now_ns - u64::from(age_ms) * NS_PER_MS;
        let sent = sender.speak(leg, name, samples);
        sender.clean = matches!(fate, Fate::Sent | Fate::Doubled);
        sender.is_heard |= sender.clean;
        if sender.clean {
            sender.quiet = 0;
        }
        match fate {
            Fate::Lost | Fate::Mute => {}
            Fate::Held(after) => sender.held.push(Sent {
                due: sender.count + u64::from(after),
                ..sent
            }),
            Fate::Sent => self.hand(leg, &sent, arrival_ns),
            Fate::Doubled => {
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
        let due: Vec<Sent> = due;
        for sent in due {
            self.hand(leg, &sent, arrival_ns);
        }
    }

    fn hand(&mut self, leg: usize, sent: &Sent, arrival_ns: u64) {
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
            Hand::Rtp(_) => self.model.rtp(leg, sent.packet, &sent.speech),
            Hand::Write(_) => self.model.write(leg, &sent.speech),
            Hand::WriteAt(..) => self.model.write_at(leg, sent.position, &sent.speech),
        }
        if self.driver.is_threaded() {
            self.model.visit();
        }
    }
}

impl Sender {
    fn speak(&mut self, leg: usize, name: u64, samples: u64) -> Sent {
        let cells: Vec<Cell> = (name..name + samples)
            .map(|name| cell(leg, self.codec, name))
            .collect();
        let network = self.how == How::Rtp;
        let bytes = cells.iter().flat_map(|cell| handed(*cell, network)).collect();
        let hand = match self.how {
            How::Write => Hand::Write(bytes),
            How::WriteAt => Hand::WriteAt(self.position, bytes),
            How::Rtp => Hand::Rtp(self.packet(&bytes)),
        };
        let packet = Packet {
            sequence: self.sequence,
            timestamp: self.timestamp as i64,
        };
        let sent = Sent {
            due: 0,
            hand,
            packet,
            position: self.position,
            speech: Speech { cells, name },
        };
        self.sequence += 1;
        self.count += 1;
        self.timestamp += samples;
        self.position += samples;
        sent
    }

    fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let payload_type = match self.codec {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::Pcm16 => LINEAR_TYPE,
        };
        let header = Header {
            payload_type,
            sequence: self.sequence as u16,
            timestamp: self.timestamp as u32,
            ssrc: self.ssrc,
        };
        rtp::packet(header, payload)
    }
}

/// A sample that tells its leg and its number; never silence.
fn cell(leg: usize, codec: Codec, name: u64) -> Cell {
    let noise = ((name + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * leg as u64) >> 40) as u8;
    match codec {
        Codec::Pcm16 => Cell::Linear(value(leg, name)),
        // 0x7f and 0xff are zero; of A-law, 0x55 and 0xd5 are the nearest to it.
        Codec::Pcmu => Cell::Coded(Law::Mu, if noise & 0x7f == 0x7f { noise ^ 1 } else { noise }),
        Codec::Pcma => Cell::Coded(Law::A, if noise & 0x7f == 0x55 { noise ^ 1 } else { noise }),
    }
}

/// Local and mixed count up, remote counts down.
pub fn value(leg: usize, name: u64) -> i16 {
    let value = (name % UNIQUE) as i16 + 1;
    if leg == 1 { -value } else { value }
}

fn handed(cell: Cell, network: bool) -> Vec<u8> {
    match cell {
        Cell::Silent => Vec::new(),
        Cell::Coded(_, byte) => vec![byte],
        Cell::Linear(sample) if network => sample.to_be_bytes().to_vec(),
        Cell::Linear(sample) => sample.to_ne_bytes().to_vec(),
    }
}
