//! The order of syncs: a change that a power cut must not undo reaches the disk before it is
//! reported, and before the files that it replaces are removed.

use super::*;
use callrec_testkit::disk_faults::DiskGate;
use parking_lot::Mutex;

/// The steps of all recordings of one directory, in order.
pub type NotedSteps = Arc<Mutex<Vec<FaultPoint>>>;

/// Collects the steps from now on; `allows` can make them fail.
pub fn note_steps(
    directory: &Path,
    allows: impl Fn(FaultPoint) -> io::Result<()> + Send + Sync + 'static,
) -> NotedSteps {
    let steps = NotedSteps::default();
    let noted = Arc::clone(&steps);
    faults::set(
        directory,
        Arc::new(move |step| {
            noted.lock().push(step);
            allows(step)
        }),
    );
    steps
}

pub fn allow_all(_: FaultPoint) -> io::Result<()> {
    Ok(())
}

fn refuse_steps(refused: &'static [FaultPoint]) -> impl Fn(FaultPoint) -> io::Result<()> {
    move |step| match refused.contains(&step) {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    }
}

fn open_durable(directory: ScratchDir) -> StorageFixture {
    let mut config = config();
    config.durability = Durability::Finish;
    StorageFixture::open_with(directory, config)
}

/// Asserts that these steps happened in this order, possibly with others between them.
pub fn expect_order(steps: &NotedSteps, order: &[FaultPoint]) {
    let steps = steps.lock();
    let mut rest = steps.iter();
    for step in order {
        assert!(
            rest.any(|noted| noted == step),
            "{step:?} of {order:?} in {steps:?}"
        );
    }
}

/// Begins a recording and writes one block.
fn begin_recording(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "sub/call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("backlog space");
    fixture.wait_until_idle();
    file
}

/// Ends that come together wait for the disk together, so that one commit of its journal can serve
/// them all.
#[test]
fn ends_are_synced_together() {
    let mut one_by_one = config();
    one_by_one.durability = Durability::Process;
    let fixture = StorageFixture::open_with(ScratchDir::new(), one_by_one);
    assert_eq!(fixture.store.finishers(), 2, "nothing waits for a sync");
    let fixture = open_durable(ScratchDir::new());
    let gate = DiskGate::at(&fixture.directory.0, FaultPoint::Sync);
    gate.shut();
    let mut ids = Vec::new();
    for number in 0..fixture.store.finishers() {
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, &format!("call-{number}"));
        file.shape(fixture.format, 8000, 1);
        file.write(pattern(0, 1600)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        ids.push(id);
    }
    gate.wait_for_blocked(16);
    gate.open();
    for id in ids {
        let (published, _) = fixture.published(id);
        assert_manifest_matches_file(&fixture, &published);
    }
}

pub const MANIFEST_UPDATE: [FaultPoint; 4] = [
    FaultPoint::WriteLiveManifest,
    FaultPoint::SyncFile,
    FaultPoint::RenameLiveManifest,
    FaultPoint::SyncFolder,
];

#[test]
fn a_discard_is_synced_before_its_audio_is_removed_and_its_end_is_reported() {
    for_each_format(discard_is_synced);
}

fn discard_is_synced(format: Format) {
    let fixture = open_durable(ScratchDir::new()).with_format(format);
    let id = Uuid::new_v4();
    let file = begin_recording(&fixture, id);
    let steps = note_steps(&fixture.directory.0, allow_all);
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    let audio = [FaultPoint::RemoveAudio, FaultPoint::SyncFolder];
    let tail = [FaultPoint::RemoveTail, FaultPoint::SyncFolder];
    let tail = if format.is_compressed() { &tail[..] } else { &[] };
    expect_order(
        &steps,
        &[&MANIFEST_UPDATE[..], tail, &audio, &[FaultPoint::Report]].concat(),
    );
}

/// The disk refuses new files, so the live manifest is overwritten in place.
#[test]
fn a_manifest_overwritten_in_place_is_synced() {
    let fixture = open_durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begin_recording(&fixture, id);
    let steps = note_steps(
        &fixture.directory.0,
        refuse_steps(&[FaultPoint::WriteLiveManifest]),
    );
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    let overwrite = [
        FaultPoint::OverwriteLiveManifest,
        FaultPoint::SyncFile,
        FaultPoint::SyncFolder,
    ];
    let audio = [
        FaultPoint::RemoveAudio,
        FaultPoint::SyncFolder,
        FaultPoint::Report,
    ];
    expect_order(&steps, &[overwrite, audio].concat());
}

#[test]
fn a_finished_file_is_synced_before_its_end_is_reported() {
    for system in FILE_SYSTEMS {
        let fixture = open_durable(ScratchDir::new());
        let id = Uuid::new_v4();
        let file = begin_recording(&fixture, id);
        let steps = note_steps(&fixture.directory.0, move |step| system.check(step));
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        let place = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::RenameAudio];
        let link = [FaultPoint::Link, FaultPoint::SyncFolder, FaultPoint::Unlink];
        let link = if system == FileSystemKind::HasHardLinks {
            &link[..]
        } else {
            &[]
        };
        let publish = [
            FaultPoint::RenameManifest,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
            FaultPoint::Report,
        ];
        expect_order(&steps, &[&place[..], link, &publish].concat());
    }
}

#[test]
fn a_failure_to_publish_is_synced_before_its_end_is_reported() {
    let fixture = open_durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begin_recording(&fixture, id);
    let steps = note_steps(&fixture.directory.0, refuse_steps(&[FaultPoint::RenameAudio]));
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    expect_order(&steps, &[&MANIFEST_UPDATE[..], &[FaultPoint::Report]].concat());
}

#[test]
fn files_that_recovery_removes_are_removed_durably() {
    for_each_format(removed_by_recovery);
}

fn removed_by_recovery(format: Format) {
    let fixture = open_durable(ScratchDir::new()).with_format(format);
    let id = Uuid::new_v4();
    let file = begin_recording(&fixture, id);
    fixture.set_fault(refuse_steps(&[FaultPoint::RemoveAudio, FaultPoint::RemoveTail]));
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.wait_until(|_| is_end_reported_or_deferred(&fixture, id));
    let directory = fixture.close();
    let steps = note_steps(&directory.0, allow_all);
    let fixture = open_durable(directory).with_format(format);
    assert!(fixture.published(id).0.end_reason_is(EndReason::Discarded));
    let removed = [FaultPoint::RemoveTail, FaultPoint::RemoveAudio];
    expect_order(&steps, &[removed, [FaultPoint::SyncFolder; 2]].concat());
}

/// Recovery would not find the audio again once it has its final name.
#[test]
fn a_rebuilt_live_manifest_is_synced_before_the_audio_is_renamed() {
    let (directory, ids) = recovery::crash_recordings(Format::WAV, 1);
    let live = directory.0.join(format!(".callrec/{}.json", ids[0]));
    fs::write(live, "{\"par").expect("write");
    let steps = note_steps(&directory.0, allow_all);
    let fixture = open_durable(directory);
    fixture.published(ids[0]);
    expect_order(
        &steps,
        &[&MANIFEST_UPDATE[..], &[FaultPoint::RenameAudio]].concat(),
    );
}

/// Otherwise a live manifest that survives a power cut would queue the callback again.
#[test]
fn a_performed_callback_is_removed_after_its_live_manifest() {
    let fixture = open_durable(ScratchDir::new());
    let id = Uuid::new_v4();
    begin_recording(&fixture, id).finish(jobs::with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture
        .report
        .wait_until(|reports| reports.queued.contains(&("callback".to_owned(), id)));
    jobs::callbacks(&fixture).finish(id);
    let steps = note_steps(&fixture.directory.0, allow_all);
    fixture.settle(id);
    expect_order(&steps, &[FaultPoint::Settle, FaultPoint::SyncFolder]);
    assert!(fixture.names_below(".callrec/jobs/callback").is_empty());
}

#[test]
fn nothing_is_synced_with_durability_process() {
    for keep in [true, false] {
        let fixture = StorageFixture::new();
        let steps = note_steps(&fixture.directory.0, |step| {
            FileSystemKind::HasHardLinks.check(step)
        });
        let id = Uuid::new_v4();
        begin_recording(&fixture, id).finish(ended(id, EndReason::Stopped), keep);
        fixture.published(id);
        let syncs = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::SyncFolder];
        assert!(!steps.lock().iter().any(|step| syncs.contains(step)));
    }
}
