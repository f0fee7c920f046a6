//! One attempt to upload a recording: the audio first, then the kept packets and the sidecar, and
//! the manifest last.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callrec_core::calls::CallInfo;
use callrec_core::engine::{Engine, UploadResult};
use callrec_core::jobs::JobOutcome;
use callrec_core::storage::{
    Job, Manifest, NameFields, OpenedRecording, UploadEntry, UploadNote, UploadedObject, mime_type,
};
use uuid::Uuid;

use super::context::UploadContext;
use super::digest::measure;
use super::object_target::{NewObject, ObjectError, ObjectSource};
use super::object_upload::{ObjectRole, is_there, upload_object};
use super::progress::{ObjectProgress, StoredProgress, on_disk};

/// How long an attempt waits for the recording's vCon.
const SIDECAR_WAIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The suffix of the keys of manifests.
pub const MANIFEST: &str = ".json";

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
    let objects = plan(context, id, published).await?;
    let mut stored = StoredProgress::read(&context.engine, id, &context.location.url()).await?;
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
            if let (Err(ObjectError::Conflict(_)), Some(parts)) =
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

/// The objects of a recording, in the order in which they are uploaded.
async fn plan(
    context: &UploadContext,
    id: Uuid,
    published: &OpenedRecording,
) -> Result<Vec<NewObject>, ObjectError> {
    // Without it, the other files would pass for the whole recording.
    if !published.has_published_file() {
        return Err(ObjectError::Changed(
            "its audio is not where it was published".to_owned(),
        ));
    }
    let manifest = &published.manifest;
    let stem = key_stem(context, id, published);
    let mut objects = Vec::new();
    for file in &published.files {
        let source = ObjectSource::File(file.medium.clone());
        let (bytes, digest) = measure(&source).await?;
        let known = known_digest(manifest, &file.suffix);
        if !known.is_empty() && known != digest {
            let text = format!("its file \"{}\" is not what was published", file.suffix);
            return Err(ObjectError::Changed(text));
        }
        objects.push(NewObject {
            key: format!("{stem}{}", file.suffix),
            mime: mime(manifest, &file.suffix),
            id,
            bytes,
            digest,
            source,
        });
    }
    let content = manifest_content(manifest)?;
    objects.push(NewObject {
        key: format!("{stem}{MANIFEST}"),
        mime: "application/json",
        id,
        bytes: content.len() as u64,
        digest: super::digest::digest_of(&content),
        source: ObjectSource::Bytes(content),
    });
    Ok(objects)
}

/// The manifest without what may change after the upload.
fn manifest_content(manifest: &Manifest) -> Result<Bytes, ObjectError> {
    let mut lasting = manifest.clone();
    lasting.held = false;
    lasting.uploaded = None;
    let bytes = lasting.to_bytes();
    bytes
        .map(Bytes::from)
        .map_err(|error| ObjectError::Retry(format!("its manifest cannot be written: {error}")))
}

fn known_digest<'a>(manifest: &'a Manifest, suffix: &str) -> &'a str {
    let is_audio = manifest.file.ends_with(suffix);
    match &manifest.raw {
        Some(raw) if raw.file.ends_with(suffix) => &raw.digest,
        _ if is_audio => &manifest.digest,
        _ => "",
    }
}

fn mime(manifest: &Manifest, suffix: &str) -> &'static str {
    match suffix {
        ".pcapng" => "application/octet-stream",
        ".vcon" => "application/vcon+json",
        _ => mime_type(&manifest.format),
    }
}

/// The key of a recording's objects without the suffix.
fn key_stem(context: &UploadContext, id: Uuid, published: &OpenedRecording) -> String {
    let Some(template) = &context.template else {
        let stem = published.file.rsplit_once('.');
        return stem.map_or(&*published.file, |(stem, _)| stem).to_owned();
    };
    let manifest = &published.manifest;
    let info = CallInfo::from_json(manifest.call.text());
    let attribute = |key: &str| info.attributes.get(key)?.as_str().map(str::to_owned);
    let name = template.render(&NameFields {
        id,
        call_id: info.call_id.as_str(),
        device: info.device_name.as_str(),
        number: info.directory_number.as_str(),
        user: info.username.as_str(),
        remote: info.remote_phone_number.as_str(),
        ani: info.ani.as_str(),
        dnis: info.dnis.as_str(),
        host: &context.host,
        layout: &manifest.layout,
        started_at_ms: manifest.started_at_ms,
        attribute: &attribute,
    });
    name.path("")
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
