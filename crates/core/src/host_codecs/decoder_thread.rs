//! The thread of a codec: calls the host's functions.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::codec_threads::{CodecThreads, RunningThread};
use super::decoder_queue::{DecoderQueue, PendingJobs};
use super::functions::{DecoderParameters, HostCodec, HostDecoder, LONGEST};
use crate::storage;
use crate::sync::{MutexGuard, catch_panic};
use crate::types::{Error, Result};
use callrec_media::external::{DecoderState, DecodingAnswer, DecodingJob};

/// A queue with its thread.
pub(super) fn start(
    codec: usize,
    host: Arc<dyn HostCodec>,
    threads: &Arc<CodecThreads>,
) -> Result<Arc<DecoderQueue>> {
    let queue = DecoderQueue::new(codec, host);
    match spawn(&queue, threads, 0) {
        Ok(()) => Ok(queue),
        Err(error) => Err(Error::io("a thread cannot be started", &error)),
    }
}

/// Starts a thread. It takes jobs while its number is that of the queue's active thread.
fn spawn(queue: &Arc<DecoderQueue>, threads: &Arc<CodecThreads>, number: u64) -> io::Result<()> {
    let guard = RunningThread::begin(threads);
    let name = format!("callrec-codec{}", queue.codec);
    let queue = queue.clone();
    let handle = storage::spawn(&name, &threads.hooks, move || {
        serve(&queue, number);
        drop(queue);
        drop(guard);
    })?;
    threads.add(handle);
    Ok(())
}

/// Replaces the active thread if it does not return from the host while other streams wait.
pub(super) fn replace_stuck(queue: &Arc<DecoderQueue>, threads: &Arc<CodecThreads>) {
    let mut state = queue.state.lock();
    if state.needs_thread() && spawn(queue, threads, state.active + 1).is_ok() {
        state.active += 1;
        state.stuck += 1;
        state.busy_since = None;
    }
}

fn serve(queue: &DecoderQueue, number: u64) {
    let mut samples = Vec::new();
    let mut state = queue.state.lock();
    while state.active == number {
        if let Some(decoder) = state.retired.pop() {
            in_host(&mut state, number, || drop(decoder));
        } else if let Some(stream) = state.ready.pop_front() {
            serve_stream(&mut state, number, stream, &mut samples);
        } else if state.is_stopped {
            return;
        } else {
            queue.changed.wait(&mut state);
        }
    }
    // It was replaced, and has returned from the host.
    state.stuck -= 1;
    while let Some(decoder) = state.retired.pop() {
        in_host(&mut state, number, || drop(decoder));
    }
    queue.changed.notify_all();
}

thread_local! {
    /// Whether this thread is in a function of the host.
    static IN_HOST: Cell<bool> = const { Cell::new(false) };
}

/// Whether a function of a codec calls.
pub(super) fn is_in_host() -> bool {
    IN_HOST.get()
}

/// Calls functions of the host, without the lock. Returns `None` after a panic.
fn in_host<T>(state: &mut MutexGuard<'_, PendingJobs>, number: u64, act: impl FnOnce() -> T) -> Option<T> {
    if state.active == number {
        state.busy_since = Some(Instant::now());
    }
    IN_HOST.set(true);
    let result = MutexGuard::unlocked(state, || catch_panic(act).ok());
    IN_HOST.set(false);
    if state.active == number {
        state.busy_since = None;
    }
    result
}

/// Decodes one packet of a stream.
fn serve_stream(state: &mut MutexGuard<'_, PendingJobs>, number: u64, stream: u64, samples: &mut Vec<i16>) {
    let host = state.host.clone();
    let Some(open) = state.streams.get_mut(&stream) else {
        return;
    };
    let Some((job, is_cancelled)) = open.next_job() else {
        return;
    };
    open.is_busy = true;
    let mut decoder = open.decoder.take();
    let parameters = open.parameters.clone();
    let answered = job.number;
    let decode = || {
        let decoded = match (is_cancelled, &host) {
            (false, Some(host)) => decode(&**host, &parameters, &mut decoder, &job, samples),
            _ => {
                // The packets after it must not have the state from before it: it may be of a pause.
                decoder.take_if(|_| job.state == DecoderState::New);
                HostDecoded::default()
            }
        };
        (decoder, decoded)
    };
    let (decoder, decoded) = in_host(state, number, decode).unwrap_or_default();
    let Some(open) = state.streams.get_mut(&stream) else {
        return;
    };
    open.is_busy = false;
    if open.is_closed {
        state.streams.remove(&stream);
        return state.retired.extend(decoder);
    }
    open.decoder = decoder;
    open.answers.push_back(DecodingAnswer {
        number: answered,
        samples: decoded.samples,
        concealed: decoded.concealed,
    });
    if !open.jobs.is_empty() {
        state.ready.push_back(stream);
    }
}

/// What a packet was decoded to, and what conceals the missing ones before it.
#[derive(Default)]
struct HostDecoded {
    samples: Option<Vec<i16>>,
    concealed: Vec<i16>,
}

/// Decodes a packet to the samples of one channel. After an error, the decoder is destroyed.
fn decode(
    host: &dyn HostCodec,
    parameters: &DecoderParameters,
    decoder: &mut Option<Box<dyn HostDecoder>>,
    job: &DecodingJob,
    samples: &mut Vec<i16>,
) -> HostDecoded {
    if job.state == DecoderState::Own {
        let own = host.create(parameters);
        let decoded = own.and_then(|mut own| decode_with(&mut *own, parameters, job, samples));
        return HostDecoded {
            samples: decoded,
            ..HostDecoded::default()
        };
    }
    if job.state == DecoderState::New {
        *decoder = None;
    }
    if decoder.is_none() {
        *decoder = host.create(parameters);
    }
    let Some(present) = decoder else {
        return HostDecoded::default();
    };
    let concealed = conceal_with(&mut **present, parameters, job, samples);
    let decoded = decode_with(&mut **present, parameters, job, samples);
    if decoded.is_none() {
        *decoder = None;
    }
    HostDecoded {
        samples: decoded,
        concealed,
    }
}

/// Conceals the missing samples before a packet.
fn conceal_with(
    decoder: &mut dyn HostDecoder,
    parameters: &DecoderParameters,
    job: &DecodingJob,
    samples: &mut Vec<i16>,
) -> Vec<i16> {
    let channels = parameters.channels as usize;
    samples.clear();
    samples.resize(job.concealed * channels, 0);
    match job.concealed > 0 && decoder.conceal(samples) {
        true => samples.chunks_exact(channels).map(mix).collect(),
        false => Vec::new(),
    }
}

fn decode_with(
    decoder: &mut dyn HostDecoder,
    parameters: &DecoderParameters,
    job: &DecodingJob,
    samples: &mut Vec<i16>,
) -> Option<Vec<i16>> {
    let channels = parameters.channels as usize;
    samples.clear();
    samples.resize((parameters.rate / LONGEST) as usize * channels, 0);
    let count = decoder.decode(&job.payload, samples)?;
    let decoded = samples.get(..count.checked_mul(channels)?)?;
    Some(decoded.chunks_exact(channels).map(mix).collect())
}

/// The mean of the channels of a frame.
fn mix(frame: &[i16]) -> i16 {
    let sum: i32 = frame.iter().map(|sample| i32::from(*sample)).sum();
    (sum / frame.len().max(1) as i32) as i16
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    /// A host whose decoder answers with the sum of all payloads since it was created.
    struct SummingHost;

    struct SummingDecoder(i16);

    impl HostCodec for SummingHost {
        fn create(&self, _: &DecoderParameters) -> Option<Box<dyn HostDecoder>> {
            Some(Box::new(SummingDecoder(0)))
        }
    }

    impl HostDecoder for SummingDecoder {
        fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
            self.0 += payload.iter().map(|byte| i16::from(*byte)).sum::<i16>();
            samples[0] = self.0;
            (payload != [0]).then_some(1)
        }

        fn conceal(&mut self, _: &mut [i16]) -> bool {
            false
        }
    }

    /// What each job is answered with. A job is a payload of one byte, its state, and whether it is
    /// cancelled before its turn.
    fn answers(jobs: &[(u8, DecoderState, bool)]) -> Vec<Option<i16>> {
        let queue = DecoderQueue::new(0, Arc::new(SummingHost));
        let parameters = DecoderParameters {
            rate: 8000,
            channels: 1,
            fmtp: None,
        };
        let stream = queue.open(Arc::new(parameters));
        let mut samples = Vec::new();
        let answer = |(n, (byte, state, is_cancelled)): (usize, &(u8, DecoderState, bool))| {
            let job = DecodingJob {
                number: n as u64 + 1,
                payload: vec![*byte],
                state: *state,
                concealed: 0,
            };
            assert!(queue.submit(stream, job, true));
            if *is_cancelled {
                queue.cancel(stream, n as u64 + 1);
            }
            let mut pending = queue.state.lock();
            let ready = pending.ready.pop_front().expect("a job");
            serve_stream(&mut pending, 0, ready, &mut samples);
            drop(pending);
            let answer = queue.take(stream).expect("an answer");
            answer.samples.map(|samples| samples[0])
        };
        jobs.iter().enumerate().map(answer).collect()
    }

    /// The first packet after a pause may be cancelled, or refused by the host.
    #[test]
    fn a_state_ends_with_a_new_one_that_is_not_decoded() {
        use DecoderState::{Kept, New, Own};
        for (new, is_cancelled) in [(7, true), (0, true), (0, false)] {
            let jobs = [
                (1, New, false),
                (2, Kept, false),
                (new, New, is_cancelled),
                (4, Kept, false),
            ];
            assert_eq!(answers(&jobs), [Some(1), Some(3), None, Some(4)]);
        }
        // Other packets do not end it.
        let jobs = [
            (1, New, false),
            (2, Kept, true),
            (9, Own, true),
            (9, Own, false),
            (4, Kept, false),
        ];
        assert_eq!(answers(&jobs), [Some(1), None, None, Some(9), Some(5)]);
    }
}
