//! Payloads that are damaged, or lie about themselves, are counted and nothing more.

use super::codecs::*;
use super::*;
use crate::ledger::{DropReason, LegLedger};
use crate::sim::RecordingOptions;
use callrec_base::types::Layout;
use opus_pure::{Application, OpusEncoder};
use proptest::prelude::*;

const L16_STEREO: FeedFormat = FeedFormat {
    codec: Codec::L16(2),
    rate: 16_000,
};
/// Packets of a test. Those from `DAMAGED` on are damaged, up to `WHOLE`.
const PACKETS: usize = 100;
const DAMAGED: usize = 30;
const WHOLE: usize = 60;

/// A sine in stereo, in network byte order.
fn l16(samples: &[i16]) -> Sender {
    let payload = |samples: &[i16]| {
        let frames = samples.iter().flat_map(|sample| [*sample, *sample]);
        frames.flat_map(i16::to_be_bytes).collect()
    };
    Sender {
        payload_type: 97,
        step: 320,
        payloads: samples.chunks_exact(320).map(payload).collect(),
    }
}

fn sender(format: FeedFormat) -> Sender {
    let samples = sine(440.0, format.rate, PACKETS * format.rate as usize / 50);
    match format.codec {
        Codec::G722 => Sender::g722(&samples),
        Codec::Opus => Sender::opus(&samples, true),
        _ => l16(&samples),
    }
}

/// Sends all packets, and returns the ledger and the audio.
fn recorded(format: FeedFormat, sender: &Sender) -> (LegLedger, Vec<i16>) {
    let (mut sim, recording) = call(format);
    if format == L16_STEREO {
        sim.payload(Leg::Local, sender.payload_type, format);
    }
    send_some(&mut sim, sender, &(0..sender.payloads.len()).collect::<Vec<_>>());
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let samples = recording.out.lock().channel(0);
    (ledger_of(&recording), samples)
}

/// What happens to a payload on its way.
#[derive(Clone, Debug)]
enum PayloadDamage {
    Cut(prop::sample::Index),
    Head(u8),
    Byte(prop::sample::Index, u8),
    Longer(u8, usize),
    Noise(Vec<u8>),
}

impl PayloadDamage {
    fn apply(&self, payload: &mut Vec<u8>) {
        match self {
            PayloadDamage::Cut(at) => payload.truncate(at.index(payload.len().max(1))),
            PayloadDamage::Head(value) => payload.iter_mut().take(1).for_each(|byte| *byte = *value),
            PayloadDamage::Byte(at, value) if !payload.is_empty() => {
                let at = at.index(payload.len());
                payload[at] = *value;
            }
            PayloadDamage::Byte(..) => {}
            PayloadDamage::Longer(value, count) => payload.extend(std::iter::repeat_n(*value, *count)),
            PayloadDamage::Noise(noise) => payload.clone_from(noise),
        }
    }
}

fn damage() -> impl Strategy<Value = PayloadDamage> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(PayloadDamage::Cut),
        any::<u8>().prop_map(PayloadDamage::Head),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, value)| PayloadDamage::Byte(at, value)),
        (any::<u8>(), 1usize..600).prop_map(|(value, count)| PayloadDamage::Longer(value, count)),
        prop::collection::vec(any::<u8>(), 0..400).prop_map(PayloadDamage::Noise),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// All audio is accounted for, and what follows is recorded.
    #[test]
    fn damage_ends_with_the_damaged_packets(
        format in prop::sample::select(vec![G722, OPUS, L16_STEREO]),
        damages in prop::collection::vec(damage(), WHOLE - DAMAGED),
    ) {
        let mut sender = sender(format);
        let (whole, expected) = recorded(format, &sender);
        prop_assert_eq!(whole.dropped_sum(), 0);
        for (payload, damage) in sender.payloads[DAMAGED..WHOLE].iter_mut().zip(&damages) {
            damage.apply(payload);
        }
        let (ledger, samples) = recorded(format, &sender);
        prop_assert_eq!(ledger.accounted(), ledger.handed);
        // Packets that are longer than their timestamps allow delay those after them.
        let part = format.rate as usize / 20;
        prop_assert!(samples.len() + part > expected.len());
        let sounds = |part: &&[i16]| share(part, 440.0, format.rate) > 0.8;
        let before = samples[..12 * part].chunks_exact(part).filter(sounds).count();
        let after = samples[12 * part..].chunks_exact(part).filter(sounds).count();
        prop_assert!(before >= 11 && after >= 12, "{before} and {after} of 16, {format:?}");
    }
}

/// A sender may change between mono and stereo from packet to packet.
#[test]
fn changing_channel_counts_of_opus_are_mixed_down() {
    let samples = sine(440.0, 48_000, PACKETS * 960);
    let mut sender = Sender::opus(&samples, false);
    let mut encoder = OpusEncoder::new(48_000, 2, Application::Voip).expect("an encoder");
    for (n, payload) in sender.payloads.iter_mut().enumerate() {
        let stereo: Vec<i16> = samples[960 * n..][..960].iter().flat_map(|s| [*s, *s]).collect();
        let mut packet = vec![0; 1500];
        let bytes = encoder.encode_s16(&stereo, 960, &mut packet).expect("a packet");
        if n / 7 % 2 == 1 {
            *payload = packet[..bytes].to_vec();
        }
    }
    let stereo = sender.payloads.iter().filter(|payload| payload[0] & 4 != 0);
    assert!(stereo.count() > 30);
    let (ledger, recorded) = recorded(OPUS, &sender);
    assert_eq!((ledger.dropped_sum(), ledger.missing), (0, 0));
    assert_eq!(ledger.in_file, ledger.handed);
    let tone = share(&recorded[9600..86_400], 440.0, 48_000);
    assert!(tone > 0.8, "{tone}");
}

/// The host declares another channel count in mid-call.
#[test]
fn a_declared_channel_count_holds_from_the_next_packet_on() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, WIDE);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    sim.visit();
    let frames = [1000i16, 3000].map(i16::to_be_bytes).concat();
    for n in 0..30u16 {
        let channels = [2, 4, 2][usize::from(n) / 10];
        let format = FeedFormat {
            codec: Codec::L16(channels),
            rate: 16_000,
        };
        sim.payload(Leg::Local, 97, format);
        // 3 bytes too many, which are no frame.
        let mut payload = frames.repeat(320 * usize::from(channels) / 2);
        payload.extend([1, 2, 3]);
        sim.rtp(Leg::Local, &packet(7, 97, n, u32::from(n) * 320, &payload));
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&recording);
    assert_eq!(ledger.dropped[DropReason::Undecodable as usize], 0);
    assert_eq!(ledger.accounted(), ledger.handed);
    let samples = recording.out.lock().channel(0);
    assert_eq!(samples.iter().filter(|sample| **sample == 2000).count(), 30 * 320);
}
