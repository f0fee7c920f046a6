//! Authentication: the client's credentials, and the user whom the host's function finds for them.

use std::net::IpAddr;

use super::http::HttpRequest;
use callrec_core::calls::Caller;
use callrec_core::text::Text;
use callrec_core::types::Status;

/// How a client authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Scheme {
    /// HTTP Basic.
    Basic = 1,
    /// A name and a token, each in a header of its own.
    Token = 2,
    /// Not a login: callrec needs the account's key to sign a callback.
    Signature = 3,
    /// `Authorization: Bearer`.
    Bearer = 4,
}

/// The credentials of one request.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub scheme: Scheme,
    pub name: String,
    pub secret: String,
    pub client_address: IpAddr,
}

/// The result of a successful authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticatedUser {
    pub username: Text,
    /// 1 to 10.
    pub level: u32,
    /// Signs the account's callbacks. Empty: the callbacks are not signed.
    pub signature_key: String,
}

/// The host's authentication function. It may block: it is called on threads of its own.
pub trait Authenticator: Send + Sync {
    /// Returns `Err(Unauthenticated)` for unknown or wrong credentials. Any other error means that
    /// the host could not decide.
    fn authenticate(&self, credentials: &Credentials) -> Result<AuthenticatedUser, Status>;

    /// Called when the gateway has started. Before that, the host still owns its `user_data`.
    fn gateway_started(&self) {}
}

/// Why authentication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Missing or wrong credentials: 401.
    InvalidCredentials,
    /// The host's function failed: 500.
    HostFailed,
    /// The host was not called, because too many attempts are queued or the gateway is stopping:
    /// 503.
    Unavailable,
}

/// The caller who authenticated with this request.
pub fn caller_of(user: AuthenticatedUser, request: &HttpRequest) -> Caller {
    request.caller(user.username, user.level)
}
