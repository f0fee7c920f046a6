//! `callrec record`.

use crate::command_line::RecordOptions;
use crate::output::{CommandResult, Output};
use crate::{record_capture, record_sockets};

pub fn record(options: &RecordOptions, output: &Output) -> CommandResult<()> {
    match &options.capture {
        Some(capture) if options.streams => record_capture::list_streams(capture, output),
        Some(capture) => record_capture::record(capture, options, output),
        None => record_sockets::record(options, output),
    }
}
