//! Converts a recording's ledger to the manifest's entries.

use std::borrow::Cow;

use crate::media::ledger::{self, DropReason, Ledger, LegLedger, OutsideReason};
use crate::storage::{LegEntry, Manifest, Reasons};
use crate::types::{Codec, Leg};

/// Stores the ledger of each leg that was fed.
pub fn put_ledger(manifest: &mut Manifest, ledger: &Ledger) {
    manifest.settled_frames = ledger.settled_frames;
    let legs = Leg::ALL.into_iter().map(|leg| (leg, ledger.leg(leg)));
    let fed = legs.filter(|(_, ledger)| ledger.fed);
    manifest.legs = fed.map(|(leg, ledger)| entry(leg, ledger)).collect();
}

fn entry(leg: Leg, ledger: &LegLedger) -> LegEntry {
    let mut rounded = RoundedSum::default();
    let dropped = DropReason::ALL.map(|reason| (reason.text(), ledger.dropped[reason as usize]));
    let outside = OutsideReason::ALL.map(|why| (why.text(), ledger.outside[why as usize]));
    let dropped_ms = rounded.reasons(dropped);
    LegEntry {
        leg: leg.text().into(),
        packets: ledger.packets,
        handed_ms: ledger::ms(ledger.handed),
        missing_ms: ledger::ms(ledger.lost()).saturating_sub(ledger::ms(ledger.dropped_sum())),
        dropped_ms,
        audio_ms: rounded.ms(ledger.in_file),
        outside_ms: rounded.reasons(outside),
        duplicate_ms: rounded.ms(ledger.duplicates),
        slipped_ms: rounded.ms(ledger.slipped),
        repeated_ms: ledger::ms(ledger.repeated),
        recovered_ms: ledger::ms(ledger.recovered),
        concealed_ms: ledger::ms(ledger.concealed),
        comfort_noise_ms: ledger::ms(ledger.comfort_noise),
        ignored: ledger
            .ignored
            .iter()
            .map(|(payload_type, packets)| (payload_type.to_string(), *packets))
            .collect(),
        codecs: ledger
            .codecs
            .iter()
            .map(|codec| codec_text(*codec, ledger))
            .collect(),
        streams: ledger.streams,
        wrong_timestamps: ledger.wrong_timestamps,
        concurrent_streams: ledger.concurrent,
        narrowed: ledger.narrowed,
        silent: ledger.silent,
    }
}

/// The codec as RTP names it, for example `PCMU/8000`.
fn codec_text((codec, rate): (Codec, u32), ledger: &LegLedger) -> Cow<'static, str> {
    if let Some((_, name)) = ledger.external.iter().find(|(known, _)| *known == codec) {
        return name.to_string().into();
    }
    let name = match codec {
        Codec::Pcm16 | Codec::L16(_) => "L16",
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        Codec::Opus => "opus",
        Codec::External { .. } => "external",
    };
    let clock = codec.clock_rate(rate);
    match codec {
        Codec::L16(channels) if channels > 1 => format!("{name}/{clock}/{channels}").into(),
        // RFC 7587: always two channels in SDP.
        Codec::Opus => format!("{name}/{clock}/2").into(),
        _ => format!("{name}/{clock}").into(),
    }
}

/// Converts terms to milliseconds so that they add up to their rounded sum: each term's rounding
/// error is carried over to the next.
#[derive(Default)]
struct RoundedSum {
    ticks: u64,
    ms: u64,
}

impl RoundedSum {
    fn ms(&mut self, ticks: u64) -> u64 {
        self.ticks += ticks;
        let before = std::mem::replace(&mut self.ms, ledger::ms(self.ticks));
        self.ms - before
    }

    /// The terms that are not 0, even if they round to 0 ms.
    fn reasons<const N: usize>(&mut self, terms: [(&'static str, u64); N]) -> Reasons {
        let nonzero = terms.into_iter().filter(|(_, ticks)| *ticks > 0);
        nonzero
            .map(|(text, ticks)| (text.into(), self.ms(ticks)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ledger::ticks;

    fn put(ledger: &Ledger) -> Manifest {
        let mut manifest = Manifest::default();
        put_ledger(&mut manifest, ledger);
        manifest
    }

    #[test]
    fn only_legs_that_were_fed_have_an_entry() {
        let mut ledger = Ledger {
            settled_frames: 4000,
            ..Ledger::default()
        };
        assert!(put(&ledger).legs.is_empty());
        let remote = &mut ledger.legs[Leg::Remote as usize];
        remote.fed = true;
        remote.packets = 25;
        remote.handed = ticks(4160, 8000);
        remote.in_file = ticks(4000, 8000);
        remote.duplicates = ticks(160, 8000);
        remote.missing = ticks(320, 8000);
        remote.ignored = vec![(18, 3), (101, 4)];
        remote.codecs = [(Codec::Pcmu, 8000), (Codec::Pcm16, 16_000)]
            .into_iter()
            .collect();
        remote.streams = 2;
        remote.concurrent = true;
        let manifest = put(&ledger);
        assert_eq!(manifest.settled_frames, 4000);
        let text = serde_json::to_string(&manifest.legs).expect("JSON");
        assert_eq!(
            text,
            r#"[{"leg":"remote","packets":25,"handed_ms":520,"audio_ms":500,"missing_ms":40,"#.to_owned()
                + r#""dropped_ms":{},"outside_ms":{},"duplicate_ms":20,"slipped_ms":0,"#
                + r#""repeated_ms":0,"ignored":{"101":4,"18":3},"codecs":["PCMU/8000","L16/16000"],"#
                + r#""streams":2,"wrong_timestamps":0,"concurrent_streams":true}]"#
        );
    }

    #[test]
    fn rounded_terms_add_up_to_the_rounded_sum() {
        for seed in 1..500u64 {
            let samples = |at: u64| ticks(seed * 7919 * (at + 1) % 977, 8000);
            let mut leg = LegLedger {
                fed: true,
                in_file: samples(20),
                duplicates: samples(21),
                slipped: samples(22) % ticks(3, 8000),
                missing: samples(23),
                ..LegLedger::default()
            };
            for reason in DropReason::ALL {
                leg.add_dropped(reason, samples(reason as u64) * (seed >> (reason as u64) & 1));
            }
            for why in OutsideReason::ALL {
                leg.add_outside(why, samples(9 + why as u64) * (seed >> (why as u64) & 1));
            }
            leg.handed = leg.accounted();
            let entry = entry(Leg::Local, &leg);
            let dropped: u64 = entry.dropped_ms.values().sum();
            let outside: u64 = entry.outside_ms.values().sum();
            let sum = entry.audio_ms + outside + entry.duplicate_ms + entry.slipped_ms + dropped;
            assert_eq!(entry.handed_ms, sum, "{leg:?}");
            assert_eq!(entry.missing_ms + dropped, ledger::ms(leg.lost()), "{leg:?}");
            assert!(entry.audio_ms.abs_diff(ledger::ms(leg.in_file)) <= 1);
            for reason in DropReason::ALL {
                let is_listed = entry.dropped_ms.contains_key(reason.text());
                assert_eq!(is_listed, leg.dropped[reason as usize] > 0, "{leg:?}");
            }
        }
    }
}
