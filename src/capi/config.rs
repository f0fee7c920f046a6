//! Configuration objects.

use std::ffi::c_char;
use std::io::Read;

use super::convert::{PATH_MAX, not_null, str_of};
use super::guard::{catch_faults_or, run_with_memory};
use super::types::*;
use crate::settings::Settings;
use crate::text::{brief, one_line};
use crate::words::{Error, Result, Status};

/// Settings for `rec_open`. Opaque.
pub struct rec_config(Settings);

/// Creates a configuration in which every key has its default value.
///
/// @param[out] config The new configuration. Must not be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the caller owns the configuration until `rec_config_free`.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (`config` is NULL).
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_config_new(config: *mut *mut rec_config) -> rec_status {
    run_with_memory(std::ptr::null_mut(), || {
        let out = not_null(config, "config")?;
        let created = Box::into_raw(Box::new(rec_config(Settings::default())));
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(created) };
        Ok(())
    })
}

/// Sets one key.
///
/// The keys, with their defaults:
///
/// - `storage.directory` (`recordings`): where files go, 1 to 3000 bytes; made if it is not
///   there; one engine at a time holds it
/// - `storage.name` (`{date}_{time}_{id}`): template of a file's name without its
///   extension, at most 500 bytes: {id} {call_id} {device} {number} {user} {remote} {ani}
///   {dnis} {date} {time} {host} {contact_center} {layout} {attr:KEY} {gsip_rec_fn}
///   {gsip_host}; "/" makes directories
/// - `storage.host` (empty): the {host} of a name, at most 255 bytes
/// - `storage.flush_ms` (`700`): how often a recording's audio goes to its file, 100 to
///   10000 ms
/// - `storage.durability` (`finish`): "process" never syncs; "finish" syncs what is
///   published before its terminal event; "power" also syncs what is in progress, before
///   its STARTED event and then as storage.sync_interval_ms says
/// - `storage.sync_interval_ms` (`1000`): with "power", a power cut loses at most this much
///   audio while the disk keeps up, 100 to 60000 ms; less than storage.flush_ms + 180 needs
///   a shorter storage.flush_ms as well
/// - `storage.digest` (`sha256`): "sha256" or "none", of the finished file, in its manifest
/// - `storage.backlog_ms` (`15000`): audio of one recording that may wait for a slow disk,
///   1000 to 600000 ms; beyond it blocks are dropped and counted
/// - `storage.backlog_bytes` (`536870912`): the same for all recordings together, at least
///   1048576 bytes
/// - `storage.max_open_files` (`0`): how many recordings keep their file open, 0 to
///   1000000; beyond it each block is open-append-close; 0: half of the process's soft
///   limit
/// - `storage.min_free_bytes` (`104857600`): below so much free room no recording is
///   started (REC_ERR_NO_SPACE)
/// - `media.clock` (`real`): "real": time is the wall's; "stream": time is the media's own,
///   for replays and tests, faster than real time
/// - `media.reorder_ms` (`60`): how long a late packet is waited for, 0 to 1000 ms
/// - `media.leg_wait_ms` (`2000`): stream time: how far one leg may run ahead of the other,
///   100 to 60000 ms of media
/// - `media.workers` (`0`): media threads, 0 to 64; 0: half the cores, at least one
/// - `media.overflow_bytes` (`268435456`): memory, shared by all feeds, that takes what a
///   feed's ring cannot hold, 0 to 68719476736 bytes; in real time, enough of it is kept
///   ready for a burst of 5 s on every open feed, up to this limit
/// - `media.ahead_bytes` (`268435456`): audio that hosts may write ahead of the clock in
///   all feeds together, 0 to 68719476736 bytes; a feed whose ahead_ms does not fit is
///   refused with REC_ERR_LIMIT
/// - `media.silent_ms` (`10000`): a connected leg without decoded audio for this long
///   raises REC_EVENT_LEG_SILENT once, 0 to 86400000 ms; 0: never
/// - `calls.hold_audio` (`keep`): audio that is fed while its call is held: "keep" records
///   it, "silence" does not
/// - `calls.max` (`0`): live calls at most; 0: no limit
/// - `calls.idle_ms` (`14400000`): a call without media for so long has been forgotten, and
///   is ended; 0: never
/// - `recordings.max` (`0`): live recordings at most; 0: no limit
/// - `recordings.max_per_call` (`16`): live recordings of one call at which a caller below
///   level 10 may start no more; 0: no limit
/// - `lines.strict` (`false`): "true": a line without a mark is not monitorable
/// - `audit.enabled` (`true`): "true": every start, pause, resume, stop, discard, download,
///   deletion and refusal has a line in the storage directory's audit log
/// - `recording.format` (`wav`): of automatic recordings, and of those that an HTTP API
///   starts without a word for it: "wav", "wav-ulaw", "wav-alaw", "au", "au-ulaw",
///   "au-alaw"
/// - `recording.layout` (`stereo`): of automatic recordings, and of those that an HTTP API
///   starts without a word for it: "stereo", "mono", "local", "remote"
/// - `recording.pause_mode` (`silence`): of automatic recordings, and of those that an HTTP
///   API starts without a word for it: "silence" or "skip"
/// - `recording.max_duration_ms` (`0`): of automatic recordings, and of those that an HTTP
///   API starts without a word for it, 0 to 4294967295 ms; 0: no limit
/// - `recording.sample_rate` (`0`): of every "wav" and "au" file, 8000 to 48000 Hz; 0: that
///   of the first audio
/// - `recording.url_base` (empty): put before "ID.EXTENSION" to make a recording's url, at
///   most 1000 bytes
/// - `gateway.apis` (`imagicle,genesys,vobiz`): which of the published HTTP APIs are
///   offered, with commas: imagicle, genesys, vobiz, plivo
/// - `gateway.public_url` (empty): scheme, host and path prefix that clients see, for the
///   urls in answers; empty: http:// and the address that the gateway listens on
/// - `gateway.url_lifetime_ms` (`0`): how long the urls of recordings in answers and
///   callbacks lead to the audio without a login, 0 to 31622400000 ms: they carry their end
///   and a signature; 0: never
/// - `gateway.threads` (`2`): threads that answer requests, 1 to 64
/// - `gateway.max_connections` (`4096`): open connections at most, 1 to 1000000, and never
///   more than a quarter of the files that the process may have open; one more is answered
///   503 and closed
/// - `gateway.max_connections_per_source` (`1024`): of them from one address (IPv6: from
///   one /64), 1 to 1000000, and never the last eighth; gateway.trusted_proxies may have
///   all
/// - `gateway.max_header_bytes` (`16384`): a request's line and headers, 8192 to 1048576
///   bytes
/// - `gateway.max_body_bytes` (`65536`): a request's body, 1024 to 16777216 bytes
/// - `gateway.request_ms` (`10000`): time for a client to send a request, and for each
///   piece of an answer to leave, 100 to 600000 ms
/// - `gateway.json_depth` (`32`): how deep a request's JSON may be nested, 4 to 100
/// - `gateway.auth_delay_ms` (`100`): after a failed try the next one of that name from
///   that source waits so long, and twice as long after each further one, 0 to 60000 ms; 0:
///   nobody is slowed down
/// - `gateway.auth_delay_max_ms` (`5000`): but never longer than this, 0 to 600000 ms; who
///   would have to is answered 503
/// - `gateway.auth_parallel` (`64`): how often rec_authenticate_fn runs at the same time,
///   half of it for one source, 2 to 1000; others wait their turn
/// - `gateway.archive_parallel` (`16`): requests that look for finished recordings at the
///   same time, 1 to 256; others wait their turn
/// - `gateway.trusted_proxies` (empty): addresses, with commas, whose X-Forwarded-For says
///   who the source is
/// - `callbacks.allow` (empty): where callbacks may go, with commas: scheme://host or
///   scheme://host:port, "*." before a domain takes its subdomains, ":*" any port; empty:
///   nowhere
/// - `callbacks.timeout_ms` (`3000`): a receiver must have answered by then, 100 to 600000
///   ms
/// - `callbacks.retry_ms` (`1000`): pause before the second try, doubled before each
///   further one, 10 to 3600000 ms
/// - `callbacks.retry_max_ms` (`300000`): the longest pause between two tries, 10 to
///   86400000 ms
/// - `callbacks.give_up_ms` (`86400000`): a callback that was not answered for so long is
///   given up, and logged; 0: never
/// - `callbacks.parallel` (`16`): receivers that are called at the same time, 1 to 1000
/// - `vobiz.signature_v3` (`page`): what X-Vobiz-Signature-V3 of a callback covers beside
///   the nonce: "page", as Vobiz's pages say, the URL without its query; "sdk", as the SDKs
///   of Vobiz and Plivo compute it, the URL, its query and all fields
/// - `plivo.signature_v3` (`sdk`): the same for X-Plivo-Signature-V3
/// - `gateway.imagicle_path` (`/fw/Apps/Recorder/WebAPI`): where the Imagicle API begins, 1
///   to 200 bytes that begin with "/"
/// - `imagicle.cors_origins` (empty): sites whose pages may use the Imagicle API in a
///   browser, with commas: scheme://host or scheme://host:port; empty: none
/// - `gateway.genesys_path` (`/api/v2`): where the Genesys API begins, 1 to 200 bytes that
///   begin with "/"
/// - `gateway.cometd_path` (`/genesys/cometd`): where Genesys clients find CometD, in the
///   same form
/// - `genesys.csrf` (`false`): "true": POST, PUT and DELETE need the token and the cookie
///   that GET /me gives
/// - `genesys.capabilities`
///   (`UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup`):
///   capabilities of a call, with commas, before those of recording
/// - `genesys.contact_center_id` (`<cont_center_id>`): the last field of GSIP_REC_FN,
///   percent-encoded there, at most 255 bytes
/// - `genesys.cors_origins` (empty): sites whose pages may use the Genesys API and CometD
///   in a browser, with commas: scheme://host or scheme://host:port; empty: none
/// - `cometd.timeout_ms` (`30000`): how long a /meta/connect is held, 100 to 600000 ms
/// - `cometd.session_ms` (`10000`): a session without a /meta/connect for so long is
///   forgotten, 100 to 600000 ms
/// - `cometd.max_sessions` (`10000`): sessions at most, 1 to 1000000
/// - `cometd.max_sessions_per_user` (`100`): of them one user's, 1 to 1000000; one more
///   ends the one of theirs that has not been polled for longest, and is refused if all are
///   being polled
/// - `cometd.max_sessions_per_browser` (`1`): sessions of one browser, told by its cookie,
///   that have a /meta/connect held at the same time, 1 to 1000000; others poll
/// - `cometd.multi_session_interval_ms` (`2000`): how often those others poll, 50 to 60000
///   ms, and never less often than twice in cometd.session_ms
/// - `cometd.max_queue` (`1000`): messages that wait for one session, 10 to 1000000; with
///   one more it is forgotten, and its client must shake hands again
/// - `cometd.max_queue_bytes` (`4194304`): the same in bytes, 65536 to 1073741824; a single
///   message may be longer
/// - `gateway.vobiz_path` (`/api/v1`): where the Vobiz API begins, 1 to 200 bytes that
///   begin with "/"
/// - `vobiz.cors_origins` (empty): sites whose pages may use the Vobiz API and the audio of
///   recordings in a browser, with commas: scheme://host or scheme://host:port; empty: none
/// - `gateway.plivo_path` (`/v1`): where the Plivo look-alike begins, 1 to 200 bytes that
///   begin with "/"
/// - `plivo.cors_origins` (empty): sites whose pages may use the Plivo look-alike and the
///   audio of recordings in a browser, with commas: scheme://host or scheme://host:port;
///   empty: none
///
/// @param config The configuration. Must not be NULL.
/// @param key The name of the key. Must not be NULL.
/// @param value The new value. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, but one at a time for a configuration.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_CONFIG` (the key is unknown, or its value is out of range: the message
/// names both, and nothing changes), `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_config_set(
    config: *mut rec_config,
    key: *const c_char,
    value: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let config = not_null(config, "config")?;
        // SAFETY: strings or NULL, by the rules of the API.
        let (key, value) = unsafe { (str_of(key, "key", PATH_MAX)?, str_of(value, "value", PATH_MAX)?) };
        let key = key.ok_or_else(|| Error::new(Status::InvalidArgument, "key is NULL"))?;
        let value = value.ok_or_else(|| Error::new(Status::InvalidArgument, "value is NULL"))?;
        // SAFETY: rec_config_new created it, it is not freed, and no other thread uses it.
        unsafe { &mut *config }.0.set(key, value)
    })
}

/// Sets keys from a JSON file.
///
/// The file holds one object, either flat (`"media.clock": "stream"`) or nested (`"media":
/// {"clock": "stream"}`). If a key or a value is wrong, no key of the file is set.
///
/// @param config The configuration. Must not be NULL.
/// @param path The path of the file. Must not be NULL. The file has at most 1 MiB.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, but one at a time for a configuration.
/// Blocking: reads the file.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_IO` (the file cannot be read), `REC_ERR_CONFIG` (the file does not hold
/// such an object, or a key or a value is wrong), `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_config_load(
    config: *mut rec_config,
    path: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let config = not_null(config, "config")?;
        // SAFETY: a string or NULL, by the rules of the API.
        let path = unsafe { str_of(path, "path", PATH_MAX) }?;
        let path = path.ok_or_else(|| Error::new(Status::InvalidArgument, "path is NULL"))?;
        let json = load(path)?;
        // SAFETY: rec_config_new created it, it is not freed, and no other thread uses it.
        unsafe { &mut *config }.0.load(&json).map_err(|mut error| {
            error.message = format!("{} ({})", error.message, path_text(path, 50));
            error
        })
    })
}

const FILE_MAX: u64 = 1 << 20;

/// The path for a message, shortened to `limit` so that the message is not truncated.
fn path_text(path: &str, limit: usize) -> String {
    format!("path \"{}\"", brief(&one_line(path), limit))
}

fn load(path: &str) -> Result<String> {
    let named = path_text(path, 300);
    let io = |error| Error::io(&named, &error);
    // Checked before the file is opened, because opening a pipe would block.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::new(Status::Io, format!("{named}: not a regular file")));
    }
    let mut json = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(FILE_MAX + 1).read_to_end(&mut json).map_err(io)?;
    let config_error = |reason: String| Error::new(Status::Config, format!("{named}: {reason}"));
    if json.len() as u64 > FILE_MAX {
        return Err(config_error(format!("the file has more than {FILE_MAX} bytes")));
    }
    String::from_utf8(json).map_err(|error| config_error(format!("the file is not UTF-8: {error}")))
}

/// Frees a configuration. An engine that was opened with it has its own copy.
///
/// @param config The configuration. NULL is allowed.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the configuration no longer exists.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_config_free(config: *mut rec_config) {
    catch_faults_or((), || {
        if !config.is_null() {
            // SAFETY: rec_config_new created it, and it is not freed.
            drop(unsafe { Box::from_raw(config) });
        }
    });
}

impl rec_config {
    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }
}
