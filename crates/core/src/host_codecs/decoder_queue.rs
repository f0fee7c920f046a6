//! The packets that wait for a codec's thread, by stream. The lock is held only briefly, and never
//! during a function of the host.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::functions::{DecoderParameters, HostCodec, HostDecoder};
use crate::sync::{Condvar, Mutex};
use callrec_media::external::{DecodingAnswer, DecodingJob};

/// Packets of a stream that are queued or answered, and their size, in real time. In stream time,
/// nothing is read before they are answered, so the feed's ring limits them, and its host waits.
const STREAM_PACKETS: usize = 512;
const STREAM_BYTES: usize = 256 << 10;
/// A thread that is in a function of the host for this long is replaced if other streams wait.
const STUCK: Duration = Duration::from_secs(1);
/// Replaced threads of a codec. Once so many are stuck, its other streams wait.
const STUCK_MAX: usize = 8;

pub(super) struct DecoderStream {
    pub parameters: Arc<DecoderParameters>,
    /// `None` before the first packet, after an error, and while a thread uses it.
    pub decoder: Option<Box<dyn HostDecoder>>,
    pub jobs: VecDeque<DecodingJob>,
    pub answers: VecDeque<DecodingAnswer>,
    bytes: usize,
    /// Jobs up to this number are answered without decoding.
    pub cancelled: u64,
    /// A thread decodes a packet of this stream.
    pub is_busy: bool,
    pub is_closed: bool,
}

pub(super) struct PendingJobs {
    pub host: Option<Arc<dyn HostCodec>>,
    pub streams: HashMap<u64, DecoderStream>,
    next_stream: u64,
    /// Streams with jobs that no thread works on. Each has its turn for one packet.
    pub ready: VecDeque<u64>,
    /// Decoders that the thread is to destroy.
    pub retired: Vec<Box<dyn HostDecoder>>,
    /// The number of the thread that takes jobs. Threads before it are stuck.
    pub active: u64,
    pub stuck: usize,
    /// When the active thread entered a function of the host.
    pub busy_since: Option<Instant>,
    pub is_stopped: bool,
}

pub(super) struct DecoderQueue {
    /// The number of the codec, for the names of its threads.
    pub codec: usize,
    pub state: Mutex<PendingJobs>,
    pub changed: Condvar,
}

impl DecoderQueue {
    pub fn new(codec: usize, host: Arc<dyn HostCodec>) -> Arc<DecoderQueue> {
        Arc::new(DecoderQueue {
            codec,
            state: Mutex::new(PendingJobs {
                host: Some(host),
                streams: HashMap::new(),
                next_stream: 0,
                ready: VecDeque::new(),
                retired: Vec::new(),
                active: 0,
                stuck: 0,
                busy_since: None,
                is_stopped: false,
            }),
            changed: Condvar::default(),
        })
    }

    pub fn open(&self, parameters: Arc<DecoderParameters>) -> u64 {
        let mut state = self.state.lock();
        state.next_stream += 1;
        let number = state.next_stream;
        let stream = DecoderStream {
            parameters,
            decoder: None,
            jobs: VecDeque::new(),
            answers: VecDeque::new(),
            bytes: 0,
            cancelled: 0,
            is_busy: false,
            is_closed: false,
        };
        state.streams.insert(number, stream);
        number
    }

    pub fn submit(&self, number: u64, job: DecodingJob, is_real_time: bool) -> bool {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(stream) = state.streams.get_mut(&number) else {
            return false;
        };
        let bytes = stream.bytes + job.payload.len();
        let is_full = stream.jobs.len() + stream.answers.len() >= STREAM_PACKETS || bytes > STREAM_BYTES;
        if is_full && is_real_time || state.is_stopped {
            return false;
        }
        stream.bytes = bytes;
        stream.jobs.push_back(job);
        if !stream.is_busy && stream.jobs.len() == 1 {
            state.ready.push_back(number);
            self.changed.notify_all();
        }
        true
    }

    pub fn take(&self, number: u64) -> Option<DecodingAnswer> {
        let mut state = self.state.lock();
        state.streams.get_mut(&number)?.answers.pop_front()
    }

    pub fn cancel(&self, number: u64, job: u64) {
        if let Some(stream) = self.state.lock().streams.get_mut(&number) {
            stream.cancelled = stream.cancelled.max(job);
        }
    }

    /// Removes a stream. Its thread destroys the decoder.
    pub fn close(&self, number: u64) {
        let mut state = self.state.lock();
        let Some(stream) = state.streams.get_mut(&number) else {
            return;
        };
        stream.is_closed = true;
        stream.jobs.clear();
        if !stream.is_busy {
            let removed = state.streams.remove(&number);
            state.retired.extend(removed.and_then(|stream| stream.decoder));
            state.ready.retain(|ready| *ready != number);
            self.changed.notify_all();
        }
    }

    pub fn stop(&self) {
        let mut state = self.state.lock();
        state.is_stopped = true;
        self.changed.notify_all();
    }

    /// Drops the host's functions. No thread runs any more.
    pub fn release(&self) {
        let host = self.state.lock().host.take();
        drop(host);
    }
}

impl PendingJobs {
    /// Whether the active thread does not return from the host while other streams wait for it.
    pub fn needs_thread(&self) -> bool {
        let is_stuck = self.busy_since.is_some_and(|since| since.elapsed() >= STUCK);
        is_stuck && !self.ready.is_empty() && self.stuck < STUCK_MAX
    }
}

impl DecoderStream {
    /// The next job, and whether it is cancelled.
    pub fn next_job(&mut self) -> Option<(DecodingJob, bool)> {
        let job = self.jobs.pop_front()?;
        self.bytes = self.bytes.saturating_sub(job.payload.len());
        let is_cancelled = job.number <= self.cancelled;
        Some((job, is_cancelled))
    }
}
