//! Processes that are killed at each step of recording and of recovery.

use super::recovery::{crash_recordings, whole_audio};
use super::*;

/// Runs a test for each kind of file system. The child processes mostly wait, so all of them run
/// at once.
fn for_each_file_system(test: impl Fn(FileSystemKind) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for system in FILE_SYSTEMS {
            scope.spawn(move || test(system));
        }
    });
}

#[test]
fn a_kill_at_any_step_of_recovery_loses_nothing() {
    for_each_file_system(|system| for_each_format(|format| killed_in_recovery(format, system)));
}

fn killed_in_recovery(format: Format, system: FileSystemKind) {
    let (directory, ids) = crash_recordings(format, 2);
    let live = directory.0.join(format!(".callrec/{}.json", ids[1]));
    fs::write(live, "{\"par").expect("write");
    for kill in 0.. {
        let copy = ScratchDir::new();
        copy_tree(&directory.0, &copy.0);
        let (output, ended) = child(format, &system.task("recover"), &copy.0, kill);
        faults::set(&copy.0, Arc::new(move |step| system.check(step)));
        let fixture = StorageFixture::open_in(copy).with_format(format);
        for id in &ids {
            let (published, repeated) = fixture.published(*id);
            assert_eq!(repeated, fixture.report.read(|reports| reports.published[id].1));
            assert!(
                repeated || !output.contains(&format!("published {id}")),
                "kill {kill}"
            );
            assert_eq!(
                audio(&fixture.path(&published.file)),
                whole_audio(),
                "kill {kill}"
            );
            assert_manifest_matches_file(&fixture, &published);
            fixture.settle(*id);
        }
        assert_eq!(fixture.control_names(), ["lock"], "kill {kill}");
        assert_eq!(
            fixture.names_below("sub").len(),
            4,
            "kill {kill}: no second copy, no part"
        );
        if ended {
            assert!(kill > 8, "only {kill} steps");
            return;
        }
    }
}

/// `tail_kills` tests formats that are only appended to; the simulator kills both kinds at any
/// call of the disk.
#[test]
fn a_kill_at_any_step_of_recording_loses_nothing() {
    for_each_file_system(killed_in_recording);
}

fn killed_in_recording(system: FileSystemKind) {
    let format = Format::WAV;
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (output, ended) = child(format, &system.task("record"), &directory.0, kill);
        faults::set(&directory.0, Arc::new(move |step| system.check(step)));
        let fixture = StorageFixture::open_in(directory).with_format(format);
        fixture.wait_until_idle();
        for at in 1..=3u128 {
            let id = Uuid::from_u128(at);
            let created = output.contains(&format!("created {id}"));
            let settled = output.contains(&format!("settled {id}"));
            let found = fixture.report.read(|reports| reports.published.get(&id).cloned());
            assert!(
                !created || settled || found.is_some(),
                "kill {kill}: {id} is lost"
            );
            let was_reported = output.contains(&format!("published {id}"));
            let Some((published, repeated)) = found else {
                continue;
            };
            assert!(!was_reported || repeated, "kill {kill}: {id}");
            if published.file.is_empty() {
                assert!(
                    published.end_reason_is(EndReason::Discarded),
                    "kill {kill}: {published:?}"
                );
            } else {
                assert!(
                    !(at == 2 && was_reported),
                    "kill {kill}: a reported discard has left audio"
                );
                let audio = audio(&fixture.path(&published.file));
                assert!(whole_audio().starts_with(&audio), "kill {kill}");
                assert_manifest_matches_file(&fixture, &published);
            }
            fixture.settle(id);
        }
        assert_eq!(fixture.control_names(), ["lock"], "kill {kill}");
        assert!(
            fixture
                .names_below("sub")
                .iter()
                .all(|name| !name.ends_with(".part")),
            "kill {kill}"
        );
        // No reservation and no second copy is left.
        let published = fixture
            .names_below("sub")
            .into_iter()
            .filter(|name| name.ends_with(&fixture.audio_name("")));
        for name in published {
            let path = fixture.path(&format!("sub/{name}"));
            assert!(
                path.with_extension("json").exists(),
                "{system:?} kill {kill}: {name}"
            );
        }
        if ended {
            assert!(kill > 20, "only {kill} steps");
            return;
        }
    }
}
