//! The worker's side of a decoder queue.

use std::sync::Arc;

use super::codec_threads::CodecThreads;
use super::decoder_queue::DecoderQueue;
use super::decoder_thread;
use super::functions::DecoderParameters;
use callrec_media::external::{DecodingAnswer, DecodingJob, DecodingService, DecodingStream};

/// Opens the streams of a format.
pub(super) struct FormatService {
    queue: Arc<DecoderQueue>,
    threads: Arc<CodecThreads>,
    parameters: Arc<DecoderParameters>,
    is_real_time: bool,
}

impl FormatService {
    pub fn new(
        queue: Arc<DecoderQueue>,
        threads: Arc<CodecThreads>,
        parameters: DecoderParameters,
        is_real_time: bool,
    ) -> FormatService {
        FormatService {
            queue,
            threads,
            parameters: Arc::new(parameters),
            is_real_time,
        }
    }
}

impl DecodingService for FormatService {
    fn open(&self) -> Box<dyn DecodingStream> {
        Box::new(QueueStream {
            number: self.queue.open(self.parameters.clone()),
            queue: self.queue.clone(),
            threads: self.threads.clone(),
            is_real_time: self.is_real_time,
        })
    }
}

/// A stream, which is closed when dropped.
struct QueueStream {
    queue: Arc<DecoderQueue>,
    threads: Arc<CodecThreads>,
    number: u64,
    is_real_time: bool,
}

impl DecodingStream for QueueStream {
    fn submit(&mut self, job: DecodingJob) -> bool {
        self.queue.submit(self.number, job, self.is_real_time)
    }

    fn take(&mut self) -> Option<DecodingAnswer> {
        let answer = self.queue.take(self.number);
        if answer.is_none() {
            decoder_thread::replace_stuck(&self.queue, &self.threads);
        }
        answer
    }

    fn cancel(&mut self, number: u64) {
        self.queue.cancel(self.number, number);
    }
}

impl Drop for QueueStream {
    fn drop(&mut self) {
        self.queue.close(self.number);
    }
}
