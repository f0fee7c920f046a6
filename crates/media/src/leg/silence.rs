//! Whether a leg is silent.

use super::LegMedia;
use crate::rtp::RtpPacket;

impl LegMedia {
    /// Whether the attached leg has had no audio for `silent_ns`.
    pub fn is_quiet(&self, now_ns: u64, silent_ns: u64) -> bool {
        self.is_attached && now_ns.saturating_sub(self.last_audio_ns()) >= silent_ns
    }

    fn last_audio_ns(&self) -> u64 {
        // Audio that was written ahead is still being played.
        match self.ahead_ns {
            0 => self.audio_ns,
            _ => self.audio_ns.max(self.timeline.end_ns()),
        }
    }

    /// A packet of comfort noise begins a silence.
    pub(super) fn begin_noise(&mut self, packet: &RtpPacket<'_>) {
        if !self.timeline.conceals() {
            return;
        }
        let timestamp = self.scaled(packet.timestamp);
        if let Some(position) = self.streams.position_of(packet.ssrc, timestamp) {
            self.timeline.begin_noise(packet.payload, position);
        }
    }

    /// Stream time: fills a silence with the noise that its sender described, up to a time.
    pub fn fill_silence(&mut self, until_ns: u64) {
        self.timeline.continue_noise(until_ns);
    }

    /// Returns true once, when the leg has been silent for `silent_ns` while the call was
    /// connected.
    pub fn becomes_silent(&mut self, now_ns: u64, silent_ns: u64, connected: bool) -> bool {
        let quiet = self.is_quiet(now_ns, silent_ns);
        if quiet && !connected {
            self.silence_excused_ns = now_ns;
        }
        self.is_silent = quiet && now_ns.saturating_sub(self.silence_excused_ns) >= silent_ns;
        self.is_silent && !std::mem::replace(&mut self.silence_notified, true)
    }
}
