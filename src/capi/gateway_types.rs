//! The structs, constants and callbacks of the HTTP gateway. A struct only grows at its end.

use std::ffi::{c_char, c_void};

use super::callback_types::rec_free_fn;
use super::values::rec_status;

/// How a gateway runs. Keys of `rec_config_set` set the rest, such as `gateway.…` and
/// `callbacks.…`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_gateway_options {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// TCP port, 0 to 65535. 0 means any free port: see `rec_gateway_port`.
    pub port: u32,
    /// IP address to listen on, at most 64 bytes. If absent, 127.0.0.1.
    pub address: *const c_char,
    /// `REC_GATEWAY_…`
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The host's function that identifies clients. If NULL, no client is let in.
    pub authenticate: rec_authenticate_fn,
    /// Passed to `authenticate`.
    pub user_data: *mut c_void,
    /// Called once with `user_data` after the last `authenticate`, before `rec_gateway_stop` or
    /// `rec_close` returns `REC_OK`. May be NULL. Must be NULL if `authenticate` is NULL.
    pub user_data_free: rec_free_fn,
}

/// The gateway opens no socket. It receives requests through `rec_http_handle` only.
pub const REC_GATEWAY_NO_SOCKET: u32 = 1;

/// HTTP Basic: `name` and `secret` are the user's name and password.
pub const REC_AUTH_BASIC: i32 = 1;
/// X-Auth-ID and X-Auth-Token (Vobiz): `name` is the account, and `secret` is its token.
pub const REC_AUTH_TOKEN: i32 = 2;
/// Not a login: callrec is about to call this account's receiver and needs its `signature_key`.
/// `secret` is "", and `level` is ignored.
pub const REC_AUTH_SIGNATURE: i32 = 3;
/// `Authorization: Bearer` (Vobiz): `secret` is the token. `name` is the account in the
/// request's path, or "" if the path has none, as for audio below `/recordings/`. The host must
/// check that the token belongs to that account. A host that does not know this scheme returns
/// `REC_ERR_UNAUTHENTICATED`.
///
/// Since: 0.2.0
pub const REC_AUTH_BEARER: i32 = 4;

/// The credentials that a client of the gateway sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_credentials {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_AUTH_…`
    pub scheme: i32,
    /// The name of the user or the account.
    pub name: *const c_char,
    /// The password or the token.
    pub secret: *const c_char,
    /// The client's IP address.
    pub source: *const c_char,
}

/// The user to whom credentials belong.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_identity {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_LEVEL_…`, 1 to 10. With any other value, the client gets 401.
    pub level: u32,
    /// The user owns the calls whose `rec_call_info.username` equals this one. At most 255
    /// bytes and a NUL.
    pub username: [c_char; 256],
    /// Key that signs the callbacks of this account (with Vobiz, the account's token), at most
    /// 255 bytes and a NUL. If it is "", callbacks are not signed.
    pub signature_key: [c_char; 256],
}

/// Identifies a client of the gateway. The host implements this function.
///
/// `credentials` and all that it points to live until the function returns. `identity` is zero
/// except for its `struct_size`. If the credentials are valid, fill in `identity` and return
/// `REC_OK`. If they are not, return `REC_ERR_UNAUTHENTICATED`: the client gets 401, and its
/// next attempts are delayed. Any other status means that the credentials cannot be checked
/// now: the client gets 500. Compare secrets in constant time.
///
/// The function runs on threads of the library, at most `gateway.auth_parallel` at a time, and
/// may block. It may call any function except `rec_close`, `rec_gateway_stop` and
/// `rec_http_handle`, which return `REC_ERR_IN_CALLBACK`, even for another engine or gateway.
/// It must not throw or longjmp out.
pub type rec_authenticate_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        credentials: *const rec_credentials,
        identity: *mut rec_identity,
    ) -> rec_status,
>;

/// An HTTP request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_http_request {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// `GET`, `POST` or another method, at most 32 bytes. Must not be NULL.
    pub method: *const c_char,
    /// Path and query, percent-encoded as received, at most 1,048,576 bytes. Must not be NULL.
    pub target: *const c_char,
    /// "Name: value" lines, each ending with CR LF, at most 1,048,576 bytes. May be absent.
    pub headers: *const c_char,
    /// The body. May be NULL if `body_size` is 0.
    pub body: *const c_void,
    /// Size of the body in bytes.
    pub body_size: usize,
    /// The client's IP address, at most 64 bytes. After a failed login, it determines whose
    /// logins are delayed. If absent, 127.0.0.1.
    pub source: *const c_char,
}
