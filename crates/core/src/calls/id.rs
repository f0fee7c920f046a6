//! Parses the recording ids that clients send.

use uuid::Uuid;

use crate::types::{Error, Result, Status};

/// A GUID: 8-4-4-4-12 or 32 hex digits, with or without braces, any case.
pub fn parse_id(id: &str) -> Result<Uuid> {
    let inner = id
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(id);
    let plain = inner.len() == 36 || inner.len() == 32;
    match Uuid::try_parse(inner) {
        Ok(id) if plain => Ok(id),
        _ => Err(Error::new(Status::InvalidId, format!("id \"{id}\": not a GUID")).with_reason(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_in_every_published_form() {
        let id = parse_id("75A90276-E47E-4e9e-B463-E3C743D5FF3A").map(|id| id.to_string());
        assert_eq!(id.as_deref(), Ok("75a90276-e47e-4e9e-b463-e3c743d5ff3a"));
        for same in [
            "75a90276e47e4e9eb463e3c743d5ff3a",
            "{75A90276-E47E-4E9E-B463-E3C743D5FF3A}",
            "{75A90276E47E4E9EB463E3C743D5FF3A}",
        ] {
            assert_eq!(parse_id(same).map(|id| id.to_string()), id);
        }
        for other in [
            "",
            "not-a-guid",
            "{75A90276-E47E-4E9E-B463-E3C743D5FF3A",
            "{{75A90276-E47E-4E9E-B463-E3C743D5FF3A}}",
            "urn:uuid:75a90276-e47e-4e9e-b463-e3c743d5ff3a",
            "75a90276-e47e-4e9e-b463-e3c743d5ff3",
            "75a90276-e47e-4e9e-b463-e3c743d5ff3g",
            "75a9-0276e47e-4e9e-b463-e3c743d5ff3a",
        ] {
            let error = parse_id(other).map(|id| id.to_string());
            assert!(
                matches!(&error, Err(e) if e.status == Status::InvalidId && e.reason == 0),
                "{other}: {error:?}"
            );
        }
    }
}
