//! What a power cut must not undo has reached the disk before anybody is told, and before
//! anything goes that it stands for.

use super::*;
use parking_lot::Mutex;

/// All steps of the recordings of one directory, in order.
pub type NotedSteps = Arc<Mutex<Vec<Step>>>;

/// Notes them from now on, while some of them fail.
pub fn noted(
    directory: &Path,
    allows: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
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

pub fn all(_: Step) -> io::Result<()> {
    Ok(())
}

fn all_but(refused: &'static [Step]) -> impl Fn(Step) -> io::Result<()> {
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
pub fn expect_order(steps: &NotedSteps, order: &[Step]) {
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

pub const NOTE: [Step; 4] = [Step::WriteMark, Step::SyncFile, Step::PlaceMark, Step::SyncFolder];

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
    let audio = [Step::RemoveAudio, Step::SyncFolder];
    let tail = [Step::RemoveTail, Step::SyncFolder];
    let tail = if format == PAGED { &tail[..] } else { &[] };
    expect_order(&steps, &[&NOTE[..], tail, &audio, &[Step::Report]].concat());
}

/// Where the disk takes no new file.
#[test]
fn a_note_in_the_old_place_is_on_the_disk() {
    let fixture = durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    let steps = noted(&fixture.directory.0, all_but(&[Step::WriteMark]));
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    let note = [Step::OverwriteMark, Step::SyncFile, Step::SyncFolder];
    let audio = [Step::RemoveAudio, Step::SyncFolder, Step::Report];
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
        let place = [Step::Sync, Step::SyncFile, Step::PlaceAudio];
        let link = [Step::Link, Step::SyncFolder, Step::Unlink];
        let link = if system == System::HasHardLinks {
            &link[..]
        } else {
            &[]
        };
        let told = [
            Step::PlaceManifest,
            Step::SyncFolder,
            Step::SyncFolder,
            Step::Report,
        ];
        expect_order(&steps, &[&place[..], link, &told].concat());
    }
}

#[test]
fn what_cannot_be_published_is_noted_on_the_disk_before_it_is_told() {
    let fixture = durable(ScratchDir::new());
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    let steps = noted(&fixture.directory.0, all_but(&[Step::PlaceAudio]));
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    expect_order(&steps, &[&NOTE[..], &[Step::Report]].concat());
}

#[test]
fn what_recovery_removes_does_not_come_back() {
    for_each_format(removed_by_recovery);
}

fn removed_by_recovery(format: Format) {
    let fixture = durable(ScratchDir::new()).with_format(format);
    let id = Uuid::new_v4();
    let file = begun(&fixture, id);
    fixture.set_fault(all_but(&[Step::RemoveAudio, Step::RemoveTail]));
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.wait_until(|_| is_told_or_held(&fixture, id));
    let directory = fixture.close();
    let steps = noted(&directory.0, all);
    let fixture = durable(directory).with_format(format);
    assert!(fixture.published(id).0.end_reason_is(EndReason::Discarded));
    let removed = [Step::RemoveTail, Step::RemoveAudio];
    expect_order(&steps, &[removed, [Step::SyncFolder; 2]].concat());
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
    expect_order(&steps, &[&NOTE[..], &[Step::PlaceAudio]].concat());
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
    expect_order(&steps, &[Step::Settle, Step::SyncFolder]);
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
        let syncs = [Step::Sync, Step::SyncFile, Step::SyncFolder];
        assert!(!steps.lock().iter().any(|step| syncs.contains(step)));
    }
}
