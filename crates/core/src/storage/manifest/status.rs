//! A status in a manifest: its number in the ABI. One that a later version wrote is unknown.

use crate::types::Status;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub fn serialize<S: Serializer>(status: &Option<Status>, serializer: S) -> Result<S::Ok, S::Error> {
    status.map(|status| status as i32).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Status>, D::Error> {
    let code = Option::<i32>::deserialize(deserializer)?;
    Ok(code.and_then(Status::from_code))
}
