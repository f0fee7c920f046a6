//! What a recording's file says about it, from its manifest.

use super::Manifest;
use callrec_codec::Tags;
use uuid::Uuid;

impl Manifest {
    /// The tags of the file of the recording `id`.
    pub fn tags(&self, id: Uuid) -> Tags {
        let call = self.call.value();
        let first = |names: [&str; 2]| {
            let text = |name: &str| call.get(name)?.as_str().filter(|text| !text.is_empty());
            let found = names.into_iter().find_map(text);
            found.unwrap_or_default().to_owned()
        };
        Tags {
            recording: id,
            call_id: first(["call_id"; 2]),
            local: first(["directory_number", "device_name"]),
            remote: first(["remote_phone_number"; 2]),
            started_at: self.started_at.clone(),
        }
    }
}
