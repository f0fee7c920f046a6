//! `callrec verify`.

use std::path::{Path, PathBuf};

use callrec::engine::verify_audit;
use callrec::storage::verify::verify as verify_recording;
use callrec::types::Status;
use serde_json::{Value, json};

use crate::command_line::VerifyOptions;
use crate::library;
use crate::output::{CommandError, CommandResult, Output};

/// The audit log of a directory.
const AUDIT_LOG: &str = ".callrec/audit.log";

/// What the check of one file has found.
struct Finding {
    path: PathBuf,
    /// Empty if everything is as the manifest says.
    problem: String,
    /// The manifest has no digest, so only the size was compared.
    is_partial: bool,
}

pub fn verify(options: &VerifyOptions, output: &Output) -> CommandResult<()> {
    let mut findings = Vec::new();
    let files = files_of(&options.paths, &mut findings)?;
    let bar = output.progress(files.len() as u64, "{wide_bar} {pos} of {len}");
    for file in files {
        findings.push(check(file));
        bar.inc(1);
    }
    bar.finish_and_clear();
    for directory in options.paths.iter().filter(|path| path.join(AUDIT_LOG).is_file()) {
        findings.push(check_audit_log(directory));
    }
    if findings.is_empty() {
        output.remark("there is no finished recording");
    }
    print(&findings, output)?;
    match findings.iter().all(|finding| finding.problem.is_empty()) {
        true => Ok(()),
        false => Err(CommandError::Reported),
    }
}

/// The audio and packets of all finished recordings. `findings` gets what could not be read.
fn files_of(paths: &[PathBuf], findings: &mut Vec<Finding>) -> CommandResult<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let recordings = if path.is_dir() {
            let (found, unread) = library::find(path)?;
            findings.extend(unread.into_iter().map(|one| Finding {
                path: one.path,
                problem: one.problem,
                is_partial: false,
            }));
            found
        } else {
            vec![library::open(path)?]
        };
        for recording in recordings
            .into_iter()
            .filter(|recording| !recording.is_unfinished)
        {
            if recording
                .manifest
                .raw
                .as_ref()
                .is_some_and(|raw| !raw.file.is_empty())
            {
                files.push(recording.audio.with_extension("pcapng"));
            }
            files.push(recording.audio);
        }
    }
    Ok(files)
}

fn check(path: PathBuf) -> Finding {
    let (problem, is_partial) = match verify_recording(&path) {
        Ok(()) => (String::new(), false),
        Err(error) if error.status == Status::Unsupported => (String::new(), true),
        Err(error) => (error.message, false),
    };
    Finding {
        path,
        problem,
        is_partial,
    }
}

fn check_audit_log(directory: &Path) -> Finding {
    let checked = verify_audit(directory, None);
    Finding {
        path: directory.join(AUDIT_LOG),
        problem: checked.map_or_else(|error| error.message, |_| String::new()),
        is_partial: false,
    }
}

fn print(findings: &[Finding], output: &Output) -> CommandResult<()> {
    if output.is_json {
        let all = findings.iter().map(|finding| {
            json!({
                "path": finding.path.display().to_string(),
                "ok": finding.problem.is_empty(),
                "digest": !finding.is_partial,
                "problem": finding.problem,
            })
        });
        return output.json(&all.collect::<Value>());
    }
    for finding in findings {
        let path = finding.path.display();
        match (finding.problem.as_str(), finding.is_partial) {
            ("", false) => output.line(format_args!("{path}: ok"))?,
            ("", true) => output.line(format_args!("{path}: the size is right; there is no digest"))?,
            (problem, _) => output.line(format_args!("{path}: FAILED: {problem}"))?,
        }
    }
    Ok(())
}
