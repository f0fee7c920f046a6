//! What callrec has made up in a recording, with `media.concealment` "on": it is set apart from the
//! packets, and compared with the ledger.

use serde_json::Value;

use super::audio::recorded_patterns;
use super::run_frames::PATTERN_RUN;

/// The level of the noise that senders describe, in -dBov. Its samples are weaker than every pattern.
pub const NOISE_LEVEL: u8 = 45;
/// No pattern is as weak as this.
const NOISE_PEAK: u16 = 0x180;
/// At most this much of a gap is concealed, in samples.
const CONCEALED: u64 = 480;
/// The largest rounding error of milliseconds from the manifest, in samples.
const ROUNDED: u64 = 24;

/// Samples of a leg that are not 0 and that nobody said.
#[derive(Clone, Copy, Debug, Default)]
struct MadeUpSamples {
    concealed: u64,
    noise: u64,
}

/// Silences what is made up in a leg of a finished recording. Reports what the ledger does not
/// explain. Returns the patterns of the packets that conceal gaps.
pub fn silence_made_up(
    samples: &mut [i16],
    leg: &str,
    manifest: &Value,
    fault: &mut dyn FnMut(String),
) -> Vec<i16> {
    let mut repeated = Vec::new();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let mut found = MadeUpSamples::default();
    let (mut most_concealed, mut missing) = (0, 0);
    let spans = manifest["spans"].as_array().into_iter().flatten();
    for span in spans.filter(|span| span["leg"] == leg && span["reason"] == "network") {
        let (from, to) = (number(&span["from_frame"]), number(&span["to_frame"]));
        let end = samples.len();
        let part = &mut samples[(from as usize).min(end)..(to as usize).min(end)];
        found.concealed += part.iter().filter(|sample| **sample != 0).count() as u64;
        let runs = recorded_patterns(part).into_iter();
        repeated.extend(
            runs.filter(|(_, count)| *count >= PATTERN_RUN)
                .map(|(pattern, _)| pattern),
        );
        part.fill(0);
        missing += to - from;
        // A span may consist of several gaps, of at least one packet each.
        most_concealed += if to - from <= 640 {
            CONCEALED.min(to - from)
        } else {
            to - from
        };
    }
    for sample in samples.iter_mut() {
        if *sample != 0 && sample.unsigned_abs() < NOISE_PEAK {
            found.noise += 1;
            *sample = 0;
        }
    }
    let entries = manifest["legs"].as_array().into_iter().flatten();
    let entry = entries.clone().find(|entry| entry["leg"] == leg);
    let count = |name: &str| entry.map_or(0, |entry| 8 * number(&entry[name]));
    let (concealed, noise) = (count("concealed_ms"), count("comfort_noise_ms"));
    // A few samples of what is made up are 0.
    let is_like =
        |found: u64, counted: u64| found <= counted + ROUNDED && found + counted / 20 + ROUNDED >= counted;
    let is_counted = is_like(found.concealed, concealed) && is_like(found.noise, noise);
    if !is_counted || concealed > most_concealed + ROUNDED {
        fault(format!(
            "{found:?} are in the file, {missing} samples are missing, and its ledger has {concealed} \
             concealed samples and {noise} of noise"
        ));
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(concealed_ms: u64, comfort_noise_ms: u64) -> Value {
        json!({
            "spans": [
                { "kind": "loss", "leg": "local", "from_frame": 160, "to_frame": 320, "reason": "network" },
                { "kind": "loss", "leg": "remote", "from_frame": 0, "to_frame": 160, "reason": "network" },
            ],
            "legs": [
                { "leg": "local", "concealed_ms": concealed_ms, "comfort_noise_ms": comfort_noise_ms },
            ],
        })
    }

    /// A packet, its repetition in a gap, another packet, and noise.
    fn samples() -> Vec<i16> {
        [[5000; 160], [4000; 160], [6000; 160], [-200; 160]].concat()
    }

    #[test]
    fn what_is_made_up_is_silenced_and_compared_with_the_ledger() {
        for (concealed_ms, noise_ms, is_right) in [
            (20, 20, true),
            (0, 20, false),
            (20, 0, false),
            (40, 20, false),
            (20, 40, false),
        ] {
            let (mut found, mut wrong) = (samples(), Vec::new());
            let manifest = manifest(concealed_ms, noise_ms);
            let repeated = silence_made_up(&mut found, "local", &manifest, &mut |text| wrong.push(text));
            assert_eq!(repeated, [4000]);
            assert_eq!(found, [[5000; 160], [0; 160], [6000; 160], [0; 160]].concat());
            assert_eq!(wrong.is_empty(), is_right, "{concealed_ms} {noise_ms}: {wrong:?}");
        }
    }
}
