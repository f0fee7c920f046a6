//! What core keeps of uploads: progress, manifests, and the removal of uploaded copies.
#![cfg(not(any(callrec_loom, callrec_shuttle)))]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callrec_core::calls::{CallInfo, Caller, ControlOperation, Filter};
use callrec_core::config::Config;
use callrec_core::engine::Engine;
use callrec_core::recorder::Recorder;
use callrec_core::storage::archive::Archive;
use callrec_core::storage::{JobSpec, Manifest, UPLOAD, UploadEntry, UploadNote, UploadedObject};
use callrec_core::text::Text;
use callrec_core::types::{Format, RecordingState, Status};
use serde_json::Value;
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(60);

struct UploadFixture {
    directory: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl UploadFixture {
    /// An engine that gives each recording a job to upload it, which nobody performs.
    fn new() -> UploadFixture {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = Config::default();
        config.storage.directory = directory.path().to_string_lossy().into_owned();
        config.storage.jobs = vec![JobSpec::new(UPLOAD, &())];
        let engine = Engine::open(config).expect("an engine");
        UploadFixture { directory, engine }
    }

    /// Makes a recording. Returns its id and the path of its audio below the directory.
    fn record(&self) -> (Uuid, String) {
        let name = Text::from("call");
        let info = CallInfo {
            call_id: name.clone(),
            ..CallInfo::default()
        };
        let call = self.engine.begin_call(info).expect("a call");
        let spec = self.engine.default_spec(Format::WAV);
        let id = self
            .engine
            .start(&Caller::Host, &Filter::call(&name), Ok(spec))
            .expect("started");
        self.engine
            .control_by_id(&Caller::Host, ControlOperation::Stop, &id.to_string())
            .expect("stopped");
        call.end().expect("ended");
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let view = self.engine.get(&Caller::Host, &id.to_string()).expect("known");
            if view.state == RecordingState::Finished {
                let path = Path::new(view.path.as_str()).strip_prefix(self.directory.path());
                return (id, path.expect("inside").to_string_lossy().into_owned());
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn manifest(&self, file: &str) -> Manifest {
        let path = self.path(file).with_extension("json");
        Manifest::from_bytes(&std::fs::read(path).expect("a manifest")).expect("valid")
    }

    fn delete(&self, id: Uuid) -> Result<(), Status> {
        let deleted = self.engine.delete(&Caller::Host, &id.to_string());
        deleted.map_err(|error| error.status)
    }
}

fn entry() -> UploadEntry {
    UploadEntry {
        url: "file:///archive/x.wav".to_owned(),
        objects: vec![UploadedObject {
            key: "x.wav".to_owned(),
            ..UploadedObject::default()
        }],
        ..UploadEntry::default()
    }
}

#[test]
fn every_recording_gets_the_job_and_a_deletion_replaces_it_by_the_removal() {
    let fixture = UploadFixture::new();
    let (id, _) = fixture.record();
    assert!(fixture.path(&format!(".callrec/jobs/upload/{id}.json")).exists());
    assert_eq!(fixture.engine.upload_progress(id).expect("readable"), None);
    let progress = br#"{"objects":[{"key":"x.wav"}]}"#;
    fixture.engine.set_upload_progress(id, progress).expect("noted");
    let noted = fixture.engine.upload_progress(id).expect("readable");
    assert_eq!(noted.as_deref(), Some(progress.as_slice()));
    fixture.delete(id).expect("deleted");
    let left = std::fs::read_dir(fixture.path(".callrec/jobs/upload")).expect("a directory");
    assert_eq!(left.count(), 0, "neither the job nor its progress");
    let removal = std::fs::read(fixture.path(&format!(".callrec/jobs/upload-removal/{id}.json")));
    let removal: Value = serde_json::from_slice(&removal.expect("a job")).expect("JSON");
    assert_eq!(removal["payload"]["progress"]["objects"][0]["key"], "x.wav");
    let late = fixture.engine.set_upload_progress(id, progress);
    assert_eq!(
        late.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::NotFound),
        "an attempt that still runs"
    );
}

#[test]
fn a_recording_of_which_nothing_was_uploaded_leaves_no_removal() {
    let fixture = UploadFixture::new();
    let (id, _) = fixture.record();
    fixture.delete(id).expect("deleted");
    assert!(!fixture.path(".callrec/jobs/upload-removal").exists());
}

#[test]
fn the_local_copy_is_removed_and_the_manifest_stays() {
    let fixture = UploadFixture::new();
    let (id, file) = fixture.record();
    let note = |remove| fixture.engine.note_uploaded(id, &file, &entry(), remove);
    assert_eq!(note(false).expect("noted"), UploadNote::Kept);
    assert!(fixture.path(&file).exists());
    assert_eq!(note(true).expect("noted"), UploadNote::LocalRemoved);
    assert_eq!(
        note(true).expect("noted"),
        UploadNote::LocalRemoved,
        "a repetition"
    );
    assert!(!fixture.path(&file).exists());
    let uploaded = fixture.manifest(&file).uploaded.expect("an entry");
    assert!(uploaded.local_removed && uploaded.objects == entry().objects);
    let archive: Archive = fixture.engine.archive().expect("an archive");
    archive.scan();
    assert!(archive.find(id).is_some(), "it is still in the archive");
    fixture.delete(id).expect("deleted");
    assert!(!fixture.path(&file).with_extension("json").exists());
    assert!(
        fixture
            .path(&format!(".callrec/jobs/upload-removal/{id}.json"))
            .exists()
    );
    assert_eq!(note(true).expect("noted"), UploadNote::Gone);
}

#[test]
fn a_file_beside_a_recording_that_kept_no_packets_stays() {
    let fixture = UploadFixture::new();
    let (id, file) = fixture.record();
    let foreign = fixture.path(&file).with_extension("pcapng");
    std::fs::write(&foreign, "of somebody else").expect("written");
    let noted = fixture.engine.note_uploaded(id, &file, &entry(), true);
    assert_eq!(noted.expect("noted"), UploadNote::LocalRemoved);
    assert!(!fixture.path(&file).exists());
    assert!(foreign.exists(), "the manifest names no packets");
}

#[test]
fn a_held_recording_keeps_its_local_copy_and_its_objects() {
    let fixture = UploadFixture::new();
    let (id, file) = fixture.record();
    let hold = |is_held| fixture.engine.hold(&Caller::Host, &id.to_string(), is_held);
    hold(true).expect("held");
    let noted = fixture.engine.note_uploaded(id, &file, &entry(), true);
    assert_eq!(noted.expect("noted"), UploadNote::Kept);
    assert!(fixture.path(&file).exists());
    assert_eq!(fixture.delete(id), Err(Status::Held));
    assert!(!fixture.path(".callrec/jobs/upload-removal").exists());
    hold(false).expect("released");
    fixture.delete(id).expect("deleted");
    assert!(fixture.path(".callrec/jobs/upload-removal").exists());
}
