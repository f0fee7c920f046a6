//! One leg's sender of a random schedule: when it sends what, and when the host writes it. Sample
//! number n of a leg has the value n + 1, which identifies it.

use callrec_testkit::random::SeededRng;

use crate::marked_audio::{COMFORT_NOISE, EVENT, MarkedHeader};

/// The RTP payload type of linear audio.
pub const LINEAR: u8 = 96;
/// A packet or write has whole blocks of this many samples.
pub const BLOCK: usize = 80;
const PACKET: usize = 160;
const PACKET_US: u64 = 20_000;
const US_PER_SAMPLE: u64 = 125;
/// This many packets at the beginning are sound, so that the sender's clock is known.
const SOUND: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFault {
    Half,
    Double,
    Pairs,
    Stuck,
    /// A jump by this many samples, once.
    Jump(i64),
}

/// What is wrong with a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderKind {
    Clean,
    /// Each packet is late by up to this many ms.
    Jitter(u64),
    Reorder,
    Duplicates,
    /// This percentage of packets is lost.
    Loss(u64),
    /// Silence with comfort noise.
    Dtx,
    /// Telephone events in the sequence of the audio, which pauses meanwhile.
    SharedEvents,
    /// Telephone events whose sequence numbers are this far ahead.
    OwnEvents(i64),
    /// The sequence number steps by this, once.
    Restart(i64),
    /// Another SSRC after each this many packets; the last packet of each is late.
    Ssrc(usize),
    TimestampFault(TimestampFault),
    /// Packets from `from` on are held for `ms`, then delivered at `pace` percent of real time; 0:
    /// at once.
    Stall {
        from: usize,
        ms: u64,
        pace: u64,
    },
    /// The clock is wrong by this many parts per million.
    Drift(i64),
    /// No packets between these times in ms, and the timestamps do not advance.
    Stopped(u64, u64),
    /// After each this many packets one of an unknown type, with numbers this far ahead.
    Unknown(usize, i64),
    /// Writes instead of RTP, each late by up to this many ms.
    Writes(u64),
}

impl SenderKind {
    /// How far the library may misjudge the time of audio, in ms.
    pub fn blur_ms(self) -> u64 {
        match self {
            SenderKind::Jitter(ms) | SenderKind::Writes(ms) => ms,
            SenderKind::TimestampFault(_) => 120,
            SenderKind::Drift(_) => 60,
            // Shorter silences are not judged at all.
            SenderKind::Stopped(..) => 100,
            _ => 0,
        }
    }

    /// Whether all audio must be kept if nothing is paused.
    pub fn is_lossless(self) -> bool {
        !matches!(self, SenderKind::Loss(_) | SenderKind::Stopped(..))
    }

    /// Whether every sample must be at its place, within the blur.
    pub fn keeps_place(self) -> bool {
        !matches!(
            self,
            SenderKind::Stall { .. } | SenderKind::Stopped(..) | SenderKind::TimestampFault(_)
        )
    }
}

pub enum SenderWrite {
    Rtp(Vec<u8>),
    Write(Vec<u8>),
}

/// One packet or write.
pub struct SenderItem {
    pub arrival_us: u64,
    /// When its first sample was sent, by a true clock.
    pub sent_us: u64,
    pub from: usize,
    /// 0: no audio.
    pub samples: usize,
    pub hand: SenderWrite,
}

struct SenderBuilder {
    items: Vec<SenderItem>,
    sequence: i64,
    timestamp: i64,
    ssrc: u32,
}

/// All packets or writes of a sender within `ms`, in order.
pub fn items(kind: SenderKind, ms: u64, rng: &mut SeededRng) -> Vec<SenderItem> {
    let mut builder = SenderBuilder {
        items: Vec::new(),
        sequence: rng.below(65_536) as i64,
        timestamp: rng.below(1 << 32) as i64,
        ssrc: rng.below(1 << 32) as u32,
    };
    for k in 0.. {
        let at = builder.time(kind, k);
        if at >= ms * 1000 {
            break;
        }
        builder.packet(kind, k, at, rng);
    }
    builder.hold_back(kind, rng);
    let mut items = builder.items;
    items.sort_by_key(|item| item.arrival_us);
    items.retain(|item| item.arrival_us < ms * 1000);
    items
}

impl SenderBuilder {
    fn time(&self, kind: SenderKind, k: usize) -> u64 {
        let us = k as u64 * PACKET_US;
        match kind {
            SenderKind::Drift(ppm) => us * 1_000_000 / (1_000_000 + ppm) as u64,
            _ => us,
        }
    }

    /// Adds the packets of the `k`th packet's time.
    fn packet(&mut self, kind: SenderKind, k: usize, at: u64, rng: &mut SeededRng) {
        match kind {
            SenderKind::Writes(_) => self.write(k, at),
            SenderKind::Dtx if k % 40 >= 25 => self.comfort_noise(k, at),
            SenderKind::SharedEvents if k >= SOUND && k % 40 >= 32 => self.event(at, 0),
            SenderKind::OwnEvents(ahead) if k >= SOUND && k % 40 >= 32 => {
                self.audio(k, at);
                self.other(EVENT, at, ahead);
            }
            SenderKind::Unknown(each, ahead) if k >= SOUND && k.is_multiple_of(each) => {
                self.other(18, at, ahead);
                self.audio(k, at);
            }
            SenderKind::Loss(percent) if k >= SOUND && rng.chance(percent) => self.step(),
            SenderKind::TimestampFault(wrong) => self.wrong(wrong, k, at),
            SenderKind::Stopped(from, to) if (from * 1000..to * 1000).contains(&at) => {}
            SenderKind::Restart(by) if k == SOUND + 20 => {
                self.sequence += by;
                self.timestamp += rng.below(1 << 32) as i64;
                self.audio(k, at);
            }
            SenderKind::Ssrc(each) if k > 0 && k.is_multiple_of(each) => {
                self.sequence = rng.below(65_536) as i64;
                self.timestamp = rng.below(1 << 32) as i64;
                self.ssrc = rng.below(1 << 32) as u32;
                self.audio(k, at);
            }
            _ => self.audio(k, at),
        }
    }

    fn head(&self) -> MarkedHeader {
        MarkedHeader {
            payload_type: LINEAR,
            ..MarkedHeader::audio(self.sequence as u64, self.timestamp as u64, self.ssrc)
        }
    }

    fn step(&mut self) {
        self.sequence += 1;
        self.timestamp += PACKET as i64;
    }

    fn audio(&mut self, k: usize, at: u64) {
        self.part(k * PACKET, PACKET, at);
        self.step();
    }

    /// Adds a packet with these samples, without advancing the numbers.
    fn part(&mut self, from: usize, samples: usize, at: u64) {
        let payload: Vec<u8> = (from..from + samples)
            .flat_map(|n| (n as u16 + 1).to_be_bytes())
            .collect();
        let hand = SenderWrite::Rtp(self.head().packet(&payload));
        self.push(at, from, samples, hand);
    }

    fn push(&mut self, at: u64, from: usize, samples: usize, hand: SenderWrite) {
        self.items.push(SenderItem {
            arrival_us: at,
            sent_us: at,
            from,
            samples,
            hand,
        });
    }

    fn write(&mut self, k: usize, at: u64) {
        let from = k * PACKET;
        let bytes = (from..from + PACKET)
            .flat_map(|n| (n as u16 + 1).to_ne_bytes())
            .collect();
        self.push(at, from, PACKET, SenderWrite::Write(bytes));
    }

    /// Adds a packet without audio, with the number of the next audio packet plus `ahead`.
    fn other(&mut self, payload_type: u8, at: u64, ahead: i64) {
        let head = MarkedHeader {
            payload_type,
            sequence: (self.sequence + ahead) as u64,
            ..self.head()
        };
        self.push(at, 0, 0, SenderWrite::Rtp(head.packet(&[5, 10, 0, 160])));
        if ahead == 0 {
            self.sequence += 1;
        }
    }

    fn comfort_noise(&mut self, k: usize, at: u64) {
        if k % 40 == 25 || k.is_multiple_of(10) {
            self.other(COMFORT_NOISE, at, 0);
        }
        self.timestamp += PACKET as i64;
    }

    fn event(&mut self, at: u64, ahead: i64) {
        self.other(EVENT, at, ahead);
        self.timestamp += PACKET as i64;
    }

    fn wrong(&mut self, wrong: TimestampFault, k: usize, at: u64) {
        let (samples, packets) = match wrong {
            TimestampFault::Pairs => (PACKET / 2, 2),
            _ => (PACKET, 1),
        };
        for n in 0..packets {
            let from = k * PACKET + n * samples;
            self.part(from, samples, at);
            let item = self.items.last_mut().expect("just pushed");
            item.sent_us = at + (n * samples) as u64 * US_PER_SAMPLE;
            self.sequence += 1;
        }
        self.timestamp += match wrong {
            TimestampFault::Half => 80,
            TimestampFault::Double => 320,
            TimestampFault::Stuck => 0,
            TimestampFault::Pairs => 160,
            TimestampFault::Jump(by) if k == SOUND + 15 => 160 + by,
            TimestampFault::Jump(_) => 160,
        };
    }

    /// Turns the times of sending into times of arrival.
    fn hold_back(&mut self, kind: SenderKind, rng: &mut SeededRng) {
        match kind {
            SenderKind::Jitter(ms) => self.delay_each(|_| rng.below(ms + 1) * 1000),
            SenderKind::Writes(ms) => {
                self.delay_each(|_| rng.below(ms + 1) * 1000);
                self.never_overtake();
            }
            SenderKind::Reorder => self.delay_each(|n| match n >= SOUND && rng.chance(10) {
                true => rng.between(21, 55) * 1000,
                false => 0,
            }),
            SenderKind::Ssrc(each) => self.delay_each(|n| match n % each == each - 1 {
                true => PACKET_US + 1000,
                false => 0,
            }),
            SenderKind::Duplicates => self.repeat(rng),
            SenderKind::Stall { from, ms, pace } => self.stall(from, ms, pace),
            _ => {}
        }
    }

    fn delay_each(&mut self, mut delay: impl FnMut(usize) -> u64) {
        for (n, item) in self.items.iter_mut().enumerate() {
            item.arrival_us += delay(n);
        }
    }

    fn never_overtake(&mut self) {
        let mut latest = 0;
        for item in &mut self.items {
            latest = item.arrival_us.max(latest);
            item.arrival_us = latest;
        }
    }

    /// Some packets arrive again up to 3 s later.
    fn repeat(&mut self, rng: &mut SeededRng) {
        for n in SOUND..self.items.len() {
            if !rng.chance(15) {
                continue;
            }
            let item = &self.items[n];
            let SenderWrite::Rtp(packet) = &item.hand else {
                continue;
            };
            let again = SenderItem {
                arrival_us: item.arrival_us + 1000 * rng.below(3000),
                hand: SenderWrite::Rtp(packet.clone()),
                ..*item
            };
            self.items.push(again);
        }
    }

    fn stall(&mut self, from: usize, ms: u64, pace: u64) {
        let Some(first) = self.items.get(from) else { return };
        let released = first.arrival_us + ms * 1000;
        for (n, item) in self.items.iter_mut().skip(from).enumerate() {
            let drained = (n as u64 * PACKET_US * 100).checked_div(pace).unwrap_or_default();
            item.arrival_us = item.arrival_us.max(released + drained);
        }
    }
}
