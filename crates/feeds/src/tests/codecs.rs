//! Codecs whose packets are decoded one after another: G.722, Opus and L16.

use super::*;
use crate::ledger::{self, DropReason};
use crate::sim::RecordingOptions;
use audio_codec::Encoder as _;
use audio_codec::g722::G722Encoder;
use callrec_base::types::Layout;
use opus_pure::{Application, OpusEncoder, Signal};

pub(super) const G722: FeedFormat = FeedFormat {
    codec: Codec::G722,
    rate: 16_000,
};
pub(super) const OPUS: FeedFormat = FeedFormat {
    codec: Codec::Opus,
    rate: 48_000,
};

/// A sine at `rate`, with the amplitude 8000.
pub(super) fn sine(hz: f64, rate: u32, count: usize) -> Vec<i16> {
    let step = hz * std::f64::consts::TAU / f64::from(rate);
    (0..count)
        .map(|n| (8000.0 * (n as f64 * step).sin()) as i16)
        .collect()
}

/// Packets of 20 ms.
pub(super) struct Sender {
    pub payload_type: u8,
    /// The increase of the timestamp from packet to packet.
    pub step: u32,
    pub payloads: Vec<Vec<u8>>,
}

impl Sender {
    pub fn g722(samples: &[i16]) -> Sender {
        let mut encoder = G722Encoder::new();
        let encode = |samples: &[i16]| encoder.encode(samples);
        Sender {
            payload_type: 9,
            step: 160,
            payloads: samples.chunks_exact(320).map(encode).collect(),
        }
    }

    pub fn opus(samples: &[i16], fec: bool) -> Sender {
        Sender::opus_of(samples, fec, 24_000)
    }

    pub fn opus_of(samples: &[i16], fec: bool, bits_per_s: i32) -> Sender {
        let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).expect("an encoder");
        encoder.bitrate_bps = bits_per_s;
        encoder.signal_type = Some(Signal::Voice);
        encoder.use_inband_fec = fec;
        encoder.packet_loss_perc = if fec { 30 } else { 0 };
        let encode = |samples: &[i16]| {
            let mut packet = vec![0; 1500];
            let bytes = encoder
                .encode_s16(samples, samples.len(), &mut packet)
                .expect("a packet");
            packet.truncate(bytes);
            packet
        };
        Sender {
            payload_type: 96,
            step: 960,
            payloads: samples.chunks_exact(960).map(encode).collect(),
        }
    }

    pub fn packet(&self, n: usize) -> Vec<u8> {
        let timestamp = 0xffff_f000u32.wrapping_add(n as u32 * self.step);
        packet(
            7,
            self.payload_type,
            65_530u16.wrapping_add(n as u16),
            timestamp,
            &self.payloads[n],
        )
    }
}

/// A call with one leg of this format, recorded in linear samples.
pub(super) fn call(format: FeedFormat) -> (Sim, SimRecording) {
    call_in(Sim::real(), format)
}

pub(super) fn call_in(mut sim: Sim, format: FeedFormat) -> (Sim, SimRecording) {
    sim.attach(Leg::Local, format);
    if format.codec == Codec::Opus {
        sim.payload(Leg::Local, 96, format);
    }
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    sim.visit();
    (sim, recording)
}

/// Sends the packets in this order, one every 20 ms, and ends the call.
fn send_all(sim: &mut Sim, sender: &Sender, order: &[usize]) {
    send_some(sim, sender, order);
    sim.pass(500);
    sim.end();
    sim.pass(500);
}

pub(super) fn send_some(sim: &mut Sim, sender: &Sender, order: &[usize]) {
    for n in order {
        sim.rtp(Leg::Local, &sender.packet(*n));
        sim.now_ns += 20 * NS_PER_MS;
        if n % 7 == 0 {
            sim.visit();
        }
    }
}

pub(super) fn ledger_of(recording: &SimRecording) -> crate::ledger::LegLedger {
    recording.progress.ledger().leg(Leg::Local).clone()
}

/// The power of a frequency in the samples, relative to their whole power.
pub(super) fn share(samples: &[i16], hz: f64, rate: u32) -> f64 {
    let step = hz * std::f64::consts::TAU / f64::from(rate);
    let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let value = f64::from(*sample);
        re += value * (n as f64 * step).cos();
        im += value * (n as f64 * step).sin();
        sum += value * value;
    }
    2.0 * (re * re + im * im) / (samples.len() as f64 * sum.max(1.0))
}

#[test]
fn g722_is_recorded_at_16_khz() {
    let sender = Sender::g722(&sine(5000.0, 16_000, 16_000));
    let (mut sim, recording) = call(G722);
    send_all(&mut sim, &sender, &(0..50).collect::<Vec<_>>());
    let shape = recording.out.lock().shape.expect("a shape");
    assert_eq!(shape.rate, 16_000);
    let samples = recording.out.lock().channel(0);
    let middle = &samples[3200..12_800];
    assert!(
        share(middle, 5000.0, 16_000) > 0.95,
        "{}",
        share(middle, 5000.0, 16_000)
    );
    let ledger = ledger_of(&recording);
    assert_eq!(
        (ledger::ms(ledger.handed), ledger::ms(ledger.in_file)),
        (1000, 1000)
    );
    assert_eq!(ledger.codecs[..], [(Codec::G722, 16_000)]);
}

#[test]
fn opus_is_recorded_at_48_khz() {
    let sender = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    let (mut sim, recording) = call(OPUS);
    send_all(&mut sim, &sender, &(0..50).collect::<Vec<_>>());
    let samples = recording.out.lock().channel(0);
    assert_eq!(recording.out.lock().shape.expect("a shape").rate, 48_000);
    assert!(share(&samples[9600..38_400], 440.0, 48_000) > 0.9);
    let ledger = ledger_of(&recording);
    assert_eq!(
        (ledger::ms(ledger.handed), ledger::ms(ledger.in_file)),
        (1000, 1000)
    );
}

/// The decoders' state depends on the order: a late packet is decoded before its successors.
#[test]
fn reordered_packets_decode_as_in_order() {
    let order: Vec<usize> = (0..50).collect();
    let mut swapped = order.clone();
    for n in [10, 20, 21, 30] {
        swapped.swap(n, n + 1);
    }
    let g722 = Sender::g722(&sine(700.0, 16_000, 16_000));
    let opus = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    for (format, sender) in [(G722, &g722), (OPUS, &opus)] {
        let recorded = |order: &[usize], conceals: bool| {
            let mut config = crate::sim::config(crate::ClockMode::Real);
            config.conceals = conceals;
            let (mut sim, recording) = call_in(Sim::new(config), format);
            send_all(&mut sim, sender, order);
            assert_eq!(ledger_of(&recording).missing, 0);
            recording.out.lock().bytes.clone()
        };
        for conceals in [false, true] {
            let in_order = recorded(&order, false);
            assert!(recorded(&swapped, conceals) == in_order, "{format:?} {conceals}");
        }
    }
}

#[test]
fn opus_recovers_a_missing_packet_from_the_next_one() {
    let speech = |n: usize| sine(200.0 + 40.0 * (n % 5) as f64, 48_000, 960);
    let samples: Vec<i16> = (0..50).flat_map(speech).collect();
    let sender = Sender::opus(&samples, true);
    let lost = 25;
    let order: Vec<usize> = (0..50).filter(|n| *n != lost).collect();
    let (mut sim, recording) = call(OPUS);
    send_all(&mut sim, &sender, &order);
    let ledger = ledger_of(&recording);
    assert_eq!(
        (ledger::ms(ledger.recovered), ledger::ms(ledger.missing)),
        (20, 0)
    );
    let recorded = recording.out.lock().channel(0);
    let gap = &recorded[lost * 960..(lost + 1) * 960];
    let loud = gap.iter().filter(|sample| sample.unsigned_abs() > 500).count();
    assert!(loud > 480, "{loud}");
}

/// With `media.concealment` "on". Opus has its own concealment; what it says of 40 ms is in the
/// gap, sample by sample. For G.722, the audio before the gap is repeated.
#[test]
fn a_gap_is_concealed_as_the_codec_does() {
    let g722 = Sender::g722(&sine(400.0, 16_000, 16_000));
    let opus = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    for (format, sender) in [(G722, &g722), (OPUS, &opus)] {
        let mut config = crate::sim::config(crate::ClockMode::Real);
        config.conceals = true;
        let (mut sim, recording) = call_in(Sim::new(config), format);
        let order: Vec<usize> = (0..50).filter(|n| !(25..27).contains(n)).collect();
        send_all(&mut sim, sender, &order);
        let ledger = ledger_of(&recording);
        assert_eq!(
            (ledger::ms(ledger.concealed), ledger::ms(ledger.missing)),
            (40, 40),
            "{format:?}"
        );
        let len = format.rate as usize / 50;
        let recorded = recording.out.lock().channel(0);
        let gap = &recorded[25 * len..27 * len];
        let mut decoder = format.codec.decoder(format.rate).expect("a decoder");
        let (mut decoded, mut expected) = (Vec::new(), Vec::new());
        for payload in &sender.payloads[..25] {
            decoder.decode(payload, &mut decoded).expect("a valid payload");
        }
        decoder.conceal(2 * len, &mut expected);
        match expected.is_empty() {
            true => assert!(share(&gap[..len], 400.0, 16_000) > 0.8),
            false => assert!(gap == expected, "{format:?}"),
        }
        assert_eq!(expected.is_empty(), format == G722);
    }
}

/// DTX sends nothing in silence. The numbers continue, so nothing is lost.
#[test]
fn a_gap_of_dtx_is_no_loss() {
    let sender = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    let (mut sim, recording) = call(OPUS);
    for n in (0..20).chain(30..50) {
        let number = if n < 20 { n } else { n - 10 };
        let bytes = packet(7, 96, number as u16, n as u32 * 960, &sender.payloads[n]);
        sim.now_ns = (1000 + 20 * n as u64) * NS_PER_MS;
        sim.rtp(Leg::Local, &bytes);
        sim.visit();
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&recording);
    assert_eq!(
        (ledger.missing, ledger.recovered, ledger.dropped_sum()),
        (0, 0, 0)
    );
}

#[test]
fn damaged_packets_are_counted_and_nothing_more() {
    let mut sender = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    // A code 3 packet whose frame count does not fit its length.
    sender.payloads[20] = vec![sender.payloads[20][0] | 3, 0x83];
    // An empty payload has no duration.
    sender.payloads[30].clear();
    let (mut sim, recording) = call(OPUS);
    send_all(&mut sim, &sender, &(0..50).collect::<Vec<_>>());
    let ledger = ledger_of(&recording);
    assert!(ledger.dropped[DropReason::Undecodable as usize] > 0);
    assert_eq!(ledger.accounted(), ledger.handed);
    let samples = recording.out.lock().channel(0);
    assert!(
        share(&samples[33_600..43_200], 440.0, 48_000) > 0.9,
        "the audio after it"
    );
}

/// Decoders overlap their packets, so that audio of a pause would be heard after it.
#[test]
fn nothing_of_a_pause_remains_in_a_decoder() {
    let quiet = vec![0i16; 48_000];
    let mut loud = sine(440.0, 48_000, 48_000);
    loud[..24_000].fill(0);
    loud[36_000..].fill(0);
    let recorded = |spoken: &[i16]| {
        let sender = Sender::opus(spoken, false);
        let (mut sim, recording) = call(OPUS);
        // Another recording goes on, so that the packets of the pause are decoded.
        let other = sim.start(RecordingOptions {
            layout: Layout::Local,
            ..Default::default()
        });
        send_some(&mut sim, &sender, &(0..24).collect::<Vec<_>>());
        sim.pass(200);
        sim.pause(&recording);
        send_some(&mut sim, &sender, &(24..38).collect::<Vec<_>>());
        sim.resume(&recording);
        let resumed = recording.out.lock().frames();
        send_some(&mut sim, &sender, &[48, 49]);
        sim.pass(500);
        sim.end();
        sim.pass(500);
        let kept = recording.out.lock().channel(0);
        let heard = other.out.lock().channel(0);
        (kept[resumed as usize..].to_vec(), heard)
    };
    let (kept, heard) = recorded(&loud);
    assert!(heard.iter().any(|sample| sample.unsigned_abs() > 4000));
    let (silent, _) = recorded(&quiet);
    let peak = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max();
    assert!(
        peak(&kept) <= peak(&silent).map(|peak| peak + 8),
        "{:?}",
        peak(&kept)
    );
}

#[test]
fn stereo_l16_is_mixed_down() {
    let format = FeedFormat {
        codec: Codec::L16(2),
        rate: 16_000,
    };
    let mut sim = Sim::real();
    sim.attach(Leg::Local, WIDE);
    sim.payload(Leg::Local, 97, format);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    sim.visit();
    let payload: Vec<u8> = [1000i16, 3000].map(i16::to_be_bytes).concat().repeat(320);
    for n in 0..50u16 {
        sim.rtp(Leg::Local, &packet(7, 97, n, u32::from(n) * 320, &payload));
        sim.now_ns += 20 * NS_PER_MS;
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let samples = recording.out.lock().channel(0);
    assert_eq!(samples.iter().filter(|sample| **sample == 2000).count(), 50 * 320);
}

/// Writes are packets too: a host may have frames without RTP.
#[test]
fn a_host_may_write_opus_packets() {
    let sender = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    let (mut sim, recording) = call(OPUS);
    for payload in &sender.payloads {
        assert_eq!(sim.write(Leg::Local, payload), callrec_base::types::Status::Ok);
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let samples = recording.out.lock().channel(0);
    assert!(share(&samples[9600..38_400], 440.0, 48_000) > 0.9);
    assert_eq!(ledger::ms(ledger_of(&recording).in_file), 1000);
}

/// A refused packet counts with the samples that it decodes to, not with its bytes.
#[test]
fn refused_packets_count_with_their_samples() {
    let sender = Sender::opus(&sine(440.0, 48_000, 48_000), false);
    let (mut sim, recording) = call(OPUS);
    let mut refused = 0;
    // All at once: more than the feed may write ahead of the clock.
    for payload in sender.payloads.iter().cycle().take(150) {
        refused += u64::from(sim.write(Leg::Local, payload) == callrec_base::types::Status::Overrun);
    }
    sim.visit();
    sim.pass(4000);
    sim.end();
    sim.pass(500);
    assert!(refused > 20, "{refused}");
    let dropped = ledger_of(&recording).dropped[DropReason::Ahead as usize];
    assert_eq!(ledger::ms(dropped), 20 * refused);
}
