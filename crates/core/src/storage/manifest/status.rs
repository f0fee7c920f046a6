//! Serializes a status as its number in the ABI. An unknown number is read as `None`.

use crate::types::Status;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub fn serialize<S: Serializer>(status: &Option<Status>, serializer: S) -> Result<S::Ok, S::Error> {
    status.map(|status| status as i32).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Status>, D::Error> {
    let code = Option::<i32>::deserialize(deserializer)?;
    Ok(code.and_then(Status::from_code))
}
