//! The current duration of a live recording.

use crate::calls::{Readings, RecordingView};
use crate::config::{Config, MediaClock};
use crate::types::{PauseMode, RecordingState};

/// How late a block of audio may be rendered after it is due, in ms.
const CUT_DELAY_MS: u64 = 200;

/// The rendered duration plus the time since the last block was rendered, in ms.
pub fn current_duration_ms(view: &RecordingView, config: &Config, now_ms: i64) -> u64 {
    DurationRule::of(view, config).duration_ms(&view.readings, now_ms)
}

/// How the current duration of one recording follows from its readings, as long as it neither
/// pauses nor resumes.
#[derive(Clone, Copy, Debug)]
pub struct DurationRule {
    /// Whether the duration grows between two blocks.
    is_running: bool,
    are_pauses_skipped: bool,
    started_at_ms: i64,
    /// The most that the next block can add.
    next_ms: u64,
    /// `u64::MAX`: no limit.
    limit_ms: u64,
}

impl DurationRule {
    pub fn of(view: &RecordingView, config: &Config) -> DurationRule {
        DurationRule {
            is_running: view.state == RecordingState::Recording && config.clock == MediaClock::Real,
            are_pauses_skipped: view.spec.audio.pause_mode == PauseMode::Skip,
            started_at_ms: view.started_at_ms,
            next_ms: u64::from(config.storage.flush_ms) + CUT_DELAY_MS,
            limit_ms: match view.spec.audio.max_duration_ms {
                0 => u64::MAX,
                limit => limit.into(),
            },
        }
    }

    /// The result is never larger than the next block will make it, even if the wall clock was set.
    pub fn duration_ms(&self, readings: &Readings, now_ms: i64) -> u64 {
        let cut_ms = readings.duration_ms;
        if !self.is_running {
            return cut_ms;
        }
        let since_start = u64::try_from(now_ms.saturating_sub(self.started_at_ms)).unwrap_or_default();
        let passed = match self.are_pauses_skipped {
            true => since_start.saturating_sub(readings.paused_ms),
            false => since_start,
        };
        let most = (cut_ms + self.next_ms).min(self.limit_ms);
        cut_ms.max(passed.min(most))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::calls::RecordingSpec;
    use crate::text::Text;
    use crate::types::{AudioSpec, Format, Layout, Status};

    /// A recording that began at 1,000,000 ms.
    fn view(cut_ms: u64, paused_ms: u64, pause_mode: PauseMode) -> RecordingView {
        let info = Arc::default();
        RecordingView {
            id: Uuid::nil(),
            order: 1,
            call: 1,
            previous: None,
            first_info: Arc::clone(&info),
            state: RecordingState::Recording,
            end_reason: None,
            error: Status::Ok,
            spec: RecordingSpec::new(AudioSpec {
                layout: Layout::Mono,
                format: Format::WAV,
                pause_mode,
                max_duration_ms: 0,
                rate: 0,
            }),
            info,
            url: Text::default(),
            path: Text::default(),
            digest: Text::default(),
            raw: Default::default(),
            held: false,
            started_at_ms: 1_000_000,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings {
                duration_ms: cut_ms,
                paused_ms,
                ..Readings::default()
            },
            node: crate::text::Text::default(),
            is_unreachable: false,
        }
    }

    #[test]
    fn the_current_duration_includes_the_time_since_the_last_block() {
        let mut config = Config::default();
        let next = u64::from(config.storage.flush_ms) + CUT_DELAY_MS;
        let at = |view: &RecordingView, config: &Config, ms: i64| {
            current_duration_ms(view, config, 1_000_000 + ms)
        };
        let running = view(5000, 2000, PauseMode::Silence);
        assert_eq!(at(&running, &config, 5300), 5300);
        assert_eq!(at(&running, &config, 4000), 5000, "it never decreases");
        assert_eq!(at(&running, &config, -9_000_000), 5000, "a clock set back");
        assert_eq!(
            at(&running, &config, 9_000_000),
            5000 + next,
            "a clock set forward"
        );
        let skipping = view(5000, 2000, PauseMode::Skip);
        assert_eq!(at(&skipping, &config, 7300), 5300);
        let mut paused = running.clone();
        paused.state = RecordingState::Paused;
        assert_eq!(at(&paused, &config, 5300), 5000);
        let mut limited = running.clone();
        limited.spec.audio.max_duration_ms = 5100;
        assert_eq!(at(&limited, &config, 5300), 5100);
        config.clock = MediaClock::Stream;
        assert_eq!(
            at(&running, &config, 5300),
            5000,
            "stream time does not follow the clock"
        );
    }
}
