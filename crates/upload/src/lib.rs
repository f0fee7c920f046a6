//! Uploads finished recordings to object storage: S3 and compatible stores, Google Cloud Storage,
//! Azure Blob Storage, or a directory such as a mounted NAS.
//!
//! Core stores one durable job for each recording before its terminal event. This crate performs
//! these jobs on a small runtime of its own, so a slow or dead store never delays a call. The
//! audio is uploaded first and the manifest last: a manifest in the store means that all objects
//! of its recording are there. No object is ever overwritten.
//!
//! Without the feature `store`, the crate has only the configuration keys, which every build of
//! callrec knows.

#![forbid(unsafe_code)]

mod location;
mod secret;
mod settings;

#[cfg(feature = "store")]
mod attempt;
#[cfg(feature = "store")]
mod bandwidth;
#[cfg(feature = "store")]
mod cloud;
#[cfg(feature = "store")]
mod cloud_builder;
#[cfg(feature = "store")]
mod context;
#[cfg(feature = "store")]
mod copy_hold;
#[cfg(feature = "store")]
mod digest;
#[cfg(feature = "store")]
mod directory_store;
#[cfg(feature = "store")]
mod http_client;
#[cfg(feature = "store")]
mod object_error;
#[cfg(feature = "store")]
mod object_plan;
#[cfg(feature = "store")]
mod object_target;
#[cfg(feature = "store")]
mod object_upload;
#[cfg(feature = "store")]
mod progress;
#[cfg(feature = "store")]
mod remote;
#[cfg(feature = "store")]
mod removal;
#[cfg(feature = "store")]
mod request_body;
#[cfg(feature = "store")]
mod s3_hold;
#[cfg(all(test, feature = "store"))]
mod scripted_server;
#[cfg(feature = "store")]
mod uploader;

pub use location::{StoreLocation, StoreScheme};
pub use secret::Secret;
pub use settings::{UploadSettings, Verification};
#[cfg(feature = "store")]
pub use uploader::Uploader;
