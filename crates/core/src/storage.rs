//! Writes recordings to disk, publishes them, and recovers them after a crash.
//!
//! A recording's sink queues audio blocks in its [`RecordingFile`]. A writer thread writes them to
//! the disk and keeps the sizes in the header current. With `storage.durability=power`, a syncer
//! syncs recordings in progress. A finisher seals, syncs, hashes and publishes a recording that has
//! ended. Recovery does the same for recordings that an earlier process did not finish. Only these
//! threads wait for a disk, and those of callers that delete, hold or release a recording. None of
//! them holds a lock while it waits.
//!
//! Files: `<name>.wav.part` is the audio in progress, in the directory of its later `<name>.wav`
//! and `<name>.json`. `<name>.pcapng.part` beside it has the packets that are kept as they
//! arrived, if any. `.callrec/<uuid>.json` is the live manifest; it exists from before the audio
//! file is created until the terminal event has been delivered. `.callrec/jobs/<kind>/<uuid>.json`
//! is a job; it exists from before the terminal event until the job has been performed. One kind
//! of job writes `<name>.vcon`. `<uuid>.progress` beside a job is
//! what an unfinished attempt has noted. `.callrec/deletions/<uuid>.json` is a deletion in progress, and
//! `.callrec/holds/<uuid>` a legal hold of a recording that is not published yet.

mod activity;
mod append_file;
pub mod archive;
mod audio_file;
mod audio_search;
mod backlog;
mod batch;
mod buffer_pool;
mod config;
mod creator;
mod deletion;
mod deletion_notes;
mod digest;
mod directory;
pub mod disk;
mod disk_access;
mod emptied_directories;
mod ending;
pub mod faults;
mod file_handle;
mod file_slots;
mod file_suffixes;
mod files;
mod finisher;
mod finisher_queue;
mod fragment;
mod free_space;
mod hash_buffers;
mod held_manifest;
mod holds;
mod id_turns;
mod job_files;
mod job_progress;
mod job_spec;
mod listener;
mod live_manifests;
mod live_recording;
mod manifest;
mod manifest_update;
mod measure;
mod name;
mod noted_directory;
mod notifier;
mod old_outbox;
mod opened_recording;
mod orphan_audio;
mod orphan_raw;
pub mod os;
mod patch;
mod placeholders;
mod plain_file;
pub mod planted;
mod platform;
mod published_location;
mod published_search;
mod publisher;
mod raw_backlog;
mod raw_file;
mod raw_output;
mod recording_file;
mod recording_queue;
mod recovery;
mod reduced_end;
mod remote_audio;
mod rename;
mod retry;
mod root_path;
mod safe_name;
mod secret;
mod sidecar;
mod sidecar_writer;
mod store;
mod sync_queue;
mod syncer;
mod tail;
mod trust;
mod upload_hold;
mod upload_removal;
mod uploaded_manifest;
mod vcon;
pub mod verify;
mod writer;

pub use append_file::{AppendFile, FileTail};
pub use callrec_codec::{Medium, mime_type};
pub use config::{Digest, Durability, StorageConfig};
pub use creator::FirstManifest;
pub use deletion::DeletionResult;
pub use directory::is_used;
pub use fragment::Fragment;
pub use job_files::{Job, JobFiles};
pub use job_spec::{CALLBACK, END_JOB, JobSpec, JobSpecs, UPLOAD, UPLOAD_HOLD, UPLOAD_REMOVAL};
pub use listener::{Confirmation, DeletedRecording, LOG_ERROR, LOG_INFO, LOG_WARNING, StorageListener};
pub use manifest::{
    LegEntry, Manifest, RawEntry, Reasons, SPANS_MAX, SpanEntry, Spans, UploadEntry, UploadedObject, rfc3339,
};
pub use name::{DEFAULT_TEMPLATE, RecordingName, Template};
pub use opened_recording::{OpenedRecording, PublishedFile};
pub use os::spawn_observed as spawn;
pub use placeholders::{NameFields, Placeholders};
pub use platform::Platform;
pub use recording_file::RecordingFile;
pub use recording_queue::ManifestSource;
pub use remote_audio::{RemoteAudio, RemoteFile, RemoteRead};
pub use sidecar::{Sidecar, VCON};
pub use sidecar_writer::{SidecarResult, SidecarWriter};
pub use store::Store;
pub use upload_removal::UploadRemoval;
pub use uploaded_manifest::UploadNote;
