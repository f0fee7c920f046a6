//! The payload types of a call.

use std::fs;

use callrec::media::{OtherPayload, other_payload_types, payload_types};
use callrec::types::FeedFormat;

use crate::command_line::RecordOptions;
use crate::output::{CommandError, CommandResult, ErrorContext, because};
use crate::session::CallFeed;

/// The payload types that the options declare, for both legs.
#[derive(Clone, Default)]
pub struct DeclaredPayloads {
    audio: Vec<(u8, FeedFormat)>,
    other: Vec<(u8, OtherPayload)>,
}

impl DeclaredPayloads {
    /// Reads `--sdp` and `--payload`.
    pub fn of_options(options: &RecordOptions) -> CommandResult<DeclaredPayloads> {
        let mut declared = DeclaredPayloads::default();
        if let Some(path) = &options.sdp {
            let text = fs::read_to_string(path).about(path.display())?;
            declared.add_sdp(&text)?;
        }
        for payload in &options.payload {
            let Some((number, encoding)) = payload.trim().split_once([' ', ':']) else {
                return because(format!(
                    "--payload \"{payload}\": write it as \"96 opus/48000/2\""
                ));
            };
            let sdp = format!("m=audio 9 RTP/AVP {number}\r\na=rtpmap:{number} {encoding}\r\n");
            let before = declared.audio.len();
            declared.add_sdp(&sdp)?;
            if declared.audio.len() == before {
                return because(format!("--payload \"{payload}\": this build does not decode it"));
            }
        }
        Ok(declared)
    }

    /// Adds what a session description declares.
    pub fn add_sdp(&mut self, text: &str) -> CommandResult<()> {
        let invalid =
            |error: callrec_media::sdp::InvalidSdp| CommandError::Because(format!("SDP: {}", error.0));
        self.audio.extend(payload_types(text).map_err(invalid)?);
        self.other.extend(other_payload_types(text).unwrap_or_default());
        Ok(())
    }

    /// Adds further declarations, which take precedence.
    pub fn append(&mut self, mut later: DeclaredPayloads) {
        self.audio.append(&mut later.audio);
        self.other.append(&mut later.other);
    }

    /// The format of a payload type: declared, or of RFC 3551.
    pub fn format(&self, number: u8) -> Option<FeedFormat> {
        let declared = self.audio.iter().rev().find(|(known, _)| *known == number);
        let fixed = || {
            payload_types(&format!("m=audio 9 RTP/AVP {number}\r\n"))
                .ok()?
                .into_iter()
                .next()
        };
        declared.copied().or_else(fixed).map(|(_, format)| format)
    }

    /// Declares the payload types of a feed.
    pub fn declare(&self, feed: &CallFeed) -> CommandResult<()> {
        let declared = feed.with(|open| {
            for (number, payload) in &self.other {
                open.set_other_payload(*number, *payload);
            }
            self.audio
                .iter()
                .try_for_each(|(number, format)| open.set_payload(*number, *format))
        });
        match declared {
            Some(done) => Ok(done?),
            None => because("the call has ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use crate::command_line::{CommandKind, CommandLine};

    fn declared(arguments: &[&str]) -> CommandResult<DeclaredPayloads> {
        let line = CommandLine::parse_from([&["callrec", "record"], arguments].concat());
        let CommandKind::Record(options) = line.command else {
            panic!("not a record command");
        };
        DeclaredPayloads::of_options(&options)
    }

    #[test]
    fn payload_types_are_declared_or_static() {
        let payloads =
            declared(&["--payload", "96 opus/48000/2", "--payload", "97:L16/16000"]).expect("payloads");
        let rate = |number: u8| payloads.format(number).map(|format| format.rate);
        assert_eq!((rate(96), rate(97)), (Some(48_000), Some(16_000)));
        assert_eq!((rate(0), rate(9)), (Some(8000), Some(16_000)));
        assert_eq!(rate(98), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for wrong in ["96", "96 unheard-of/8000", "x opus/48000/2"] {
            assert!(declared(&["--payload", wrong]).is_err(), "{wrong}");
        }
    }
}
