//! Which objects a recording has: their keys, sizes and digests.

use bytes::Bytes;
use callrec_core::calls::CallInfo;
use callrec_core::engine::call_name_fields;
use callrec_core::storage::{Manifest, NameFields, OpenedRecording, RawEntry, mime_type};
use uuid::Uuid;

use super::context::UploadContext;
use super::digest::{digest_of, measure};
use super::object_target::{NewObject, ObjectError, ObjectSource};
use super::progress::{ObjectProgress, UploadProgress};

/// The suffix of the keys of manifests.
pub const MANIFEST: &str = ".json";
/// The suffix of vCons.
const VCON: &str = ".vcon";

/// The objects of a recording, in the order in which they are uploaded.
/// `progress`: what earlier attempts have noted.
pub async fn plan(
    context: &UploadContext,
    id: Uuid,
    published: &OpenedRecording,
    progress: &UploadProgress,
) -> Result<Vec<NewObject>, ObjectError> {
    check_files(published)?;
    let manifest = &published.manifest;
    let stem = key_stem(context, id, published);
    let mut objects = Vec::new();
    for file in &published.files {
        let source = ObjectSource::File(file.medium.clone());
        let key = format!("{stem}{}", file.suffix);
        let (bytes, digest) = size_and_digest(manifest, &file.suffix, &source, (&key, progress)).await?;
        objects.push(NewObject {
            key,
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
        digest: digest_of(&content),
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

/// Fails if a file is missing without which the manifest would not describe what is uploaded.
fn check_files(published: &OpenedRecording) -> Result<(), ObjectError> {
    let missing = |what: &str| ObjectError::Changed(format!("{what} not where it was published"));
    if !published.has_published_file() {
        return Err(missing("its audio is"));
    }
    let raw = published.manifest.raw.as_ref().filter(|raw| raw.has_file());
    let is_raw = |raw: &RawEntry| {
        published
            .files
            .iter()
            .any(|open| raw.file.ends_with(&open.suffix))
    };
    match raw.is_none_or(is_raw) {
        true => Ok(()),
        false => Err(missing("the file of its kept packets is")),
    }
}

/// The size and the digest of a file. Reads it only if its digest is known neither from the
/// manifest nor from an earlier attempt: attempts are repeated for as long as the store is away,
/// and recordings in progress need the disk. The upload compares what it reads with the digest.
async fn size_and_digest(
    manifest: &Manifest,
    suffix: &str,
    source: &ObjectSource,
    (key, progress): (&str, &UploadProgress),
) -> Result<(u64, String), ObjectError> {
    let size = source.size().await?;
    let published = published_digest(manifest, suffix);
    if let Some((bytes, digest)) = published
        && bytes == size
    {
        return Ok((size, digest.to_owned()));
    }
    let is_noted = |object: &&ObjectProgress| object.key == key && object.bytes == size;
    // A vCon is small and may be written again.
    if published.is_none()
        && suffix != VCON
        && let Some(noted) = progress.objects.iter().find(is_noted)
    {
        return Ok((size, noted.digest.clone()));
    }
    let (bytes, digest) = measure(source).await?;
    match published {
        Some((_, known)) if known != digest => Err(ObjectError::Changed(format!(
            "its file \"{suffix}\" is not what was published"
        ))),
        _ => Ok((bytes, digest)),
    }
}

/// The size and the digest with which a file was published. `None` if it has no digest.
fn published_digest<'a>(manifest: &'a Manifest, suffix: &str) -> Option<(u64, &'a str)> {
    let known = match &manifest.raw {
        Some(raw) if raw.file.ends_with(suffix) => (raw.bytes, raw.digest.as_str()),
        _ if manifest.file.ends_with(suffix) => (manifest.bytes, manifest.digest.as_str()),
        _ => return None,
    };
    (!known.1.is_empty()).then_some(known)
}

fn mime(manifest: &Manifest, suffix: &str) -> &'static str {
    match suffix {
        ".pcapng" => "application/octet-stream",
        VCON => "application/vcon+json",
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
    let fields = call_name_fields(&info, &context.host, manifest.started_at_ms, &attribute);
    let name = template.render(&NameFields {
        id,
        layout: &manifest.layout,
        ..fields
    });
    name.path("")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use callrec_core::storage::{Medium, PublishedFile};

    use super::*;

    /// A file of 5 bytes that nobody may read.
    struct UnreadFile;

    impl Medium for UnreadFile {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::Error::other("it is only read"))
        }

        fn rewrite(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
            Err(io::Error::other("it is only read"))
        }

        fn read_range(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("it was read"))
        }

        fn len(&self) -> io::Result<u64> {
            Ok(5)
        }

        fn seal(&mut self, _: u64) -> io::Result<()> {
            Err(io::Error::other("it is only read"))
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn planned(
        manifest: &Manifest,
        suffix: &str,
        progress: &UploadProgress,
    ) -> Result<(u64, String), ObjectError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let source = ObjectSource::File(Arc::new(UnreadFile));
        let key = format!("x{suffix}");
        runtime
            .expect("a runtime")
            .block_on(size_and_digest(manifest, suffix, &source, (&key, progress)))
    }

    fn audio(digest: &str, bytes: u64) -> Manifest {
        Manifest {
            file: "x.wav".to_owned(),
            digest: digest.to_owned(),
            bytes,
            ..Manifest::default()
        }
    }

    #[test]
    fn a_file_with_a_known_digest_is_not_read() {
        let noted = UploadProgress {
            objects: vec![ObjectProgress {
                key: "x.wav".to_owned(),
                bytes: 5,
                digest: "sha256:noted".to_owned(),
                ..ObjectProgress::default()
            }],
            ..UploadProgress::default()
        };
        let digest = |known: &str| Ok((5, format!("sha256:{known}")));
        let nothing = UploadProgress::default();
        assert_eq!(
            planned(&audio("sha256:published", 5), ".wav", &noted),
            digest("published")
        );
        assert_eq!(planned(&audio("", 5), ".wav", &noted), digest("noted"));
        let read = Err(ObjectError::Retry(
            "its file cannot be read: it was read".to_owned(),
        ));
        assert_eq!(planned(&audio("", 5), ".wav", &nothing), read);
        assert_eq!(planned(&audio("sha256:published", 6), ".wav", &noted), read);
        assert_eq!(planned(&audio("sha256:published", 5), ".vcon", &noted), read);
    }

    #[test]
    fn a_recording_without_its_kept_packets_is_not_uploaded() {
        let file = |suffix: &str| PublishedFile {
            suffix: suffix.to_owned(),
            medium: Arc::new(UnreadFile),
        };
        let mut published = OpenedRecording {
            file: "x.wav".to_owned(),
            manifest: Manifest {
                raw: Some(RawEntry {
                    file: "x.pcapng".to_owned(),
                    ..RawEntry::default()
                }),
                ..audio("", 5)
            },
            files: vec![file(".wav")],
        };
        let refused = check_files(&published);
        assert!(
            matches!(&refused, Err(ObjectError::Changed(text)) if text.contains("packets")),
            "{refused:?}"
        );
        published.files.push(file(".pcapng"));
        assert_eq!(check_files(&published), Ok(()));
        published.files.remove(1);
        published.manifest.raw = Some(RawEntry::default());
        assert_eq!(check_files(&published), Ok(()), "no packet was kept");
    }
}
