//! Copies of the recordings that the library hands out.

use callrec::capi::*;

use super::abi::{string, text_of};

/// A copy of a `rec_recording`.
#[derive(Clone, Debug)]
pub struct RecordingFields {
    pub id: String,
    pub state: i32,
    pub end_reason: i32,
    pub error: rec_status,
    pub layout: i32,
    pub pause_mode: i32,
    pub flags: u32,
    pub sample_rate: u32,
    pub call_tag: u64,
    pub call_id: String,
    pub device_name: String,
    pub directory_number: String,
    pub username: String,
    pub format: String,
    pub url: String,
    pub path: String,
    pub digest: String,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    pub bytes: u64,
    pub raw_path: String,
    pub raw_digest: String,
    pub raw_bytes: u64,
    pub raw_packets: u64,
    pub lookback_ms: u64,
    pub held: u32,
}

impl RecordingFields {
    pub fn copy(r: &rec_recording) -> RecordingFields {
        RecordingFields {
            id: text_of(&r.id.text),
            state: r.state,
            end_reason: r.end_reason,
            error: r.error,
            layout: r.layout,
            pause_mode: r.pause_mode,
            flags: r.flags,
            sample_rate: r.sample_rate,
            call_tag: r.call_tag,
            call_id: string(r.call_id),
            device_name: string(r.device_name),
            directory_number: string(r.directory_number),
            username: string(r.username),
            format: string(r.format),
            url: string(r.url),
            path: string(r.path),
            digest: string(r.digest),
            started_at_ms: r.started_at_ms,
            ended_at_ms: r.ended_at_ms,
            duration_ms: r.duration_ms,
            paused_ms: r.paused_ms,
            lost_ms: r.lost_ms,
            bytes: r.bytes,
            raw_path: string(r.raw_path),
            raw_digest: string(r.raw_digest),
            raw_bytes: r.raw_bytes,
            raw_packets: r.raw_packets,
            lookback_ms: r.lookback_ms,
            held: r.held,
        }
    }
}

/// Copies the recordings and the JSON of a snapshot, and frees it.
pub fn unpack(snapshot: *mut rec_snapshot) -> (Vec<RecordingFields>, serde_json::Value) {
    let count = unsafe { rec_snapshot_count(snapshot) };
    let all = (0..count)
        .map(|index| RecordingFields::copy(unsafe { &*rec_snapshot_get(snapshot, index) }))
        .collect();
    assert!(unsafe { rec_snapshot_get(snapshot, count) }.is_null());
    let json = serde_json::from_str(&string(unsafe { rec_snapshot_json(snapshot) })).unwrap();
    unsafe { rec_snapshot_free(snapshot) };
    (all, json)
}
