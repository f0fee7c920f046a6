//! Builds `benches/compare`, and checks that its recorders lose nothing and that its tables are complete.

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;
use support::build::{cc, has, installed, root, run};

const COLUMNS: [&str; 10] = [
    "recorder",
    "calls",
    "us/call-second",
    "x floor",
    "KiB/call",
    "p50 us",
    "p99 us",
    "p99.9 us",
    "max us",
    "content",
];

/// `make` in `benches/compare`, with everything that it writes below `directory`.
fn make(directory: &Path, target: &str, variables: &[&str]) -> String {
    let mut command = Command::new("make");
    command.arg("-C").arg(root().join("benches/compare")).arg(target);
    command.arg(format!("BUILD={}", directory.join("build").display()));
    command.arg(format!("LIBRARIES={}", directory.join("lib").display()));
    command.arg(format!("CHART={}", directory.join("speed.svg").display()));
    let output = run(command.args(variables));
    String::from_utf8(output.stdout).unwrap()
}

fn results(directory: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(directory.join("build/results.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_library_that_is_installed_is_compared() {
    if !has("make") {
        return;
    }
    let directory = ScratchDir::new();
    installed(&directory);
    let small = ["CALLS=4", "SECONDS=1", "REPEAT=1", "MODES=fast"];
    let printed = make(&directory, "run", &small);
    let needs_all = std::env::var_os("CALLREC_NEEDS_TOOLS").is_some();
    for library in ["libsndfile", "libFLAC", "libopus"] {
        let is_missing = printed.contains(&format!("{library} is left out: "));
        assert!(!(needs_all && is_missing), "{library} is not installed");
        let is_compared = printed.contains(&format!("\n{library} "));
        assert_eq!(is_compared, !is_missing, "{printed}");
    }
    assert!(printed.contains("pjmedia is left out: "), "{printed}");
}

#[test]
fn what_is_recorded_is_whole_and_so_are_the_tables_and_the_chart() {
    if !has("make") {
        return;
    }
    let directory = ScratchDir::new();
    installed(&directory);
    let small = ["CALLS=4", "SECONDS=1", "REPEAT=1", "FREEZE=1"];
    let ours = ["RECORDERS=floor callrec callrec-defaults"];
    let printed = make(&directory, "run", &[&small[..], &ours].concat());
    let heads: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("recorder "))
        .collect();
    assert_eq!(heads.len(), 7, "one table for each mode and format: {printed}");
    for column in COLUMNS {
        assert!(heads[0].contains(column), "{column}: {}", heads[0]);
    }
    let results = results(&directory);
    for mode in ["paced", "fast", "latency"] {
        for format in ["PCM16", "mu-law"] {
            are_whole(&results, mode, format);
        }
    }
    for (mode, lines) in [("frozen", 3), ("idle", 3), ("memory", 2), ("publish", 2)] {
        let found = results.iter().filter(|line| line[0] == mode).count();
        assert_eq!(found, lines, "{mode}");
    }
    make(&directory, "chart", &[]);
    let chart = std::fs::read_to_string(directory.join("speed.svg")).unwrap();
    assert!(chart.contains(">callrec-defaults</text>") && chart.trim_end().ends_with("</svg>"));
}

/// Each recorder ran once, and its files hold the same audio as those of the others.
fn are_whole(results: &[Vec<String>], mode: &str, format: &str) {
    let runs = results.iter().filter(|line| line[0] == mode && line[1] == format);
    let runs: Vec<_> = runs.collect();
    let recorders: Vec<&str> = runs.iter().map(|line| line[2].as_str()).collect();
    assert_eq!(
        recorders,
        ["floor", "callrec", "callrec-defaults"],
        "{mode}, {format}"
    );
    for line in &runs {
        assert_eq!(line[16], "verified", "{line:?}");
        assert_eq!(line[17], runs[0][17], "another checksum: {line:?}");
        assert!(line[6].parse::<f64>().unwrap() > 0.0, "{line:?}");
    }
}

fn damaging_disk(directory: &Path) -> PathBuf {
    let library = directory.join("damage.so");
    let source = root().join("tests/compare/damage.c");
    run(cc()
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl"));
    library
}

#[test]
fn a_file_with_a_wrong_byte_is_noticed() {
    if !has("make") {
        return;
    }
    let directory = ScratchDir::new();
    installed(&directory);
    make(&directory, "all", &[]);
    let work = directory.join("work");
    std::fs::create_dir(&work).unwrap();
    let mut command = Command::new(directory.join("build/compare"));
    command.args(["-m", "fast", "-b", "floor", "-n", "2", "-s", "1", "-d"]);
    command.arg(&work);
    assert!(
        String::from_utf8(run(&mut command).stdout)
            .unwrap()
            .contains("verified")
    );
    let output = command
        .env("LD_PRELOAD", damaging_disk(&directory))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("2 of 2 files do not hold what was fed"),
        "{errors}"
    );
}
