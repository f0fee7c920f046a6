//! Each recording has one end over all opens of its directory, whatever the disk refuses: it
//! is told once, and again only as `REPEATED` and in the same words.

use super::*;
use std::sync::atomic::AtomicBool;

/// What a disk refuses from the moment at which this step is first asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RefusedSteps {
    OnlyThis(FaultPoint),
    /// New content, and nothing else: the disk is full.
    New(FaultPoint),
    Everything(FaultPoint),
}

/// What happens while the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The disk works again, and the host hears of the end.
    Mended,
    /// The same, and the process ends before it is settled.
    MendedAndKilled,
    Closed,
    /// And the next open has the same disk.
    ClosedTwice,
}

const THENS: [Then; 4] = [
    Then::Mended,
    Then::MendedAndKilled,
    Then::Closed,
    Then::ClosedTwice,
];

const NEW: [FaultPoint; 6] = [
    FaultPoint::WriteAudio,
    FaultPoint::WriteTail,
    FaultPoint::CompactTail,
    FaultPoint::WriteLiveManifest,
    FaultPoint::WriteManifest,
    FaultPoint::WriteJob,
];

const CHANGES: [FaultPoint; 18] = [
    FaultPoint::WriteHeader,
    FaultPoint::PatchAudio,
    FaultPoint::PatchTail,
    FaultPoint::RenameTail,
    FaultPoint::RemoveTail,
    FaultPoint::RenameLiveManifest,
    FaultPoint::OverwriteLiveManifest,
    FaultPoint::Seal,
    FaultPoint::Sync,
    FaultPoint::SyncFile,
    FaultPoint::SyncFolder,
    FaultPoint::RenameAudio,
    FaultPoint::RenameManifest,
    FaultPoint::NoteDiscard,
    FaultPoint::RemoveAudio,
    FaultPoint::RenameJob,
    FaultPoint::Settle,
    FaultPoint::RemoveStale,
];

const SYNCS: [FaultPoint; 3] = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::SyncFolder];

impl RefusedSteps {
    fn step(self) -> FaultPoint {
        match self {
            RefusedSteps::OnlyThis(step) | RefusedSteps::New(step) | RefusedSteps::Everything(step) => step,
        }
    }

    fn refuses(self, step: FaultPoint) -> bool {
        match self {
            RefusedSteps::OnlyThis(only) => step == only,
            RefusedSteps::New(_) => NEW.contains(&step),
            RefusedSteps::Everything(_) => NEW.contains(&step) || CHANGES.contains(&step),
        }
    }
}

/// Refuses until it is cleared.
fn refuse(directory: &Path, refusal: RefusedSteps) {
    let begun = AtomicBool::new(false);
    faults::set(
        directory,
        Arc::new(move |step| {
            if step == refusal.step() {
                begun.store(true, Ordering::SeqCst);
            }
            match begun.load(Ordering::SeqCst) && refusal.refuses(step) {
                true => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
                false => Ok(()),
            }
        }),
    );
}

/// What is told of an end.
#[derive(Clone, Debug, PartialEq)]
struct Story {
    state: String,
    end_reason: String,
    error: String,
    status: Option<Status>,
    lost_ms: u64,
}

impl Story {
    fn of(told: &Manifest) -> Story {
        Story {
            state: told.state.clone(),
            end_reason: told.end_reason.clone(),
            error: told.error.clone(),
            status: told.status,
            lost_ms: told.lost_ms,
        }
    }
}

/// All that opens of a directory have told of one recording.
struct Stories {
    id: Uuid,
    told: Vec<Story>,
    /// It may have been written down and not told: where only a sync was refused.
    unheard: bool,
}

impl Stories {
    fn hear(&mut self, fixture: &StorageFixture, what: &str) {
        let id = self.id;
        let Some((told, repeated)) = fixture.report.read(|seen| seen.published.get(&id).cloned()) else {
            return;
        };
        let story = Story::of(&told);
        let first = self.told.is_empty();
        assert!(repeated != first || (first && self.unheard), "{what}: {story:?}");
        if let Some(first) = self.told.first() {
            assert_eq!(&story, first, "{what}");
        }
        self.told.push(story);
    }
}

/// Syncing costs the tests' time where nothing depends on it.
fn config_for(refusal: RefusedSteps) -> StorageConfig {
    let mut config = config();
    if SYNCS.contains(&refusal.step()) {
        config.durability = Durability::Finish;
    }
    config
}

const FIRST: usize = 1600;
const SECOND: usize = 800;

/// A recording's manifest when this much audio of its leg has been recorded.
pub fn recorded(id: Uuid, bytes: usize) -> Manifest {
    let frames = bytes as u64 / 2;
    Manifest {
        samples: frames,
        settled_frames: frames,
        legs: vec![LegEntry {
            handed_ms: frames / 8,
            audio_ms: frames / 8,
            ..local_leg()
        }],
        ..manifest(id)
    }
}

/// Records, and lets the disk refuse while it does, and while it ends.
fn record(fixture: &StorageFixture, id: Uuid, keep: bool, refusal: RefusedSteps) {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, FIRST)).expect("room");
    file.settled(FIRST as u64);
    fixture.wait_until_idle();
    if !keep {
        fixture.report.discard(id);
    }
    refuse(&fixture.directory.0, refusal);
    file.set_manifest_source(fixed(recorded(id, FIRST + SECOND)));
    file.write(pattern(1, SECOND)).expect("room");
    fixture.wait_until(|store| store.is_idle() || is_told_or_held(fixture, id));
    let reason = if keep {
        EndReason::Stopped
    } else {
        EndReason::Discarded
    };
    let mut last = Box::new(recorded(id, FIRST + SECOND));
    last.end_reason = reason.text().to_owned();
    file.finish(last, keep);
}

/// Whether the end has been told, or waits for the disk.
pub fn is_told_or_held(fixture: &StorageFixture, id: Uuid) -> bool {
    fixture.report.read(|seen| {
        let held = |line: &String| line.contains("the disk refuses to store its end");
        seen.published.contains_key(&id) || seen.logged.iter().any(held)
    })
}

fn one_story(format: Format, refusal: RefusedSteps, keep: bool, then: Then) {
    let what = format!("{} {refusal:?} keep {keep} {then:?}", format.name());
    let id = Uuid::new_v4();
    let mut stories = Stories {
        id,
        told: Vec::new(),
        unheard: SYNCS.contains(&refusal.step()),
    };
    let fixture = StorageFixture::open_with(ScratchDir::new(), config_for(refusal)).with_format(format);
    record(&fixture, id, keep, refusal);
    fixture.wait_until(|_| is_told_or_held(&fixture, id));
    if matches!(then, Then::Mended | Then::MendedAndKilled) {
        fixture.clear_faults();
        fixture.published(id);
        if then == Then::Mended {
            fixture.settle(id);
        }
    }
    let report = Arc::clone(&fixture.report);
    let left_rig = |stories: &mut Stories, fixture: StorageFixture| {
        stories.hear(&fixture, &what);
        fixture.close()
    };
    let mut directory = left_rig(&mut stories, fixture);
    assert!(
        report.read(|seen| seen.left.contains(&id) != seen.published.contains_key(&id)),
        "{what}"
    );
    if then == Then::ClosedTwice {
        let fixture = StorageFixture::open_with(directory, config_for(refusal)).with_format(format);
        fixture.wait_until_idle();
        directory = left_rig(&mut stories, fixture);
    }
    faults::clear(&directory.0);
    let fixture = StorageFixture::open_with(directory, config_for(refusal)).with_format(format);
    fixture.wait_until_idle();
    stories.hear(&fixture, &what);
    fixture.settle(id);
    // A tail that could not be removed goes behind the open.
    fixture.wait_until(|_| fixture.control_names() == ["lock"]);
    expect_true(&fixture, &stories, keep, &what);
    // And that was all.
    let fixture = StorageFixture::open_with(fixture.close(), config_for(refusal));
    fixture.wait_until_idle();
    assert!(fixture.report.read(|seen| seen.published.is_empty()), "{what}");
    fixture.close();
}

/// Audio and story fit.
fn expect_true(fixture: &StorageFixture, stories: &Stories, keep: bool, what: &str) {
    let story = stories
        .told
        .first()
        .unwrap_or_else(|| panic!("{what}: never told"));
    if !keep && story.end_reason == EndReason::Discarded.text() {
        assert_eq!(fixture.names(), [".callrec"], "{what}");
        return;
    }
    if !keep {
        // The only word of the discard was refused, and still no audio is there.
        assert_eq!(story.end_reason, EndReason::Recovered.text(), "{what}");
        let empty = |path: &Path| audio(path).is_empty();
        assert!(
            fs::exists(fixture.audio_path("call")).is_ok_and(|there| !there)
                || empty(&fixture.audio_path("call")),
            "{what}"
        );
        return;
    }
    let json = fs::read(fixture.path("call.json")).expect("a manifest beside the file");
    let published: Manifest = serde_json::from_slice(&json).expect("whole");
    assert_eq!(&Story::of(&published), story, "{what}");
    let kept = kept_audio(&fixture.audio_path("call"), &published);
    let all = [pattern(0, FIRST), pattern(1, SECOND)].concat();
    assert!(all.starts_with(&kept), "{what}");
    let lost_ms = (all.len() - kept.len()) as u64 / 16;
    // Nobody could write down what was lost, and nobody was told before.
    let unknown = story.end_reason == EndReason::Recovered.text();
    assert!(story.lost_ms == lost_ms || unknown, "{what}: {story:?}");
    assert!(
        lost_ms == 0 || story.state == RecordingState::Failed.text() || unknown,
        "{what}: {story:?}"
    );
}

/// Where the header could not be brought up to date, the manifest alone says how much there is.
fn kept_audio(path: &Path, published: &Manifest) -> Vec<u8> {
    let bytes = fs::read(path).expect("a file");
    let header = callrec::codec::container::parse(&bytes).expect("a header");
    if header.shape.format == PAGED {
        return callrec::codec::paged::decode(&bytes)
            .expect("whole pages")
            .samples;
    }
    let from = header.audio_at as usize;
    bytes[from..from + published.samples as usize * 2].to_vec()
}

fn each_story(format: Format) {
    let steps = NEW.into_iter().chain(CHANGES).chain([FaultPoint::Digest]);
    for step in steps {
        let all = [
            RefusedSteps::OnlyThis(step),
            RefusedSteps::Everything(step),
            RefusedSteps::New(step),
        ];
        let some = if NEW.contains(&step) { 3 } else { 2 };
        for refusal in all.into_iter().take(some) {
            for (keep, then) in THENS.into_iter().flat_map(|then| [(true, then), (false, then)]) {
                if comes(format, step, keep) {
                    one_story(format, refusal, keep, then);
                }
            }
        }
    }
}

/// Whether a recording comes to this step before anything is refused.
fn comes(format: Format, step: FaultPoint, keep: bool) -> bool {
    match step {
        FaultPoint::WriteTail => format == PAGED,
        FaultPoint::WriteAudio => format != PAGED || keep,
        FaultPoint::WriteHeader => format != PAGED,
        FaultPoint::RemoveTail => format == PAGED,
        FaultPoint::Seal | FaultPoint::Sync | FaultPoint::Digest | FaultPoint::WriteManifest => keep,
        FaultPoint::RenameAudio | FaultPoint::RenameManifest => keep,
        FaultPoint::WriteLiveManifest
        | FaultPoint::RenameLiveManifest
        | FaultPoint::NoteDiscard
        | FaultPoint::RemoveAudio => !keep,
        FaultPoint::SyncFile | FaultPoint::SyncFolder => true,
        _ => false,
    }
}

#[test]
fn one_story_in_a_file_that_is_rewritten() {
    each_story(Format::WAV);
}

#[test]
fn one_story_in_a_file_that_only_grows() {
    each_story(PAGED);
}

/// Publishing may fail although the manifest has its final name already, and cannot be taken
/// back: then it says another end than the one that was told.
#[test]
fn the_end_that_was_told_stays_whatever_the_published_manifest_says() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1600)).expect("room");
        fixture.set_fault(|step| match step {
            FaultPoint::RenameManifest => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        });
        file.finish(ended(id, EndReason::Stopped), true);
        let (told, _) = fixture.published(id);
        assert!(told.state_is(RecordingState::Failed), "{told:?}");
        let path = fixture.audio_path("call");
        let noted = fs::read_to_string(fixture.live_path(id)).expect("noted");
        let mut finished: serde_json::Value = serde_json::from_str(&noted).expect("a manifest");
        finished["state"] = "finished".into();
        finished["end_reason"] = "stopped".into();
        let directory = fixture.close();
        faults::clear(&directory.0);
        fs::write(path.with_extension("json"), finished.to_string()).expect("written");
        let fixture = StorageFixture::open_in(directory).with_format(format);
        let (again, repeated) = fixture.published(id);
        assert!(repeated, "{again:?}");
        assert_eq!(Story::of(&again), Story::of(&told));
        let beside = fs::read_to_string(path.with_extension("json")).expect("published");
        let beside: serde_json::Value = serde_json::from_str(&beside).expect("a manifest");
        assert_eq!(beside["state"], "failed");
        fixture.settle(id);
        fixture.wait_until(|_| fixture.control_names() == ["lock"]);
    });
}
