//! One attempt to upload a recording: the audio first, then the kept packets and the sidecar, and
//! the manifest last.

use std::sync::Arc;
use std::time::Duration;

use callrec_core::engine::{Engine, UploadResult};
use callrec_core::jobs::JobOutcome;
use callrec_core::storage::{Job, OpenedRecording, UploadEntry, UploadNote, UploadedObject};
use uuid::Uuid;

use super::context::UploadContext;
use super::object_plan::plan;
use super::object_target::ObjectError;
use super::object_upload::{ObjectRole, is_there, upload_object};
use super::progress::{ObjectProgress, StoredProgress, on_disk};

/// How long an attempt waits for the recording's vCon.
const SIDECAR_WAIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Performs a job of the kind `upload`.
pub async fn attempt(context: &Arc<UploadContext>, job: &Job) -> JobOutcome {
    let Ok(id) = Uuid::try_parse(&job.key) else {
        return JobOutcome::GiveUp("its file names no recording".to_owned());
    };
    let uploaded = upload(context, id, job).await;
    let text = |error: &ObjectError| context.settings.without_secrets(&error.text());
    match uploaded {
        Ok(()) | Err(ObjectError::Gone) => JobOutcome::Done,
        Err(error @ (ObjectError::Conflict(_) | ObjectError::Changed(_))) => JobOutcome::GiveUp(text(&error)),
        Err(error @ (ObjectError::NotFound(_) | ObjectError::Retry(_))) => JobOutcome::retry(text(&error)),
    }
}

async fn upload(context: &Arc<UploadContext>, id: Uuid, job: &Job) -> Result<(), ObjectError> {
    wait_for_sidecar(context, id).await?;
    let file = job.recording.file.clone();
    let opened = on_disk(&context.engine, move |engine| engine.published(id, &file)).await?;
    let Some(published) = opened else {
        return Err(missing(context, id).await?);
    };
    let store = context.location.url();
    let earlier = published.manifest.uploaded.clone();
    let entry = match earlier.filter(|entry| entry.store == store) {
        // An earlier attempt ended after it had noted the end in the manifest.
        Some(entry) if may_finish(context, &entry).await? => entry,
        _ => upload_objects(context, id, &published).await?,
    };
    finish(context, id, published, entry).await
}

/// Whether nothing is lost if the local copy is removed that this entry's objects are copies of.
async fn may_finish(context: &UploadContext, entry: &UploadEntry) -> Result<bool, ObjectError> {
    if !context.settings.delete_local || entry.local_removed {
        return Ok(true);
    }
    for object in &entry.objects {
        let expected = (object.key.as_str(), object.bytes, object.digest.as_str());
        if !is_there(&*context.target, expected).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until the vCon is written, which is one of the objects.
async fn wait_for_sidecar(context: &UploadContext, id: Uuid) -> Result<(), ObjectError> {
    let begun = tokio::time::Instant::now();
    while on_disk(&context.engine, move |engine| engine.awaits_sidecar(id)).await? {
        if begun.elapsed() >= SIDECAR_WAIT {
            return Err(ObjectError::Retry("its vCon is not written yet".to_owned()));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// Why a recording is not where it was published: it was deleted, or somebody else removed it.
async fn missing(context: &UploadContext, id: Uuid) -> Result<ObjectError, ObjectError> {
    let is_awaited = on_disk(&context.engine, move |engine| engine.awaits_upload(id)).await?;
    Ok(match is_awaited {
        true => ObjectError::Changed("its audio and manifest are not where they were published".to_owned()),
        false => ObjectError::Gone,
    })
}

async fn upload_objects(
    context: &Arc<UploadContext>,
    id: Uuid,
    published: &OpenedRecording,
) -> Result<UploadEntry, ObjectError> {
    let mut stored = StoredProgress::read(&context.engine, id, &context.location.url()).await?;
    let objects = plan(context, id, published, &stored.progress).await?;
    stored.progress.plan(objects.iter().map(|object| ObjectProgress {
        key: object.key.clone(),
        bytes: object.bytes,
        digest: object.digest.clone(),
        ..ObjectProgress::default()
    }));
    // Before the first request, so that a deletion knows what there may be.
    stored.store().await?;
    let mut uploaded = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        if !on_disk(&context.engine, move |engine| engine.awaits_upload(id)).await? {
            return Err(ObjectError::Gone);
        }
        let role = match index + 1 == objects.len() {
            true => ObjectRole::Manifest,
            false => ObjectRole::File,
        };
        let expected = (object.key.as_str(), object.bytes, object.digest.as_str());
        // Somebody may have removed it since an earlier attempt uploaded and verified it.
        let is_uploaded = role == ObjectRole::File
            && stored.progress.objects[index].is_done
            && is_there(&*context.target, expected).await?;
        let found = if is_uploaded {
            (object.bytes, object.digest.clone())
        } else {
            let verification = context.settings.verify;
            let keeper = &mut stored.keeper(index);
            let uploaded = upload_object(&*context.target, object, role, verification, keeper).await;
            if let (Err(ObjectError::Conflict(_) | ObjectError::Changed(_)), Some(parts)) =
                (&uploaded, &stored.progress.objects[index].parts)
            {
                // It is given up, so nobody will complete them.
                context.target.abort(&object.key, parts).await?;
            }
            let facts = uploaded?;
            (facts.bytes, facts.digest.unwrap_or_default())
        };
        stored.progress.objects[index].is_done = true;
        stored.progress.objects[index].parts = None;
        stored.store().await?;
        let (bytes, digest) = found;
        let key = object.key.clone();
        uploaded.push(UploadedObject { key, bytes, digest });
    }
    abort_earlier_parts(context, &mut stored).await?;
    let audio_key = uploaded.first().map(|object| object.key.clone());
    Ok(UploadEntry {
        url: context.location.url_of(&audio_key.unwrap_or_default()),
        store: context.location.url(),
        uploaded_at_ms: context.now_ms(),
        objects: uploaded,
        local_removed: false,
    })
}

/// Aborts the uploads in parts that nobody will complete. What the store refuses to abort is left
/// to a deletion of the recording.
async fn abort_earlier_parts(
    context: &UploadContext,
    stored: &mut StoredProgress,
) -> Result<(), ObjectError> {
    let mut is_changed = false;
    for object in &mut stored.progress.earlier {
        if let Some(parts) = &object.parts
            && context.target.abort(&object.key, parts).await.is_ok()
        {
            object.parts = None;
            is_changed = true;
        }
    }
    match is_changed {
        true => stored.store().await,
        false => Ok(()),
    }
}

/// Notes the end in the manifest, removes the local copy if that is configured, and reports it.
async fn finish(
    context: &UploadContext,
    id: Uuid,
    published: OpenedRecording,
    entry: UploadEntry,
) -> Result<(), ObjectError> {
    let (file, removes) = (published.file.clone(), context.settings.delete_local);
    let url = entry.url.clone();
    let noted_entry = entry.clone();
    // Windows does not remove open files.
    let mut manifest = published.manifest;
    drop(published.files);
    let note = move |engine: &Engine| engine.note_uploaded(id, &file, &noted_entry, removes);
    let noted = on_disk(&context.engine, note).await?;
    if noted == UploadNote::Gone {
        return Err(ObjectError::Gone);
    }
    let stored = StoredProgress::read(&context.engine, id, &context.location.url()).await?;
    if stored.progress.earlier.is_empty() {
        // From now on, the manifest names all that there may be.
        on_disk(&context.engine, move |engine| engine.remove_upload_progress(id)).await?;
    }
    manifest.uploaded = Some(UploadEntry {
        local_removed: noted == UploadNote::LocalRemoved,
        ..entry
    });
    if let Some(engine) = context.engine.upgrade() {
        engine.report_upload(&manifest, &url, UploadResult::Uploaded);
    }
    Ok(())
}
