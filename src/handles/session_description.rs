//! What a session description means for the payload types of a feed.

use std::cell::RefCell;

use super::feed::{codecs, report_unusable_codec, set_other_payload, set_payload};
use super::handle::Handle;
use crate::host_codecs::DeclaredCodec;
use crate::media::{DeclaredEncoding, other_payload_types, payload_types_with};
use crate::types::{Error, Result, Status};

/// Sets the payload types that the description declares.
pub fn describe(feed: Handle, text: &str) -> Result<()> {
    let codecs = codecs(feed)?;
    let unusable = RefCell::new(Vec::new());
    let registered = |encoding: &DeclaredEncoding| {
        let declared = DeclaredCodec {
            clock_rate: encoding.clock_rate,
            channels: encoding.channels.into(),
            fmtp: encoding.fmtp.as_deref(),
            packet_ms: encoding.packet_ms,
        };
        codecs.named(&encoding.name, &declared).unwrap_or_else(|error| {
            let name = format!("{}/{}", encoding.name, encoding.clock_rate);
            unusable.borrow_mut().push(format!("{name}: {}", error.message));
            None
        })
    };
    let found = payload_types_with(text, registered);
    let found = found.map_err(|error| Error::new(Status::InvalidArgument, format!("sdp: {}", error.0)))?;
    let others = other_payload_types(text).unwrap_or_default();
    let is_decoded = |number: u8| found.iter().any(|(known, _)| *known == number);
    for (number, payload) in others.into_iter().filter(|(number, _)| !is_decoded(*number)) {
        set_other_payload(feed, number, payload)?;
    }
    let unusable = unusable.into_inner();
    for cause in &unusable {
        report_unusable_codec(feed, cause)?;
    }
    if found.is_empty() {
        let causes = unusable.iter().map(|cause| format!("; {cause}"));
        let message = format!(
            "sdp: this build decodes none of its encodings{}",
            causes.collect::<String>()
        );
        return Err(Error::new(Status::Unsupported, message));
    }
    for (number, format) in found {
        set_payload(feed, number, format)?;
    }
    Ok(())
}
