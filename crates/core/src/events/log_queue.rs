//! Log lines that wait for the listener: the latest of them.

use std::collections::VecDeque;

use super::event::LogLevel;

/// How many lines wait; beyond them the oldest are dropped.
const LINES: usize = 1_024;

#[derive(Default)]
pub struct LogQueue {
    pending: VecDeque<(LogLevel, String)>,
    /// Since the last line that was told.
    dropped: u64,
}

impl LogQueue {
    pub fn push(&mut self, level: LogLevel, message: String) {
        if self.pending.len() >= LINES {
            self.pending.pop_front();
            self.dropped += 1;
        }
        self.pending.push_back((level, message));
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next line. Where others were dropped before it, one says how many.
    pub fn pop(&mut self) -> Option<(LogLevel, String)> {
        match std::mem::take(&mut self.dropped) {
            0 => self.pending.pop_front(),
            many => Some((LogLevel::Warning, format!("{many} older log lines were dropped"))),
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_the_others_counted() {
        let mut lines = LogQueue::default();
        for at in 0..LINES + 3 {
            lines.push(LogLevel::Info, at.to_string());
        }
        let told: Vec<String> = std::iter::from_fn(|| lines.pop()).map(|(_, line)| line).collect();
        assert_eq!(told[..2], ["3 older log lines were dropped", "3"]);
        assert_eq!(told.len(), LINES + 1);
        assert_eq!(told.last(), Some(&(LINES + 2).to_string()));
    }
}
