//! Configuration objects.

use std::ffi::c_char;
use std::io::Read;

use super::convert::{PATH_MAX, not_null, str_of};
use super::guard::{catch_faults_or, run_with_memory};
use super::types::*;
use crate::settings::Settings;
use crate::text::{abbreviate, one_line};
use crate::types::{Error, Result, Status};

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
/// - `storage.directory` (`recordings`): Directory of the recordings, 1 to 3000 bytes. It
///   is created if it does not exist. Only one engine at a time can open it.
/// - `storage.name` (`{date}_{time}_{id}`): Template of a file's name without its
///   extension, at most 500 bytes, with the placeholders {id} {call_id} {device} {number}
///   {user} {remote} {ani} {dnis} {date} {time} {host} {contact_center} {layout} {attr:KEY}
///   {gsip_rec_fn} {gsip_host}. "/" creates directories.
/// - `storage.host` (empty): Value of the placeholder {host}, at most 255 bytes.
/// - `storage.flush_ms` (`700`): How often a recording's audio is written to its file, 100
///   to 10000 ms.
/// - `storage.durability` (`finish`): When data is synced to the disk. "process": never.
///   "finish": before a recording's terminal event. "power": also before its
///   REC_EVENT_STARTED and, while it is live, as storage.sync_interval_ms says.
/// - `storage.sync_interval_ms` (`1000`): With storage.durability "power", a power cut
///   costs at most this much audio while the disk keeps up, 100 to 60000 ms. For less than
///   storage.flush_ms + 180, shorten storage.flush_ms too.
/// - `storage.digest` (`sha256`): Digest of the finished file in its manifest: "sha256" or
///   "none".
/// - `storage.sidecar` (empty): Files that callrec makes beside the finished audio: a
///   comma-separated list of "json" (the manifest, which is always made) and "vcon" (a
///   vCon, made after the terminal event). Empty: only the manifest.
/// - `storage.backlog_ms` (`15000`): Maximum audio of one recording that is queued for a
///   slow disk, 1000 to 600000 ms. Further audio becomes silence and is counted as lost.
///   Audio from before a start (media.lookback_ms) is not limited by this: it waits in the
///   memory of its call.
/// - `storage.backlog_bytes` (`536870912`): Maximum audio of all recordings that is queued
///   for the disk, at least 1048576 bytes. Further audio becomes silence and is counted as
///   lost, except audio from before a start (media.lookback_ms), which waits in the memory
///   of its call instead.
/// - `storage.max_open_files` (`0`): Maximum number of recordings that keep their file
///   open, 0 to 1000000. Other files are opened and closed for each write. 0: half of the
///   soft limit on open files of the process.
/// - `storage.min_free_bytes` (`104857600`): While the disk has less free space than this,
///   in bytes, no recording is started (REC_ERR_NO_SPACE).
/// - `media.clock` (`real`): "real": the engine uses the system's clock. "stream": time
///   advances with the audio that is passed in, so that replays and tests can run faster
///   than real time.
/// - `media.reorder_ms` (`60`): How long the engine waits for a late packet before it
///   writes silence in its place, 0 to 1000 ms.
/// - `media.leg_wait_ms` (`2000`): With media.clock "stream": how far the audio of one leg
///   may be ahead of the other, 100 to 60000 ms.
/// - `media.workers` (`0`): Number of media threads, 0 to 64. 0: half the number of cores,
///   at least one.
/// - `media.encoders` (`0`): Number of threads that encode recordings of compressed
///   formats, 0 to 64. 0: half the number of cores, at least one. Threads that are too slow
///   for their recordings lose nothing, but these recordings end later.
/// - `media.overflow_bytes` (`268435456`): Maximum memory for bursts of audio that exceed a
///   feed's own memory (at least 400 ms), in all feeds together, 0 to 68719476736 bytes. In
///   real time, enough for a burst of 5 s on every open feed is allocated in advance, up to
///   this limit.
/// - `media.ahead_bytes` (`268435456`): Maximum audio that feeds with an ahead_ms above
///   2000 may have ahead of the clock, all together, 0 to 68719476736 bytes. A feed that
///   needs more is refused with REC_ERR_LIMIT.
/// - `media.lookback_ms` (`0`): How much of the latest audio of each call is kept in
///   memory, for recordings that begin earlier than they are started
///   (rec_start_options.lookback_ms, rec_call_keep), 0 to 600000 ms. 0: nothing. Only with
///   media.clock "real".
/// - `media.lookback_bytes` (`1073741824`): Maximum memory for the audio that
///   media.lookback_ms keeps, of all calls together, 1048576 to 68719476736 bytes. If they
///   need more, each call keeps less.
/// - `media.silent_ms` (`10000`): In real time, when a leg of a connected call has had no
///   decoded audio for this long, REC_EVENT_LEG_SILENT is raised, 0 to 86400000 ms. 0:
///   never.
/// - `media.concealment` (`off`): "on": at most 60 ms of each gap that missing packets
///   leave are filled with audio like that before it, and silences that their sender
///   describes (RFC 3389) with noise. "off": both are silent.
/// - `media.dtmf` (`keep`): What is recorded while a DTMF digit is keyed in: "keep" records
///   the audio as it is, "mask" records silence on all legs, from 100 ms before to 100 ms
///   after each tone. docs/timeline.md says how tones are found.
/// - `calls.hold_audio` (`keep`): What is recorded while a call is held: "keep" records the
///   audio that is passed in, "silence" records silence.
/// - `calls.max` (`0`): Maximum number of live calls. 0: no limit.
/// - `calls.idle_ms` (`14400000`): A call that has had no media for this many milliseconds
///   is ended, because the host may have forgotten it. 0: never.
/// - `consent.required` (`false`): "true": no audio of a call is recorded before
///   rec_call_info.consent is REC_CONSENT_GIVEN. A recording that starts before waits for
///   it.
/// - `consent.on_refusal` (`stop`): What happens to the live recordings of a call when its
///   consent becomes REC_CONSENT_REFUSED: "stop" ends them and keeps what they have,
///   "discard" deletes it.
/// - `recordings.max` (`0`): Maximum number of live recordings. 0: no limit.
/// - `recordings.max_per_call` (`16`): When a call has this many live recordings, callers
///   below level 10 cannot start another one. 0: no limit.
/// - `lines.strict` (`false`): "true": a line without a policy is not monitorable.
/// - `audit.enabled` (`true`): "true": every start, pause, resume, stop, discard, download,
///   deletion and refusal is written to the audit log in the storage directory.
/// - `recording.format` (`wav`): Default format of automatic recordings and of HTTP starts
///   that do not specify one: "wav", "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw",
///   "flac", "opus", "mp3".
/// - `recording.layout` (`stereo`): Default layout of automatic recordings and of HTTP
///   starts that do not specify one: "stereo", "mono", "local", "remote".
/// - `recording.pause_mode` (`silence`): Default pause mode of automatic recordings and of
///   HTTP starts that do not specify one: "silence" or "skip".
/// - `recording.pause_max_ms` (`0`): When a recording has been paused for this many
///   milliseconds, REC_EVENT_PAUSE_OVERDUE is raised. The pause does not end. 0: never.
/// - `recording.max_duration_ms` (`0`): Default maximum duration of automatic recordings
///   and of HTTP starts that do not specify one, 0 to 4294967295 ms. 0: no limit.
/// - `recording.sample_rate` (`0`): Sample rate of files, 8000 to 48000 Hz; G.711 files
///   always have 8000 Hz. 0: the rate of the first audio. "opus" and "mp3" files have the
///   next higher rate that their format has.
/// - `recording.tags` (`0`): 1: WAV and AU files name the call, its parties and its start
///   before the audio, in a header of 1024 bytes. FLAC, Opus and MP3 files always do.
///   Default of starts without the parameter "tags".
/// - `recording.flac_level` (`5`): Compression of "flac" files of starts that do not
///   specify it, 0 to 8. A higher level makes smaller files and needs more CPU time.
/// - `recording.mp3_bitrate` (`0`): Default bit rate of "mp3" files, 8000 to 320000 bit/s;
///   the next higher one that exists at the file's sample rate is used. 0: for each
///   channel, 16000 at 8000 Hz, 32000 at 16000 Hz, 64000 from 32000 Hz on.
/// - `recording.keep_raw` (`never`): Which RTP packets are kept as they arrived, in a
///   pcapng file beside the recording: "never", "undecodable", "always". "undecodable":
///   those that neither this build nor a registered codec decodes. Telephone events are
///   never kept. Default of all starts that do not specify it.
/// - `recording.opus_bitrate` (`0`): Bits per second of "opus" files, 6000 to 256000. 0:
///   chosen by sample rate and channels. Default of starts without the parameter "bitrate".
/// - `recording.opus_complexity` (`5`): Effort of the encoder for "opus" files, 0 to 10.
///   More takes more CPU time and sounds better. Default of starts without the parameter
///   "complexity".
/// - `recording.opus_dtx` (`0`): 1: silence takes almost no space in "opus" files. Default
///   of starts without the parameter "dtx".
/// - `recording.on_transfer` (`continue`): What happens to the live recordings of a call
///   that rec_call_update moves to another line: "continue": they record the call on its
///   new line. "stop": they end. "new": they end, and each is followed by a new one with
///   the same options.
/// - `recording.url_base` (empty): A recording's url is this text followed by
///   "ID.EXTENSION", at most 1000 bytes.
/// - `upload.url` (empty): Where finished recordings are uploaded to: s3://bucket/prefix,
///   gs://bucket/prefix, az://container/prefix, or file:///directory. Empty: nowhere. Needs
///   a build with the feature "upload".
/// - `upload.key` (empty): Template of an object's key without its extension, at most 500
///   bytes, with the placeholders of storage.name. Empty: the path of the file below
///   storage.directory.
/// - `upload.endpoint` (empty): URL of a compatible store, http:// or https://. Empty: that
///   of Amazon, Google or Azure.
/// - `upload.region` (empty): Region of an S3 bucket. Empty: the environment's AWS_REGION,
///   or us-east-1.
/// - `upload.access_key_id` (empty): Access key ID for S3. Empty: that of the environment
///   (AWS_ACCESS_KEY_ID) or of the machine.
/// - `upload.secret_access_key` (empty): Secret access key for S3, at most 8192 bytes. It
///   is never logged.
/// - `upload.session_token` (empty): Session token for S3, at most 8192 bytes. It is never
///   logged.
/// - `upload.google_credentials` (empty): Path of the JSON file with the key of a Google
///   service account. Empty: that of the environment (GOOGLE_SERVICE_ACCOUNT) or of the
///   machine.
/// - `upload.azure_account` (empty): Name of the Azure storage account. Empty: that of the
///   environment (AZURE_STORAGE_ACCOUNT_NAME).
/// - `upload.azure_access_key` (empty): Access key of the Azure storage account, at most
///   8192 bytes. It is never logged. Empty: that of the environment
///   (AZURE_STORAGE_ACCOUNT_KEY) or of the machine.
/// - `upload.verify` (`metadata`): How an uploaded object is compared with the local file.
///   "metadata": by its size and the digest in its metadata. "content": by reading it back.
/// - `upload.delete_local` (`false`): "true": the local copy of a recording that is not
///   held is removed once its uploaded copy is complete and verified. Its manifest stays.
/// - `upload.parallel` (`4`): Maximum number of recordings that are uploaded concurrently,
///   1 to 64.
/// - `upload.bytes_per_second` (`0`): Maximum rate of all uploads together, in bytes per
///   second. 0: no limit.
/// - `upload.timeout_ms` (`30000`): Longest time without progress of a request to the
///   store, 100 to 600000 ms.
/// - `upload.retry_ms` (`1000`): Delay before the second attempt to upload a recording, 10
///   to 3600000 ms. Each further attempt doubles it. Up to a half of each delay is left out
///   at random.
/// - `upload.retry_max_ms` (`300000`): The longest delay between two attempts, 10 to
///   86400000 ms.
/// - `upload.give_up_ms` (`0`): A recording that cannot be uploaded for this long stays
///   local, and REC_EVENT_UPLOAD_FAILED is raised, 0 to 9223372036854 ms. 0: never.
/// - `upload.encryption` (empty): Server-side encryption that is requested from S3:
///   "AES256" or "aws:kms". Empty: as the bucket is configured.
/// - `upload.kms_key` (empty): ID of the KMS key for upload.encryption "aws:kms".
/// - `upload.lock_mode` (empty): Object lock of each object in S3: "GOVERNANCE" or
///   "COMPLIANCE". The bucket must have object lock enabled. Empty: as the bucket is
///   configured.
/// - `upload.lock_days` (`0`): Days for which upload.lock_mode retains an object, 0 to
///   36500.
/// - `upload.hold_objects` (`false`): "true": while a recording is under a legal hold
///   (rec_hold), its objects in S3 are as well. The bucket must have object lock enabled.
/// - `gateway.apis` (`imagicle,genesys,vobiz`): The published HTTP APIs that are offered,
///   separated by commas: imagicle, genesys, vobiz, plivo.
/// - `gateway.public_url` (empty): Scheme, host and path prefix of the URLs in responses,
///   as clients see them. Empty: http:// and the address that the gateway listens on.
/// - `gateway.url_lifetime_ms` (`0`): How long the recording URLs in responses and
///   callbacks give access to the audio without a login, 0 to 31622400000 ms. Each URL
///   contains its expiry time and a signature. 0: the URLs always need a login.
/// - `gateway.threads` (`2`): Number of threads that handle requests, 1 to 64.
/// - `gateway.max_connections` (`4096`): Maximum number of open connections, 1 to 1000000,
///   but at most a quarter of the files that the process may have open. A further
///   connection is answered with 503 and closed.
/// - `gateway.max_connections_per_source` (`1024`): Maximum number of open connections from
///   one client address (IPv6: from one /64 network), 1 to 1000000. The last eighth of
///   gateway.max_connections is never given to one address. The limit does not apply to
///   gateway.trusted_proxies.
/// - `gateway.max_header_bytes` (`16384`): Maximum size of a request's first line and
///   headers, 8192 to 1048576 bytes.
/// - `gateway.max_body_bytes` (`65536`): Maximum size of a request's body, 1024 to 16777216
///   bytes.
/// - `gateway.request_ms` (`10000`): Time limit for receiving the headers of a request, for
///   receiving its body, and for each write of a response, 100 to 600000 ms.
/// - `gateway.json_depth` (`32`): Maximum nesting depth of a request's JSON, 4 to 100.
/// - `gateway.auth_delay_ms` (`100`): Delay after a failed login before the next attempt
///   with the same name from the same client address, 0 to 60000 ms. Each further failure
///   doubles it. 0: logins are never delayed.
/// - `gateway.auth_delay_max_ms` (`5000`): The longest delay of a login, 0 to 600000 ms. An
///   attempt that would have to wait longer is refused with 503.
/// - `gateway.auth_parallel` (`64`): Maximum number of concurrent logins (calls of
///   rec_authenticate_fn), 2 to 1000. One client address gets at most half of them. Further
///   logins are queued.
/// - `gateway.archive_parallel` (`16`): Maximum number of requests that search for finished
///   recordings concurrently, 1 to 256. Further requests are queued.
/// - `gateway.trusted_proxies` (empty): IP addresses of reverse proxies, separated by
///   commas. For requests from these, X-Forwarded-For gives the client's address.
/// - `callbacks.allow` (empty): Receivers that callbacks may be sent to, separated by
///   commas: scheme://host or scheme://host:port. A "*." before a domain allows its
///   subdomains, ":*" allows any port. Empty: no callbacks.
/// - `callbacks.timeout_ms` (`3000`): Time limit for a receiver to respond, 100 to 600000
///   ms.
/// - `callbacks.retry_ms` (`1000`): Delay before the second attempt of a callback, 10 to
///   3600000 ms. Each further attempt doubles it.
/// - `callbacks.retry_max_ms` (`300000`): The longest delay between two attempts of a
///   callback, 10 to 86400000 ms.
/// - `callbacks.give_up_ms` (`86400000`): A callback that has not been answered for this
///   long is dropped and logged, 0 to 9223372036854 ms. 0: never.
/// - `callbacks.parallel` (`16`): Maximum number of concurrent callbacks, 1 to 1000.
/// - `vobiz.signature_v3` (`page`): What X-Vobiz-Signature-V3 of a callback covers, in
///   addition to the nonce. "page": the URL without its query, as Vobiz documents it.
///   "sdk": the URL, its query and all fields, as the SDKs of Vobiz and Plivo compute it.
/// - `plivo.signature_v3` (`sdk`): What X-Plivo-Signature-V3 of a callback covers: "page"
///   or "sdk", as for vobiz.signature_v3.
/// - `gateway.imagicle_path` (`/fw/Apps/Recorder/WebAPI`): Base path of the Imagicle API, 1
///   to 200 bytes that begin with "/".
/// - `imagicle.cors_origins` (empty): Sites whose pages may use the Imagicle API in a
///   browser, separated by commas: scheme://host or scheme://host:port. Empty: none.
/// - `gateway.genesys_path` (`/api/v2`): Base path of the Genesys API, 1 to 200 bytes that
///   begin with "/".
/// - `gateway.cometd_path` (`/genesys/cometd`): Path of CometD for Genesys clients, 1 to
///   200 bytes that begin with "/".
/// - `genesys.csrf` (`false`): "true": POST, PUT and DELETE require the token and the
///   cookie that GET /me returns.
/// - `genesys.capabilities`
///   (`UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup`):
///   The capabilities of a call besides those of recording, separated by commas.
/// - `genesys.contact_center_id` (`<cont_center_id>`): The contact center id: the last
///   field of GSIP_REC_FN, which has it percent-encoded, at most 255 bytes.
/// - `genesys.cors_origins` (empty): Sites whose pages may use the Genesys API and CometD
///   in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.
/// - `cometd.timeout_ms` (`30000`): How long a /meta/connect waits for a message before it
///   is answered, 100 to 600000 ms.
/// - `cometd.session_ms` (`10000`): A session without a /meta/connect for this long is
///   closed, 100 to 600000 ms.
/// - `cometd.max_sessions` (`10000`): Maximum number of sessions, 1 to 1000000.
/// - `cometd.max_sessions_per_user` (`100`): Maximum number of sessions of one user, 1 to
///   1000000. A further session closes the one that has gone longest without a poll. If all
///   sessions are being polled, the further session is refused.
/// - `cometd.max_sessions_per_browser` (`1`): Maximum number of sessions of one browser
///   (identified by its cookie) whose /meta/connect waits for a message, 1 to 1000000. Its
///   other sessions poll.
/// - `cometd.multi_session_interval_ms` (`2000`): Interval at which the other sessions of a
///   browser poll (cometd.max_sessions_per_browser), 50 to 60000 ms, but at most half of
///   cometd.session_ms.
/// - `cometd.max_queue` (`1000`): Maximum number of messages queued for one session, 10 to
///   1000000. If there are more, the session is closed and its client must repeat the
///   handshake.
/// - `cometd.max_queue_bytes` (`4194304`): Maximum size of the messages queued for one
///   session, 65536 to 1073741824 bytes. A single message may be longer.
/// - `gateway.vobiz_path` (`/api/v1`): Base path of the Vobiz API, 1 to 200 bytes that
///   begin with "/".
/// - `vobiz.cors_origins` (empty): Sites whose pages may use the Vobiz API and the audio of
///   recordings in a browser, separated by commas: scheme://host or scheme://host:port.
///   Empty: none.
/// - `gateway.plivo_path` (`/v1`): Base path of the Plivo look-alike, 1 to 200 bytes that
///   begin with "/".
/// - `plivo.cors_origins` (empty): Sites whose pages may use the Plivo look-alike and the
///   audio of recordings in a browser, separated by commas: scheme://host or
///   scheme://host:port. Empty: none.
/// - `cluster.url` (empty): The Redis or Valkey server (7.0 or newer) that holds the list
///   of live recordings of all nodes: redis://host:port/db, rediss://host:port/db for TLS,
///   or redis+sentinel://host:port,host:port/service/db (rediss+sentinel:// for TLS) with
///   the addresses of the Sentinels. user:password@ may stand before the host. Empty: no
///   cluster. Needs a build with the feature `cluster`.
/// - `cluster.node` (empty): The name of this node: at most 64 letters, digits, `-`, `_`
///   and `.`, and different on each node. Needed with cluster.url.
/// - `cluster.namespace` (`callrec`): The nodes with the same namespace form a cluster. All
///   keys in Redis begin with it, in braces: 1 to 64 letters, digits, `-`, `_` and `.`.
/// - `cluster.lease_ms` (`5000`): A node that Redis has not heard from for this long counts
///   as dead, 200 to 600000 ms. Each node reports three times in this time.
/// - `cluster.grace_ms` (`30000`): How long lists still show the recordings of a dead node,
///   flagged as unreachable, 0 to 86400000 ms.
/// - `cluster.timeout_ms` (`2000`): How long a request of an HTTP API waits for Redis and
///   for the node that has the recording, 10 to 60000 ms.
/// - `cluster.stream_length` (`100000`): About how many entries the stream of ended
///   recordings keeps, 100 to 100000000. Entries that a consumer group has not acknowledged
///   are kept beyond that, for seven days at most.
/// - `cluster.username` (empty): The user at Redis, instead of one in cluster.url. At most
///   255 bytes.
/// - `cluster.password` (empty): The password at Redis, instead of one in cluster.url. At
///   most 1023 bytes.
/// - `cluster.sentinel_username` (empty): The user at the Sentinels. At most 255 bytes.
/// - `cluster.sentinel_password` (empty): The password at the Sentinels. At most 1023
///   bytes.
/// - `cluster.ca_file` (empty): With TLS: a PEM file with the certificates that sign the
///   server's. Empty: those of the system. At most 4095 bytes.
/// - `cluster.cert_file` (empty): With TLS: a PEM file with this node's own certificate,
///   together with cluster.key_file. At most 4095 bytes.
/// - `cluster.key_file` (empty): With TLS: a PEM file with the key of cluster.cert_file. At
///   most 4095 bytes.
///
/// @param config The configuration. Must not be NULL.
/// @param key The name of the key. Must not be NULL.
/// @param value The new value. Must not be NULL; "" is a value.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, but only one at a time for the same configuration.
/// Blocking: never, except that the first `recording.format` "mp3" of a process loads a
/// library, as `rec_start`.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_CONFIG` (the key is unknown, or the value is not allowed: the message names
/// both, and nothing changes), `REC_ERR_UNSUPPORTED` (the key belongs to a cargo feature that this
/// build lacks: `upload.*`, `cluster.*`), `REC_ERR_INVALID_ARGUMENT`.
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
/// The file contains one object, either flat (`"media.clock": "stream"`) or nested (`"media":
/// {"clock": "stream"}`). If a key or a value is wrong, no key of the file is set.
///
/// @param config The configuration. Must not be NULL.
/// @param path The path of a regular file of at most 1 MiB. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, but only one at a time for the same configuration.
/// Blocking: reads the file.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_IO` (the file cannot be read), `REC_ERR_CONFIG` (the file does not contain
/// such an object, or a key or a value is wrong), `REC_ERR_UNSUPPORTED` (as `rec_config_set`),
/// `REC_ERR_INVALID_ARGUMENT`.
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
    format!("path \"{}\"", abbreviate(&one_line(path), limit))
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

/// Frees a configuration. An engine that was opened with it has a copy.
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

    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.0
    }
}
