//! Processes that are killed at each of their steps, while they record and while they recover.

use super::recovery::{crashed, whole};
use super::*;

/// With each way to publish. A killed process mostly waits, so all of them do so at once.
fn for_each_system(test: impl Fn(System) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for system in SYSTEMS {
            scope.spawn(move || test(system));
        }
    });
}

#[test]
fn killed_at_every_step_of_recovery() {
    for_each_system(|system| for_each_format(|format| killed_in_recovery(format, system)));
}

fn killed_in_recovery(format: Format, system: System) {
    let (directory, ids) = crashed(format, 2);
    let live = directory.0.join(format!(".callrec/{}.json", ids[1]));
    fs::write(live, "{\"par").expect("write");
    for kill in 0.. {
        let copy = ScratchDir::new();
        copy_tree(&directory.0, &copy.0);
        let (told, ended) = child(format, &system.task("recover"), &copy.0, kill);
        faults::set(&copy.0, Arc::new(move |step| system.allows(step)));
        let fixture = StorageFixture::open_in(copy).with_format(format);
        for id in &ids {
            let (published, repeated) = fixture.published(*id);
            assert_eq!(repeated, fixture.report.read(|seen| seen.published[id].1));
            assert!(
                repeated || !told.contains(&format!("published {id}")),
                "kill {kill}"
            );
            assert_eq!(audio(&fixture.path(&published.file)), whole(), "kill {kill}");
            expect_honest(&fixture, &published);
            fixture.settle(*id);
        }
        assert_eq!(fixture.control_names(), ["lock"], "kill {kill}");
        assert_eq!(
            fixture.names_below("sub").len(),
            4,
            "kill {kill}: no second copy, no part"
        );
        if ended {
            assert!(kill > 8, "the kills came to pass");
            return;
        }
    }
}

/// What is only appended to has its kills in `tail_kills`, and the simulator kills both kinds
/// at any call of the disk.
#[test]
fn killed_at_every_step_of_recording() {
    for_each_system(killed_in_recording);
}

fn killed_in_recording(system: System) {
    let format = Format::WAV;
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (told, ended) = child(format, &system.task("record"), &directory.0, kill);
        faults::set(&directory.0, Arc::new(move |step| system.allows(step)));
        let fixture = StorageFixture::open_in(directory).with_format(format);
        fixture.wait_until_idle();
        for at in 1..=3u128 {
            let id = Uuid::from_u128(at);
            let created = told.contains(&format!("created {id}"));
            let settled = told.contains(&format!("settled {id}"));
            let found = fixture.report.read(|seen| seen.published.get(&id).cloned());
            assert!(
                !created || settled || found.is_some(),
                "kill {kill}: {id} is lost"
            );
            let was_told = told.contains(&format!("published {id}"));
            let Some((published, repeated)) = found else {
                continue;
            };
            assert!(!was_told || repeated, "kill {kill}: {id}");
            if published.file.is_empty() {
                assert!(
                    published.end_reason_is(EndReason::Discarded),
                    "kill {kill}: {published:?}"
                );
            } else {
                assert!(
                    !(at == 2 && was_told),
                    "kill {kill}: discarded and told, but there"
                );
                let audio = audio(&fixture.path(&published.file));
                assert!(whole().starts_with(&audio), "kill {kill}");
                expect_honest(&fixture, &published);
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
        // Neither a reservation nor a second copy is left.
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
            assert!(kill > 20, "the kills came to pass");
            return;
        }
    }
}
