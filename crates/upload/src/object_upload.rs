//! Uploads one object and verifies it. An object that is there already is never changed.

use bytes::Bytes;
use callrec_core::storage::Manifest;
use uuid::Uuid;

use super::object_target::{Creation, NewObject, ObjectError, ObjectFacts, ObjectTarget, PartKeeper};
use super::settings::Verification;

/// The largest object that is read as a manifest.
pub const MANIFEST_MAX: u64 = 64 << 20;

/// What an object's content has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectRole {
    File,
    /// A later version of callrec, or a hold, may have changed the manifest since an earlier
    /// attempt uploaded it.
    Manifest,
}

/// Creates the object unless it exists, and verifies it. Returns what the store has.
pub async fn upload_object(
    target: &dyn ObjectTarget,
    object: &NewObject,
    role: ObjectRole,
    verification: Verification,
    keeper: &mut dyn PartKeeper,
) -> Result<ObjectFacts, ObjectError> {
    if let Some(found) = target.find(&object.key).await? {
        return accept(target, object, role, Verification::Metadata, found).await;
    }
    let created = target.create(object, keeper).await?;
    let Some(found) = target.find(&object.key).await? else {
        return Err(ObjectError::Retry(format!(
            "the store accepted \"{}\" but does not have it",
            object.key
        )));
    };
    let verification = match created {
        Creation::Created => verification,
        Creation::Exists => Verification::Metadata,
    };
    accept(target, object, role, verification, found).await
}

/// Whether the store has the object, which was verified before.
pub async fn is_there(target: &dyn ObjectTarget, object: (&str, u64, &str)) -> Result<bool, ObjectError> {
    match target.find(object.0).await? {
        Some(found) => is_same(target, object, &found, Verification::Metadata).await,
        None => Ok(false),
    }
}

/// Whether an object is the one that was to be uploaded.
pub async fn is_same(
    target: &dyn ObjectTarget,
    object: (&str, u64, &str),
    found: &ObjectFacts,
    verification: Verification,
) -> Result<bool, ObjectError> {
    let (key, bytes, digest) = object;
    if found.bytes != bytes {
        return Ok(false);
    }
    match &found.digest {
        Some(known) if known != digest => Ok(false),
        Some(_) if verification == Verification::Metadata => Ok(true),
        _ => Ok(target.digest(key).await? == digest),
    }
}

async fn accept(
    target: &dyn ObjectTarget,
    object: &NewObject,
    role: ObjectRole,
    verification: Verification,
    found: ObjectFacts,
) -> Result<ObjectFacts, ObjectError> {
    let expected = (object.key.as_str(), object.bytes, object.digest.as_str());
    if is_same(target, expected, &found, verification).await? {
        return Ok(ObjectFacts {
            digest: Some(object.digest.clone()),
            ..found
        });
    }
    if role == ObjectRole::Manifest
        && found.bytes <= MANIFEST_MAX
        && is_manifest_of(&target.read(&object.key, 0..found.bytes).await?, object.id)
    {
        let digest = target.digest(&object.key).await?;
        return Ok(ObjectFacts {
            digest: Some(digest),
            ..found
        });
    }
    Err(ObjectError::Conflict(format!(
        "another object has the key \"{}\": it has {} bytes and the digest {}, instead of {} bytes and {}",
        object.key,
        found.bytes,
        found.digest.as_deref().unwrap_or("of its content"),
        object.bytes,
        object.digest,
    )))
}

/// Whether an object is the manifest of a recording.
pub fn is_manifest_of(bytes: &Bytes, id: Uuid) -> bool {
    let manifest = Manifest::from_bytes(bytes);
    manifest.is_some_and(|manifest| Uuid::try_parse(&manifest.id) == Ok(id))
}
