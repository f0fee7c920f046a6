//! Files, paths and the disk: `tests/c/windows/disk.c`.

use std::path::PathBuf;
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::support::build::{is_installed, root};
use crate::wine::{self, LibraryKind};

/// The program, and a directory for it.
struct DiskProgram {
    scratch: ScratchDir,
    program: PathBuf,
    recordings: String,
}

impl DiskProgram {
    fn new() -> Option<DiskProgram> {
        wine::package()?;
        let scratch = ScratchDir::new();
        Some(DiskProgram {
            program: wine::compile(&scratch.0, &["tests/c/windows/disk.c"], LibraryKind::Mingw),
            recordings: wine::recordings(&scratch.0, "recordings"),
            scratch,
        })
    }

    fn lines(&self, mode: &str) -> Vec<String> {
        wine::lines(&self.program, &[mode, &self.recordings])
    }

    /// Records three seconds and ends like a crash.
    fn record(&self) {
        let output = wine::output(&self.program, &["record", &self.recordings]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(9), "{errors}");
    }
}

/// At most one second of three is lost.
#[test]
fn a_recording_survives_the_end_of_its_process() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.record();
    let lines = disk.lines("recover");
    let (path, duration) = lines.last().unwrap().rsplit_once(' ').unwrap();
    assert!(wine::system_path(path).exists(), "{path}");
    let ms: u32 = duration.parse().unwrap();
    assert!((2000..=3000).contains(&ms), "{ms} ms");
}

/// The engine gives out paths with `\`, and manifests contain `/`.
#[test]
fn paths_may_be_long_and_have_one_separator() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    let lines = disk.lines("paths");
    let (path, _) = lines.last().unwrap().rsplit_once(' ').unwrap();
    let audio = wine::system_path(path);
    let manifest = std::fs::read_to_string(audio.with_extension("json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let file = manifest["file"].as_str().unwrap();
    assert!(
        file.starts_with("_CON/") && file.matches('/').count() == 2,
        "{file}"
    );
}

/// A virus scanner reads the audio when the recording ends.
#[test]
fn a_recording_is_published_when_others_have_closed_its_file() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("shared");
}

/// Whoever reads the live manifest does not end the recording: an update of it is put off.
#[test]
fn a_recording_survives_that_others_hold_its_manifest() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("held");
}

#[test]
fn a_deletion_waits_for_others_to_close_its_file() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("deleted");
}

#[test]
fn recovery_does_not_write_to_a_file_with_two_names() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.record();
    let second = disk.scratch.0.join("recordings/second.name");
    let lines = disk.lines("linked");
    assert!(lines.last().unwrap().contains("link"), "{lines:?}");
    assert!(second.exists());
}

#[test]
fn a_recording_takes_no_name_of_another_file() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("names");
}

#[test]
fn a_recording_is_published_without_a_hard_link() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("renamed");
}

/// Two files are told apart by what identifies them, when one has taken the name of the other.
#[test]
fn a_recording_is_not_taken_for_the_file_that_took_its_name() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("identified");
}

#[test]
fn a_file_that_is_held_for_a_moment_is_deleted() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("kept_open");
}

#[test]
fn the_free_space_is_the_systems() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("space");
}

/// The timer of Windows may delay the worker's ticks. No packet is lost.
#[test]
fn the_worker_keeps_its_ticks() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    disk.lines("ticks");
}

/// A disk of 4 MB, in an environment of Wine that sees it.
#[test]
fn a_full_disk_ends_a_recording_and_keeps_its_audio() {
    let Some(disk) = DiskProgram::new() else {
        return;
    };
    // The server of Wine opens files for all programs of an environment.
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" || exit 77
        cp -al \"$WINEPREFIX\" \"$2\"
        WINEPREFIX=$2 timeout 180 \"$3\" \"$4\" full \"$5\"
        status=$?
        WINEPREFIX=$2 \"$7\" -k
        cp -R \"$1\" \"$6\"
        rm -r \"$2\"
        exit $status";
    let small = disk.scratch.0.join("recordings");
    let kept = disk.scratch.0.join("kept");
    let template = wine::command(&disk.program);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "full"]);
    let copy = format!("{}/wine/small", env!("CARGO_TARGET_TMPDIR"));
    command.arg(&small).arg(copy);
    command.arg(wine::WINE).arg(&disk.program);
    command.arg(&disk.recordings).arg(&kept).arg(wine::SERVER);
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(root()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_mounted = output.status.code() != Some(77) && !errors.contains("unshare");
    if !is_installed("a file system that may be mounted", is_mounted) {
        return;
    }
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("failed 1, finished 0"), "{text}");
    let kept: u64 = std::fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(kept > 1 << 20, "{kept} bytes");
}
