//! What a power cut must not undo has reached the disk before anybody is told, and before
//! anything goes that it stands for.

use super::*;
use parking_lot::Mutex;

/// All steps of the recordings of one directory, in order.
pub type NotedSteps = Arc<Mutex<Vec<FaultPoint>>>;

/// Notes them from now on, while some of them fail.
pub fn noted(
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

pub fn all(_: FaultPoint) -> io::Result<()> {
    Ok(())
}

fn all_but(refused: &'static [FaultPoint]) -> impl Fn(FaultPoint) -> io::Result<()> {
    move |step| match refused.contains(&step) {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    }
}

fn durable(directory: ScratchDir) -> StorageFixture {
    let mut config = config();
    config.durability = Durability::Finish;
    StorageFixture::open_with(directory, config)
}

/// These steps came in this order, others between them.
pub fn expect_order(steps: &NotedSteps, order: &[FaultPoint]) {
    let steps = steps.lock();
    let mut rest = steps.iter();
    for step in order {
        assert!(
            rest.any(|came| came == step),
            "{step:?} of {order:?} in {steps:?}"
        );
    }
}

/// A recording of one block.
fn begun(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "sub/call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("room");
    fixture.wait_until_idle();
    file
}

pub const NOTE: [FaultPoint; 4] = [
    FaultPoint::WriteLiveManifest,
    FaultPoint::SyncFile,
    FaultPoint::RenameLiveManifest,
    FaultPoint::SyncFolder,
];

#[test]
fn a_discard_is_on_the_disk_before_its_audio_goes_and_its_end_is_told() {
    for_each_format(discard_is_on_the_disk);
}

fn discard_is_on_the_disk(format: Format) {
    let fixture = durable(ScratchDir::new()).with_format(format);
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    let steps = noted(&fixture.directory.0, all);
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    let audio = [FaultPoint::RemoveAudio, FaultPoint::SyncFolder];
    let tail = [FaultPoint::RemoveTail, FaultPoint::SyncFolder];
    let tail = if format == PAGED { &tail[..] } else { &[] };
    expect_order(&steps, &[&NOTE[..], tail, &audio, &[FaultPoint::Report]].concat());
}

/// Where the disk takes no new file.
#[test]
fn a_note_in_the_old_place_is_on_the_disk() {
    let fixture = durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    let steps = noted(&fixture.directory.0, all_but(&[FaultPoint::WriteLiveManifest]));
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    let note = [
        FaultPoint::OverwriteLiveManifest,
        FaultPoint::SyncFile,
        FaultPoint::SyncFolder,
    ];
    let audio = [
        FaultPoint::RemoveAudio,
        FaultPoint::SyncFolder,
        FaultPoint::Report,
    ];
    expect_order(&steps, &[note, audio].concat());
}

#[test]
fn what_is_published_is_on_the_disk_before_it_is_told() {
    for system in SYSTEMS {
        let fixture = durable(ScratchDir::new());
        let id = Uuid::new_v4();
        let file = begun(&fixture, id);
        let steps = noted(&fixture.directory.0, move |step| system.allows(step));
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        let place = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::RenameAudio];
        let link = [FaultPoint::Link, FaultPoint::SyncFolder, FaultPoint::Unlink];
        let link = if system == System::HasHardLinks {
            &link[..]
        } else {
            &[]
        };
        let told = [
            FaultPoint::RenameManifest,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
            FaultPoint::Report,
        ];
        expect_order(&steps, &[&place[..], link, &told].concat());
    }
}

#[test]
fn what_cannot_be_published_is_noted_on_the_disk_before_it_is_told() {
    let fixture = durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    let steps = noted(&fixture.directory.0, all_but(&[FaultPoint::RenameAudio]));
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    expect_order(&steps, &[&NOTE[..], &[FaultPoint::Report]].concat());
}

#[test]
fn what_recovery_removes_does_not_come_back() {
    for_each_format(removed_by_recovery);
}

fn removed_by_recovery(format: Format) {
    let fixture = durable(ScratchDir::new()).with_format(format);
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    fixture.set_fault(all_but(&[FaultPoint::RemoveAudio, FaultPoint::RemoveTail]));
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.wait_until(|_| is_told_or_held(&fixture, id));
    let directory = fixture.close();
    let steps = noted(&directory.0, all);
    let fixture = durable(directory).with_format(format);
    assert!(fixture.published(id).0.end_reason_is(EndReason::Discarded));
    let removed = [FaultPoint::RemoveTail, FaultPoint::RemoveAudio];
    expect_order(&steps, &[removed, [FaultPoint::SyncFolder; 2]].concat());
}

/// Once it is published, a search would not find the audio again.
#[test]
fn a_manifest_made_anew_is_on_the_disk_before_the_audio_gets_its_name() {
    let (directory, ids) = recovery::crashed(Format::WAV, 1);
    let live = directory.0.join(format!(".callrec/{}.json", ids[0]));
    fs::write(live, "{\"par").expect("write");
    let steps = noted(&directory.0, all);
    let fixture = durable(directory);
    fixture.published(ids[0]);
    expect_order(&steps, &[&NOTE[..], &[FaultPoint::RenameAudio]].concat());
}

/// A live manifest that comes back would otherwise owe it again.
#[test]
fn an_answered_callback_is_forgotten_after_its_live_manifest() {
    let fixture = durable(ScratchDir::new());
    let id = Uuid::new_v4();
    begun(&fixture, id).finish(jobs::with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture
        .report
        .wait_until(|seen| seen.queued.contains(&("callback".to_owned(), id)));
    jobs::callbacks(&fixture).finish(id);
    let steps = noted(&fixture.directory.0, all);
    fixture.settle(id);
    expect_order(&steps, &[FaultPoint::Settle, FaultPoint::SyncFolder]);
    assert!(fixture.names_below(".callrec/jobs/callback").is_empty());
}

#[test]
fn nothing_is_synced_where_a_power_cut_may_cost_it() {
    for keep in [true, false] {
        let fixture = StorageFixture::new();
        let steps = noted(&fixture.directory.0, |step| System::HasHardLinks.allows(step));
        let id = Uuid::new_v4();
        begun(&fixture, id).finish(ended(id, EndReason::Stopped), keep);
        fixture.published(id);
        let syncs = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::SyncFolder];
        assert!(!steps.lock().iter().any(|step| syncs.contains(step)));
    }
}
