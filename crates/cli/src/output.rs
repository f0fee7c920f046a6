//! What a command prints, and why it may fail.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// Why a command has not succeeded.
#[derive(Debug)]
pub enum CommandError {
    /// For the user, as one sentence without a full stop.
    Because(String),
    /// The output says so already.
    Reported,
}

pub type CommandResult<T> = Result<T, CommandError>;

/// The error with this message.
pub fn because<T>(message: impl Into<String>) -> CommandResult<T> {
    Err(CommandError::Because(message.into()))
}

impl From<callrec::types::Error> for CommandError {
    fn from(error: callrec::types::Error) -> CommandError {
        CommandError::Because(error.message)
    }
}

/// Adds to an error what could not be done.
pub trait ErrorContext<T> {
    fn about(self, subject: impl fmt::Display) -> CommandResult<T>;
}

impl<T, E: fmt::Display> ErrorContext<T> for Result<T, E> {
    fn about(self, subject: impl fmt::Display) -> CommandResult<T> {
        self.map_err(|error| CommandError::Because(format!("{subject}: {error}")))
    }
}

/// Where a command prints, and in which form.
pub struct Output {
    /// One JSON document instead of text.
    pub is_json: bool,
    /// Neither progress nor remarks.
    is_quiet: bool,
}

impl Output {
    pub fn new(is_json: bool, is_quiet: bool) -> Output {
        Output { is_json, is_quiet }
    }

    /// Prints a line. A reader that has seen enough and closed the pipe is no failure.
    pub fn line(&self, text: impl fmt::Display) -> CommandResult<()> {
        match writeln!(io::stdout(), "{text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CommandError::Reported),
            done => done.about("standard output"),
        }
    }

    pub fn json(&self, value: &Value) -> CommandResult<()> {
        self.line(format_args!("{value:#}"))
    }

    /// Prints a remark to standard error.
    pub fn remark(&self, text: impl fmt::Display) {
        if !self.is_quiet {
            eprintln!("callrec: {text}");
        }
    }

    /// A bar on standard error for work of `total` units, if somebody looks at it.
    pub fn progress(&self, total: u64, template: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn target(&self) -> ProgressDrawTarget {
        match self.is_quiet || !io::stderr().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        }
    }
}

/// Milliseconds as `1:02:03.4`.
pub fn clock(ms: u64) -> String {
    let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}.{tenths}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{tenths}"),
    }
}

/// A number of bytes in the unit that gives at least one digit before the point.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        assert_eq!(clock(0), "0:00.0");
        assert_eq!(clock(62_950), "1:02.9");
        assert_eq!(clock(3_600_000), "1:00:00.0");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(2_500_000), "2.5 MB");
        assert_eq!(size(3_210_000_000), "3.21 GB");
    }
}
