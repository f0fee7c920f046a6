//! Starting a recording.

use super::convert::{
    TEXT_MAX, caller, flags, invalid, keep_raw, layout, not_null, pause_mode, read_required, str_of, text,
};
#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as backend;
#[cfg(feature = "gateway")]
use super::gateway_enabled as backend;
use super::guard::{run_with_memory, write_text};
use super::recorder_of;
use super::types::*;
use crate::calls::{Filter, RecordingSpec};
use crate::handles::{self, Handle};
use crate::recorder::Recorder;
use crate::storage::JobSpecs;
use crate::types::{AudioSpec, KeepRaw, Result, parse_format};
use uuid::Uuid;

/// Starts a recording of a call.
///
/// `REC_OK` means that the start is accepted. Then `REC_EVENT_STARTED` is delivered once the
/// file and its manifest exist, or `REC_EVENT_START_FAILED` if they cannot be created. Audio
/// that is passed in until then is part of the recording.
///
/// The call must be connected, not held or alerting. If several calls match, callrec chooses
/// the one that began first if `options->call_id` is given, and otherwise the one that was
/// connected last.
///
/// While the call is private, or waits for consent (`consent.required`), the start is accepted,
/// but no audio is recorded: the recording begins paused.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param options What to record, and how. Must not be NULL. A call id, a device name or a
///   directory number is needed.
/// @param[out] id The new recording's id. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never, except that the first start in "mp3" of a process loads a library. Without
/// the library, that is attempted again, at most once a second.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` and `REC_ERR_FORKED`; then,
/// in this order, `REC_ERR_UNAVAILABLE`, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_INVALID_MODE` (reason 2), `REC_ERR_UNSUPPORTED`,
/// `REC_ERR_INVALID_ARGUMENT` (`callback_url`), `REC_ERR_NOT_MONITORABLE` (reason 1),
/// `REC_ERR_AUTOMATIC` (reason 4; not with `REC_START_ADDITIONAL`), `REC_ERR_NO_CALL`,
/// `REC_ERR_CONSENT`, `REC_ERR_ALREADY_RECORDING` (not with `REC_START_ADDITIONAL`),
/// `REC_ERR_IO` (the path `storage.directory` no longer leads to the open directory),
/// `REC_ERR_NO_SPACE`, `REC_ERR_LIMIT`.
/// Since: 0.1.0
/// Source: Imagicle, Start Recording; Vobiz, Record a Call (which allows several recordings of
/// a call at a time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_start(
    engine: rec_engine,
    caller: *const rec_caller,
    options: *const rec_start_options,
    id: *mut rec_id,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_with_memory(error, || unsafe { start(engine, caller, options, id, false) })
}

/// Starts a recording of a call with all of the call's audio that is kept: from the beginning of
/// the call, or as far back as `media.lookback_ms` allows (Imagicle's Live Keep).
///
/// A call for which neither this function nor another start is used leaves nothing on the disk. The
/// function is `rec_start` with `REC_LOOKBACK_ALL` as `options->lookback_ms`.
/// `rec_recording.lookback_ms` of `REC_EVENT_STARTED` says how much there was from before.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param options What to record, and how. Must not be NULL. A call id, a device name or a
///   directory number is needed. `lookback_ms` must be 0 or `REC_LOOKBACK_ALL`.
/// @param[out] id The new recording's id. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never, except as `rec_start`.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: those of `rec_start`, and `REC_ERR_INVALID_ARGUMENT` for another `lookback_ms`.
/// Since: 0.2.0
/// Source: Imagicle, Live Keep.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_keep(
    engine: rec_engine,
    caller: *const rec_caller,
    options: *const rec_start_options,
    id: *mut rec_id,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_with_memory(error, || unsafe { start(engine, caller, options, id, true) })
}

/// # Safety
/// The arguments of `rec_start`.
unsafe fn start(
    engine: rec_engine,
    caller: *const rec_caller,
    options: *const rec_start_options,
    id: *mut rec_id,
    keeps: bool,
) -> Result<()> {
    let out = not_null(id, "id")?;
    // SAFETY: a rec_caller or NULL, by the rules of the API.
    let caller = unsafe { self::caller(caller) }?;
    // SAFETY: the caller's own pointer.
    let mut options = unsafe { read_options(options) }?;
    if keeps {
        if !matches!(options.lookback_ms, 0 | REC_LOOKBACK_ALL) {
            return Err(invalid(format!(
                "options.lookback_ms {}: must be 0 or REC_LOOKBACK_ALL",
                options.lookback_ms
            )));
        }
        options.lookback_ms = REC_LOOKBACK_ALL;
    }
    let recorder = recorder_of(engine)?;
    let (target, spec) = options.complete(&*recorder, engine);
    // SAFETY: not NULL, so it points to a writable rec_id.
    unsafe { write_id(out, recorder.start(&caller, &target, spec)?) };
    Ok(())
}

/// # Safety
/// `out` points to a writable rec_id.
pub(super) unsafe fn write_id(out: *mut rec_id, id: Uuid) {
    let mut text = rec_id { text: [0; 37] };
    write_text(&mut text.text, &id.to_string());
    // SAFETY: promised by the caller.
    unsafe { out.write(text) };
}

/// The contents of a `rec_start_options`.
pub(super) struct StartOptions<'a> {
    target: Filter,
    /// The recording as the options describe it; the engine's configuration adds the rest. An
    /// error is reported in its place in the order of checks.
    spec: Result<RecordingSpec>,
    /// `None`: as `recording.keep_raw` says.
    keep_raw: Option<KeepRaw>,
    callback_url: &'a str,
    callback_method: &'a str,
    lookback_ms: u32,
}

impl StartOptions<'_> {
    /// The target, and the recording with what the engine's configuration adds. An error is
    /// reported in its place in the order of checks.
    pub(super) fn complete(
        self,
        recorder: &dyn Recorder,
        engine: rec_engine,
    ) -> (Filter, Result<RecordingSpec>) {
        let spec = self.spec.and_then(|mut spec| {
            spec.audio.rate = recorder.file_rate(spec.audio.format);
            if self.keep_raw.is_none() {
                spec.keep_raw = recorder.default_spec(spec.audio.format).keep_raw;
            }
            spec.lookback_ms = self.lookback_ms;
            spec.jobs = callback_jobs(engine, self.callback_url, self.callback_method)?;
            Ok(spec)
        });
        (self.target, spec)
    }
}

/// The callback job that the options request; none if both texts are empty.
fn callback_jobs(engine: rec_engine, url: &str, method: &str) -> Result<JobSpecs> {
    if url.is_empty() && method.is_empty() {
        return Ok(JobSpecs::default());
    }
    let settings = handles::engine::gateway_settings(Handle(engine.id))?;
    backend::callback(settings.config(), url, method)
}

/// # Safety
/// `options` is NULL or points to a rec_start_options by the rules of `read`, whose strings
/// live as long as `'a`.
pub(super) unsafe fn read_options<'a>(options: *const rec_start_options) -> Result<StartOptions<'a>> {
    // SAFETY: promised by the caller.
    let given = unsafe { read_required(options, "options") }?;
    let known = REC_START_MANUAL_DIAL_IN | REC_START_ADDITIONAL;
    // SAFETY: strings or NULL, by the rules of the API.
    let (callback_url, callback_method, format) = unsafe {
        (
            str_of(given.callback_url, "options.callback_url", TEXT_MAX)?.unwrap_or_default(),
            str_of(given.callback_method, "options.callback_method", TEXT_MAX)?.unwrap_or_default(),
            str_of(given.format, "options.format", TEXT_MAX)?.unwrap_or_default(),
        )
    };
    if !matches!(callback_method, "" | "GET" | "POST") {
        return Err(invalid(format!(
            "options.callback_method \"{callback_method}\": must be GET or POST"
        )));
    }
    // SAFETY: strings or NULL, by the rules of the API.
    let target = unsafe {
        Filter {
            call_id: text(given.call_id, "options.call_id")?,
            device_name: text(given.device_name, "options.device_name")?,
            directory_number: text(given.directory_number, "options.directory_number")?,
            ..Filter::default()
        }
    };
    let flags = flags(given.flags, known, "options.flags")?;
    let (layout, pause_mode) = (layout(given.layout)?, pause_mode(given.pause_mode)?);
    let keep_raw = keep_raw(given.keep_raw)?;
    let spec = parse_format(format).map(|format| RecordingSpec {
        audio: AudioSpec {
            layout,
            format,
            pause_mode,
            max_duration_ms: given.max_duration_ms,
            rate: 0,
        },
        flags,
        keep_raw: keep_raw.unwrap_or_default(),
        lookback_ms: 0,
        jobs: JobSpecs::default(),
    });
    Ok(StartOptions {
        target,
        spec,
        keep_raw,
        callback_url,
        callback_method,
        lookback_ms: given.lookback_ms,
    })
}
