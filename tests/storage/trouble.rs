//! Errors of the disk that pass, or come at a bad moment.

use super::*;

/// A write fails while a discard waits behind it, or has been accepted.
#[test]
fn what_was_discarded_is_not_published_by_a_failed_write() {
    for queued in [true, false] {
        let rig = Rig::new();
        let gate = Arc::new(Gate::default());
        gate.set(true);
        let at = Arc::clone(&gate);
        rig.fault(move |step| {
            if step == Step::WriteAudio {
                at.pass();
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        });
        let id = Uuid::new_v4();
        let mut file = rig.begin(id, "call");
        file.shape(Format::Wav, 8000, 1);
        file.write(pattern(0, 1000)).expect("room");
        gate.reached(1);
        let mut kept = Some(file);
        if queued {
            let file = kept.take().expect("there");
            file.finish(ended(id, EndReason::Discarded), false);
        } else {
            rig.report.discard(id);
        }
        gate.set(false);
        let (published, _) = rig.published(id);
        assert!(published.state_is(State::Finished) && published.end_reason_is(EndReason::Discarded));
        assert_eq!((published.file.as_str(), published.error.as_str()), ("", ""));
        drop(kept);
        rig.idle();
        assert_eq!(rig.names(), [".callrec"], "queued: {queued}");
    }
}

/// On a full disk the note may fail, and what cannot be removed has no audio.
#[test]
fn a_discard_on_a_bad_disk_leaves_no_audio() {
    for broken in [&[Step::NoteDiscard][..], &[Step::NoteDiscard, Step::RemoveAudio]] {
        let rig = Rig::new();
        let id = Uuid::new_v4();
        let mut file = rig.begin(id, "call");
        file.shape(Format::Wav, 8000, 1);
        file.write(pattern(0, 1000)).expect("room");
        rig.until(|store| store.bytes_written() == 1000);
        rig.fault(move |step| {
            if broken.contains(&step) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        });
        file.finish(ended(id, EndReason::Discarded), false);
        rig.published(id);
        rig.clear_faults();
        let part = rig.path("call.wav.part");
        assert_eq!(part.exists(), broken.len() == 2);
        let rig = Rig::on(rig.close());
        let (again, _) = rig.published(id);
        if broken.len() == 2 {
            assert_eq!(again.samples, 0);
        }
        rig.settle(id);
        assert_eq!(rig.control_names(), ["lock"]);
    }
}
