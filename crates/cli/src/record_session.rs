//! The begin and the end that all kinds of recordings have in common.

use std::fs;

use serde_json::json;

use crate::command_line::RecordOptions;
use crate::output::{CommandError, CommandResult, ErrorContext, Output, because};
use crate::session::{RecordedCall, RecordingSession};

/// Opens the directory of the recording.
pub fn open_session(options: &RecordOptions, clock: &str) -> CommandResult<RecordingSession> {
    let path = &options.directory;
    fs::create_dir_all(path).about(path.display())?;
    let directory = path.canonicalize().about(path.display())?;
    let Some(directory) = directory.to_str() else {
        return because(format!("{}: the path is not UTF-8", path.display()));
    };
    let mut settings = vec![format!("media.clock={clock}")];
    settings.extend(options.set.iter().cloned());
    RecordingSession::open(directory, &settings)
}

/// Prints how the recording of the call has ended. The engine may have recovered others, too.
pub fn report(session: &RecordingSession, call: &RecordedCall, output: &Output) -> CommandResult<()> {
    for problem in session.problems() {
        output.remark(problem);
    }
    let ended = session.ended();
    let Some(result) = ended.iter().find(|result| result.id == call.recording) else {
        return because("the engine has not reported the end of the recording");
    };
    if output.is_json {
        output.json(&json!({
            "id": result.id.to_string(),
            "path": result.path,
            "state": result.state,
            "duration_ms": result.duration_ms,
            "error": result.error,
        }))?;
    } else {
        output.line(result)?;
    }
    match result.error.is_empty() {
        true => Ok(()),
        false => Err(CommandError::Reported),
    }
}
