//! Deleting recordings, and legal holds that forbid it.

use std::ffi::c_char;

use super::convert::{TEXT_MAX, caller, invalid, str_of};
use super::guard::run_with_memory;
use super::recorder_of;
use super::types::*;

/// Deletes a finished recording: its audio, its kept packets, its manifest, its sidecars and
/// its pending jobs, such as a callback. Directories of `storage.name` that are empty then go
/// too, because their names may say who called. The audit log gets a line with the caller, the
/// time and the recording's id, and with nothing of the call; lines that it has had before stay.
/// Backups and copies that others have made are not deleted. `REC_EVENT_DELETED` is delivered.
///
/// With the key `upload.url`, a job removes the uploaded objects later: it is on the disk when the
/// function returns, and is repeated until the store has removed them. Until then, `REC_OK` does
/// not mean that they are gone; `rec_statistics.upload_removals_pending` counts these jobs.
///
/// When the function returns `REC_OK`, the files are gone, also after a power cut, unless
/// `storage.durability` is "process". If the process dies before that, the next `rec_open`
/// completes the deletion. After `REC_ERR_IO` and `REC_ERR_NO_SPACE`, a part of the files may
/// be gone: another call, or the next `rec_open`, deletes the rest. If `REC_EVENT_FINISHED` or
/// `REC_EVENT_FAILED` of the recording is still owed, it is delivered, by a later process
/// without the call and the path.
///
/// An attempt at a callback that has begun before is not withdrawn. Who has opened the audio
/// before can read it to its end. The recording is searched for below the storage directory,
/// wherever its files were moved: first among the names that contain its id, then in all
/// manifests. So a deletion takes long in a large directory if `storage.name` does not contain
/// `{id}`, or if there is no such recording.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. Of several threads that delete the same recording, exactly one gets `REC_OK`,
/// and the others `REC_ERR_NOT_FOUND`.
/// Blocking: waits for the disk: reads directories and manifests, removes files and syncs. On
/// Windows, waits up to 2 s for a file that another process holds open, such as a virus scanner,
/// then fails with `REC_ERR_IO`. Never call it on a thread that passes in audio. Other functions
/// do not wait for it, except that `rec_close` does.
/// In callbacks: yes, but later events wait until the function returns.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_LIVE` (the
/// recording has not ended: stop it first; or its file is not published yet),
/// `REC_ERR_NOT_FOUND` (also for a recording that is deleted already), `REC_ERR_HELD`,
/// `REC_ERR_IO`, `REC_ERR_NO_SPACE`. Line policies do not matter: they concern live recordings.
/// Since: 0.2.0
/// Source: Vobiz, Delete a Recording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_delete(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a struct or NULL, a string or NULL, by the rules of the API.
        let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
        recorder_of(engine)?.delete(&caller, id.unwrap_or_default())
    })
}

/// Puts a recording under a legal hold, or releases it. While a recording is held, callrec
/// destroys nothing of it: `rec_delete` and the discards of all functions fail with
/// `REC_ERR_HELD`, deletions through an HTTP API are answered with 403, and a bulk deletion
/// leaves it out. If consent is refused with `consent.on_refusal` "discard", a held live
/// recording ends and is kept, as with "stop". A hold does not change what is recorded: pauses,
/// privacy and a stop are still possible.
///
/// The recording may be live, finishing or finished, also of an earlier process. The hold is
/// part of the recording: it lasts until it is released, whatever happens to the process, and
/// moves with the recording's files. `rec_recording.held` and the member `held` of the manifest
/// show it. Nobody else's access to the files is restricted. With the key `upload.hold_objects`,
/// the uploaded objects in S3 get the hold as well, by a job that is on the disk when the function
/// returns and that is repeated until the store has accepted it.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param on 1 holds the recording, 0 releases it. Holding a held recording, and releasing one
///   that is not held, succeed and change nothing.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: waits for the disk: when the function returns `REC_OK`, the hold or the release is
/// on the disk, as `storage.durability` says, and a power cut or a kill does not undo it. While
/// the recording is being published, also waits for that. Finds the recording as `rec_delete`
/// does, and waits like it for a manifest that another process holds open. Never call it on a
/// thread that passes in audio.
/// In callbacks: yes, but later events wait until the function returns.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_NOT_FOUND`
/// (also for a recording that is discarded), `REC_ERR_IO`, `REC_ERR_NO_SPACE`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_hold(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    on: u32,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a struct or NULL, a string or NULL, by the rules of the API.
        let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
        let on = match on {
            0 => false,
            1 => true,
            other => return Err(invalid(format!("on {other}: must be 0 or 1"))),
        };
        recorder_of(engine)?.hold(&caller, id.unwrap_or_default(), on)
    })
}
