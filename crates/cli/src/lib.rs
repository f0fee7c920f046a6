//! The program `callrec`: records calls from UDP ports and from captures, and lists, shows, verifies,
//! recovers and converts recordings.
//!
//! - [`command_line`] declares the commands and their options.
//! - One module for each command reads its options and prints its result.
//! - `library` finds the recordings of a directory.
//! - `audio` decodes their files, `waveform` draws them, `encoded_file` writes new ones.
//! - `capture` finds the streams of a call in a capture; `session` records them.
//! - `payloads` knows the formats of payload types, and `level` how loud packets are.

#![forbid(unsafe_code)]

mod audio;
mod capture;
pub mod command_line;
mod convert;
mod encoded_file;
mod level;
mod library;

mod list;
mod output;
mod payloads;
mod record;
mod record_capture;
mod record_session;
mod record_sockets;
mod recover;
mod session;
mod show;
mod verify;
mod waveform;

use std::process::ExitCode;

use command_line::{CommandKind, CommandLine};
use output::{CommandError, Output};

/// Runs a command. The exit code is 0 if it succeeded, 1 if it did not, and 2 if the command line is
/// not valid.
pub fn run(line: &CommandLine) -> ExitCode {
    let output = Output::new(line.json, line.quiet);
    let done = match &line.command {
        CommandKind::Record(options) => record::record(options, &output),
        CommandKind::List(options) => list::list(options, &output),
        CommandKind::Show(options) => show::show(options, &output),
        CommandKind::Verify(options) => verify::verify(options, &output),
        CommandKind::Recover(options) => recover::recover(options, &output),
        CommandKind::Convert(options) => convert::convert(options, &output),
        CommandKind::Completions { shell } => {
            command_line::print_completions(*shell);
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Reported) => ExitCode::FAILURE,
        Err(CommandError::Because(message)) => {
            eprintln!("callrec: {message}");
            ExitCode::FAILURE
        }
    }
}
