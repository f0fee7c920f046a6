//! Lists and look-ups of recordings, and the snapshots that they return.

use std::ffi::c_char;

use once_cell::sync::OnceCell;

use super::convert::{TEXT_MAX, caller, check_reserved, invalid, not_null, read, str_of, text};
use super::guard::{catch_faults_or, run_with_memory};
use super::recorder_of;
use super::recording::recording_of;
use super::types::*;
use crate::calls::{Filter, RecordingView};
use crate::gateway::imagicle::active;
use crate::memory;
use crate::text::Text;
use crate::types::Result;

/// Approximate size of one recording in a snapshot.
const BYTES_PER_RECORDING: u64 = 2048;

/// Recordings, as they were at one instant. Opaque.
pub struct rec_snapshot {
    views: Vec<RecordingView>,
    entries: Vec<OnceCell<Box<rec_recording>>>,
    /// Ends with a NUL.
    json: OnceCell<String>,
    /// Where the next page of a list over a cluster begins.
    cursor: Text,
}

impl rec_snapshot {
    pub(super) fn into_raw_snapshot(views: Vec<RecordingView>, cursor: Text) -> *mut rec_snapshot {
        let entries = views.iter().map(|_| OnceCell::new()).collect();
        Box::into_raw(Box::new(rec_snapshot {
            views,
            entries,
            json: OnceCell::new(),
            cursor,
        }))
    }
}

/// Lists the live recordings that match a filter, the newest last. If no recording matches, the
/// list is empty.
///
/// The list contains every matching recording that was started before the function was called,
/// and none that was stopped before.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself. Below level 10,
///   `filter->username` must be the caller's own.
/// @param filter The filter, or NULL for all recordings.
/// @param[out] snapshot The list. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never. A long list does not delay other functions.
/// In callbacks: yes.
/// Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `filter`
/// remain the caller's.
/// Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (the username of the filter is not
/// the caller's), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Get Active Recordings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_list(
    engine: rec_engine,
    caller: *const rec_caller,
    filter: *const rec_filter,
    snapshot: *mut *mut rec_snapshot,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(snapshot, "snapshot")?;
        // SAFETY: structs or NULL, by the rules of the API.
        let (caller, filter) = unsafe { (self::caller(caller)?, unpaged_filter_of(filter)?) };
        let recorder = recorder_of(engine)?;
        if filter.is_empty() {
            memory::require(recorder.statistics()?.live_recordings * BYTES_PER_RECORDING)?;
        }
        let views = recorder.list(&caller, &filter)?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(rec_snapshot::into_raw_snapshot(views, Text::default())) };
        Ok(())
    })
}

/// The part of a list that is asked for.
#[derive(Default)]
pub(super) struct ListRange {
    /// 0: all.
    pub limit: u32,
    pub cursor: Text,
}

/// # Safety
/// As for `filter_of`.
unsafe fn unpaged_filter_of(filter: *const rec_filter) -> Result<Filter> {
    // SAFETY: promised by the caller.
    let (filter, range) = unsafe { filter_of(filter) }?;
    if range.limit != 0 || !range.cursor.is_empty() {
        return Err(invalid("filter.limit and filter.cursor are for rec_cluster_list"));
    }
    Ok(filter)
}

/// # Safety
/// `filter` is NULL or points to a rec_filter by the rules of `read`.
pub(super) unsafe fn filter_of(filter: *const rec_filter) -> Result<(Filter, ListRange)> {
    // SAFETY: promised by the caller; strings or NULL.
    unsafe {
        let Some(given) = read(filter, "filter")? else {
            return Ok(Default::default());
        };
        check_reserved(given.reserved, "filter.reserved")?;
        check_reserved(given.reserved2, "filter.reserved2")?;
        let range = ListRange {
            limit: given.limit,
            cursor: text(given.cursor, "filter.cursor")?,
        };
        let filter = Filter {
            device_name: text(given.device_name, "filter.device_name")?,
            directory_number: text(given.directory_number, "filter.directory_number")?,
            username: text(given.username, "filter.username")?,
            numeric_user_id: text(given.numeric_user_id, "filter.numeric_user_id")?,
            call_id: text(given.call_id, "filter.call_id")?,
            switch_call_id: text(given.switch_call_id, "filter.switch_call_id")?,
        };
        Ok((filter, range))
    }
}

/// Finds a recording by its id. The recording must be live or finishing, or must have ended
/// less than a minute ago.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] snapshot A snapshot with that one recording. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `id` remain
/// the caller's.
/// Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a caller below level 10 owns no such
/// recording), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_NOT_LIVE` (there is no
/// such recording), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_get(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    snapshot: *mut *mut rec_snapshot,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(snapshot, "snapshot")?;
        // SAFETY: a struct or NULL, a string or NULL, by the rules of the API.
        let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
        let view = recorder_of(engine)?.get(&caller, id.unwrap_or_default())?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(rec_snapshot::into_raw_snapshot(vec![view], Text::default())) };
        Ok(())
    })
}

/// Returns the number of recordings in a snapshot.
///
/// @param snapshot The snapshot, or NULL for an empty one.
/// @return The number of recordings.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_snapshot_count(snapshot: *const rec_snapshot) -> usize {
    catch_faults_or(0, || {
        // SAFETY: NULL, or created by rec_list or rec_get and not freed.
        let snapshot = unsafe { snapshot.as_ref() };
        snapshot.map_or(0, |snapshot| snapshot.views.len())
    })
}

/// Returns one recording of a snapshot.
///
/// @param snapshot The snapshot, or NULL for an empty one.
/// @param index The index of the recording, from 0.
/// @return The recording, or NULL if `index` is past the end.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the recording lives as long as the snapshot.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_snapshot_get(
    snapshot: *const rec_snapshot,
    index: usize,
) -> *const rec_recording {
    catch_faults_or(std::ptr::null(), || {
        // SAFETY: NULL, or created by rec_list or rec_get and not freed.
        let snapshot = unsafe { snapshot.as_ref() };
        let found = snapshot.and_then(|s| Some((s.views.get(index)?, s.entries.get(index)?)));
        match found {
            Some((view, entry)) => &raw const **entry.get_or_init(|| Box::new(recording_of(view))),
            None => std::ptr::null(),
        }
    })
}

/// Returns a snapshot as Imagicle's JSON array of active recordings. Recordings that a line's
/// policy started also have `"automatic":true`.
///
/// @param snapshot The snapshot, or NULL for an empty one.
/// @return The array, never NULL. "[]" for an empty snapshot.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the string lives as long as the snapshot.
/// Errors: none.
/// Since: 0.1.0
/// Source: Imagicle, Get Active Recordings, response body.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_snapshot_json(snapshot: *const rec_snapshot) -> *const c_char {
    catch_faults_or(c"[]".as_ptr(), || {
        // SAFETY: NULL, or created by rec_list or rec_get and not freed.
        match unsafe { snapshot.as_ref() } {
            Some(snapshot) => {
                let make = || {
                    let mut json = active::active_recordings(&snapshot.views, active::ExtraMembers::Callrec);
                    json.push('\0');
                    json
                };
                snapshot.json.get_or_init(make).as_ptr().cast()
            }
            None => c"[]".as_ptr(),
        }
    })
}

/// Returns where the next page of a list over a cluster begins, for `rec_filter.cursor`.
///
/// @param snapshot The snapshot, or NULL for an empty one.
/// @return The cursor, never NULL. "" if this was the last page, and for a snapshot of another
///   function than `rec_cluster_list`.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the string lives as long as the snapshot.
/// Errors: none.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_snapshot_cursor(snapshot: *const rec_snapshot) -> *const c_char {
    catch_faults_or(c"".as_ptr(), || {
        // SAFETY: NULL, or created by a function that lists and not freed.
        let snapshot = unsafe { snapshot.as_ref() };
        snapshot.map_or(c"".as_ptr(), |snapshot| snapshot.cursor.as_cstr().as_ptr())
    })
}

/// Frees a snapshot, with all recordings and strings that came from it.
///
/// @param snapshot The snapshot. NULL is allowed.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the snapshot no longer exists.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_snapshot_free(snapshot: *mut rec_snapshot) {
    catch_faults_or((), || {
        if !snapshot.is_null() {
            // SAFETY: created by rec_list or rec_get, and not freed.
            drop(unsafe { Box::from_raw(snapshot) });
        }
    });
}
