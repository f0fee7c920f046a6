//! Who is to be called back about a recording.

use serde::{Deserialize, Serialize};

/// Who is to be called back, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    pub url: String,
    /// `GET` or `POST`
    pub method: String,
    /// Whose key signs it; empty: nobody's.
    pub account: String,
    /// Of the request that asked for the recording.
    pub api_id: String,
    /// Whose form it has.
    pub dialect: String,
}
