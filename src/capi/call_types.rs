//! The structs of calls and lines. A struct only grows at its end.

use std::ffi::c_char;

/// A line and its policy. A device name, a directory number or both are needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_line_info {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_LINE_…`, combined with `|`. With 0, calls on the line may be recorded, but are not
    /// recorded automatically.
    pub flags: u32,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
}

/// The properties of a call. In an update, NULL and 0 leave a property unchanged, and "" clears
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_info {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_CALL_…`. For a new call, 0 means connected.
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    /// Must be 0.
    pub reserved: u32,
    /// A number that the host chooses. `rec_recording.call_tag` and `rec_event.call_tag` return
    /// it.
    pub tag: u64,
    /// Time of the connection: Unix time in milliseconds. For a new call, 0 means now.
    pub connected_at_ms: i64,
    /// The call's id. If absent, callrec generates one. An update cannot change it.
    pub call_id: *const c_char,
    /// The id of the call in the switch: Genesys' connId, Cisco's global call id.
    pub switch_call_id: *const c_char,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
    /// The username of the line's owner. A caller with this username owns the call.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The remote party's first name.
    pub remote_first_name: *const c_char,
    /// The remote party's last name.
    pub remote_last_name: *const c_char,
    /// The remote party's telephone number.
    pub remote_phone_number: *const c_char,
    /// The number that calls (automatic number identification).
    pub ani: *const c_char,
    /// The number that was dialled (dialled number identification service).
    pub dnis: *const c_char,
    /// Genesys' call type, such as "Internal", "Inbound", "Outbound" or "Consult".
    pub call_type: *const c_char,
    /// A JSON object whose values are strings (Genesys' userData), at most 65,536 bytes. An
    /// update replaces the whole object.
    pub attributes_json: *const c_char,
    /// `REC_CONSENT_…`: whether the parties agree that the call is recorded. It cannot become
    /// unknown again.
    ///
    /// Since: 0.2.0
    pub consent: i32,
    /// Must be 0.
    pub reserved2: u32,
    /// Who or what gave or refused the consent, such as "ivr" or "agent".
    ///
    /// Since: 0.2.0
    pub consent_source: *const c_char,
    /// Since when the consent, or its refusal, holds: Unix time in milliseconds. 0, or a time in
    /// the future, means since the host reported it. Audio from before a consent that was given
    /// is in no recording by look-back.
    ///
    /// Since: 0.2.0
    pub consent_from_ms: i64,
    /// Another id of the call, such as the one that it has after a transfer. It is added to those
    /// that the call has, at most 16. Every function and filter that takes a `call_id` finds the
    /// call by each of its ids.
    ///
    /// Since: 0.2.0
    pub related_call_id: *const c_char,
}

/// A call at the moment of the event. Strings are never NULL and live as long as the event.
///
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_view {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_CALL_…`
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    /// 1 while the call is private (`rec_call_private`), otherwise 0.
    pub is_private: u32,
    /// `REC_END_CALL_ENDED` or `REC_END_ENGINE_CLOSED` with `REC_EVENT_CALL_ENDED`, otherwise
    /// 0.
    pub end_reason: i32,
    /// Always 0.
    pub reserved: u32,
    /// The number that the engine gave the call, from 1. No two calls of an open engine have
    /// the same number.
    pub number: u64,
    /// The number that the host chose for the call: `rec_call_info.tag`.
    pub tag: u64,
    /// Time of the connection, Unix time in milliseconds.
    pub connected_at_ms: i64,
    /// The call's id.
    pub call_id: *const c_char,
    /// The id of the call in the switch.
    pub switch_call_id: *const c_char,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
    /// The username of the line's owner.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The remote party's first name.
    pub remote_first_name: *const c_char,
    /// The remote party's last name.
    pub remote_last_name: *const c_char,
    /// The remote party's telephone number.
    pub remote_phone_number: *const c_char,
    /// The number that calls.
    pub ani: *const c_char,
    /// The number that was dialled.
    pub dnis: *const c_char,
    /// Genesys' call type.
    pub call_type: *const c_char,
    /// A JSON object whose values are strings. "{}" if there are none.
    pub attributes_json: *const c_char,
    /// `REC_CONSENT_…`
    pub consent: i32,
    /// Always 0.
    pub reserved2: u32,
    /// Who or what gave or refused the consent.
    pub consent_source: *const c_char,
    /// Since when the consent or the refusal holds: Unix time in milliseconds, or 0.
    pub consent_from_ms: i64,
    /// When the host reported it: Unix time in milliseconds, or 0.
    pub consent_at_ms: i64,
    /// The further ids of the call (`rec_call_info.related_call_id`), as a JSON array. "[]" if
    /// there are none.
    pub related_call_ids_json: *const c_char,
    /// The parties that are or were heard on the legs (`rec_call_parties`), as a JSON array of
    /// objects with `leg`, `from_ms`, `to_ms` unless the party is still there, and `party`. "[]"
    /// if there are none.
    pub parties_json: *const c_char,
}
