//! Converts the call of an event for C.

use std::ffi::CString;

use super::types::*;
use crate::calls::PartyStay;
use crate::events::CallFacts;

/// The members of a call that are JSON.
pub struct CallTexts {
    attributes: CString,
    related_ids: CString,
    parties: CString,
}

impl CallTexts {
    pub fn of(call: &CallFacts) -> CallTexts {
        let info = &call.info;
        let related_ids: Vec<&str> = info.related_ids.iter().map(|id| id.as_str()).collect();
        let parties: Vec<_> = info.parties.iter().map(PartyStay::to_json).collect();
        CallTexts {
            attributes: c_text(serde_json::to_string(&*info.attributes)),
            related_ids: c_text(serde_json::to_string(&related_ids)),
            parties: c_text(serde_json::to_string(&parties)),
        }
    }
}

fn c_text(json: serde_json::Result<String>) -> CString {
    // JSON escapes a NUL within a string.
    CString::new(json.unwrap_or_default()).unwrap_or_default()
}

/// The strings of the result live as long as the arguments.
pub fn call_view_of(call: &CallFacts, texts: &CallTexts) -> rec_call_view {
    let info = &call.info;
    rec_call_view {
        struct_size: size_of::<rec_call_view>() as u32,
        state: info.state as i32,
        direction: info.direction,
        is_private: u32::from(info.private),
        end_reason: call.end_reason.map_or(0, |reason| reason as i32),
        reserved: 0,
        number: call.number,
        tag: info.tag,
        connected_at_ms: info.connected_at_ms,
        call_id: info.call_id.as_cstr().as_ptr(),
        switch_call_id: info.switch_call_id.as_cstr().as_ptr(),
        device_name: info.device_name.as_cstr().as_ptr(),
        directory_number: info.directory_number.as_cstr().as_ptr(),
        username: info.username.as_cstr().as_ptr(),
        numeric_user_id: info.numeric_user_id.as_cstr().as_ptr(),
        remote_first_name: info.remote_first_name.as_cstr().as_ptr(),
        remote_last_name: info.remote_last_name.as_cstr().as_ptr(),
        remote_phone_number: info.remote_phone_number.as_cstr().as_ptr(),
        ani: info.ani.as_cstr().as_ptr(),
        dnis: info.dnis.as_cstr().as_ptr(),
        call_type: info.call_type.as_cstr().as_ptr(),
        attributes_json: texts.attributes.as_ptr(),
        consent: info.consent.state as i32,
        reserved2: 0,
        consent_source: info.consent.source.as_cstr().as_ptr(),
        consent_from_ms: info.consent.from_ms,
        consent_at_ms: info.consent.at_ms,
        related_call_ids_json: texts.related_ids.as_ptr(),
        parties_json: texts.parties.as_ptr(),
    }
}
