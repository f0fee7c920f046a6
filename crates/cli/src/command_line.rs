//! The commands and their options.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Records telephone calls, and handles the recordings.
#[derive(Debug, Parser)]
#[command(name = "callrec", version, max_term_width = 100)]
pub struct CommandLine {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print neither progress nor remarks.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    #[command(subcommand)]
    pub command: CommandKind,
}

#[derive(Debug, Subcommand)]
pub enum CommandKind {
    Record(Box<RecordOptions>),
    List(ListOptions),
    Show(ShowOptions),
    Verify(VerifyOptions),
    Recover(RecoverOptions),
    Convert(ConvertOptions),
    /// Print the completions of a shell.
    Completions {
        shell: Shell,
    },
}

/// Record a call: RTP that arrives at UDP ports, or that a capture contains.
///
/// Without a capture, callrec listens at the addresses of --local and --remote until it is
/// interrupted. With a capture (pcap or pcapng), it takes the two streams with the most packets
/// that belong together; the earlier one is the local leg. SDP in SIP messages of the capture
/// declares the payload types.
#[derive(Args, Debug)]
pub struct RecordOptions {
    /// A capture of a call. Without one, callrec listens.
    pub capture: Option<PathBuf>,
    /// Where to store the recording.
    #[arg(long, short, default_value = ".")]
    pub directory: PathBuf,
    /// The format, with its parameters, such as "flac;level=8".
    #[arg(long, short, default_value = "wav")]
    pub format: String,
    /// The layout: stereo, mono, local or remote.
    #[arg(long, default_value = "stereo")]
    pub layout: String,
    /// Listen here for the RTP of the local leg.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "capture")]
    pub local: Option<SocketAddr>,
    /// Listen here for the RTP of the remote leg.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "capture")]
    pub remote: Option<SocketAddr>,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with = "capture")]
    pub seconds: Option<u64>,
    /// The streams of the capture to record, by their numbers in --streams: "1" or "1,2", the local
    /// leg first.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "capture")]
    pub take: Vec<usize>,
    /// Only list the RTP streams of the capture.
    #[arg(long, requires = "capture")]
    pub streams: bool,
    /// Declare a payload type, such as "96 opus/48000/2".
    #[arg(long, value_name = "TYPE ENCODING")]
    pub payload: Vec<String>,
    /// A file with the session description of both legs.
    #[arg(long, value_name = "FILE")]
    pub sdp: Option<PathBuf>,
    /// The id of the call.
    #[arg(long, default_value = "")]
    pub call_id: String,
    /// The number of our party.
    #[arg(long, default_value = "")]
    pub number: String,
    /// The number of the other party.
    #[arg(long, default_value = "")]
    pub remote_number: String,
    /// Set a key of the configuration, such as "recording.keep_raw=always".
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// List the recordings of a directory, the oldest first.
#[derive(Args, Debug)]
pub struct ListOptions {
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Only the recordings of calls with this id.
    #[arg(long)]
    pub call_id: Option<String>,
    /// Only recordings with this device name, directory number, username or remote number.
    #[arg(long)]
    pub party: Option<String>,
    /// Only recordings that began at this time or later: 2026-11-27 or 2026-11-27T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only recordings that began before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only recordings that are not finished: in progress, or left by a crash.
    #[arg(long)]
    pub unfinished: bool,
}

/// Show a recording: its manifest as a page, and its waveform with pauses and losses.
#[derive(Args, Debug)]
pub struct ShowOptions {
    /// The audio file, or its manifest.
    pub recording: PathBuf,
    /// Write the waveform to this file as SVG.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// The width of the waveform in characters. The default is that of the terminal.
    #[arg(long, value_name = "CHARACTERS", value_parser = clap::value_parser!(u16).range(20..=1000))]
    pub width: Option<u16>,
    /// No waveform.
    #[arg(long, conflicts_with = "svg")]
    pub no_waveform: bool,
}

/// Check finished recordings against their manifests, and the audit log of a directory.
///
/// The exit code is 1 if anything differs.
#[derive(Args, Debug)]
pub struct VerifyOptions {
    /// Recordings, or directories of recordings.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
}

/// Finish the recordings that a crash has left in a directory.
///
/// A program that opens the directory does the same. The directory must not be in use.
#[derive(Args, Debug)]
pub struct RecoverOptions {
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Set a key of the configuration as the host does, such as "consent.on_refusal=discard".
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How long to wait for the end, in seconds.
    #[arg(long, default_value_t = 3600)]
    pub timeout: u64,
}

/// Convert a recording to another format. Its own files stay as they are.
#[derive(Args, Debug)]
pub struct ConvertOptions {
    /// The audio file, or its manifest.
    pub recording: PathBuf,
    /// The new file. Its extension gives the format.
    pub file: PathBuf,
    /// The format, with its parameters, such as "opus;bitrate=24000".
    #[arg(long, short)]
    pub format: Option<String>,
    /// Replace an existing file.
    #[arg(long)]
    pub force: bool,
}

/// Prints the completions of a shell to standard output.
pub fn print_completions(shell: Shell) {
    clap_complete::generate(shell, &mut CommandLine::command(), "callrec", &mut io::stdout());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_documentation_names_every_command_and_option() {
        let page = include_str!("../../../docs/command-line.md");
        for command in CommandLine::command().get_subcommands() {
            let name = command.get_name();
            assert!(page.contains(&format!("callrec {name}")), "{name}");
            let options = command.get_arguments().filter_map(|argument| argument.get_long());
            for option in options.filter(|option| !["help", "version"].contains(option)) {
                assert!(page.contains(&format!("--{option}")), "{name} --{option}");
            }
        }
    }
}
