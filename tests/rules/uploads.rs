//! Uploads, as a host sees them: `upload.url`, the events and the statistics.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;

#[cfg(feature = "upload")]
use super::scratch_engine::*;
use crate::support::*;

/// Opens an engine on `directory` with `keys`, and closes it. Returns the error's status and message.
fn open_error(directory: &ScratchDir, keys: &[(&str, &str)]) -> Option<AbiError> {
    match open_with(&directory.0, keys) {
        Ok(handle) => {
            TestEngine::unsubscribed(handle).close();
            None
        }
        Err(error) => Some(error),
    }
}

#[cfg(feature = "upload")]
#[test]
fn a_recording_is_uploaded_reported_and_deleted_everywhere() {
    let archive = ScratchDir::new();
    let url = format!("file://{}", archive.0.display());
    let scratch = scratch_engine_with(&[
        ("upload.url", &url),
        ("upload.key", "{number}/{id}"),
        ("upload.delete_local", "true"),
        ("upload.retry_ms", "20"),
    ]);
    let (call, id) = scratch.recorded(&by_user("SEP1", "101", "user1"));
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    write_pcm(leg, &[7; 1600]);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let end = scratch.events.wait_terminal(&id);
    assert_eq!(end.object_url, "");
    let uploaded = scratch.events.wait_kind(&id, REC_EVENT_UPLOADED);
    assert_eq!(uploaded.object_url, format!("{url}/101/{id}.wav"));
    assert_eq!(uploaded.json["recording"]["uploaded"]["local_removed"], true);
    let object = archive.0.join(format!("101/{id}.wav"));
    assert!(object.exists());
    let path = end.recording.unwrap().path;
    assert!(!std::path::Path::new(&path).exists());
    callrec_testkit::wait::until("the job is done", || scratch.stats().uploads_pending == 0);
    let stats = scratch.stats();
    assert_eq!(
        (stats.uploads_done, stats.uploads_failed, stats.uploads_oldest_ms),
        (1, 0, 0)
    );
    scratch.by_id(rec_delete, HOST, &id).unwrap();
    callrec_testkit::wait::until("the objects are removed", || {
        !object.exists() && scratch.stats().upload_removals_pending == 0
    });
}

#[cfg(feature = "upload")]
#[test]
fn keys_that_do_not_fit_together_are_refused_by_rec_open() {
    let directory = ScratchDir::new();
    let keys = [("upload.url", "gs://bucket"), ("upload.lock_mode", "COMPLIANCE")];
    let error = open_error(&directory, &keys).expect("refused");
    assert_eq!(error.status, REC_ERR_CONFIG);
    assert!(error.message.contains("upload.lock_mode"), "{}", error.message);
    let alone = [("upload.url", "s3://bucket"), ("upload.access_key_id", "x")];
    assert!(open_error(&directory, &alone).is_some());
    assert!(open_error(&directory, &[]).is_none());
}

#[cfg(not(feature = "upload"))]
#[test]
fn a_build_without_uploads_refuses_the_url() {
    let directory = ScratchDir::new();
    let error = open_error(&directory, &[("upload.url", "s3://bucket")]).expect("refused");
    assert_eq!(error.status, REC_ERR_UNSUPPORTED);
    assert!(error.message.contains("feature \"upload\""), "{}", error.message);
    assert!(open_error(&directory, &[("upload.parallel", "2")]).is_none());
}
