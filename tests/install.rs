//! `make install`: what it installs, and programs that are built against that alone.
#![cfg(target_os = "linux")]

#[path = "install/debian.rs"]
mod debian;
#[path = "install/examples.rs"]
mod examples;
#[path = "install/layout.rs"]
mod layout;
#[path = "install/notices.rs"]
mod notices;
#[path = "install/old_rust.rs"]
mod old_rust;
#[path = "install/release.rs"]
mod release;
#[path = "install/root.rs"]
mod root;
#[path = "install/static_library.rs"]
mod static_library;
#[path = "support/support.rs"]
mod support;
#[path = "install/without_codecs.rs"]
mod without_codecs;
