//! Uploads one object and verifies it. An object that is there already is never changed.

use bytes::Bytes;
use callrec_core::storage::Manifest;
use uuid::Uuid;

use super::object_target::{NewObject, ObjectError, ObjectFacts, ObjectTarget, PartKeeper};
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
        // The attempt that uploaded it may have ended before it had verified it.
        return accept(target, object, role, verification, found).await;
    }
    target.create(object, keeper).await?;
    let Some(found) = target.find(&object.key).await? else {
        return Err(ObjectError::Retry(format!(
            "the store accepted \"{}\" but does not have it",
            object.key
        )));
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use async_trait::async_trait;

    use super::super::digest::digest_of;
    use super::super::object_target::{Creation, ObjectSource, PartState};
    use super::*;

    /// A store that has every object already, with the right metadata and this content.
    struct EarlierObject {
        digest: String,
        content: Bytes,
    }

    #[async_trait]
    impl ObjectTarget for EarlierObject {
        async fn find(&self, _: &str) -> Result<Option<ObjectFacts>, ObjectError> {
            Ok(Some(ObjectFacts {
                bytes: self.content.len() as u64,
                digest: Some(self.digest.clone()),
            }))
        }

        async fn create(&self, _: &NewObject, _: &mut dyn PartKeeper) -> Result<Creation, ObjectError> {
            Ok(Creation::Exists)
        }

        async fn digest(&self, _: &str) -> Result<String, ObjectError> {
            Ok(digest_of(&self.content))
        }

        async fn read(&self, _: &str, _: Range<u64>) -> Result<Bytes, ObjectError> {
            Ok(self.content.clone())
        }

        async fn remove(&self, _: &str) -> Result<(), ObjectError> {
            Ok(())
        }

        async fn hold(&self, _: &str, _: bool) -> Result<(), ObjectError> {
            Ok(())
        }

        async fn abort(&self, _: &str, _: &PartState) -> Result<(), ObjectError> {
            Ok(())
        }
    }

    struct NoParts;

    #[async_trait]
    impl PartKeeper for NoParts {
        fn parts(&self) -> Option<PartState> {
            None
        }

        async fn keep(&mut self, _: Option<PartState>) -> Result<(), ObjectError> {
            Ok(())
        }
    }

    #[test]
    fn an_earlier_object_is_verified_as_the_settings_say() {
        let content = Bytes::from_static(b"audio");
        let object = NewObject {
            key: "x.wav".to_owned(),
            mime: "audio/wav",
            id: Uuid::nil(),
            bytes: content.len() as u64,
            digest: digest_of(&content),
            source: ObjectSource::Bytes(content.clone()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let upload = |content: &'static [u8], verification| {
            let target = EarlierObject {
                digest: object.digest.clone(),
                content: Bytes::from_static(content),
            };
            let keeper = &mut NoParts;
            runtime.block_on(upload_object(
                &target,
                &object,
                ObjectRole::File,
                verification,
                keeper,
            ))
        };
        assert!(upload(b"audio", Verification::Content).is_ok());
        assert!(upload(b"other", Verification::Metadata).is_ok());
        let refused = upload(b"other", Verification::Content);
        assert!(matches!(refused, Err(ObjectError::Conflict(_))), "{refused:?}");
    }
}
