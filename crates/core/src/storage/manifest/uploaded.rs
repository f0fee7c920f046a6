//! Where a recording was uploaded to, in its manifest.

use crate::storage::fragment::Fragment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The uploaded copy of a recording. In a manifest, it means that the copy is complete and was
/// verified.
// Read and written by hand, because what serde makes for both types takes 10 KB in every build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fragment", into = "Fragment")]
pub struct UploadEntry {
    /// The URL of the audio, or of the kept packets if there is no audio.
    pub url: String,
    /// The store, as `upload.url` named it.
    pub store: String,
    /// Unix time in milliseconds.
    pub uploaded_at_ms: i64,
    /// The objects, in the order in which they were uploaded: the manifest is the last one.
    pub objects: Vec<UploadedObject>,
    /// The local copy was removed, so that only this manifest is left of it.
    pub local_removed: bool,
}

/// One object of an uploaded recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadedObject {
    /// Its key below the store's URL.
    pub key: String,
    pub bytes: u64,
    /// `sha256:` and the digest as sha256sum prints it.
    pub digest: String,
}

impl From<Fragment> for UploadEntry {
    fn from(fragment: Fragment) -> UploadEntry {
        let value = fragment.value();
        let objects = value["objects"].as_array().into_iter().flatten();
        UploadEntry {
            url: text_of(&value, "url"),
            store: text_of(&value, "store"),
            uploaded_at_ms: value["uploaded_at_ms"].as_i64().unwrap_or_default(),
            objects: objects.map(UploadedObject::of).collect(),
            local_removed: value["local_removed"].as_bool().unwrap_or_default(),
        }
    }
}

impl From<UploadEntry> for Fragment {
    fn from(entry: UploadEntry) -> Fragment {
        let objects: Vec<Value> = entry.objects.iter().map(UploadedObject::value).collect();
        Fragment::of(&json!({
            "url": entry.url,
            "store": entry.store,
            "uploaded_at_ms": entry.uploaded_at_ms,
            "objects": objects,
            "local_removed": entry.local_removed,
        }))
    }
}

impl UploadedObject {
    fn of(value: &Value) -> UploadedObject {
        UploadedObject {
            key: text_of(value, "key"),
            bytes: value["bytes"].as_u64().unwrap_or_default(),
            digest: text_of(value, "digest"),
        }
    }

    fn value(&self) -> Value {
        json!({ "key": self.key, "bytes": self.bytes, "digest": self.digest })
    }
}

fn text_of(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let entry = UploadEntry {
            url: "s3://bucket/a.wav".to_owned(),
            store: "s3://bucket".to_owned(),
            uploaded_at_ms: 1_700_000_000_000,
            objects: vec![UploadedObject {
                key: "a.wav".to_owned(),
                bytes: u64::MAX,
                digest: "sha256:00".to_owned(),
            }],
            local_removed: true,
        };
        let written = serde_json::to_string(&entry).expect("JSON");
        assert_eq!(
            written,
            "{\"url\":\"s3://bucket/a.wav\",\"store\":\"s3://bucket\",\"uploaded_at_ms\":1700000000000,\
             \"objects\":[{\"key\":\"a.wav\",\"bytes\":18446744073709551615,\"digest\":\"sha256:00\"}],\
             \"local_removed\":true}"
        );
        assert_eq!(
            serde_json::from_str::<UploadEntry>(&written).expect("an entry"),
            entry
        );
        // What is missing or has another type has its default.
        let other = serde_json::from_str::<UploadEntry>("{\"url\": 1, \"objects\": [{}]}").expect("an entry");
        assert_eq!(other.objects, [UploadedObject::default()]);
        assert_eq!((other.url.as_str(), other.local_removed), ("", false));
    }
}
