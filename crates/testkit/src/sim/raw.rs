//! Checks the files of packets that recordings keep as they arrived.

use std::collections::BTreeMap;

use callrec_codec::pcapng::{recording_id, whole_blocks};

use serde_json::Value;

use super::model::{ModelPacket, ModelState};
use super::presence::Presence;
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

/// Whether a recording that keeps packets as they arrive may have one that is not in its audio: a
/// copy of it came after the start, or it came after the start and was sent before the recording
/// begins.
pub fn may_be_captured(state: &ModelState, (call, packet): (usize, &ModelPacket)) -> bool {
    let call = &state.calls[call];
    let mut recordings = call.recordings.iter().filter_map(|id| state.recordings.get(id));
    let written = packet.written.unwrap_or(u64::MAX);
    recordings.any(|recording| {
        let start = recording.started_at();
        let is_late = written > start && recording.presence_by_policy(packet, call.steady) != Presence::Never;
        let has_copy = written <= start && packet.last_written.is_some_and(|last| last > start);
        is_late || has_copy
    })
}

/// Finds a packet that was passed in before the start of the recording whose packets a file has. The
/// file never begins earlier.
pub fn find_earlier<'a>(state: &'a ModelState, path: &str, patterns: &[i16]) -> Option<&'a ModelPacket> {
    let (_, recording) = state
        .recordings
        .iter()
        .find(|(id, _)| path.contains(&id.to_string()))?;
    let call = &state.calls[recording.call?];
    let is_earlier = |packet: &&ModelPacket| {
        let last = packet.last_written;
        last.is_some_and(|last| last <= recording.started_at()) && patterns.contains(&packet.pattern)
    };
    call.packets.iter().find(is_earlier)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sim::model::AudioPolicy;

    /// A call with one packet, and a recording of it that starts after tick 10.
    fn state(written: u64, last_written: u64) -> ModelState {
        let mut state = ModelState {
            tick: 1,
            ..ModelState::default()
        };
        let call = state.begin_call(false, "");
        state.calls[call].packets.push(ModelPacket {
            pattern: 7,
            leg: 0,
            stream: 0,
            sent: written,
            written: Some(written),
            last_written: Some(last_written),
            late: Some(3),
            early: 0,
            may_lack: false,
        });
        state.record(Uuid::nil(), call, 10, AudioPolicy::Keep);
        state
    }

    /// A copy of a packet may wait in the network and at a host that stalls.
    #[test]
    fn only_a_copy_that_came_after_the_start_may_be_in_a_file_of_packets() {
        let path = format!("{}.pcapng", Uuid::nil());
        for (written, last_written, may_be_there) in
            [(10, 10, false), (4, 10, false), (4, 36, true), (10, 11, true)]
        {
            let state = state(written, last_written);
            let found = find_earlier(&state, &path, &[7]);
            assert_eq!(found.is_none(), may_be_there, "{written} {last_written}");
            let packet = &state.calls[0].packets[0];
            let captured = may_be_captured(&state, (0, packet));
            assert_eq!(captured, may_be_there, "{written} {last_written}");
        }
    }
}
