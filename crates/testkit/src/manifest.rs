//! The JSON manifest beside each recording.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::tree::files_with_extension;

/// The manifest beside an audio file.
#[track_caller]
pub fn manifest_beside(audio: impl AsRef<Path>) -> Value {
    try_beside(audio.as_ref()).unwrap_or_else(|why| panic!("{why}"))
}

pub(crate) fn try_beside(audio: &Path) -> Result<Value, String> {
    let path = audio.with_extension("json");
    let failure = |why: &dyn std::error::Error| format!("{}: {why}", path.display());
    let bytes = std::fs::read(&path).map_err(|why| failure(&why))?;
    serde_json::from_slice(&bytes).map_err(|why| failure(&why))
}

/// The manifests of published recordings in a storage directory, by id.
pub fn published_manifests(directory: &Path) -> BTreeMap<String, Value> {
    let control = directory.join(".callrec");
    let files = files_with_extension(directory, "json").into_iter();
    let published = files.filter(|file| !file.starts_with(&control));
    published
        .map(|file| {
            let manifest = manifest_beside(&file);
            let id = manifest["id"].as_str().expect("a manifest has an id").to_owned();
            (id, manifest)
        })
        .collect()
}

/// The live manifests of a storage directory, by id. `None`: the manifest is not JSON. The library
/// may change the directory meanwhile.
pub fn live_manifests(directory: &Path) -> BTreeMap<String, Option<Value>> {
    let mut live = BTreeMap::new();
    for entry in std::fs::read_dir(directory.join(".callrec")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(id) = name.strip_suffix(".json")
            && uuid::Uuid::try_parse(id).is_ok()
            // The file may have been removed meanwhile.
            && let Ok(bytes) = std::fs::read(&path)
        {
            live.insert(id.to_owned(), serde_json::from_slice(&bytes).ok());
        }
    }
    live
}

/// A span that a manifest lists: a pause or a loss.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestSpan {
    pub from_frame: u64,
    pub to_frame: u64,
    pub kind: String,
    /// "" for a span of all legs.
    pub leg: String,
    pub length_ms: u64,
}

impl ManifestSpan {
    fn of(span: &Value) -> Result<ManifestSpan, String> {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| {
            let number = span[name].as_u64();
            number.ok_or_else(|| format!("a span without {name}: {span}"))
        };
        Ok(ManifestSpan {
            from_frame: number("from_frame")?,
            to_frame: number("to_frame")?,
            kind: text("kind"),
            leg: text("leg"),
            length_ms: number("length_ms")?,
        })
    }
}

pub(crate) fn try_spans(manifest: &Value) -> Result<Vec<ManifestSpan>, String> {
    let spans = manifest["spans"].as_array();
    let spans = spans.ok_or_else(|| format!("no spans: {manifest}"))?;
    spans.iter().map(ManifestSpan::of).collect()
}

/// All spans of a manifest, in its order.
#[track_caller]
pub fn spans(manifest: &Value) -> Vec<ManifestSpan> {
    try_spans(manifest).unwrap_or_else(|why| panic!("{why}"))
}

/// The spans of one kind.
#[track_caller]
pub fn spans_of(manifest: &Value, kind: &str) -> Vec<ManifestSpan> {
    let mut found = spans(manifest);
    found.retain(|span| span.kind == kind);
    found
}

/// The digest that a manifest has for this content.
pub fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ScratchDir;
    use serde_json::json;

    const ID: &str = "75a90276-e47e-4e9e-b463-e3c743d5ff3a";

    #[test]
    fn published_and_live_manifests_are_distinguished() {
        let dir = ScratchDir::new();
        let write = |file: &str, content: &str| {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        write("below/a.json", r#"{"id": "a", "samples": 7}"#);
        write(&format!(".callrec/{ID}.json"), r#"{"started": true}"#);
        write(".callrec/00000000-0000-0000-0000-000000000000.json", "{");
        write(".callrec/lock", "");
        write(".callrec/other.json", "{}");
        let published = published_manifests(&dir);
        assert_eq!(published.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(published["a"], manifest_beside(dir.join("below/a.wav")));
        assert_eq!(
            live_manifests(&dir).into_iter().collect::<Vec<_>>(),
            [
                ("00000000-0000-0000-0000-000000000000".to_owned(), None),
                (ID.to_owned(), Some(json!({"started": true}))),
            ]
        );
    }

    #[test]
    fn spans_are_read() {
        let manifest = json!({ "spans": [
            { "kind": "loss", "leg": "local", "from_frame": 1, "to_frame": 81, "length_ms": 10 },
            { "kind": "pause", "from_frame": 100, "to_frame": 100, "length_ms": 500 },
        ] });
        let [loss, pause] = &spans(&manifest)[..] else {
            panic!("two spans");
        };
        assert_eq!(
            (loss.leg.as_str(), loss.from_frame, loss.to_frame),
            ("local", 1, 81)
        );
        assert_eq!((pause.leg.as_str(), pause.length_ms), ("", 500));
        assert_eq!(spans_of(&manifest, "pause"), std::slice::from_ref(pause));
    }

    #[test]
    fn a_span_without_an_end_is_refused() {
        let open = json!({ "spans": [{ "kind": "pause", "from_frame": 1, "length_ms": 10 }] });
        assert!(try_spans(&open).is_err_and(|why| why.contains("without to_frame")));
        assert!(try_spans(&json!({})).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        assert_eq!(
            digest(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
