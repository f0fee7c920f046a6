//! Papers of callbacks: on disk before the end is told, until they were answered.

use super::*;
use callrec::storage::Callback;

pub fn with_callback(id: Uuid, reason: EndReason) -> Box<Manifest> {
    let mut manifest = ended(id, reason);
    manifest.callback = Some(Box::new(Callback {
        url: "http://127.0.0.1/hook".to_owned(),
        method: "POST".to_owned(),
        api_id: "api".to_owned(),
        ..Callback::default()
    }));
    manifest
}

/// As a start makes it: the first manifest has the callback already.
fn begin(rig: &Rig, id: Uuid) -> ByteFile {
    let mut first = with_callback(id, EndReason::Stopped);
    first.end_reason = String::new();
    let mut file = ByteFile::new(rig.store.begin(id, Box::new(move || (*first, name("call")))));
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 800)).expect("room");
    file
}

fn owed(rig: &Rig) -> Vec<Uuid> {
    rig.store.owed_callbacks().expect("the outbox")
}

#[test]
fn a_callback_is_on_disk_before_the_end_is_told() {
    let rig = Rig::new();
    let id = Uuid::new_v4();
    let paper = rig.path(&format!(".callrec/outbox/{id}.json"));
    let (seen, looked) = (paper.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = looked.clone();
    rig.fault(move |step| {
        if step == Step::WriteOutbox || step == Step::PlaceOutbox {
            assert!(!seen.exists());
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
    let (published, _) = rig.published(id);
    assert!(paper.exists(), "before `published`");
    assert_eq!(looked.load(Ordering::SeqCst), 2);
    rig.report.wait(|told| told.owed.contains(&id));
    let kept = rig.store.owed_callback(id).expect("read").expect("owed");
    assert_eq!(kept.recording, published);
    assert!(kept.queued_at_ms > 0);
    rig.settle(id);
    assert_eq!(owed(&rig), [id], "the event's delivery is not the callback's");
    rig.store.callback_done(id).expect("removed");
    assert_eq!(
        (owed(&rig), rig.names_below(".callrec/outbox").len()),
        (vec![], 0)
    );
    assert_eq!(rig.store.owed_callback(id).expect("read"), None);
    rig.store.callback_done(id).expect("again is no error");
}

#[test]
fn what_was_answered_is_not_owed_again_when_its_end_is_told_again() {
    let rig = Rig::new();
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    for id in ids {
        begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
        rig.published(id);
    }
    rig.store.callback_done(ids[0]).expect("answered");
    assert_eq!(owed(&rig), [ids[1]]);
    // The end was told to nobody: the next process tells both again.
    let rig = Rig::on(rig.close());
    for id in ids {
        assert!(rig.published(id).1, "repeated");
    }
    rig.idle();
    assert_eq!(owed(&rig), [ids[1]]);
    rig.settle(ids[0]);
    rig.settle(ids[1]);
    assert_eq!(owed(&rig), [ids[1]]);
    assert_eq!(rig.names_below(".callrec/outbox"), [format!("{}.json", ids[1])]);
}

#[test]
fn a_paper_that_cannot_be_written_is_written_at_the_next_open() {
    for step in [Step::WriteOutbox, Step::PlaceOutbox] {
        let rig = Rig::new();
        rig.fault(move |at| if at == step { Err(full()) } else { Ok(()) });
        let id = Uuid::new_v4();
        begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
        assert!(rig.published(id).0.state_is(State::Finished), "{step:?}");
        rig.settle(id);
        assert!(rig.live_path(id).exists(), "it stays for the next open");
        rig.clear_faults();
        let rig = Rig::on(rig.close());
        assert!(rig.published(id).1);
        rig.report.wait(|told| told.owed.contains(&id));
        assert_eq!(owed(&rig), [id], "{step:?}");
    }
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[test]
fn a_discarded_recording_calls_nobody_back_and_a_failed_one_does() {
    let rig = Rig::new();
    let (gone, failed) = (Uuid::new_v4(), Uuid::new_v4());
    begin(&rig, gone).finish(with_callback(gone, EndReason::Discarded), false);
    rig.published(gone);
    let error = callrec::words::Error::new(callrec::words::Status::Io, "broken");
    begin(&rig, failed).fail(with_callback(failed, EndReason::WriteError), error);
    rig.published(failed);
    rig.idle();
    assert_eq!(owed(&rig), [failed]);
}

/// Records, is answered, settles; killed at one of its steps.
pub fn child_calls_back(directory: &Path, kill: usize) {
    abort_at(directory, kill, System::RenamesExclusively);
    let rig = Rig::talking(ScratchDir(directory.to_owned()));
    let id = Uuid::from_u128(1);
    begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
    rig.published(id);
    rig.store.callback_done(id).expect("answered");
    say("answered");
    rig.settle(id);
    std::process::exit(0);
}

#[test]
fn killed_anywhere_a_callback_is_owed_until_it_was_answered() {
    let id = Uuid::from_u128(1);
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (said, ended) = child(Format::WAV, "callback", &directory.0, kill);
        let rig = Rig::on(directory);
        rig.until(|store| store.idle());
        let answered = said.contains("answered");
        let found = owed(&rig);
        if answered {
            assert_eq!(found, Vec::<Uuid>::new(), "killed at step {kill}: {said}");
        } else if said.contains("created") {
            assert_eq!(found, [id], "killed at step {kill}: {said}");
        }
        if ended {
            assert!(answered && kill > 10, "{kill}: {said}");
            return;
        }
    }
}

/// Who may write into the directory must not have us call whom they like.
#[cfg(unix)]
#[test]
fn a_paper_of_another_user_is_not_believed() {
    use std::os::unix::fs::chown;
    const STRANGER: Option<u32> = Some(54_321);
    let rig = Rig::new();
    let id = Uuid::new_v4();
    begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
    rig.published(id);
    let paper = rig.path(&format!(".callrec/outbox/{id}.json"));
    if chown(&paper, STRANGER, None).is_err() {
        // Only root can give files away.
        return;
    }
    let refused = |rig: &Rig| {
        let error = rig.store.owed_callback(id).expect_err("a stranger's");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("another user"), "{error}");
    };
    refused(&rig);
    assert!(paper.exists(), "it is left as it is");
    chown(&paper, Some(0), None).expect("root");
    assert!(rig.store.owed_callback(id).expect("read").is_some());
    let outbox = rig.path(".callrec/outbox");
    chown(&outbox, STRANGER, None).expect("root");
    let rig = Rig::on(rig.close());
    refused(&rig);
    chown(&outbox, Some(0), None).expect("root");
    assert_eq!(owed(&rig), [id]);
}

/// Each makes a file of the same name, to see whom new files belong to.
#[cfg(unix)]
#[test]
fn many_may_come_upon_a_stranger_at_once() {
    let rig = Rig::new();
    let id = Uuid::new_v4();
    begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
    rig.published(id);
    let paper = rig.path(&format!(".callrec/outbox/{id}.json"));
    if std::os::unix::fs::chown(&paper, Some(54_321), None).is_err() {
        // Only root can give files away.
        return;
    }
    let ask = || {
        for _ in 0..200 {
            let error = rig.store.owed_callback(id).expect_err("a stranger's");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(ask);
        }
    });
}

#[test]
fn a_damaged_paper_is_put_aside() {
    let rig = Rig::new();
    let id = Uuid::new_v4();
    begin(&rig, id).finish(with_callback(id, EndReason::Stopped), true);
    rig.published(id);
    let paper = rig.path(&format!(".callrec/outbox/{id}.json"));
    for name in ["json.bad", "json.bad-2"] {
        std::fs::write(&paper, b"[").expect("written");
        assert_eq!(rig.store.owed_callback(id).expect("read"), None);
        assert!(owed(&rig).is_empty());
        assert!(rig.path(&format!(".callrec/outbox/{id}.{name}")).exists());
    }
    let logged = rig.report.seen(|told| told.logged.concat());
    assert!(logged.contains("put aside"), "{logged}");
}
