//! The program `callrec`.

use std::process::ExitCode;

use clap::Parser;

use callrec_cli::command_line::CommandLine;

fn main() -> ExitCode {
    callrec_cli::run(&CommandLine::parse())
}
