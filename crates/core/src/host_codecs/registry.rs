//! The registered codecs of an engine, and the formats in which they are used.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Weak};

use super::codec_threads::CodecThreads;
use super::declaration::{CodecDescription, DeclaredCodec, FormatKey, refused};
use super::decoder_queue::DecoderQueue;
use super::decoder_thread;
use super::functions::HostCodec;
use super::stream::FormatService;
use crate::sync::Mutex;
use crate::task::Signal;
use crate::thread_hooks::ThreadHooks;
use crate::types::{Codec, Error, Result, Status};
use callrec_media::external::ExternalFormat;
use callrec_media::rtp::other_static;

/// Codecs of one engine.
const CODECS_MAX: usize = 64;
/// The number of the first codec.
const FIRST_NUMBER: i32 = 1000;
/// Formats that no leg uses any more are forgotten once there are this many.
const FORMATS_KEPT: usize = 64;

struct RegisteredCodec {
    description: CodecDescription,
    queue: Arc<DecoderQueue>,
}

#[derive(Default)]
struct Registered {
    codecs: Vec<RegisteredCodec>,
    formats: HashMap<FormatKey, Weak<ExternalFormat>>,
    /// The number of the latest format.
    latest: u16,
    is_real_time: bool,
    is_stopped: bool,
}

/// The codecs that the host has registered with an engine.
pub struct HostCodecs {
    registered: Mutex<Registered>,
    threads: Arc<CodecThreads>,
}

impl HostCodecs {
    /// `ended`: notified whenever a thread has ended.
    pub fn new(ended: Arc<Signal>, is_real_time: bool, hooks: ThreadHooks) -> Arc<HostCodecs> {
        let registered = Registered {
            is_real_time,
            ..Registered::default()
        };
        Arc::new(HostCodecs {
            registered: Mutex::new(registered),
            threads: CodecThreads::new(ended, hooks),
        })
    }

    /// Registers a codec and starts its thread. Returns its number.
    pub fn register(&self, description: CodecDescription, host: Arc<dyn HostCodec>) -> Result<i32> {
        let mut registered = self.registered.lock();
        if registered.is_stopped {
            return Err(Error::new(Status::Unavailable, "the engine is closing"));
        }
        let is_same = |known: &RegisteredCodec| known.is_named(&description.name);
        if registered.codecs.iter().any(is_same) {
            let message = format!("encoding_name \"{}\": it is registered already", description.name);
            return Err(Error::new(Status::Exists, message));
        }
        if registered.codecs.len() == CODECS_MAX {
            let message = format!("an engine has at most {CODECS_MAX} registered codecs");
            return Err(Error::new(Status::Limit, message));
        }
        let index = registered.codecs.len();
        let queue = decoder_thread::start(index, host, &self.threads)?;
        registered.codecs.push(RegisteredCodec { description, queue });
        Ok(FIRST_NUMBER + index as i32)
    }

    /// The format of a codec with this encoding name; `None` if it is not registered. Fails if the
    /// codec is registered and cannot decode what is declared.
    pub fn named(&self, name: &str, declared: &DeclaredCodec<'_>) -> Result<Option<Arc<ExternalFormat>>> {
        self.registered.lock().named(name, declared, &self.threads)
    }

    /// The formats of registered codecs for static payload types, which need no declaration.
    pub fn static_formats(&self) -> Vec<(u8, Arc<ExternalFormat>)> {
        let mut registered = self.registered.lock();
        let format = |(number, name, clock_rate): (u8, &str, u32)| {
            let declared = DeclaredCodec {
                clock_rate,
                channels: 1,
                fmtp: None,
                packet_ms: None,
            };
            // A codec may be registered for another clock rate. Its packets are reported as ignored.
            let format = registered.named(name, &declared, &self.threads).ok()??;
            Some((number, format))
        };
        other_static().filter_map(format).collect()
    }

    /// The format of the codec with this number.
    pub fn numbered(&self, number: i32, declared: &DeclaredCodec<'_>) -> Result<Arc<ExternalFormat>> {
        let mut registered = self.registered.lock();
        let codec = number.checked_sub(FIRST_NUMBER);
        let codec = codec.and_then(|index| usize::try_from(index).ok());
        match codec.filter(|codec| *codec < registered.codecs.len()) {
            Some(codec) => registered.format(codec, declared, &self.threads),
            None => Err(refused(format!("format.codec {number}: unknown codec"))),
        }
    }

    /// Whether this thread is in a function of a codec, which must not close an engine.
    pub(crate) fn is_in_host() -> bool {
        decoder_thread::is_in_host()
    }

    /// Lets the threads end once they are idle. No decoder is used any more.
    pub(crate) fn stop(&self) {
        let mut registered = self.registered.lock();
        registered.is_stopped = true;
        registered.codecs.iter().for_each(|codec| codec.queue.stop());
    }

    /// The number of running threads. One that is inside a function of the host does not end.
    pub(crate) fn running_threads(&self) -> usize {
        self.threads.running()
    }

    /// Joins the threads, all of which have ended, and forgets the codecs.
    pub(crate) fn release(&self) {
        self.threads.join();
        let codecs = std::mem::take(&mut self.registered.lock().codecs);
        codecs.iter().for_each(|codec| codec.queue.release());
    }
}

impl RegisteredCodec {
    fn is_named(&self, name: &str) -> bool {
        self.description.name.eq_ignore_ascii_case(name)
    }
}

impl Registered {
    /// A number that no format in use has.
    fn free_number(&mut self) -> Option<u16> {
        let used = self.formats.values().filter_map(Weak::upgrade);
        let number_of = |format: Arc<ExternalFormat>| match format.format.codec {
            Codec::External { number, .. } => Some(number),
            _ => None,
        };
        let used: HashSet<u16> = used.filter_map(number_of).collect();
        let is_free = |number: &u16| !used.contains(number);
        let number = (1..=u16::MAX)
            .map(|n| self.latest.wrapping_add(n))
            .find(is_free)?;
        self.latest = number;
        Some(number)
    }

    fn named(
        &mut self,
        name: &str,
        declared: &DeclaredCodec<'_>,
        threads: &Arc<CodecThreads>,
    ) -> Result<Option<Arc<ExternalFormat>>> {
        let codec = self.codecs.iter().position(|known| known.is_named(name));
        let format = codec.map(|codec| self.format(codec, declared, threads));
        format.transpose()
    }

    fn format(
        &mut self,
        codec: usize,
        declared: &DeclaredCodec<'_>,
        threads: &Arc<CodecThreads>,
    ) -> Result<Arc<ExternalFormat>> {
        let unknown = || refused("unknown codec");
        let known = self.codecs.get(codec).ok_or_else(unknown)?;
        let key = FormatKey::new(codec, &known.description, declared)?;
        if let Some(format) = self.formats.get(&key).and_then(Weak::upgrade) {
            return Ok(format);
        }
        if self.formats.len() >= FORMATS_KEPT {
            self.formats.retain(|_, format| format.strong_count() > 0);
        }
        let (name, queue) = (known.description.text(declared), known.queue.clone());
        let number = self.free_number().ok_or_else(|| {
            Error::new(
                Status::Limit,
                "too many different formats of registered codecs are in use",
            )
        })?;
        let format = Arc::new(ExternalFormat {
            format: key.feed_format(number),
            name: name.into(),
            length: key.length,
            service: Box::new(FormatService::new(
                queue,
                threads.clone(),
                key.parameters.clone(),
                self.is_real_time,
            )),
        });
        self.formats.insert(key, Arc::downgrade(&format));
        Ok(format)
    }
}

impl fmt::Debug for HostCodecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCodecs").finish_non_exhaustive()
    }
}
