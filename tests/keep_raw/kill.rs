//! A process that is killed while it keeps packets.

use super::capture::{sequences, with_tshark};
use super::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::manifest::digest;
use callrec_testkit::tree::{holds, tree};
use callrec_testkit::wait::sleep_until;
use std::io::Write;
use std::time::{Duration, Instant};

const DIRECTORY: &str = "CALLREC_KEEP_RAW_DIRECTORY";
const MARKER: &[u8] = b"said while the recording is paused";
/// Packets of 20 ms: before the pause, until its end, and until the kill at the earliest.
const PAUSED: u64 = 20;
const RESUMED: u64 = 40;
const KILLED: u64 = 400;
/// One second, and what a busy machine may add.
const LOST_MAX: u64 = 50 + 25;

#[test]
#[ignore = "runs in a child process"]
fn child_keeps_packets() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let fixture = RawFixture::open(
        ScratchDir(directory.into()),
        &[REAL, ("recording.keep_raw", "always")],
    );
    let id = fixture.start(REC_KEEP_RAW_DEFAULT);
    let begun = Instant::now();
    for n in 0..100 * KILLED {
        sleep_until(begun + Duration::from_millis(20 * n));
        match n {
            PAUSED => fixture.engine.by_id(rec_pause_by_id, None, &id).unwrap(),
            RESUMED => fixture.engine.by_id(rec_resume_by_id, None, &id).unwrap(),
            _ => {}
        }
        let payload: &[u8] = if (PAUSED..RESUMED).contains(&n) {
            MARKER
        } else {
            &[0x18; 20]
        };
        send_rtp(fixture.remote, &nth(UNKNOWN, n, payload));
        let mut out = std::io::stdout().lock();
        writeln!(out, "@{n}").and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn a_kill_costs_at_most_the_packets_of_a_second() {
    let directory = ScratchDir::new();
    let mut command = child_test("kill::child_keeps_packets");
    command.env(DIRECTORY, &directory.0);
    let mut child = ChildProcess::spawn(&mut command);
    child.wait_for_report(|line| line.parse::<u64>().is_ok_and(|n| n >= KILLED));
    let reports = child.kill();
    let last: u64 = reports.last().unwrap().parse().unwrap();
    assert!(!holds(&directory, MARKER), "packets of the pause are on the disk");
    let names = |end: &str| -> Vec<std::path::PathBuf> {
        let all = tree(&directory).into_iter();
        all.filter(|path| path.to_string_lossy().ends_with(end)).collect()
    };
    let part = names(".pcapng.part");
    assert_eq!(part.len(), 1, "the name of an unpublished file");
    // As a kill in the middle of a write may leave it.
    let mut torn = std::fs::OpenOptions::new()
        .append(true)
        .open(directory.join(&part[0]))
        .unwrap();
    torn.write_all(&[6, 0, 0, 0, 0xff, 0, 0, 0, 1]).unwrap();
    drop(torn);
    let engine = TestEngine::open(&directory.0, &[]);
    callrec_testkit::wait::until("the recovery", || {
        !names(".json").is_empty() && names(".part").is_empty()
    });
    drop(engine);
    let [path] = &names(".pcapng")[..] else {
        panic!("{:?}", tree(&directory));
    };
    let path = directory.join(path);
    let manifest = std::fs::read(path.with_extension("json")).expect("a manifest beside it");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let found: Vec<u64> = sequences(&path).into_iter().map(u64::from).collect();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(manifest["recovered"], true);
    assert_eq!(manifest["raw"]["packets"], found.len());
    assert_eq!(manifest["raw"]["bytes"], bytes.len());
    assert_eq!(manifest["raw"]["digest"], digest(&bytes));
    let before: Vec<u64> = found.iter().copied().filter(|n| *n < RESUMED).collect();
    assert_eq!(before, (0..PAUSED).collect::<Vec<u64>>());
    let newest = *found.last().unwrap();
    assert!(
        newest + LOST_MAX >= last,
        "{newest} is the newest packet, {last} the last one sent"
    );
    let resumed: Vec<u64> = found.iter().copied().filter(|n| *n >= RESUMED).collect();
    assert!(
        resumed.is_sorted() && resumed.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{resumed:?}"
    );
    if let Some(packets) = with_tshark(&path) {
        assert_eq!(packets.len(), found.len());
    }
}
