//! `callrec recover`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command_line::RecoverOptions;
use crate::library;
use crate::output::{CommandResult, ErrorContext, Output, because};
use crate::session::{RecordedFile, RecordingSession};

/// How often the progress is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

pub fn recover(options: &RecoverOptions, output: &Output) -> CommandResult<()> {
    let (found, _) = library::find(&options.directory)?;
    let unfinished = found.iter().filter(|recording| recording.is_unfinished).count();
    let directory = options
        .directory
        .canonicalize()
        .about(options.directory.display())?;
    let Some(directory) = directory.to_str() else {
        return because(format!("{}: the path is not UTF-8", options.directory.display()));
    };
    if unfinished == 0 {
        output.remark("there is nothing to recover");
    }
    let deadline = Instant::now() + Duration::from_secs(options.timeout);
    let session = RecordingSession::open(directory, &options.set)?;
    let bar = output.progress(unfinished as u64, "{wide_bar} {pos} of {len}");
    while session.engine().has_storage_work() && Instant::now() < deadline {
        bar.set_position(session.ended().len() as u64);
        std::thread::sleep(INTERVAL);
    }
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_secs(1));
    let closed = session.close(left);
    bar.finish_and_clear();
    let ended = session.ended();
    print(&ended, output)?;
    for problem in session.problems() {
        output.remark(problem);
    }
    closed?;
    let (left, _) = library::find(&options.directory)?;
    match left.iter().filter(|recording| recording.is_unfinished).count() {
        0 => Ok(()),
        left => because(format!(
            "{left} of {unfinished} recordings could not be recovered"
        )),
    }
}

fn print(ended: &[RecordedFile], output: &Output) -> CommandResult<()> {
    if output.is_json {
        let all = ended.iter().map(|recording| {
            json!({
                "id": recording.id.to_string(),
                "path": recording.path,
                "state": recording.state,
                "duration_ms": recording.duration_ms,
                "error": recording.error,
            })
        });
        return output.json(&all.collect::<Value>());
    }
    for recording in ended {
        output.line(recording)?;
    }
    Ok(())
}
