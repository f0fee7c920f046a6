//! Removes the uploaded copy of a deleted recording: jobs of the kind `upload-removal`.
//!
//! The manifest is removed first, so that a copy of which something is missing has no manifest. An
//! object that is not the recording's stays.

use std::sync::Arc;
use std::time::Duration;

use callrec_core::jobs::JobOutcome;
use callrec_core::storage::{Job, UploadRemoval};
use uuid::Uuid;

use super::context::UploadContext;
use super::object_plan::MANIFEST;
use super::object_target::{ObjectError, ObjectFacts, ObjectTarget};
use super::object_upload::{MANIFEST_MAX, is_manifest_of, is_same};
use super::progress::{ObjectProgress, UploadProgress};
use super::settings::Verification;

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Performs a job of the kind `upload-removal`.
pub async fn attempt(context: &Arc<UploadContext>, job: &Job) -> JobOutcome {
    let removal: Result<UploadRemoval, _> = serde_json::from_str(job.payload.text());
    let (Ok(id), Ok(removal)) = (Uuid::try_parse(&job.key), removal) else {
        return JobOutcome::GiveUp("its file names no objects".to_owned());
    };
    // An attempt to upload it ends soon, because its job is gone.
    while context.running.contains(id) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let (store, objects) = objects_of(removal);
    if store != context.location.url() {
        return JobOutcome::retry(format!(
            "its objects are in {store}, which is not upload.url, so they are not removed"
        ));
    }
    match remove_all(context, id, &objects).await {
        Ok(()) => JobOutcome::Done,
        Err(error) => JobOutcome::retry(context.settings.without_secrets(&error.text())),
    }
}

/// The store and the objects that there may be, in the order of their upload.
fn objects_of(removal: UploadRemoval) -> (String, Vec<ObjectProgress>) {
    let progress: UploadProgress = serde_json::from_str(removal.progress.text()).unwrap_or_default();
    let mut objects = progress.earlier;
    let Some(entry) = removal.uploaded else {
        objects.extend(progress.objects);
        return (progress.store, objects);
    };
    if entry.store != progress.store {
        objects.clear();
    }
    let uploaded = entry.objects.into_iter().map(|object| ObjectProgress {
        key: object.key,
        bytes: object.bytes,
        digest: object.digest,
        ..ObjectProgress::default()
    });
    objects.extend(uploaded);
    (entry.store, objects)
}

async fn remove_all(
    context: &UploadContext,
    id: Uuid,
    objects: &[ObjectProgress],
) -> Result<(), ObjectError> {
    let target = &*context.target;
    for object in objects.iter().rev() {
        if let Some(parts) = &object.parts {
            target.abort(&object.key, parts).await?;
        }
        let Some(found) = target.find(&object.key).await? else {
            continue;
        };
        match is_own(target, id, object, &found).await? {
            true => {
                release(context, id, &object.key).await;
                target.remove(&object.key).await?;
            }
            false => context.warn(format!(
                "recording {id}: the object {} is not its own, so it stays",
                context.location.url_of(&object.key)
            )),
        }
    }
    Ok(())
}

/// Removes the hold of an object that will be removed: a recording that is deleted is not held, but
/// the job that says so to the store may not have been performed. A deletion of a version that is
/// held would leave it in the bucket, with nobody who releases it.
async fn release(context: &UploadContext, id: Uuid, key: &str) {
    if !context.settings.hold_objects {
        return;
    }
    if let Err(error) = context.target.hold(key, false).await {
        let why = context.settings.without_secrets(&error.text());
        let url = context.location.url_of(key);
        context.warn(format!(
            "recording {id}: {url} may stay under a legal hold: {why}"
        ));
    }
}

/// Whether an object that was found is one of the recording's.
async fn is_own(
    target: &dyn ObjectTarget,
    id: Uuid,
    object: &ObjectProgress,
    found: &ObjectFacts,
) -> Result<bool, ObjectError> {
    let expected = (object.key.as_str(), object.bytes, object.digest.as_str());
    if is_same(target, expected, found, Verification::Metadata).await? {
        return Ok(true);
    }
    if !object.key.ends_with(MANIFEST) || found.bytes > MANIFEST_MAX {
        return Ok(false);
    }
    Ok(is_manifest_of(
        &target.read(&object.key, 0..found.bytes).await?,
        id,
    ))
}
