//! The parties that are heard on a leg of a call.

use std::ffi::c_char;

use serde_json::Value;

use super::call::call_of;
use super::convert::{ATTRIBUTES_MAX, TEXT_MAX, invalid, leg, str_of};
use super::guard::run_with_memory;
use super::types::*;
use crate::calls::Party;
use crate::json;
use crate::types::Result;

/// Parties of one leg at a time.
const PARTIES_MAX: usize = 256;
/// A call lists many parties, so each is small.
const MEMBERS_MAX: usize = 16;
/// An array of objects has two levels.
const DEPTH_MAX: u32 = 16;

/// Says which parties are heard on a leg of a call from now on.
///
/// One leg may carry several parties, for example a conference that a switch mixes, or a call that
/// is forwarded. The manifest's `call` lists in `parties` who was heard on which leg, and from when
/// to when; so does the vCon (`storage.sidecar`). A recording that begins later has the earlier
/// parties of its call, too. `REC_EVENT_CALL_UPDATED` reports a change, and
/// `rec_call_view.parties_json` has them all. The audio is not affected.
///
/// @param call The call.
/// @param leg `REC_LEG_…`. A feed of the leg need not be open.
/// @param parties_json All parties that are heard on the leg now: a JSON array of at most 256
///   objects with at most 16 members, whose values are strings of at most 1,023 bytes; at most
///   65,536 bytes in all. The members `name`, `number`, `uri` and `id` are recommended; others are
///   kept as well. A party that is the same as before stays with the time at which it came. NULL,
///   "" or "[]": nobody is.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (also for JSON of another form), `REC_ERR_BAD_HANDLE` (the
/// call has ended), `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_parties(
    call: rec_call,
    leg: i32,
    parties_json: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let leg = self::leg(leg)?;
        // SAFETY: a string or NULL, by the rules of the API.
        let text = unsafe { str_of(parties_json, "parties_json", ATTRIBUTES_MAX) }?;
        let parties = parties_of(text.unwrap_or_default())?;
        call_of(call)?.set_parties(leg, parties)
    })
}

fn parties_of(text: &str) -> Result<Vec<Party>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // Checked first, because the parser needs stack for each level.
    if json::nesting(text.as_bytes()) > DEPTH_MAX {
        return Err(invalid(format!("parties_json is nested deeper than {DEPTH_MAX}")));
    }
    let list: Vec<Value> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list,
        Ok(_) => return Err(invalid("parties_json is not a JSON array")),
        Err(error) => return Err(invalid(format!("parties_json: {error}"))),
    };
    if list.len() > PARTIES_MAX {
        return Err(invalid(format!(
            "parties_json has {} parties; the limit is {PARTIES_MAX}",
            list.len()
        )));
    }
    list.into_iter().map(party_of).collect()
}

fn party_of(value: Value) -> Result<Party> {
    let Value::Object(party) = value else {
        return Err(invalid("parties_json: a party is not a JSON object"));
    };
    if party.len() > MEMBERS_MAX {
        return Err(invalid(format!(
            "parties_json: a party has {} members; the limit is {MEMBERS_MAX}",
            party.len()
        )));
    }
    for (name, value) in &party {
        let Some(text) = value.as_str() else {
            return Err(invalid(format!("parties_json: \"{name}\" is not a string")));
        };
        if text.len() > TEXT_MAX {
            return Err(invalid(format!(
                "parties_json: \"{name}\" has {} bytes; the limit is {TEXT_MAX}",
                text.len()
            )));
        }
    }
    Ok(party)
}
