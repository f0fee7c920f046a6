//! Processes that are killed while they delete recordings.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::tree;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

const DIRECTORY: &str = "CALLREC_DELETION_DIRECTORY";
const RECORDINGS: usize = 12;
/// The files of a recording: audio, manifest and vCon.
const FILES: usize = 3;

fn report(words: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{words}").and_then(|()| out.flush()).unwrap();
}

fn record(engine: &TestEngine) -> String {
    let fields = by_user("SEP1", "101", "user1");
    let call = engine.begin(&fields).unwrap();
    let start = StartFields {
        device: Some("SEP1"),
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    write_pcm(leg, &[7; 1600]);
    checked(|e| unsafe { rec_call_end(call, e) }).unwrap();
    engine.events.wait_terminal(&id);
    id
}

#[test]
#[ignore = "runs in a child process"]
fn child_deletes_recordings() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let settings = [
        ("storage.sidecar", "vcon"),
        ("storage.name", "{date}/{number}/{id}"),
    ];
    let engine = TestEngine::open(Path::new(&directory), &settings);
    let ids: Vec<String> = (0..RECORDINGS).map(|_| record(&engine)).collect();
    until("the vCons are made", || {
        let all = tree(Path::new(&directory));
        ids.iter().all(|id| published(&all, id) == FILES)
    });
    ids.iter().for_each(|id| report(&format!("recorded {id}")));
    for id in &ids {
        report(&format!("deleting {id}"));
        engine.by_id(rec_delete, HOST, id).unwrap();
        report(&format!("deleted {id}"));
    }
    report("all");
    std::thread::park();
}

/// The files of a recording outside `.callrec`.
fn published(all: &[std::path::PathBuf], id: &str) -> usize {
    let text = all.iter().map(|path| path.to_string_lossy());
    text.filter(|path| path.contains(id) && !path.contains(".callrec/"))
        .count()
}

/// After the next open, each recording is there with all its files, or gone with a line in the audit log.
#[test]
fn a_kill_leaves_whole_recordings_or_none() {
    for round in 0..RECORDINGS {
        let dir = ScratchDir::new();
        let mut command = child_test("deletion_kills::child_deletes_recordings");
        command.env(DIRECTORY, &dir.0);
        let mut child = ChildProcess::spawn(&mut command);
        for _ in 0..=round {
            child.wait_for_report(|line| line.starts_with("deleting "));
        }
        child.read_for(Duration::from_micros(300 * round as u64));
        let reports = child.kill();
        let named = |what: &str| -> Vec<&str> {
            let all = reports.iter().map(String::as_str);
            all.filter_map(|line| line.strip_prefix(what)).collect()
        };
        let engine = TestEngine::open(&dir.0, &[]);
        until("what the deletions left is gone", || {
            tree(&dir.0)
                .iter()
                .all(|path| !path.to_string_lossy().contains(".callrec/deletions/"))
        });
        engine.close();
        let (left, lines) = (tree(&dir.0), audit_lines(&dir.0));
        let lines_of = |id: &str| {
            let own = lines.iter().filter(|line| line["operation"] == "delete");
            own.filter(|line| line["recordings"][0]["id"] == id).count()
        };
        for id in named("recorded ") {
            let state = (published(&left, id), lines_of(id));
            assert!(
                [(FILES, 0), (0, 1)].contains(&state),
                "round {round}, {id}: {state:?}"
            );
            if named("deleted ").contains(&id) {
                assert_eq!(state.0, 0, "round {round}: its deletion was reported");
            }
            if !named("deleting ").contains(&id) {
                assert_eq!(state.0, FILES, "round {round}: nobody deleted {id}");
            }
        }
        assert_eq!(named("recorded ").len(), RECORDINGS);
        verify_audit(&dir.0, None).unwrap();
    }
}
