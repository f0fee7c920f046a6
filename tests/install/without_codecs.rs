//! The library without FLAC, G.722 and Opus: what it refuses, what it still does, and its size.

use std::path::Path;
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{INSTALLED, PREFIX, can_install, make, target_directory, text};
use crate::support::build::{SONAME, root, run};

/// Prints what the library says to a format, a key and two codecs that it lacks.
const REFUSALS: &str = r#"#include <callrec.h>
#include <stdio.h>

int main(void)
{
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    rec_id id;
    rec_config *config = NULL;
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_feed_format format = REC_INIT(rec_feed_format);
    info.directory_number = "101";
    if (rec_config_new(&config) != REC_OK) return 1;
    printf("%d %s\n", rec_config_set(config, "recording.format", "flac", &error), error.message);
    if (rec_open(config, &engine, &error) != REC_OK) return 2;
    if (rec_call_begin(engine, &info, &call, &error) != REC_OK) return 3;
    options.format = "flac";
    printf("%d %s\n", rec_call_start(call, NULL, &options, &id, &error), error.message);
    options.format = "opus";
    printf("%d %s\n", rec_call_start(call, NULL, &options, &id, &error), error.message);
    format.codec = REC_CODEC_G722;
    printf("%d %s\n", rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &error), error.message);
    format.codec = REC_CODEC_OPUS;
    printf("%d %s\n", rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &error), error.message);
    rec_config_free(config);
    return rec_close(engine, 5000, &error) == REC_OK ? 0 : 4;
}
"#;

fn compile(source: &Path, program: &Path, libraries: &Path) {
    run(Command::new("cc")
        .arg("-I")
        .arg(root().join("include"))
        .arg(source)
        .arg("-o")
        .arg(program)
        .arg(libraries.join(SONAME))
        .arg("-lm"));
}

/// Its own target directory: other tests link the library of the default features meanwhile.
#[test]
fn a_library_without_codecs_refuses_them_by_name_and_records_the_rest() {
    if !can_install() {
        return;
    }
    let directory = ScratchDir::new();
    run(make("install", &directory.0)
        .env("CARGO_TARGET_DIR", target_directory().join("without_codecs"))
        .args(["DEFAULT_FEATURES=no", "FEATURES=memory-reserve"]));
    let prefix = directory.0.join("root").join(PREFIX.trim_start_matches('/'));
    let libraries = prefix.join("lib");
    let run_with = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&directory.0);
        let output = command.env("LD_LIBRARY_PATH", &libraries).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", program.display());
        text(output)
    };

    let (source, program) = (directory.0.join("refusals.c"), directory.0.join("refusals"));
    std::fs::write(&source, REFUSALS).unwrap();
    compile(&source, &program, &libraries);
    let said = run_with(&program);
    let lines: Vec<&str> = said.lines().collect();
    let expected = [
        ("-24", "flac"),
        ("-21", "flac"),
        ("-21", "opus"),
        ("-21", "format.codec 4: this callrec was built without this codec"),
        ("-21", "format.codec 5: this callrec was built without this codec"),
    ];
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, (status, name)) in lines.iter().zip(expected) {
        let (found, message) = line.split_once(' ').unwrap();
        assert_eq!(found, status, "{line}");
        assert!(message.contains(name), "{line}");
    }

    let program = directory.0.join("minimal");
    compile(&root().join("examples-c/minimal.c"), &program, &libraries);
    let events = run_with(&program);
    assert!(events.contains("finished"), "{events}");

    let library = libraries.join(SONAME);
    assert_size(&library, WITHOUT_CODECS);
}

// A little more than docs/install.md states, so that a part that is suddenly linked is noticed.
const DEFAULT: u64 = 3_750_000;
const WITHOUT_CODECS: u64 = 2_900_000;

fn assert_size(library: &Path, limit: u64) {
    let bytes = std::fs::metadata(library).unwrap().len();
    assert!(
        !cfg!(target_arch = "x86_64") || bytes <= limit,
        "{}: {bytes} bytes",
        library.display()
    );
}

#[test]
fn the_shared_library_is_no_larger_than_documented() {
    if can_install() {
        assert_size(&INSTALLED.libraries().join(SONAME), DEFAULT);
    }
}
