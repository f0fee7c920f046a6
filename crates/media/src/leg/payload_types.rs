//! What the RTP payload types of a leg's feed are: as the host has declared them, or static.

use super::LegMedia;
use crate::FeedFormat;
use crate::external::PayloadFormat;
use crate::rtp::{self, RtpPacket};
use crate::sdp::OtherPayload;

/// Payload types that the host has declared and that are no audio for this build.
#[derive(Debug, Default)]
pub(super) struct OtherPayloads(Vec<(u8, OtherPayload)>);

impl OtherPayloads {
    fn set(&mut self, payload_type: u8, payload: OtherPayload) {
        self.unset(payload_type);
        self.0.push((payload_type, payload));
    }

    fn unset(&mut self, payload_type: u8) {
        self.0.retain(|(known, _)| *known != payload_type);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn get(&self, payload_type: u8) -> Option<OtherPayload> {
        let found = self.0.iter().find(|(known, _)| *known == payload_type);
        found.map(|(_, payload)| *payload)
    }

    /// The clock rate of a payload type that is declared for events.
    pub(super) fn event_clock(&self, payload_type: u8) -> Option<u32> {
        match self.get(payload_type) {
            Some(OtherPayload::Event { clock_rate }) => Some(clock_rate),
            _ => None,
        }
    }
}

impl LegMedia {
    /// Declares the format of a payload type. The latest declaration of a type counts.
    pub fn map_payload(&mut self, payload_type: u8, payload: PayloadFormat) {
        let PayloadFormat { format, external } = payload;
        if let Some(external) = external {
            self.timeline.declare_external(external, &self.mapped);
        }
        self.mapped.retain(|(known, _)| *known != payload_type);
        self.others.unset(payload_type);
        self.mapped.push((payload_type, format));
    }

    /// Declares a payload type that is no audio for this build, even if it was audio before, or is a
    /// static type.
    pub fn declare_other(&mut self, payload_type: u8, payload: OtherPayload) {
        self.mapped.retain(|(known, _)| *known != payload_type);
        self.others.set(payload_type, payload);
    }

    /// The format of a payload type that is audio.
    #[inline]
    pub(super) fn format_of(&self, payload_type: u8) -> Option<FeedFormat> {
        match self.others.get(payload_type) {
            Some(_) => None,
            None => rtp::format_of(payload_type, &self.mapped),
        }
    }

    /// Whether the packet is a telephone event: its type is declared as such, or it looks like one.
    pub(super) fn is_event(&self, packet: &RtpPacket<'_>) -> bool {
        match self.others.get(packet.payload_type) {
            Some(declared) => matches!(declared, OtherPayload::Event { .. }),
            None => rtp::looks_like_event(packet),
        }
    }
}
