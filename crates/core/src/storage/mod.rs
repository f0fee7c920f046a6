//! From samples to a safe file.
//!
//! A recording's sink queues blocks into its [`RecordingFile`]; a writer thread
//! brings them to the disk and keeps the header's sizes current; where that is asked for, a
//! syncer makes what is in progress survive a power cut; a finisher seals, syncs, hashes and
//! publishes; recovery does the same for what an earlier process left. Nothing here waits for
//! a disk but the threads that are for it, and none of them holds a lock while it does.
//!
//! On disk: `<name>.wav.part` in progress beside its later `<name>.wav` and
//! `<name>.json`; `.callrec/<uuid>.json`, the live manifest, from before the audio's
//! file is made until the terminal event has been delivered; `.callrec/jobs/<kind>/<uuid>.json`
//! from before that event until the job has been performed.

mod activity;
mod append_file;
pub mod archive;
mod audio_file;
mod backlog;
mod batch;
mod digest;
mod directory;
pub mod disk;
mod ending;
mod endings;
pub mod faults;
mod file_handle;
mod files;
mod finisher;
mod finisher_queue;
mod fragment;
mod free_space;
mod handle;
mod job_files;
mod job_spec;
mod left_audio;
mod live;
mod live_manifests;
mod manifest;
mod mark;
mod measure;
mod medium;
mod name;
mod notifier;
mod old_outbox;
pub mod os;
mod patch;
mod placeholders;
mod plan;
pub mod planted;
mod platform;
mod pool;
mod publish;
mod queue;
mod recover;
mod rename;
mod report;
mod retry;
mod root_path;
mod safe;
mod search;
mod secret;
mod settings;
mod slots;
mod steps;
mod store;
mod sync_queue;
mod syncer;
mod tail;
mod trust;
pub mod verify;
mod writer;

pub use append_file::{AppendFile, FileTail};
pub use callrec_codec::{Medium, mime_type};
pub use fragment::Fragment;
pub use handle::RecordingFile;
pub use job_files::{Job, JobFiles};
pub use job_spec::{CALLBACK, JobSpec, JobSpecs};
pub use manifest::{LegEntry, Manifest, Reasons, SPANS_MAX, SpanEntry, Spans, rfc3339};
pub use name::{DEFAULT_TEMPLATE, RecordingName, Template};
pub use os::spawn;
pub use placeholders::{NameFields, Placeholders};
pub use plan::FirstManifest;
pub use platform::Platform;
pub use queue::Source;
pub use report::{LOG_ERROR, LOG_INFO, LOG_WARNING, Report};
pub use settings::{Digest, Durability, StorageConfig};
pub use store::Store;
