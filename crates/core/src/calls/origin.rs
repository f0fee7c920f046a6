//! The origin of a caller's request, for the audit log.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The origin of one request through an API.
#[derive(Debug)]
pub struct CallerOrigin {
    /// The API's name.
    pub api: &'static str,
    /// The client's address, if known.
    pub source: Option<IpAddr>,
    /// Level of the login; 0 without a login. The API may grant the caller a lower level.
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

    /// A login with this level succeeded.
    pub fn note_login(&self, level: u32) {
        self.login_level.store(level, Ordering::Relaxed);
    }

    /// `None` without a successful login.
    pub fn login_level(&self) -> Option<u32> {
        Some(self.login_level.load(Ordering::Relaxed)).filter(|level| *level > 0)
    }

    /// The audit log contains a line for this request.
    pub fn note(&self) {
        self.is_noted.store(true, Ordering::Relaxed);
    }

    pub fn is_noted(&self) -> bool {
        self.is_noted.load(Ordering::Relaxed)
    }
}
