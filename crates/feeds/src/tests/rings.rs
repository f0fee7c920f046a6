//! A drain reads exactly the packets that a feed has stored, wherever they are in the ring.

use std::sync::Arc;

use super::*;
use crate::drain::{Drain, Scratch};
use crate::sim::{RecordingOptions, config};
use crate::{CallTap, ClockMode, Feed, OverflowPool, WorkerInbox};
use callrec_base::types::{Layout, Status};
use callrec_codec::g711;
use callrec_media::packet::{HEADER, POSITION, PacketHeader, PacketKind, stored_bytes};

const LEG: Leg = Leg::Local;
const WIDE: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 48_000,
};
const RING: usize = 8192;

/// A feed and the drain of its ring, without a worker.
struct Pair {
    call: Arc<CallTap>,
    feed: Feed,
    drain: Drain,
    scratch: Scratch,
}

fn pair(clock: ClockMode, format: FeedFormat) -> Pair {
    let (config, stats) = (Arc::new(config(clock)), Arc::default());
    let worker = WorkerInbox::new(Arc::clone(&config), Arc::clone(&stats), 0);
    // No overflow memory: the feed has only its own ring.
    let none = OverflowPool::new(0);
    let call = CallTap::unregistered(1, config, stats, none, worker, Arc::new(crate::NoReport));
    let (feed, ring, _) = Feed::new(call.clone(), LEG, format, lease(&call, format));
    let mut drain = Drain::default();
    drain.ring = Some(ring);
    Pair {
        call,
        feed,
        drain,
        scratch: Scratch::default(),
    }
}

impl Pair {
    fn handed(&self) -> u64 {
        self.call.counts(LEG).handed().bytes
    }

    fn take(&mut self) -> Vec<(PacketHeader, Vec<u8>)> {
        self.take_to(self.handed())
    }

    fn take_to(&mut self, limit: u64) -> Vec<(PacketHeader, Vec<u8>)> {
        let packets = self.drain.up_to(limit, self.call.counts(LEG), &mut self.scratch);
        packets
            .map(|(header, payload)| (header, payload.to_vec()))
            .collect()
    }
}

/// Bytes that identify their packet and their position in it.
fn body(packet: u64, len: usize) -> Vec<u8> {
    let byte = |at: usize| (packet.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 57)) as u8 ^ at as u8;
    (0..len).map(byte).collect()
}

#[test]
fn a_header_round_trips_through_its_words() {
    for (kind, len, overruns, arrival_ns) in [
        (PacketKind::Rtp, 0, 0, 0),
        (PacketKind::Write, 1, u32::MAX, u64::MAX),
        (PacketKind::WriteAt, 0xff_ffff, 1, 1 << 40),
        (PacketKind::RtpAged, 172, 7, 9),
    ] {
        let header = PacketHeader {
            kind,
            len,
            overruns,
            arrival_ns,
        };
        let bytes = header.words().map(u64::to_ne_bytes).concat();
        assert_eq!(PacketHeader::parse(&bytes), Some(header));
        assert_eq!(PacketHeader::parse(&bytes[..HEADER - 1]), None);
    }
}

/// With every length, packets begin and wrap at each word of the ring.
#[test]
fn a_record_may_wrap_around_the_end() {
    let mut pair = pair(ClockMode::Stream, ULAW);
    for round in 0..40 {
        for len in 1..=2048 {
            let sent = body(round + len as u64, len);
            let status = match len % 3 {
                0 => pair.feed.rtp(&sent, len as u64),
                1 => pair.feed.write(&sent, len as u64),
                _ => pair.feed.write_at(len as u64, &sent, len as u64),
            };
            assert_eq!(status, Status::Ok);
            let taken = pair.take();
            let [(header, payload)] = &taken[..] else {
                panic!("{len}: {} packets", taken.len());
            };
            assert_eq!((header.arrival_ns, header.len), (len as u64, payload.len()));
            match header.kind {
                PacketKind::WriteAt => {
                    assert_eq!(payload[..POSITION], (len as u64).to_ne_bytes());
                    assert!(payload[POSITION..] == sent, "{len}");
                }
                _ => assert!(*payload == sent, "{len}"),
            }
        }
    }
}

/// To the last byte and no further, wherever the first packet begins.
#[test]
fn a_ring_is_filled_exactly() {
    for (shift, spare) in (0..80).flat_map(|shift| [(shift, 0), (shift, 8)]) {
        let mut pair = pair(ClockMode::Stream, ULAW);
        for n in 0..shift {
            pair.feed.write(&body(n, 100 + n as usize), 1);
        }
        pair.take();
        let begin = pair.handed();
        let lens = [2048, 2048, 2048, RING - 3 * (HEADER + 2048) - HEADER - spare];
        for (n, len) in lens.into_iter().enumerate() {
            assert_eq!(pair.feed.write(&body(n as u64, len), 1), Status::Ok);
        }
        assert_eq!(pair.handed() - begin, (RING - spare) as u64);
        assert_eq!(pair.feed.rtp(&[], 1), Status::Overrun, "a header does not fit");
        // Reading one packet frees the space for another one of the same size.
        let first = pair.take_to(begin + stored_bytes(2048) as u64);
        assert_eq!(first.len(), 1);
        assert!(first[0].1 == body(0, 2048));
        assert_eq!(pair.feed.write(&body(9, 2048), 1), Status::Ok);
        assert_eq!(pair.feed.write(&[0], 1), Status::Overrun);
        let rest = pair.take();
        let sent: Vec<_> = [(1, lens[1]), (2, lens[2]), (3, lens[3]), (9, 2048)]
            .map(|(n, len)| body(n, len))
            .into();
        assert!(rest.iter().map(|(_, payload)| payload).eq(&sent));
    }
}

/// A full ring does not change. The next packet reports the refused ones.
#[test]
fn a_full_ring_keeps_its_records() {
    let mut pair = pair(ClockMode::Real, ULAW);
    let mut taken = 0;
    while pair.feed.rtp(&body(taken, 172), 1) == Status::Ok {
        taken += 1;
    }
    assert_eq!(taken, RING as u64 / 192);
    for _ in 0..4 {
        assert_eq!(pair.feed.rtp(&[1; 172], 1), Status::Overrun);
    }
    assert_eq!(pair.feed.write(&[1; 160], 1), Status::Overrun);
    let lost = pair.call.counts(LEG).handed();
    assert_eq!((lost.packets_lost, lost.samples_lost), (5, 160));
    let all = pair.take();
    assert_eq!(all.len() as u64, taken);
    for (n, (header, payload)) in all.iter().enumerate() {
        assert_eq!(header.overruns, 0);
        assert!(*payload == body(n as u64, 172));
    }
    pair.feed.rtp(&[2], 1);
    pair.feed.write(&[3], 1);
    let overruns: Vec<u32> = pair.take().iter().map(|(header, _)| header.overruns).collect();
    assert_eq!(overruns, [5, 160]);
}

/// A new ring is empty, even if the previous one still contains unread packets.
#[test]
fn a_feed_switches_to_a_larger_ring_during_a_call() {
    let mut pair = pair(ClockMode::Stream, PCM);
    assert_eq!(pair.feed.write(&[1; 2000], 1), Status::Ok);
    pair.take();
    let mut old = 0;
    while pair.feed.write(&body(old, 1600), 1) == Status::Ok {
        old += 1;
    }
    let border = pair.handed();
    let ring = pair
        .feed
        .change_format(WIDE)
        .expect("there is memory")
        .expect("400 ms at this rate are 38,400 bytes");
    let (mut new, capacity) = (0, ring.bytes() as u64);
    assert_eq!(capacity, 65_536);
    while pair.feed.write(&body(new, 9600), 1) == Status::Ok {
        new += 1;
    }
    assert_eq!(new, capacity / stored_bytes(9600) as u64);
    let before = pair.take_to(border);
    assert!((0..old).eq(before.iter().enumerate().map(|(n, (_, payload))| {
        assert!(*payload == body(n as u64, 1600));
        n as u64
    })));
    assert_eq!(pair.feed.write(&[1; 9600], 1), Status::Overrun);
    pair.drain.ring = Some(ring);
    let after = pair.take();
    assert_eq!(after.len() as u64, new);
    for (n, (_, payload)) in after.iter().enumerate() {
        assert!(*payload == body(n as u64, 9600), "{n}");
    }
    assert_eq!(
        pair.feed.change_format(PCM).map(|ring| ring.is_some()),
        Ok(false),
        "the larger ring is kept"
    );
    assert_eq!(pair.feed.write(&[1; 9600], 1), Status::Ok, "and so is its size");
}

/// The next feed of a leg continues the counters and begins with an empty ring.
#[test]
fn a_new_feed_displaces_the_previous_one() {
    let mut pair = pair(ClockMode::Real, ULAW);
    let mut first = 0;
    while pair.feed.write(&body(first, 333), 1) == Status::Ok {
        first += 1;
    }
    let border = pair.handed();
    let (feed, ring, _) = Feed::new(pair.call.clone(), LEG, ULAW, lease(&pair.call, ULAW));
    pair.feed = feed;
    let mut second = 0;
    while pair.feed.rtp(&body(second, 444), 1) == Status::Ok {
        second += 1;
    }
    assert_eq!(second, RING as u64 / stored_bytes(444) as u64);
    let before = pair.take_to(border);
    assert_eq!(before.len() as u64, first);
    pair.drain.ring = Some(ring);
    for (n, (header, payload)) in pair.take().iter().enumerate() {
        assert_eq!(header.overruns, 0, "the first feed's overrun was of samples");
        assert!(*payload == body(n as u64, 444), "{n}");
    }
    assert_eq!(pair.feed.write(&[1; 160], 1), Status::Ok);
    assert_eq!(pair.take()[0].0.overruns, 333, "and it is still reported");
}

/// A feed and a worker at full speed: every packet is read once, whole and in order.
#[test]
fn two_threads_exchange_millions_of_records() {
    const RECORDS: u64 = 3_000_000;
    let len = |n: u64| (n.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as usize;
    let Pair {
        call,
        mut feed,
        mut drain,
        mut scratch,
    } = pair(ClockMode::Stream, WIDE);
    let source: Vec<u8> = (0..512u32).map(|n| (n * 7 + n / 256) as u8).collect();
    let sent = |n: u64| &source[n as usize % 256..][..len(n)];
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 0..RECORDS {
                while feed.rtp(sent(n), n) == Status::Overrun {
                    std::thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while next < RECORDS {
            let (counts, before) = (call.counts(LEG), next);
            let limit = counts.handed().bytes;
            for (header, payload) in drain.up_to(limit, counts, &mut scratch) {
                assert_eq!((header.kind, header.arrival_ns), (PacketKind::Rtp, next));
                assert!(payload == sent(next), "packet {next}");
                next += 1;
            }
            if next == before {
                std::thread::yield_now();
            }
        }
    });
}

/// Records in the first ring are read even while the next one fills.
#[test]
fn a_ring_grows_with_a_payload_type() {
    let mut sim = Sim::real();
    sim.attach(LEG, ULAW);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: 8000,
        ..RecordingOptions::default()
    });
    for n in 0..5 {
        assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
    }
    sim.payload(LEG, 97, WIDE);
    let wide = |n: u64| packet(7, 97, 5 + n as u16, 800 + n as u32 * 960, &[0x20; 1920]);
    for n in 0..20 {
        assert_eq!(sim.rtp(LEG, &wide(n)), Status::Ok, "packet {n}");
    }
    sim.stop(&recording);
    sim.visit();
    assert_eq!((sim.stats.frames_in(), sim.stats.frames_lost()), (25, 0));
    let recorded = recording.out.lock().channel(0);
    assert_eq!(recorded.len(), 500 * 8);
    let of = |packet: u64| g711::ULAW[usize::from(super::tag(packet))];
    assert!((0..5).all(|n| recorded[n * 160 + 80] == of(n as u64)));
    assert!(
        recorded[900..3900]
            .iter()
            .all(|sample| (sample - 0x2020).abs() < 80)
    );
}
