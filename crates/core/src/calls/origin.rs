//! By which way a caller came in, for the audit log.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Of one request through an API.
#[derive(Debug)]
pub struct CallerOrigin {
    /// The API's name.
    pub api: &'static str,
    /// From where, as far as the network knows.
    pub source: Option<IpAddr>,
    /// The level of the login; 0: nobody has been let in. An API may let a caller act by less.
    login_level: AtomicU32,
    is_noted: AtomicBool,
}

impl CallerOrigin {
    pub fn new(api: &'static str, source: Option<IpAddr>) -> CallerOrigin {
        CallerOrigin {
            api,
            source,
            login_level: AtomicU32::new(0),
            is_noted: AtomicBool::new(false),
        }
    }

    /// Somebody of this level was let in.
    pub fn note_login(&self, level: u32) {
        self.login_level.store(level, Ordering::Relaxed);
    }

    /// `None`: nobody was let in.
    pub fn login_level(&self) -> Option<u32> {
        Some(self.login_level.load(Ordering::Relaxed)).filter(|level| *level > 0)
    }

    /// The audit log has a line of this request.
    pub fn note(&self) {
        self.is_noted.store(true, Ordering::Relaxed);
    }

    pub fn is_noted(&self) -> bool {
        self.is_noted.load(Ordering::Relaxed)
    }
}
