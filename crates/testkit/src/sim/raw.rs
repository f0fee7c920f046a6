//! Checks the files of packets that recordings keep as they arrived.

use std::collections::BTreeMap;

use callrec_codec::pcapng::{recording_id, whole_blocks};

use serde_json::Value;

use crate::manifest::digest;

/// Checks that each file belongs to a published recording and, unless that has failed, consists of
/// whole packets and is what the manifest says. `has_events`: every recording's terminal event is known.
pub fn check_raw_files(
    files: &BTreeMap<&str, &[u8]>,
    manifests: &BTreeMap<String, Value>,
    has_events: bool,
    wrong: &mut Vec<String>,
) {
    let raws = manifests.iter().filter_map(|(id, manifest)| {
        let raw = manifest.get("raw")?;
        Some((id, manifest, raw["file"].as_str()?, raw))
    });
    let mut known = Vec::new();
    for (id, manifest, path, raw) in raws.filter(|(_, _, path, _)| !path.is_empty()) {
        known.push(path);
        let Some(data) = files.get(path) else {
            wrong.push(format!("recording {id}: its packets are not in {path}"));
            continue;
        };
        if manifest["state"] == "failed" {
            // The disk refused a write, a sync or the cut after the last whole packet.
            continue;
        }
        let whole = whole_blocks(data);
        let is_own = recording_id(data).is_some_and(|of| of.to_string() == *id);
        let is_whole = (whole.bytes, Some(whole.packets)) == (data.len(), raw["packets"].as_u64());
        // There may be none, as configured.
        let is_digest = raw["digest"] == digest(data) || raw["digest"] == "" && manifest["digest"] == "";
        if !is_own || !is_whole || !is_digest {
            wrong.push(format!(
                "recording {id}: {path} has {} bytes and {whole:?}, its manifest {raw}",
                data.len()
            ));
        }
    }
    // An empty file reserved a name, and the disk refused to remove it.
    let captures = files
        .iter()
        .filter(|(path, data)| path.contains(".pcapng") && !data.is_empty());
    let strays = captures
        .map(|(path, _)| path)
        .filter(|path| !known.contains(*path));
    if !has_events {
        return;
    }
    wrong.extend(strays.map(|path| format!("{path} belongs to no published recording")));
}
