//! Converts the view of a recording for C.

use super::guard::write_text;
use super::types::*;
use crate::calls::RecordingView;

/// Its strings live as long as `view`.
pub fn recording_of(view: &RecordingView) -> rec_recording {
    let mut id = rec_id { text: [0; 37] };
    write_text(&mut id.text, &view.id.to_string());
    let info = &view.info;
    rec_recording {
        struct_size: size_of::<rec_recording>() as u32,
        state: view.state as i32,
        end_reason: view.end_reason.map_or(0, |reason| reason as i32),
        error: view.error as rec_status,
        layout: view.spec.audio.layout as i32,
        pause_mode: view.spec.audio.pause_mode as i32,
        flags: view.spec.flags,
        sample_rate: view.readings.rate,
        call_tag: info.tag,
        id,
        call_id: info.call_id.as_cstr().as_ptr(),
        switch_call_id: info.switch_call_id.as_cstr().as_ptr(),
        device_name: info.device_name.as_cstr().as_ptr(),
        directory_number: info.directory_number.as_cstr().as_ptr(),
        username: info.username.as_cstr().as_ptr(),
        numeric_user_id: info.numeric_user_id.as_cstr().as_ptr(),
        remote_first_name: info.remote_first_name.as_cstr().as_ptr(),
        remote_last_name: info.remote_last_name.as_cstr().as_ptr(),
        remote_phone_number: info.remote_phone_number.as_cstr().as_ptr(),
        format: view.spec.audio.format.c_name().as_ptr(),
        url: view.url.as_cstr().as_ptr(),
        path: view.path.as_cstr().as_ptr(),
        digest: view.digest.as_cstr().as_ptr(),
        started_at_ms: view.started_at_ms,
        ended_at_ms: view.ended_at_ms,
        duration_ms: view.readings.duration_ms,
        paused_ms: view.readings.paused_ms,
        lost_ms: view.readings.lost_ms,
        bytes: view.readings.bytes,
        raw_path: view.raw.path.as_cstr().as_ptr(),
        raw_digest: view.raw.digest.as_cstr().as_ptr(),
        raw_bytes: view.raw.bytes,
        raw_packets: view.raw.packets,
        lookback_ms: view.spec.lookback_ms.into(),
        held: view.held.into(),
        unreachable: view.is_unreachable.into(),
        node: view.node.as_cstr().as_ptr(),
    }
}
