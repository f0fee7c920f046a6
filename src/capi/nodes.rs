//! Listing and controlling the recordings of all nodes of a cluster.

use std::ffi::c_char;
use std::time::Duration;

use super::convert::{
    OutputStruct, TEXT_MAX, caller, counts_of, invalid, not_null, operation_of, str_of, text,
};
use super::guard::{run_always, run_with_memory};
use super::list::{filter_of, rec_snapshot};
use super::types::*;
use crate::handles::Handle;

#[cfg(not(feature = "cluster"))]
use super::nodes_disabled as backend;
#[cfg(feature = "cluster")]
use super::nodes_enabled as backend;

/// The cluster's part of the statistics, and of the gateway.
use backend::NodeRecorder;
pub(super) use backend::{gateway_recorder, statistics};

/// Lists the live recordings of all nodes of a cluster that match a filter, the newest last.
///
/// The recordings of this engine are listed as by `rec_list`. Those of other nodes are listed as
/// their nodes have written them to Redis, usually within a tenth of a second of each change; their
/// lengths are computed by the clock. The recordings of a node whose lease has expired are
/// listed with `rec_recording.unreachable`, until `cluster.grace_ms` is over. A list with
/// `rec_filter.limit` is a page; recordings that start or end between two pages may be in one of
/// them or in none, and all others are in exactly one. A list of more than 250000 recordings of
/// other nodes fails with `REC_ERR_LIMIT`; read it in pages.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself. Below level 10,
///   `filter->username` must be the caller's own.
/// @param filter The filter, or NULL for all recordings.
/// @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
/// @param[out] snapshot The list. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: for Redis, at most about `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `filter`
/// remain the caller's.
/// Errors: `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build lacks the feature
/// `cluster`), `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (the username of the filter is not
/// the caller's), `REC_ERR_UNAVAILABLE` (Redis cannot be reached, or has lost its data and is being
/// filled again; or the engine is closing), `REC_ERR_TIMEOUT`, `REC_ERR_IN_CALLBACK`,
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`,
/// `REC_ERR_LIMIT` (the list is too long, or there is no memory for it).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_cluster_list(
    engine: rec_engine,
    caller: *const rec_caller,
    filter: *const rec_filter,
    timeout_ms: u32,
    snapshot: *mut *mut rec_snapshot,
    error: *mut rec_error,
) -> rec_status {
    if let Some(status) = backend::refused(engine, None, error) {
        return status;
    }
    run_with_memory(error, || {
        let recorder = NodeRecorder::of(Handle(engine.id), timeout_of(timeout_ms))?;
        let out = not_null(snapshot, "snapshot")?;
        // SAFETY: structs or NULL, by the rules of the API.
        let (caller, (filter, range)) = unsafe { (self::caller(caller)?, filter_of(filter)?) };
        let (views, cursor) = recorder.page(&caller, &filter, &range)?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(rec_snapshot::into_raw_snapshot(views, cursor)) };
        Ok(())
    })
}

/// Finds a recording of any node of a cluster by its id. A recording of this engine is found as by
/// `rec_get`, and one of another node while it is live.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
/// @param[out] snapshot A snapshot with that one recording. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: for Redis, at most about `timeout_ms`. Not at all for a recording of this engine.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `id` remain
/// the caller's.
/// Errors: those of `rec_get`, and `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build
/// lacks the feature `cluster`), `REC_ERR_UNAVAILABLE` (Redis cannot be reached),
/// `REC_ERR_TIMEOUT`, `REC_ERR_IN_CALLBACK`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_cluster_get(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    timeout_ms: u32,
    snapshot: *mut *mut rec_snapshot,
    error: *mut rec_error,
) -> rec_status {
    if let Some(status) = backend::refused(engine, None, error) {
        return status;
    }
    run_with_memory(error, || {
        let recorder = NodeRecorder::of(Handle(engine.id), timeout_of(timeout_ms))?;
        let out = not_null(snapshot, "snapshot")?;
        // SAFETY: a struct or NULL, a string or NULL, by the rules of the API.
        let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
        let view = recorder.get(&caller, id.unwrap_or_default())?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(rec_snapshot::into_raw_snapshot(vec![view], Default::default())) };
        Ok(())
    })
}

/// Controls a recording of any node of a cluster: stops, discards, pauses or resumes it.
///
/// The node that has the recording applies its own rules, in the same order as the functions for
/// one engine, and writes the line of its audit log. If several nodes stop the same recording,
/// exactly one of them gets `REC_OK`. After `REC_ERR_TIMEOUT`, a node that was stopped or cut off
/// does not carry out the request any more when it goes on; in rare cases it has carried it out,
/// and only its response came too late.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param operation `REC_CONTROL_…`
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: for Redis and the node that has the recording, at most about `timeout_ms`. Not at all
/// for a recording of this engine.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: all arguments remain the caller's.
/// Errors: those of `rec_stop_by_id`, `rec_discard_by_id`, `rec_pause_by_id` or
/// `rec_resume_by_id`, and `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build lacks the
/// feature `cluster`), `REC_ERR_UNAVAILABLE` (the node or Redis cannot be reached),
/// `REC_ERR_TIMEOUT` (the node did not respond in time), `REC_ERR_IN_CALLBACK`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_cluster_control_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: i32,
    id: *const c_char,
    timeout_ms: u32,
    error: *mut rec_error,
) -> rec_status {
    if let Some(status) = backend::refused(engine, Some(operation), error) {
        return status;
    }
    run_always(error, || {
        let operation = operation_of(operation)?;
        let recorder = NodeRecorder::of(Handle(engine.id), timeout_of(timeout_ms))?;
        // SAFETY: a struct or NULL, a string or NULL, by the rules of the API.
        let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
        recorder.control_by_id(&caller, operation, id.unwrap_or_default())
    })
}

/// Controls every live recording on a line, on all nodes of a cluster: stops, discards, pauses or
/// resumes it.
///
/// `counts` has the sums of all nodes. If no recording changed, the status is that of the newest
/// recording, as on one node, or `REC_ERR_UNAVAILABLE` or `REC_ERR_TIMEOUT` if a node that has
/// such recordings did not respond. If this engine changed recordings of its own and Redis cannot be
/// reached, the status is `REC_OK`. Only recordings are looked for on other nodes, so a call
/// that is not recorded counts on its own node only.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param operation `REC_CONTROL_…`
/// @param device_name The device name of the line, or NULL.
/// @param directory_number The directory number of the line, or NULL. At least one of the two
///   is needed. If both are given, the line must have both.
/// @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
/// @param[out] counts How many recordings changed, were already in the requested state, or were
///   refused. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: for Redis and the nodes that have recordings on the line, at most about `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: all arguments remain the caller's.
/// Errors: those of `rec_stop_by_device`, `rec_discard_by_device`, `rec_pause_by_device` or
/// `rec_resume_by_device`, and `REC_ERR_UNSUPPORTED`, `REC_ERR_UNAVAILABLE`, `REC_ERR_TIMEOUT` and
/// `REC_ERR_IN_CALLBACK` as for `rec_cluster_control_by_id`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_cluster_control_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: i32,
    device_name: *const c_char,
    directory_number: *const c_char,
    timeout_ms: u32,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    if let Some(status) = backend::refused(engine, Some(operation), error) {
        return status;
    }
    run_always(error, || {
        let operation = operation_of(operation)?;
        let recorder = NodeRecorder::of(Handle(engine.id), timeout_of(timeout_ms))?;
        // SAFETY: structs or NULL, strings or NULL, by the rules of the API.
        let (out, caller, device, number) = unsafe {
            (
                OutputStruct::new(counts, "counts")?,
                self::caller(caller)?,
                text(device_name, "device_name")?,
                text(directory_number, "directory_number")?,
            )
        };
        let done = recorder.control_by_line(&caller, operation, &device, &number)?;
        out.write(&counts_of(done));
        Ok(())
    })
}

/// Controls all live recordings of the calls with an id, on all nodes of a cluster, or one of these
/// recordings: stops, discards, pauses or resumes them. The results of the nodes are put together
/// as for `rec_cluster_control_by_device`.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param operation `REC_CONTROL_…`
/// @param call_id The id of the calls. Must not be absent.
/// @param url The URL of one recording (`rec_recording.url`), or NULL for all.
/// @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
/// @param[out] counts How many recordings changed, were already in the requested state, or were
///   refused. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: for Redis and the nodes that have recordings of the calls, at most about `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: all arguments remain the caller's.
/// Errors: those of `rec_stop_by_call`, `rec_discard_by_call`, `rec_pause_by_call` or
/// `rec_resume_by_call`, and `REC_ERR_UNSUPPORTED`, `REC_ERR_UNAVAILABLE`, `REC_ERR_TIMEOUT` and
/// `REC_ERR_IN_CALLBACK` as for `rec_cluster_control_by_id`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_cluster_control_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: i32,
    call_id: *const c_char,
    url: *const c_char,
    timeout_ms: u32,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    if let Some(status) = backend::refused(engine, Some(operation), error) {
        return status;
    }
    run_always(error, || {
        let operation = operation_of(operation)?;
        let recorder = NodeRecorder::of(Handle(engine.id), timeout_of(timeout_ms))?;
        if call_id.is_null() {
            return Err(invalid("call_id is NULL"));
        }
        // SAFETY: structs or NULL, strings or NULL, by the rules of the API.
        let (out, caller, call_id, url) = unsafe {
            (
                OutputStruct::new(counts, "counts")?,
                self::caller(caller)?,
                text(call_id, "call_id")?,
                text(url, "url")?,
            )
        };
        // NULL and "" mean the same.
        let url = (!url.is_empty()).then_some(&url);
        let done = recorder.control_by_call(&caller, operation, &call_id, url)?;
        out.write(&counts_of(done));
        Ok(())
    })
}

/// `None`: the configured one.
fn timeout_of(timeout_ms: u32) -> Option<Duration> {
    (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms.into()))
}
