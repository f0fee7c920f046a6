//! Who may: what a client shows, and whom the host's own function knows by it.

use std::net::IpAddr;

use super::http::HttpRequest;
use callrec_core::calls::Caller;
use callrec_core::text::Text;
use callrec_core::words::Status;

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Scheme {
    /// HTTP Basic.
    Basic = 1,
    /// A name and a token, each in a header of the API's own.
    Token = 2,
    /// Nobody asks: callrec needs the account's key to sign a callback.
    Signature = 3,
    /// `Authorization: Bearer`.
    Bearer = 4,
}

/// What a client has shown.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub scheme: Scheme,
    pub name: String,
    pub secret: String,
    pub client_address: IpAddr,
}

/// Whom the host knows by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticatedUser {
    pub username: Text,
    /// 1 to 10.
    pub level: u32,
    /// Signs the account's callbacks; empty: its secret does.
    pub signature_key: String,
}

/// The host's function. It may take its time: it is called on threads that may wait.
pub trait Authenticator: Send + Sync {
    /// `Err(Unauthenticated)`: unknown or wrong; any other: it cannot be said now.
    fn authenticate(&self, credentials: &Credentials) -> Result<AuthenticatedUser, Status>;

    /// The gateway has started. Before that, what is the host's stays the host's.
    fn gateway_started(&self) {}
}

/// Why nobody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No credentials, or wrong ones: 401.
    InvalidCredentials,
    /// The host's function failed: 500.
    HostFailed,
    /// It was not asked: too many wait already, or the gateway is stopping. 503.
    Unavailable,
}

/// Who was let in with this request.
pub fn caller_of(identity: AuthenticatedUser, request: &HttpRequest) -> Caller {
    request.caller(identity.username, identity.level)
}
