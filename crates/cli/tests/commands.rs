//! The program `callrec`, run as a user runs it.

#[path = "commands/capture_file.rs"]
mod capture_file;
#[path = "commands/captures.rs"]
mod captures;
#[path = "commands/program.rs"]
mod program;
#[path = "commands/recordings.rs"]
mod recordings;
#[cfg(unix)]
#[path = "commands/sockets.rs"]
mod sockets;
