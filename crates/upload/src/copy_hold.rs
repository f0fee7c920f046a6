//! Gives the objects of an uploaded recording the legal hold that the recording has: jobs of the
//! kind `upload-hold`.

use std::sync::Arc;

use callrec_core::jobs::JobOutcome;
use callrec_core::storage::{Job, Manifest};
use uuid::Uuid;

use super::context::UploadContext;
use super::object_target::ObjectError;
use super::progress::on_disk;

/// Performs a job of the kind `upload-hold`.
pub async fn attempt(context: &Arc<UploadContext>, job: &Job) -> JobOutcome {
    let Ok(id) = Uuid::try_parse(&job.recording.id) else {
        return JobOutcome::GiveUp("its file names no recording".to_owned());
    };
    match hold_objects(context, id, &job.recording.file).await {
        Ok(()) => JobOutcome::Done,
        Err(error) => JobOutcome::retry(context.settings.without_secrets(&error.text())),
    }
}

/// Holds or releases the objects, until the recording has not been held or released meanwhile.
async fn hold_objects(context: &Arc<UploadContext>, id: Uuid, file: &str) -> Result<(), ObjectError> {
    let mut manifest = manifest(context, id, file).await?;
    while let Some(present) = manifest {
        hold_each(context, &present).await?;
        let later = self::manifest(context, id, file).await?;
        manifest = later.filter(|later| later.held != present.held);
    }
    Ok(())
}

/// `None` if the recording was deleted.
async fn manifest(
    context: &Arc<UploadContext>,
    id: Uuid,
    file: &str,
) -> Result<Option<Manifest>, ObjectError> {
    let file = file.to_owned();
    let opened = on_disk(&context.engine, move |engine| engine.published(id, &file)).await?;
    Ok(opened.map(|published| published.manifest))
}

async fn hold_each(context: &Arc<UploadContext>, manifest: &Manifest) -> Result<(), ObjectError> {
    let Some(entry) = &manifest.uploaded else {
        return Ok(());
    };
    if entry.store != context.location.url() {
        let text = format!(
            "its objects are in {}, which is not upload.url, so their hold does not change",
            entry.store
        );
        return Err(ObjectError::Retry(text));
    }
    for object in &entry.objects {
        match context.target.hold(&object.key, manifest.held).await {
            // Somebody else has removed it.
            Err(ObjectError::NotFound(_)) => context.warn(format!(
                "recording {}: the object {} is gone, so its hold does not change",
                manifest.id,
                context.location.url_of(&object.key)
            )),
            held => held?,
        }
    }
    Ok(())
}
