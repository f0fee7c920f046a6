//! A codec of the host for tests: a payload holds the differences between samples, in network byte
//! order, so that each sample depends on all payloads before it.

use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use callrec::capi::*;
use callrec_testkit::gate::Gate;

use crate::support::*;

/// What the host's functions do and have seen.
#[derive(Default)]
pub struct HostSide {
    /// `decode` waits here for a payload that begins with this difference.
    pub gate: Gate,
    pub hangs_at: Option<i16>,
    /// Payloads that begin with these differences are refused.
    pub refuses: Vec<i16>,
    /// Payloads that begin with these differences report too many samples.
    pub exaggerates: Vec<i16>,
    /// The second halves of payloads that begin with these differences are left out.
    pub shortens: Vec<i16>,
    /// `conceal` fails.
    pub hides_nothing: bool,
    /// `create` fails this many times.
    pub fails: AtomicUsize,
    /// `decode` tries to close this engine, and notes the status.
    pub closes: Mutex<Option<rec_engine>>,
    pub close_status: Mutex<Option<rec_status>>,
    pub created: AtomicUsize,
    pub destroyed: AtomicUsize,
    pub freed: AtomicUsize,
    /// Rate, channels and fmtp of each state.
    pub parameters: Mutex<HashSet<(u32, u32, Option<String>)>>,
    /// The thread of the functions.
    pub threads: Mutex<HashSet<std::thread::ThreadId>>,
}

struct State {
    host: Arc<HostSide>,
    channels: usize,
    values: Vec<i16>,
}

unsafe extern "C" fn create(host: *mut c_void, rate: u32, channels: u32, fmtp: *const c_char) -> *mut c_void {
    let host = unsafe {
        Arc::increment_strong_count(host.cast::<HostSide>());
        Arc::from_raw(host.cast::<HostSide>())
    };
    let fmtp = (!fmtp.is_null()).then(|| unsafe { CStr::from_ptr(fmtp) }.to_str().unwrap().to_owned());
    host.parameters.lock().unwrap().insert((rate, channels, fmtp));
    host.threads.lock().unwrap().insert(std::thread::current().id());
    let fails = |left: usize| left.checked_sub(1);
    if host.fails.fetch_update(SeqCst, SeqCst, fails).is_ok() {
        return std::ptr::null_mut();
    }
    host.created.fetch_add(1, SeqCst);
    Box::into_raw(Box::new(State {
        host,
        channels: channels as usize,
        values: vec![0; channels as usize],
    }))
    .cast()
}

unsafe extern "C" fn decode(
    state: *mut c_void,
    payload: *const u8,
    size: usize,
    samples: *mut i16,
    capacity: usize,
    count: *mut usize,
) -> rec_status {
    let state = unsafe { &mut *state.cast::<State>() };
    let payload = unsafe { std::slice::from_raw_parts(payload, size) };
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, capacity * state.channels) };
    let differences: Vec<i16> = payload
        .chunks_exact(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let Some(first) = differences.first() else {
        return REC_ERR_INVALID_ARGUMENT;
    };
    if state.host.hangs_at == Some(*first) {
        state.host.gate.pass();
    }
    if let Some(engine) = state.host.closes.lock().unwrap().take() {
        let status = unsafe { rec_close(engine, 1000, std::ptr::null_mut()) };
        *state.host.close_status.lock().unwrap() = Some(status);
    }
    if state.host.refuses.contains(first) {
        return REC_ERR_INVALID_ARGUMENT;
    }
    for (n, difference) in differences.iter().enumerate() {
        let value = &mut state.values[n % state.channels];
        *value = value.wrapping_add(*difference);
        samples[n] = *value;
    }
    let found = match differences.len() / state.channels {
        found if state.host.shortens.contains(first) => found / 2,
        found => found,
    };
    let exaggerates = state.host.exaggerates.contains(first);
    unsafe { count.write(if exaggerates { capacity + 1 } else { found }) };
    REC_OK
}

/// What `conceal` writes, unless `HostSide::hides_nothing`.
pub const CONCEALED: i16 = 7777;

unsafe extern "C" fn conceal(state: *mut c_void, samples: *mut i16, count: usize) -> rec_status {
    let state = unsafe { &mut *state.cast::<State>() };
    if state.host.hides_nothing {
        return REC_ERR_UNSUPPORTED;
    }
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, count * state.channels) };
    samples.fill(CONCEALED);
    REC_OK
}

unsafe extern "C" fn destroy(state: *mut c_void) {
    let state = unsafe { Box::from_raw(state.cast::<State>()) };
    state.host.destroyed.fetch_add(1, SeqCst);
}

unsafe extern "C" fn free(host: *mut c_void) {
    let host = unsafe { Arc::from_raw(host.cast::<HostSide>()) };
    host.freed.fetch_add(1, SeqCst);
}

/// The functions of a codec, whose `user_data` is `host`. Must be registered, or released.
pub fn ops(host: &Arc<HostSide>) -> rec_codec_ops {
    let mut ops: rec_codec_ops = init();
    ops.user_data = Arc::into_raw(host.clone()).cast_mut().cast();
    ops.user_data_free = Some(free);
    ops.create = Some(create);
    ops.decode = Some(decode);
    ops.conceal = Some(conceal);
    ops.destroy = Some(destroy);
    ops
}

/// Registers a codec. Returns its value.
pub fn register(engine: rec_engine, name: &str, ops: &rec_codec_ops) -> AbiResult<i32> {
    let (name, mut codec) = (CText::from(name), 0);
    checked(|e| unsafe { rec_codec_register(engine, name.ptr(), ops, &mut codec, e) })?;
    Ok(codec)
}

/// Registers a codec whose frames have 2 bytes and 1 sample.
pub fn register_plain(engine: rec_engine, name: &str, host: &Arc<HostSide>) -> i32 {
    let mut ops = ops(host);
    (ops.frame_bytes, ops.frame_samples) = (2, 1);
    register(engine, name, &ops).unwrap()
}

pub fn describe(feed: rec_feed, text: &str) -> AbiResult<()> {
    let text = CText::from(text);
    checked(|e| unsafe { rec_feed_sdp(feed, text.ptr(), e) })
}

/// Packets of the codec with these samples.
pub fn payloads(samples: &[i16], of: usize) -> Vec<Vec<u8>> {
    let mut before = 0i16;
    let code = |sample: &i16| {
        let difference = sample.wrapping_sub(std::mem::replace(&mut before, *sample));
        difference.to_be_bytes()
    };
    let bytes: Vec<u8> = samples.iter().flat_map(code).collect();
    bytes.chunks(2 * of).map(<[u8]>::to_vec).collect()
}

/// The samples of a decoder that begins with these payloads.
pub fn decoded(payloads: &[Vec<u8>]) -> Vec<i16> {
    let mut value = 0i16;
    let differences = payloads.iter().flat_map(|payload| payload.chunks_exact(2));
    differences
        .map(|pair| {
            value = value.wrapping_add(i16::from_be_bytes([pair[0], pair[1]]));
            value
        })
        .collect()
}

/// Samples that do not repeat within a few seconds; none is 0.
pub fn noise(seed: u32, count: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 18) as i16) | 1
        })
        .collect()
}

/// Asserts that samples are equal, and names the first that differs.
pub fn assert_same(found: &[i16], expected: &[i16]) {
    let differs = found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found != expected);
    assert_eq!(differs.map(|at| (at, found[at], expected[at])), None);
    assert_eq!(found.len(), expected.len());
}
