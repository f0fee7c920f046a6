//! The program `callrec`, run as a user runs it.

#[cfg(unix)]
#[path = "commands/asterisk.rs"]
mod asterisk;
#[path = "commands/capture_file.rs"]
mod capture_file;
#[path = "commands/captures.rs"]
mod captures;
#[cfg(unix)]
#[path = "commands/external_media.rs"]
mod external_media;
#[path = "commands/program.rs"]
mod program;
#[cfg(unix)]
#[path = "commands/recording_process.rs"]
mod recording_process;
#[path = "commands/recordings.rs"]
mod recordings;
#[cfg(unix)]
#[path = "commands/sockets.rs"]
mod sockets;
