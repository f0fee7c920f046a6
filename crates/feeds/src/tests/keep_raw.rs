//! Packets that a recording keeps as they arrived.

use super::*;
use crate::OtherPayload;
use crate::sim::RecordingOptions;
use callrec_base::types::{KeepRaw, Layout};

const MS: u64 = NS_PER_MS;
const UNKNOWN: u8 = 18;

fn keeping(keep_raw: KeepRaw) -> RecordingOptions {
    RecordingOptions {
        keep_raw,
        ..RecordingOptions::default()
    }
}

fn unknown(n: u64) -> Vec<u8> {
    packet(7, UNKNOWN, n as u16, n as u32 * 160, &[tag(n); 20])
}

/// The sequence numbers of the kept packets of a leg.
fn kept(recording: &SimRecording, leg: Leg) -> Vec<u64> {
    let out = recording.out.lock();
    let own = out.raw.iter().filter(|(of, ..)| *of == leg);
    own.map(|(_, _, bytes)| u64::from(u16::from_be_bytes([bytes[2], bytes[3]])))
        .collect()
}

/// Feeds a packet every 20 ms.
fn feed(sim: &mut Sim, leg: Leg, numbers: std::ops::Range<u64>, of: impl Fn(u64) -> Vec<u8>) {
    for n in numbers {
        sim.rtp(leg, &of(n));
        sim.now_ns += 20 * MS;
        if n % 5 == 4 {
            sim.visit();
        }
    }
}

#[test]
fn packets_of_an_unknown_codec_are_kept_with_their_arrivals() {
    let mut sim = Sim::real();
    sim.attach(Leg::Remote, ULAW);
    let undecodable = sim.start(keeping(KeepRaw::Undecodable));
    let always = sim.start(keeping(KeepRaw::Always));
    let never = sim.start(keeping(KeepRaw::Never));
    let begin = sim.now_ns;
    feed(&mut sim, Leg::Remote, 0..200, unknown);
    let passed = kept(&undecodable, Leg::Remote).len();
    assert!(passed > 100, "{passed} packets were passed on before the end");
    sim.end();
    sim.visit();
    let all: Vec<u64> = (0..200).collect();
    assert_eq!(kept(&undecodable, Leg::Remote), all);
    assert_eq!(kept(&always, Leg::Remote), all);
    assert!(never.out.lock().raw.is_empty());
    for (n, (leg, arrival_ns, bytes)) in undecodable.out.lock().raw.iter().enumerate() {
        let n = n as u64;
        assert_eq!((*leg, *arrival_ns), (Leg::Remote, begin + n * 20 * MS));
        assert_eq!(*bytes, unknown(n));
    }
}

#[test]
fn decodable_packets_are_kept_only_if_all_are() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.attach(Leg::Remote, ULAW);
    let undecodable = sim.start(keeping(KeepRaw::Undecodable));
    let always = sim.start(keeping(KeepRaw::Always));
    let local = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..keeping(KeepRaw::Always)
    });
    for n in 0..100 {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.rtp(Leg::Remote, &unknown(n));
        sim.rtp(Leg::Remote, b"\x80\xc8 a report is no packet");
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.end();
    sim.visit();
    let all: Vec<u64> = (0..100).collect();
    assert!(kept(&undecodable, Leg::Local).is_empty());
    assert_eq!(kept(&undecodable, Leg::Remote), all);
    assert_eq!(
        (kept(&always, Leg::Local), kept(&always, Leg::Remote)),
        (all.clone(), all.clone())
    );
    assert_eq!(
        (kept(&local, Leg::Local), kept(&local, Leg::Remote)),
        (all, Vec::new())
    );
    let arrivals: Vec<u64> = always.out.lock().raw.iter().map(|(_, ns, _)| *ns).collect();
    assert!(arrivals.is_sorted(), "both legs are in one order");
}

#[test]
fn a_packet_that_its_decoder_refuses_is_kept() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let opus = FeedFormat {
        codec: Codec::Opus,
        rate: 48_000,
    };
    sim.payload(Leg::Local, 111, opus);
    let recording = sim.start(keeping(KeepRaw::Undecodable));
    // Opus of 20 ms: code 0 is one frame; code 2 with a first frame that is longer than the packet
    // is invalid.
    let of = |n: u64| {
        let payload: &[u8] = if n % 10 == 5 {
            &[0xfa, 200, 1, 2, 3]
        } else {
            &[0xf8, 0xff, 0xfe]
        };
        packet(7, 111, n as u16, n as u32 * 960, payload)
    };
    feed(&mut sim, Leg::Local, 0..100, of);
    sim.end();
    sim.visit();
    let refused: Vec<u64> = (0..100).filter(|n| n % 10 == 5).collect();
    assert_eq!(kept(&recording, Leg::Local), refused);
}

/// A party changes what its payload types are, to what has no decoder and back.
#[test]
fn a_payload_type_that_is_declared_anew_is_not_decoded_as_before() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(keeping(KeepRaw::Undecodable));
    for payload_type in [0, 8, 96] {
        if payload_type == 96 {
            sim.payload(Leg::Local, payload_type, ULAW);
        }
        let begin = u64::from(payload_type) * 150;
        let of = |n: u64| packet(7, payload_type, n as u16, n as u32 * 160, &[tag(n); 160]);
        feed(&mut sim, Leg::Local, begin..begin + 50, of);
        sim.other_payload(Leg::Local, payload_type, OtherPayload::Unknown);
        feed(&mut sim, Leg::Local, begin + 50..begin + 100, of);
        sim.payload(Leg::Local, payload_type, ULAW);
        feed(&mut sim, Leg::Local, begin + 100..begin + 150, of);
    }
    sim.end();
    sim.pass(1000);
    let undecodable = [0, 8 * 150, 96 * 150].into_iter();
    let expected: Vec<u64> = undecodable.flat_map(|begin| begin + 50..begin + 100).collect();
    assert_eq!(kept(&recording, Leg::Local), expected);
    let ledger = recording.progress.ledger();
    assert_eq!(crate::ledger::ms(ledger.leg(Leg::Local).handed), 3 * 100 * 20);
    assert_eq!(
        *sim.reports.ignored.lock(),
        [(Leg::Local, 0), (Leg::Local, 8), (Leg::Local, 96)]
    );
}

#[test]
fn no_telephone_event_is_kept() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.other_payload(Leg::Local, 97, OtherPayload::Event { clock_rate: 8000 });
    sim.other_payload(Leg::Local, 98, OtherPayload::Unknown);
    let recording = sim.start(keeping(KeepRaw::Always));
    // A declared event of any length, an undeclared short payload, a short packet of a declared
    // codec, and a longer undeclared one.
    let of = |n: u64| match n % 4 {
        0 => packet(7, 97, n as u16, 0, &[1; 40]),
        1 => packet(7, 101, n as u16, 0, &[1; 16]),
        2 => packet(7, 98, n as u16, 0, &[1; 7]),
        _ => packet(7, 101, n as u16, 0, &[1; 17]),
    };
    feed(&mut sim, Leg::Local, 0..80, of);
    sim.end();
    sim.visit();
    let expected: Vec<u64> = (0..80).filter(|n| n % 4 >= 2).collect();
    assert_eq!(kept(&recording, Leg::Local), expected);
}

#[test]
fn packets_of_a_pause_and_of_a_private_call_are_not_kept() {
    for (private, stopped) in [(false, false), (true, false), (false, true)] {
        let mut sim = Sim::real();
        sim.attach(Leg::Remote, ULAW);
        feed(&mut sim, Leg::Remote, 0..50, unknown);
        let recording = sim.start(keeping(KeepRaw::Always));
        feed(&mut sim, Leg::Remote, 50..350, unknown);
        match private {
            true => sim.private(true),
            false => sim.pause(&recording),
        }
        feed(&mut sim, Leg::Remote, 350..450, unknown);
        match private {
            true => sim.private(false),
            false => sim.resume(&recording),
        }
        feed(&mut sim, Leg::Remote, 450..550, unknown);
        if stopped {
            sim.stop(&recording);
        }
        feed(&mut sim, Leg::Remote, 550..600, unknown);
        sim.end();
        sim.visit();
        let end = if stopped { 550 } else { 600 };
        // The network may have held a packet back for 100 ms.
        let expected: Vec<u64> = (50..350).chain(455..end).collect();
        assert_eq!(kept(&recording, Leg::Remote), expected, "{private} {stopped}");
    }
}

/// The network holds packets back during a pause and delivers them afterwards.
#[test]
fn packets_that_were_sent_during_a_pause_are_not_kept() {
    let mut sim = Sim::real();
    sim.attach(Leg::Remote, ULAW);
    let recording = sim.start(keeping(KeepRaw::Always));
    feed(&mut sim, Leg::Remote, 0..300, unknown);
    sim.pause(&recording);
    feed(&mut sim, Leg::Remote, 300..350, unknown);
    sim.now_ns += 600 * MS;
    sim.resume(&recording);
    for n in 350..380 {
        sim.rtp(Leg::Remote, &unknown(n));
    }
    feed(&mut sim, Leg::Remote, 380..500, unknown);
    sim.end();
    sim.visit();
    let kept = kept(&recording, Leg::Remote);
    // The gap was 620 ms.
    let expected: Vec<u64> = (0..300).chain(380 + 31..500).collect();
    assert_eq!(kept, expected);
}

/// Before the start, the call was private: it is unknown whether packets wait in the network.
#[test]
fn packets_after_a_private_call_are_kept_once_none_can_be_from_it() {
    let mut sim = Sim::real();
    sim.attach(Leg::Remote, ULAW);
    sim.private(true);
    feed(&mut sim, Leg::Remote, 0..50, unknown);
    sim.private(false);
    let recording = sim.start(keeping(KeepRaw::Always));
    feed(&mut sim, Leg::Remote, 50..400, unknown);
    sim.detach(Leg::Remote);
    sim.private(true);
    sim.pass(10_000);
    sim.private(false);
    sim.attach(Leg::Remote, ULAW);
    feed(&mut sim, Leg::Remote, 400..450, unknown);
    sim.end();
    sim.visit();
    let expected: Vec<u64> = (300..400).chain(405..450).collect();
    assert_eq!(
        kept(&recording, Leg::Remote),
        expected,
        "a new feed has only new packets"
    );
}

#[test]
fn a_packet_with_an_age_counts_when_the_host_received_it() {
    let mut sim = Sim::real();
    sim.attach(Leg::Remote, ULAW);
    let recording = sim.start(keeping(KeepRaw::Always));
    feed(&mut sim, Leg::Remote, 0..300, unknown);
    sim.pause(&recording);
    feed(&mut sim, Leg::Remote, 300..350, unknown);
    sim.resume(&recording);
    feed(&mut sim, Leg::Remote, 350..356, unknown);
    sim.rtp_aged(Leg::Remote, &unknown(356), 130 * MS);
    sim.rtp_aged(Leg::Remote, &unknown(357), 15 * MS);
    sim.end();
    sim.visit();
    let expected: Vec<u64> = (0..300).chain([355, 357]).collect();
    assert_eq!(kept(&recording, Leg::Remote), expected);
}

#[test]
fn the_maximum_duration_ends_the_packets_too() {
    for codec in [0, UNKNOWN] {
        let mut sim = Sim::real();
        sim.attach(Leg::Remote, ULAW);
        let recording = sim.start(RecordingOptions {
            max_duration_ms: 2_000,
            ..keeping(KeepRaw::Always)
        });
        let of = |n: u64| match codec {
            0 => ulaw(n),
            _ => unknown(n),
        };
        feed(&mut sim, Leg::Remote, 0..250, of);
        let expected: Vec<u64> = (0..100).collect();
        assert_eq!(kept(&recording, Leg::Remote), expected, "payload type {codec}");
    }
}

#[test]
fn a_discarded_recording_passes_on_nothing_more() {
    let mut sim = Sim::real();
    sim.attach(Leg::Remote, ULAW);
    let recording = sim.start(keeping(KeepRaw::Always));
    feed(&mut sim, Leg::Remote, 0..20, unknown);
    sim.discard(&recording);
    sim.visit();
    assert!(kept(&recording, Leg::Remote).is_empty());
}

#[test]
fn stream_time_keeps_every_packet() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(keeping(KeepRaw::Always));
    for n in 0..300 {
        sim.rtp(Leg::Local, &ulaw(n));
        if n % 10 == 9 {
            sim.visit();
        }
        match n {
            99 => sim.pause(&recording),
            199 => sim.resume(&recording),
            _ => {}
        }
    }
    sim.end();
    sim.visit();
    let expected: Vec<u64> = (0..100).chain(200..300).collect();
    assert_eq!(kept(&recording, Leg::Local), expected);
}
