//! The callbacks that 0.1.0 has left become jobs, each once.

use super::jobs::callbacks;
use super::*;

const LEFT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const ANSWERED: Uuid = uuid::uuid!("3d604adc-4fc3-43f4-8a5f-2238f5eec649");
/// In the order of their ids.
const DUE: [Uuid; 4] = [
    uuid::uuid!("046039da-0f25-4c46-bf65-28bad046cb06"),
    uuid::uuid!("1b4e28ba-2fa1-41d2-883f-0016d3cca427"),
    uuid::uuid!("2c5f39cb-3fb2-42e3-994f-1127e4ddb538"),
    uuid::uuid!("4e715bed-5fd4-4405-9b6f-334906ffd75a"),
];

fn left() -> ScratchDir {
    let directory = ScratchDir::new();
    copy_tree(
        Path::new(&format!("{LEFT}/callbacks-of-0.1.0")),
        &directory.join(".callrec"),
    );
    fs::remove_file(directory.join(".callrec/README.md")).expect("there");
    let part = format!("2026-11-22_07-40-44_{}.wav.part", DUE[0]);
    let audio = format!("{LEFT}/left-by-0.1.0/audio.wav.part");
    fs::copy(audio, directory.join(part)).expect("copied");
    directory
}

fn expect_taken_over(fixture: &StorageFixture, because: &str) {
    fixture.wait_until_idle();
    assert!(!fixture.path(".callrec/outbox").exists(), "{because}");
    assert_eq!(callbacks(fixture).list(), DUE, "{because}");
    for id in DUE {
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
fn callbacks_that_0_1_0_has_left_become_jobs() {
    let fixture = StorageFixture::open_in(left());
    expect_taken_over(&fixture, "at the first open");
    for id in [DUE[0], DUE[3], ANSWERED] {
        fixture.published(id);
        fixture.settle(id);
    }
    let mut expected = DUE.map(|id| format!("{id}.json")).to_vec();
    let mut found = fixture.names_below(".callrec/jobs/callback");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn killed_anywhere_while_they_are_taken_over_none_is_lost_or_doubled() {
    for system in SYSTEMS {
        for kill in 0.. {
            let directory = left();
            let (said, ended) = child(Format::WAV, &system.task("recover"), &directory.0, kill);
            expect_taken_over(
                &StorageFixture::open_in(directory),
                &format!("{system:?}, killed at {kill}: {said}"),
            );
            if ended {
                assert!(kill > 10, "{kill}: {said}");
                break;
            }
        }
    }
}

/// 0.1.0 may run again between two runs of this version.
#[test]
fn what_this_version_has_queued_or_performed_is_not_queued_again() {
    let directory = left();
    let jobs = directory.join(".callrec/jobs/callback");
    fs::create_dir_all(&jobs).expect("new");
    for (id, ending) in [(DUE[1], "done"), (DUE[2], "json")] {
        let from = directory.join(format!(".callrec/outbox/{id}.json"));
        fs::copy(from, jobs.join(format!("{id}.{ending}"))).expect("copied");
    }
    let fixture = StorageFixture::open_in(directory);
    fixture.wait_until_idle();
    assert!(!fixture.path(".callrec/outbox").exists());
    assert_eq!(callbacks(&fixture).list(), [DUE[0], DUE[2], DUE[3]]);
}

#[test]
fn what_cannot_be_taken_over_now_is_before_any_job_is_touched() {
    let directory = left();
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
    let logged = fixture.report.read(|told| told.logged.concat());
    assert!(logged.contains("cannot be converted to jobs"), "{logged}");
    fixture.clear_faults();
    let list = callbacks(&fixture).list();
    assert!(!fixture.path(".callrec/outbox").exists());
    assert_eq!(
        list,
        [DUE[1], DUE[2]],
        "the others are told again at the next open"
    );
    expect_taken_over(&StorageFixture::open_in(fixture.close()), "at the next open");
}
