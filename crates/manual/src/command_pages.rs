//! The pages of the program `callrec` and of its commands.

use std::io;

use callrec_cli::command_line::CommandLine;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::ManualPage;
use crate::examples::command_example;

/// The date of the pages: that of the latest change of the command line.
const DATE: &str = "2026-11-27";

pub fn commands() -> io::Result<Vec<ManualPage>> {
    // Its command `help` has no page.
    let program = CommandLine::command().disable_help_subcommand(true);
    let mut pages = Vec::new();
    for command in program.get_subcommands() {
        let name = format!("callrec-{}", command.get_name());
        let command = command
            .clone()
            .name(name.clone())
            .bin_name(format!("callrec {}", command.get_name()));
        pages.push(page(name, command)?);
    }
    pages.insert(0, page("callrec".to_owned(), program)?);
    Ok(pages)
}

fn page(name: String, command: Command) -> io::Result<ManualPage> {
    let mut text = Vec::new();
    let example = command_example(&name);
    Man::new(command).date(DATE).source("callrec").render(&mut text)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    // The renderer begins a line that has begun.
    let mut text = text.replace("\n\n.br\n", "\n.sp\n");
    text.push_str(".SH EXAMPLES\n.nf\n");
    text.push_str(&example.replace('\\', "\\e").replace('-', "\\-"));
    text.push_str(".fi\n");
    Ok(ManualPage {
        name,
        section: 1,
        text,
    })
}
