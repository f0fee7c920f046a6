//! The latest log lines that wait for the listener.

use std::collections::VecDeque;

use super::event::LogLevel;

/// Limit of pending lines. Beyond it the oldest are dropped.
const MAX_LINES: usize = 1_024;

#[derive(Default)]
pub struct LogQueue {
    pending: VecDeque<(LogLevel, String)>,
    /// Number of lines dropped since the last delivery.
    dropped: u64,
}

impl LogQueue {
    pub fn push(&mut self, level: LogLevel, message: String) {
        if self.pending.len() >= MAX_LINES {
            self.pending.pop_front();
            self.dropped += 1;
        }
        self.pending.push_back((level, message));
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Removes the next line. If lines were dropped, returns a line with their number first.
    pub fn pop(&mut self) -> Option<(LogLevel, String)> {
        match std::mem::take(&mut self.dropped) {
            0 => self.pending.pop_front(),
            count => Some((
                LogLevel::Warning,
                format!(
                    "{count} older log lines were dropped, because the host did not receive them in time"
                ),
            )),
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept_and_the_dropped_ones_counted() {
        let mut queue = LogQueue::default();
        for at in 0..MAX_LINES + 3 {
            queue.push(LogLevel::Info, at.to_string());
        }
        let lines: Vec<String> = std::iter::from_fn(|| queue.pop()).map(|(_, line)| line).collect();
        assert_eq!(
            lines[..2],
            [
                "3 older log lines were dropped, because the host did not receive them in time",
                "3"
            ]
        );
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines.last(), Some(&(MAX_LINES + 2).to_string()));
    }
}
