//! The account of each leg's audio in a manifest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Manifest;
use serde::{Deserialize, Serialize};

/// Milliseconds by reason.
pub type Reasons = BTreeMap<Cow<'static, str>, u64>;

/// The account of one leg. handed_ms = audio_ms + outside_ms + duplicate_ms + slipped_ms +
/// dropped_ms, also after rounding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegEntry {
    /// `local`, `remote` or `mixed`
    pub leg: Cow<'static, str>,
    /// Packets with audio that were fed since the recording's start.
    pub packets: u64,
    /// The length of the audio in these packets.
    pub handed_ms: u64,
    /// The part of it in the file.
    pub audio_ms: u64,
    /// Audio that never arrived.
    pub missing_ms: u64,
    pub dropped_ms: Reasons,
    /// Audio that was not to be recorded.
    pub outside_ms: Reasons,
    pub duplicate_ms: u64,
    /// Audio that was left out (`slipped_ms`) or repeated to follow the sender's clock.
    pub slipped_ms: u64,
    pub repeated_ms: u64,
    /// Audio of missing packets, recovered from copies in later ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub recovered_ms: u64,
    /// Made up for missing audio, and for silences that their sender described.
    #[serde(skip_serializing_if = "is_zero")]
    pub concealed_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub comfort_noise_ms: u64,
    /// Packets without audio, by payload type. The keys are text, so that a manifest with a type of
    /// a later version stays readable.
    pub ignored: BTreeMap<String, u64>,
    /// For example `PCMU/8000`.
    pub codecs: Vec<Cow<'static, str>>,
    pub streams: u32,
    /// Packets whose timestamps contradicted their sequence numbers.
    pub wrong_timestamps: u64,
    #[serde(skip_serializing_if = "is_false")]
    pub concurrent_streams: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub narrowed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub silent: bool,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

pub fn is_false(value: &bool) -> bool {
    !*value
}

impl LegEntry {
    /// Whether packets arrived, none of which could be decoded.
    fn is_undecoded(&self) -> bool {
        self.packets == 0 && self.ignored.values().any(|packets| *packets > 0)
    }
}

impl Manifest {
    /// Sets `no_audio` and `undecoded` of a complete file from its legs. After a crash, `legs` may
    /// not cover the end of the file; then the legs decide nothing.
    pub fn note_audio(&mut self) {
        self.settled_frames = self.settled_frames.min(self.samples);
        let is_known = self.settled_frames == self.samples;
        let is_silent = self.legs.iter().all(|leg| leg.audio_ms == 0);
        self.no_audio = self.samples == 0 || is_known && is_silent;
        let undecoded = self.legs.iter().filter(|leg| is_known && leg.is_undecoded());
        self.undecoded = undecoded.map(|leg| leg.leg.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(samples: u64, settled_frames: u64, legs: &[LegEntry]) -> (bool, Vec<Cow<'static, str>>, u64) {
        let mut manifest = Manifest {
            samples,
            settled_frames,
            legs: legs.to_vec(),
            ..Manifest::default()
        };
        manifest.note_audio();
        (manifest.no_audio, manifest.undecoded, manifest.settled_frames)
    }

    fn leg(leg: &'static str, packets: u64, ignored: u64) -> LegEntry {
        LegEntry {
            leg: leg.into(),
            packets,
            audio_ms: 20 * packets,
            ignored: BTreeMap::from([("18".to_owned(), ignored)]),
            ..LegEntry::default()
        }
    }

    #[test]
    fn silence_is_recorded_if_the_legs_cover_the_file() {
        let (undecodable, audible, silent) = (leg("local", 0, 7), leg("remote", 5, 7), leg("remote", 0, 0));
        let undecoded = || vec![Cow::Borrowed("local")];
        assert_eq!(
            account(80, 80, &[undecodable.clone(), audible]),
            (false, undecoded(), 80)
        );
        assert_eq!(
            account(80, 80, &[undecodable.clone(), silent]),
            (true, undecoded(), 80)
        );
        assert_eq!(
            account(80, 99, std::slice::from_ref(&undecodable)),
            (true, undecoded(), 80)
        );
        assert_eq!(
            account(80, 79, &[undecodable]),
            (false, Vec::new(), 79),
            "the end is not accounted for"
        );
        assert_eq!(account(80, 80, &[]), (true, Vec::new(), 80), "there was no leg");
        assert_eq!(
            account(80, 0, &[]),
            (false, Vec::new(), 0),
            "a manifest of an earlier version"
        );
        assert_eq!(account(0, 0, &[leg("local", 5, 0)]), (true, Vec::new(), 0));
    }

    #[test]
    fn a_leg_is_read_with_unknown_members() {
        let entry = LegEntry {
            dropped_ms: Reasons::from([("late".into(), 40)]),
            codecs: vec!["PCMU/8000".into()],
            narrowed: true,
            ..leg("local", 5, 2)
        };
        let text = serde_json::to_string(&entry).expect("JSON");
        assert!(
            text.contains(r#""dropped_ms":{"late":40},"outside_ms":{}"#),
            "{text}"
        );
        assert!(text.contains(r#""ignored":{"18":2}"#), "{text}");
        assert!(text.contains("narrowed") && !text.contains("silent"), "{text}");
        assert_eq!(serde_json::from_str::<LegEntry>(&text).expect("read"), entry);
        let later = r#"{"leg":"local","ignored":{"dynamic":3},"dropped_ms":{"new":1},"more":[]}"#;
        let read: LegEntry = serde_json::from_str(later).expect("read");
        assert_eq!((read.ignored["dynamic"], read.dropped_ms["new"]), (3, 1));
    }
}
