//! Uploads of whole recordings to a directory, to the S3 of moto and of s3s-fs, to Azurite, and to
//! Google's API in front of moto; some through a proxy that disturbs the connections.
#![cfg(all(unix, not(any(callrec_loom, callrec_shuttle))))]

#[path = "uploads/azure.rs"]
mod azure;
#[path = "uploads/directory.rs"]
mod directory;
#[path = "uploads/faults.rs"]
mod faults;
#[path = "uploads/fixture.rs"]
mod fixture;
#[path = "uploads/google.rs"]
mod google;
#[path = "uploads/google_server.rs"]
mod google_server;
#[path = "uploads/holds.rs"]
mod holds;
#[path = "uploads/killed.rs"]
mod killed;
#[path = "uploads/removal.rs"]
mod removal;
#[path = "uploads/s3.rs"]
mod s3;
#[path = "uploads/s3_server.rs"]
mod s3_server;
#[path = "uploads/s3s.rs"]
mod s3s;
