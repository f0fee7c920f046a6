//! Accounts for audio that was recorded but not written, because a write failed.

use super::{Manifest, SPANS_MAX, SpanEntry};

/// The reason of audio that the disk refused.
const UNWRITTEN: &str = "unwritten";

impl Manifest {
    /// Counts the audio beyond the end of the file as lost. `recorded`: frames recorded; `settled`:
    /// the legs' numbers cover the recording up to this frame.
    pub fn count_unwritten(&mut self, recorded: u64, settled: u64) {
        let frames = recorded.saturating_sub(self.samples);
        let rate = u64::from(self.sample_rate);
        if frames == 0 || rate == 0 {
            return;
        }
        let ms = |frames: u64| (frames.saturating_mul(1000) + rate / 2) / rate;
        let counted_ms = ms(settled.min(recorded).saturating_sub(self.samples));
        let mut lost = Vec::new();
        for leg in &mut self.legs {
            let gone_ms = leg.audio_ms.min(counted_ms);
            if gone_ms > 0 {
                leg.audio_ms -= gone_ms;
                *leg.dropped_ms.entry(UNWRITTEN.into()).or_default() += gone_ms;
            }
            lost.push(SpanEntry {
                kind: "loss".into(),
                leg: leg.leg.clone(),
                from_frame: self.samples,
                to_frame: Some(self.samples),
                length_ms: ms(frames),
                reason: UNWRITTEN.into(),
            });
        }
        // Before the first frame is settled, no legs are known.
        self.lost_ms += ms(frames) * lost.len().max(1) as u64;
        self.close_spans();
        let free = (2 * SPANS_MAX).saturating_sub(self.spans.len());
        self.spans_dropped += lost.len().saturating_sub(free) as u64;
        self.spans.extend(lost.into_iter().take(free));
        self.note_audio();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LegEntry, Reasons};
    use super::*;

    fn leg(name: &'static str, audio_ms: u64) -> LegEntry {
        LegEntry {
            leg: name.into(),
            packets: 1,
            handed_ms: 1000,
            audio_ms,
            dropped_ms: Reasons::from([("late".into(), 1000 - audio_ms)]),
            ..LegEntry::default()
        }
    }

    fn cut(legs: Vec<LegEntry>) -> Manifest {
        let mut manifest = Manifest {
            samples: 8000,
            sample_rate: 8000,
            lost_ms: 7,
            legs,
            spans: vec![SpanEntry {
                kind: "pause".into(),
                from_frame: 9000,
                ..SpanEntry::default()
            }],
            ..Manifest::default()
        };
        manifest.count_unwritten(8000 + 4000, 8000 + 1600);
        manifest
    }

    #[test]
    fn the_legs_balance_and_each_loses_the_end() {
        let counted = cut(vec![leg("local", 980), leg("remote", 50)]);
        assert_eq!(counted.lost_ms, 7 + 2 * 500);
        for (leg, unwritten) in counted.legs.iter().zip([200, 50]) {
            assert_eq!(leg.dropped_ms[UNWRITTEN], unwritten);
            assert_eq!(leg.handed_ms, leg.audio_ms + leg.dropped_ms.values().sum::<u64>());
        }
        let spans = counted
            .spans
            .iter()
            .map(|span| (&*span.leg, span.to_frame, span.length_ms));
        let spans: Vec<_> = spans.collect();
        assert_eq!(
            spans,
            [
                ("", Some(8000), 0),
                ("local", Some(8000), 500),
                ("remote", Some(8000), 500)
            ]
        );
    }

    #[test]
    fn lost_audio_is_counted_once() {
        let counted = cut(Vec::new());
        assert_eq!((counted.lost_ms, counted.spans.len()), (507, 1));
        let mut again = counted.clone();
        again.count_unwritten(again.samples, again.settled_frames);
        assert_eq!(again, counted);
    }
}
