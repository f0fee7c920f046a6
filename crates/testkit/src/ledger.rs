//! The ledger of a manifest, which accounts for each leg's audio.

use serde_json::Value;

/// Checks that each leg's ledger balances. The ledger of a recovered recording balances up to its
/// last settled frame, and does not have later audio. Returns how much audio of a leg is missing in
/// it at most, in milliseconds.
pub fn unaccounted_ms(manifest: &Value) -> Result<u64, String> {
    let legs = manifest["legs"].as_array().ok_or("no ledger")?;
    let rests: Option<Vec<u64>> = legs.iter().map(rest_ms).collect();
    let (known, samples) = (manifest["settled_frames"].as_u64(), manifest["samples"].as_u64());
    let whole = manifest["recovered"] == false;
    match rests.map(|rests| rests.into_iter().max().unwrap_or(0)) {
        Some(rest) if known == samples && (rest == 0 || !whole) => Ok(rest),
        Some(rest) if known < samples && !whole => Ok(rest),
        _ => Err(format!("a ledger that does not balance: {manifest}")),
    }
}

/// A leg's written audio less all terms of the ledger. `None` if a term is missing or the terms
/// are larger than the written audio.
fn rest_ms(leg: &Value) -> Option<u64> {
    let terms = ["audio_ms", "duplicate_ms", "slipped_ms"].map(|term| leg[term].as_u64());
    let single = terms.into_iter().sum::<Option<u64>>()?;
    let by_reason = |reasons: &Value| -> Option<u64> {
        let terms = reasons.as_object()?.values();
        terms.map(Value::as_u64).sum()
    };
    let all = single + by_reason(&leg["dropped_ms"])? + by_reason(&leg["outside_ms"])?;
    leg["handed_ms"].as_u64()?.checked_sub(all)
}

/// Milliseconds of the file that the ledger does not cover.
pub fn unsettled_ms(manifest: &Value) -> u64 {
    let number = |name: &str| manifest[name].as_u64().unwrap();
    (number("samples") - number("settled_frames")) * 1000 / number("sample_rate") + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Value {
        json!({
            "samples": 16000, "settled_frames": 16000, "sample_rate": 8000, "recovered": false,
            "legs": [
                {
                    "handed_ms": 100, "audio_ms": 60, "duplicate_ms": 1, "slipped_ms": 2,
                    "dropped_ms": { "overlap": 7 }, "outside_ms": { "pause": 20, "before": 10 },
                },
                {
                    "handed_ms": 5, "audio_ms": 5, "duplicate_ms": 0, "slipped_ms": 0,
                    "dropped_ms": {}, "outside_ms": {},
                },
            ],
        })
    }

    #[test]
    fn a_balanced_ledger_leaves_nothing() {
        assert_eq!(unaccounted_ms(&manifest()), Ok(0));
        assert_eq!(unsettled_ms(&manifest()), 1);
    }

    #[test]
    fn the_ledger_of_a_recovered_recording_may_leave_something() {
        let mut recovered = manifest();
        recovered["recovered"] = true.into();
        recovered["settled_frames"] = 8000.into();
        recovered["legs"][0]["audio_ms"] = 40.into();
        assert_eq!(unaccounted_ms(&recovered), Ok(20));
        assert_eq!(unsettled_ms(&recovered), 1001);
        recovered["recovered"] = false.into();
        assert!(unaccounted_ms(&recovered).is_err(), "it is not recovered");
    }

    #[test]
    fn an_unbalanced_ledger_is_noticed() {
        let changed = |pointer: &str, value: Value| {
            let mut manifest = manifest();
            *manifest.pointer_mut(pointer).unwrap() = value;
            manifest
        };
        for (pointer, value) in [
            ("/legs/0/audio_ms", json!(59)),
            ("/legs/0/audio_ms", json!(61)),
            ("/legs/1/outside_ms", json!({ "pause": 1 })),
            ("/legs/1/slipped_ms", Value::Null),
            ("/legs/1/dropped_ms", Value::Null),
            ("/settled_frames", json!(15999)),
            ("/settled_frames", json!(16001)),
            ("/legs", Value::Null),
        ] {
            let wrong = changed(pointer, value.clone());
            assert!(unaccounted_ms(&wrong).is_err(), "{pointer}: {value}");
        }
    }
}
