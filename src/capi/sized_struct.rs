//! The structs that carry their size, and their members. A host may have been built with an older or a
//! newer header, so its struct may end elsewhere than this library's, but not inside a member.

use std::ops::RangeInclusive;

use super::codec_types::rec_codec_ops;
use super::gateway_types::*;
use super::types::*;
use crate::types::{Error, Result, Status};

/// The valid range of `struct_size` in bytes.
const STRUCT_SIZES: RangeInclusive<usize> = 4..=4096;

/// A C struct of plain data that begins with its `struct_size`.
///
/// # Safety
/// `repr(C)`, first member `struct_size: u32`, and valid for any bit pattern.
pub unsafe trait SizedStruct: Copy {
    /// Where each member begins and ends, in bytes.
    const MEMBERS: &'static [(usize, usize)];

    /// Whether a host's struct of `size` bytes has this library's members, as far as it goes.
    fn is_valid_size(size: usize) -> bool {
        if size == size_of::<Self>() {
            return true;
        }
        let cuts = |(begin, end): &(usize, usize)| *begin < size && size < *end;
        STRUCT_SIZES.contains(&size) && !Self::MEMBERS.iter().any(cuts)
    }

    /// Fails if no header has such a struct. `name` is the argument.
    fn check_size(size: usize, name: &str) -> Result<()> {
        if Self::is_valid_size(size) {
            return Ok(());
        }
        let why = match STRUCT_SIZES.contains(&size) {
            true => "ends inside a member",
            false => "must be 4 to 4096",
        };
        Err(Error::new(
            Status::InvalidArgument,
            format!("{name}.struct_size {size}: {why}; use REC_INIT"),
        ))
    }
}

const fn span<T, M>(begin: usize, _member: fn(&T) -> &M) -> (usize, usize) {
    (begin, begin + size_of::<M>())
}

macro_rules! sized_structs {
    ($($type:ident { $($member:ident),* })*) => { $(
        // SAFETY: repr(C), begins with struct_size, made of integers, raw pointers
        // and optional function pointers only.
        unsafe impl SizedStruct for $type {
            const MEMBERS: &'static [(usize, usize)] =
                &[$(span(std::mem::offset_of!($type, $member), |all: &$type| &all.$member)),*];
        }
        // Does not compile if a member is missing above.
        const _: fn($type) = |all| {
            let $type { $($member: _),* } = all;
        };
    )* };
}
sized_structs! {
    rec_error { struct_size, status, reason, reserved, device_name, message }
    rec_caller { struct_size, level, username }
    rec_counts { struct_size, changed, already, refused }
    rec_line_info { struct_size, flags, device_name, directory_number }
    rec_call_info { struct_size, state, direction, reserved, tag, connected_at_ms, call_id, switch_call_id, device_name, directory_number, username, numeric_user_id, remote_first_name, remote_last_name, remote_phone_number, ani, dnis, call_type, attributes_json, consent, reserved2, consent_source, consent_from_ms, related_call_id }
    rec_feed_format { struct_size, codec, sample_rate, reserved, ahead_ms, channels }
    rec_codec_ops { struct_size, sample_rate, channels, frame_bytes, frame_samples, reserved, user_data, user_data_free, create, decode, conceal, destroy }
    rec_start_options { struct_size, flags, layout, pause_mode, max_duration_ms, lookback_ms, call_id, device_name, directory_number, format, callback_url, callback_method, keep_raw, reserved }
    rec_filter { struct_size, reserved, device_name, directory_number, username, numeric_user_id, call_id, switch_call_id, limit, reserved2, cursor }
    rec_statistics { struct_size, reserved, live_calls, live_recordings, finishing_recordings, frames_in, frames_lost, frames_ignored, bytes_out, bytes_dropped, backlog_bytes, events_dropped, worker_lag_us, free_bytes, recordings_deleted, uploads_pending, uploads_oldest_ms, uploads_done, uploads_failed, upload_removals_pending, cluster_connected, cluster_losses, cluster_recordings, cluster_commands, cluster_late_commands, cluster_pending_ends }
    rec_gateway_options { struct_size, port, address, flags, reserved, authenticate, user_data, user_data_free }
    rec_http_request { struct_size, reserved, method, target, headers, body, body_size, source }
    rec_credentials { struct_size, scheme, name, secret, source }
    rec_identity { struct_size, level, username, signature_key }
    rec_subscribe_options { struct_size, flags }
    rec_chain_head { struct_size, reserved, sequence, waiting, dropped, hash }
    rec_audit_report { struct_size, reserved, sequence, lines_after_head, unfinished, unfinished_bytes, dropped, hash }
}
