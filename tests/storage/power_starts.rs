//! With `storage.durability=power`, a recording is on the disk before its start is reported, and a
//! start that fails leaves nothing there.

use super::durability::{NotedSteps, expect_order};
use super::power::{note_steps_until, open_with_power, start_recording, write_audio};
use super::*;
use std::sync::atomic::AtomicBool;

#[test]
fn a_recording_is_on_the_disk_before_its_start_is_reported() {
    for_each_format(|format| {
        let fixture = open_with_power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let steps = note_steps_until(&fixture, move |reports| reports.created.contains(&id));
        let file = start_recording(&fixture, id);
        let made = [
            FaultPoint::CreateManifest,
            FaultPoint::CreateAudio,
            FaultPoint::WriteHeader,
        ];
        // The file, the root and two folders, then the manifest that names the file.
        let audio = [
            FaultPoint::Sync,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
        ];
        let manifest = [
            FaultPoint::WriteLiveManifest,
            FaultPoint::SyncFile,
            FaultPoint::RenameLiveManifest,
            FaultPoint::SyncFolder,
        ];
        expect_order(&steps, &[&made[..], &audio, &manifest].concat());
        assert!(fixture.live_manifest(id).started);
        file.finish(ended(id, EndReason::Stopped), true);
    });
}

#[test]
fn a_start_that_cannot_be_synced_fails_and_leaves_no_file() {
    for_each_format(|format| {
        for refused in [
            FaultPoint::Sync,
            FaultPoint::SyncFolder,
            FaultPoint::WriteLiveManifest,
            FaultPoint::SyncFile,
            FaultPoint::RenameLiveManifest,
        ] {
            let fixture = open_with_power(ScratchDir::new(), format);
            let id = Uuid::new_v4();
            fixture.set_fault(move |step| match step == refused {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            });
            let mut file = fixture.begin(id, "call");
            write_audio(&fixture, &mut file);
            let error = fixture
                .report
                .wait_for(|reports| reports.create_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace, "{refused:?}: {error:?}");
            file.finish(ended(id, EndReason::Stopped), true);
            fixture.wait_until_idle();
            assert!(
                fixture
                    .report
                    .read(|reports| reports.created.is_empty() && reports.published.is_empty())
            );
            assert_eq!(fixture.names(), [".callrec"], "{refused:?}");
            assert_eq!(fixture.control_names(), ["lock"], "{refused:?}");
        }
    });
}

/// A power cut must not bring the files back.
#[test]
fn the_files_of_a_failed_start_are_removed_before_it_is_reported() {
    for_each_format(|format| {
        let fixture = open_with_power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let (steps, refused) = (NotedSteps::default(), AtomicBool::new(false));
        let (noted, report) = (Arc::clone(&steps), Arc::clone(&fixture.report));
        fixture.set_fault(move |step| {
            if !report.read(|reports| reports.create_failed.contains_key(&id)) {
                noted.lock().push(step);
            }
            match step == FaultPoint::SyncFile && !refused.swap(true, Ordering::SeqCst) {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            }
        });
        let mut file = fixture.begin(id, "call");
        write_audio(&fixture, &mut file);
        fixture
            .report
            .wait_until(|reports| reports.create_failed.contains_key(&id));
        // The folder of the audio, and then the folder of the manifest.
        let gone = [
            FaultPoint::RemoveAudio,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
        ];
        expect_order(&steps, &[&[FaultPoint::SyncFile][..], &gone].concat());
    });
}

#[test]
fn a_failed_start_whose_file_cannot_be_removed_leaves_an_empty_file() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let gate = Arc::new(Gate::default());
    gate.shut();
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| match step {
        FaultPoint::SyncFile => {
            at.pass();
            Err(io::ErrorKind::StorageFull.into())
        }
        FaultPoint::RemoveAudio => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let mut file = fixture.begin(id, "call");
    gate.wait_for_arrivals(1);
    write_audio(&fixture, &mut file);
    gate.open();
    fixture
        .report
        .wait_until(|reports| reports.create_failed.contains_key(&id));
    assert_eq!(fs::read(fixture.path("call.wav.part")).expect("a file"), b"");
}

/// A power cut must not bring the files back.
#[test]
fn the_files_of_a_failed_create_are_removed_before_it_is_reported() {
    for_each_format(|format| {
        let fixture = open_with_power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let (steps, report) = (NotedSteps::default(), Arc::clone(&fixture.report));
        let noted = Arc::clone(&steps);
        fixture.set_fault(move |step| {
            if report.read(|reports| reports.create_failed.is_empty()) {
                noted.lock().push(step);
            }
            match step {
                FaultPoint::WriteHeader => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        });
        let mut file = fixture.begin(id, "call");
        write_audio(&fixture, &mut file);
        fixture
            .report
            .wait_until(|reports| reports.create_failed.contains_key(&id));
        let made = [
            FaultPoint::CreateManifest,
            FaultPoint::CreateAudio,
            FaultPoint::WriteHeader,
        ];
        expect_order(&steps, &[&made[..], &[FaultPoint::SyncFolder; 2]].concat());
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.wait_until_idle();
        assert_eq!(fixture.names(), [".callrec"]);
    });
}
