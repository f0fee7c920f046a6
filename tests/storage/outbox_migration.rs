//! Each pending callback of version 0.1.0 becomes one job.

use super::jobs::callbacks;
use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const PERFORMED: Uuid = uuid::uuid!("3d604adc-4fc3-43f4-8a5f-2238f5eec649");
/// Sorted by id.
const PENDING: [Uuid; 4] = [
    uuid::uuid!("046039da-0f25-4c46-bf65-28bad046cb06"),
    uuid::uuid!("1b4e28ba-2fa1-41d2-883f-0016d3cca427"),
    uuid::uuid!("2c5f39cb-3fb2-42e3-994f-1127e4ddb538"),
    uuid::uuid!("4e715bed-5fd4-4405-9b6f-334906ffd75a"),
];

fn copy_fixture() -> ScratchDir {
    let directory = ScratchDir::new();
    copy_tree(
        Path::new(&format!("{FIXTURES}/callbacks-of-0.1.0")),
        &directory.join(".callrec"),
    );
    fs::remove_file(directory.join(".callrec/README.md")).expect("there");
    let part = format!("2026-11-22_07-40-44_{}.wav.part", PENDING[0]);
    let audio = format!("{FIXTURES}/left-by-0.1.0/audio.wav.part");
    fs::copy(audio, directory.join(part)).expect("copied");
    directory
}

fn expect_migrated(fixture: &StorageFixture, because: &str) {
    fixture.wait_until_idle();
    assert!(!fixture.path(".callrec/outbox").exists(), "{because}");
    assert_eq!(callbacks(fixture).list(), PENDING, "{because}");
    for id in PENDING {
        let job = callbacks(fixture).read(id).expect("read").expect("there");
        assert_eq!((job.kind.as_str(), job.key), ("callback", id.to_string()));
        let url = &job.payload.value()["url"];
        assert!(
            url.as_str().is_some_and(|url| url.starts_with("http://")),
            "{url}"
        );
    }
}

#[test]
fn pending_callbacks_of_0_1_0_become_jobs() {
    let fixture = StorageFixture::open_in(copy_fixture());
    expect_migrated(&fixture, "at the first open");
    for id in [PENDING[0], PENDING[3], PERFORMED] {
        fixture.published(id);
        fixture.settle(id);
    }
    let mut expected = PENDING.map(|id| format!("{id}.json")).to_vec();
    let mut found = fixture.names_below(".callrec/jobs/callback");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_kill_at_any_step_of_the_migration_loses_and_repeats_no_job() {
    for system in FILE_SYSTEMS {
        for kill in 0.. {
            let directory = copy_fixture();
            let (output, ended) = child(Format::WAV, &system.task("recover"), &directory.0, kill);
            expect_migrated(
                &StorageFixture::open_in(directory),
                &format!("{system:?}, killed at {kill}: {output}"),
            );
            if ended {
                assert!(kill > 10, "{kill}: {output}");
                break;
            }
        }
    }
}

/// Version 0.1.0 may run again between two runs of this version.
#[test]
fn jobs_that_this_version_queued_or_performed_are_not_queued_again() {
    let directory = copy_fixture();
    let jobs = directory.join(".callrec/jobs/callback");
    fs::create_dir_all(&jobs).expect("new");
    for (id, ending) in [(PENDING[1], "done"), (PENDING[2], "json")] {
        let from = directory.join(format!(".callrec/outbox/{id}.json"));
        fs::copy(from, jobs.join(format!("{id}.{ending}"))).expect("copied");
    }
    let fixture = StorageFixture::open_in(directory);
    fixture.wait_until_idle();
    assert!(!fixture.path(".callrec/outbox").exists());
    assert_eq!(callbacks(&fixture).list(), [PENDING[0], PENDING[2], PENDING[3]]);
}

#[test]
fn a_failed_migration_is_repeated_before_jobs_are_listed() {
    let directory = copy_fixture();
    faults::set(
        &directory.0,
        Arc::new(|step| match step {
            FaultPoint::MigrateOutbox => Err(io::Error::other("planted")),
            _ => Ok(()),
        }),
    );
    let fixture = StorageFixture::open_in(directory);
    fixture.wait_until_idle();
    assert!(fixture.path(".callrec/outbox").exists());
    let logged = fixture.report.read(|reports| reports.logged.concat());
    assert!(logged.contains("cannot be converted to jobs"), "{logged}");
    fixture.clear_faults();
    let list = callbacks(&fixture).list();
    assert!(!fixture.path(".callrec/outbox").exists());
    assert_eq!(
        list,
        [PENDING[1], PENDING[2]],
        "the ends of the others are reported at the next open"
    );
    expect_migrated(&StorageFixture::open_in(fixture.close()), "at the next open");
}
