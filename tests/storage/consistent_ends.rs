//! Each recording has one end over all opens of its directory, whatever the disk refuses. The end
//! is reported once; later reports of it are flagged `REPEATED` and have the same content.

use super::*;
use std::sync::atomic::AtomicBool;

/// The steps that a disk refuses, from the first call of the given step on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RefusedSteps {
    OnlyThis(FaultPoint),
    /// Only steps that write new content, as on a full disk.
    New(FaultPoint),
    Everything(FaultPoint),
}

/// What follows the refused steps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AfterRefusal {
    /// The disk works again, and the end is settled.
    Repaired,
    /// The disk works again, and the process ends before the end is settled.
    RepairedAndKilled,
    Closed,
    /// The disk also refuses during the next open.
    ClosedTwice,
}

const AFTER_REFUSAL: [AfterRefusal; 4] = [
    AfterRefusal::Repaired,
    AfterRefusal::RepairedAndKilled,
    AfterRefusal::Closed,
    AfterRefusal::ClosedTwice,
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

/// Refuses steps until the faults are cleared.
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

/// The fields of a reported end.
#[derive(Clone, Debug, PartialEq)]
struct EndReport {
    state: String,
    end_reason: String,
    error: String,
    status: Option<Status>,
    lost_ms: u64,
}

impl EndReport {
    fn of(published: &Manifest) -> EndReport {
        EndReport {
            state: published.state.clone(),
            end_reason: published.end_reason.clone(),
            error: published.error.clone(),
            status: published.status,
            lost_ms: published.lost_ms,
        }
    }
}

/// The ends of one recording that all opens of its directory have reported.
struct EndReports {
    id: Uuid,
    ends: Vec<EndReport>,
    /// Whether the first report may be flagged as repeated: after a refused sync, the end may be
    /// on the disk although it was never reported.
    first_may_repeat: bool,
}

impl EndReports {
    fn collect(&mut self, fixture: &StorageFixture, what: &str) {
        let id = self.id;
        let Some((published, repeated)) = fixture.report.read(|reports| reports.published.get(&id).cloned())
        else {
            return;
        };
        let end = EndReport::of(&published);
        let first = self.ends.is_empty();
        assert!(
            repeated != first || (first && self.first_may_repeat),
            "{what}: {end:?}"
        );
        if let Some(first) = self.ends.first() {
            assert_eq!(&end, first, "{what}");
        }
        self.ends.push(end);
    }
}

/// Syncs only where the refused step needs it, because syncing takes time.
fn config_for(refusal: RefusedSteps) -> StorageConfig {
    let mut config = config();
    if SYNCS.contains(&refusal.step()) {
        config.durability = Durability::Finish;
    }
    config
}

const FIRST: usize = 1600;
const SECOND: usize = 800;

/// The manifest of a recording with this much audio.
pub fn manifest_with_audio(id: Uuid, bytes: usize) -> Manifest {
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

/// Records while the disk refuses steps, and ends the recording.
fn record(fixture: &StorageFixture, id: Uuid, keep: bool, refusal: RefusedSteps) {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, FIRST)).expect("backlog space");
    file.settled(FIRST as u64);
    fixture.wait_until_idle();
    if !keep {
        fixture.report.discard(id);
    }
    refuse(&fixture.directory.0, refusal);
    file.set_manifest_source(fixed(manifest_with_audio(id, FIRST + SECOND)));
    file.write(pattern(1, SECOND)).expect("backlog space");
    fixture.wait_until(|store| store.is_idle() || is_end_reported_or_deferred(fixture, id));
    let reason = if keep {
        EndReason::Stopped
    } else {
        EndReason::Discarded
    };
    let mut last = Box::new(manifest_with_audio(id, FIRST + SECOND));
    last.end_reason = reason.text().to_owned();
    file.finish(last, keep);
}

/// Whether the end is reported, or is pending until the disk accepts it.
pub fn is_end_reported_or_deferred(fixture: &StorageFixture, id: Uuid) -> bool {
    fixture.report.read(|reports| {
        let is_deferral = |line: &String| line.contains("the disk refuses to store its end");
        reports.published.contains_key(&id) || reports.logged.iter().any(is_deferral)
    })
}

fn check_end(format: Format, refusal: RefusedSteps, keep: bool, then: AfterRefusal) {
    let what = format!("{} {refusal:?} keep {keep} {then:?}", format.name());
    let id = Uuid::new_v4();
    let mut reports = EndReports {
        id,
        ends: Vec::new(),
        first_may_repeat: SYNCS.contains(&refusal.step()),
    };
    let fixture = StorageFixture::open_with(ScratchDir::new(), config_for(refusal)).with_format(format);
    record(&fixture, id, keep, refusal);
    fixture.wait_until(|_| is_end_reported_or_deferred(&fixture, id));
    if matches!(then, AfterRefusal::Repaired | AfterRefusal::RepairedAndKilled) {
        fixture.clear_faults();
        fixture.published(id);
        if then == AfterRefusal::Repaired {
            fixture.settle(id);
        }
    }
    let report = Arc::clone(&fixture.report);
    let collect_and_close = |reports: &mut EndReports, fixture: StorageFixture| {
        reports.collect(&fixture, &what);
        fixture.close()
    };
    let mut directory = collect_and_close(&mut reports, fixture);
    assert!(
        report.read(|reports| reports.deferred.contains(&id) != reports.published.contains_key(&id)),
        "{what}"
    );
    if then == AfterRefusal::ClosedTwice {
        let fixture = StorageFixture::open_with(directory, config_for(refusal)).with_format(format);
        fixture.wait_until_idle();
        directory = collect_and_close(&mut reports, fixture);
    }
    faults::clear(&directory.0);
    let fixture = StorageFixture::open_with(directory, config_for(refusal)).with_format(format);
    fixture.wait_until_idle();
    reports.collect(&fixture, &what);
    fixture.settle(id);
    // A tail that could not be removed is removed after the open.
    fixture.wait_until(|_| fixture.control_names() == ["lock"]);
    assert_audio_matches(&fixture, &reports, keep, &what);
    // No end is reported after it is settled.
    let fixture = StorageFixture::open_with(fixture.close(), config_for(refusal));
    fixture.wait_until_idle();
    assert!(
        fixture.report.read(|reports| reports.published.is_empty()),
        "{what}"
    );
    fixture.close();
}

/// Asserts that the audio on the disk agrees with the reported end.
fn assert_audio_matches(fixture: &StorageFixture, reports: &EndReports, keep: bool, what: &str) {
    let end = reports
        .ends
        .first()
        .unwrap_or_else(|| panic!("{what}: never reported"));
    if !keep && end.end_reason == EndReason::Discarded.text() {
        assert_eq!(fixture.names(), [".callrec"], "{what}");
        return;
    }
    if !keep {
        // The note of the discard was refused, but there is still no audio.
        assert_eq!(end.end_reason, EndReason::Recovered.text(), "{what}");
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
    assert_eq!(&EndReport::of(&published), end, "{what}");
    let kept = published_audio(&fixture.audio_path("call"), &published);
    let all = [pattern(0, FIRST), pattern(1, SECOND)].concat();
    assert!(all.starts_with(&kept), "{what}");
    let lost_ms = (all.len() - kept.len()) as u64 / 16;
    // The amount could not be written to the disk, and no end was reported before.
    let unknown = end.end_reason == EndReason::Recovered.text();
    assert!(end.lost_ms == lost_ms || unknown, "{what}: {end:?}");
    assert!(
        lost_ms == 0 || end.state == RecordingState::Failed.text() || unknown,
        "{what}: {end:?}"
    );
}

/// The audio of a published file. Its length is that in the manifest: the header may be out of
/// date.
fn published_audio(path: &Path, published: &Manifest) -> Vec<u8> {
    let bytes = fs::read(path).expect("a file");
    let header = callrec::codec::container::parse(&bytes).expect("a header");
    if header.shape.format == PAGED {
        return callrec::codec::paged::decode(&bytes)
            .expect("whole pages")
            .samples;
    }
    if header.shape.format == Format::FLAC {
        let file = callrec::codec::flac::decoded::decode(&bytes);
        return file.expect("whole frames").samples;
    }
    let from = header.audio_at as usize;
    bytes[from..from + published.samples as usize * 2].to_vec()
}

fn check_all_refusals(format: Format) {
    let steps = NEW.into_iter().chain(CHANGES).chain([FaultPoint::Digest]);
    for step in steps {
        let all = [
            RefusedSteps::OnlyThis(step),
            RefusedSteps::Everything(step),
            RefusedSteps::New(step),
        ];
        let some = if NEW.contains(&step) { 3 } else { 2 };
        for refusal in all.into_iter().take(some) {
            for (keep, then) in AFTER_REFUSAL
                .into_iter()
                .flat_map(|then| [(true, then), (false, then)])
            {
                if is_reached(format, step, keep) {
                    check_end(format, refusal, keep, then);
                }
            }
        }
    }
}

/// Whether a recording reaches this step before anything is refused.
fn is_reached(format: Format, step: FaultPoint, keep: bool) -> bool {
    match step {
        FaultPoint::WriteTail => format.is_compressed(),
        FaultPoint::WriteAudio => !format.is_compressed() || keep,
        FaultPoint::WriteHeader => !format.is_compressed(),
        FaultPoint::RemoveTail => format.is_compressed(),
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
fn a_recording_with_an_overwritable_file_has_one_end() {
    check_all_refusals(Format::WAV);
}

#[test]
fn a_recording_with_an_append_only_file_has_one_end() {
    check_all_refusals(PAGED);
}

/// Publishing may fail after the manifest has its final name. The published manifest then states
/// another end than the one that was reported.
#[test]
fn a_reported_end_overrides_the_published_manifest() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1600)).expect("backlog space");
        fixture.set_fault(|step| match step {
            FaultPoint::RenameManifest => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        });
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Failed), "{published:?}");
        let path = fixture.audio_path("call");
        let noted = fs::read_to_string(fixture.live_path(id)).expect("a live manifest");
        let mut finished: serde_json::Value = serde_json::from_str(&noted).expect("a manifest");
        finished["state"] = "finished".into();
        finished["end_reason"] = "stopped".into();
        let directory = fixture.close();
        faults::clear(&directory.0);
        fs::write(path.with_extension("json"), finished.to_string()).expect("written");
        let fixture = StorageFixture::open_in(directory).with_format(format);
        let (again, repeated) = fixture.published(id);
        assert!(repeated, "{again:?}");
        assert_eq!(EndReport::of(&again), EndReport::of(&published));
        let beside = fs::read_to_string(path.with_extension("json")).expect("published");
        let beside: serde_json::Value = serde_json::from_str(&beside).expect("a manifest");
        assert_eq!(beside["state"], "failed");
        fixture.settle(id);
        fixture.wait_until(|_| fixture.control_names() == ["lock"]);
    });
}
