//! Whether a packet belongs in a recording.

use std::collections::BTreeSet;

use super::model::{AudioPolicy, ModelCall, ModelPacket, ModelRecording, ModelState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Must,
    May,
    Never,
}

/// The longest time from a packet's arrival to its write, in ticks.
const BLUR_TICKS: u64 = 1;

/// The longest time until a packet is placed, in ticks. The hold of the call applies then.
const PLACED_TICKS: u64 = 20;

impl ModelRecording {
    /// The policy for audio that was written at this tick.
    fn policy_at(&self, tick: u64) -> AudioPolicy {
        let before = self.policies.iter().rev().find(|(from, _)| *from < tick);
        before.map_or(AudioPolicy::Omit, |(_, policy)| *policy)
    }

    /// Whether the policy has changed from the first of these ticks to before the last one.
    fn changed(&self, from: u64, to: u64) -> bool {
        self.policies.iter().any(|(at, _)| (from..to).contains(at))
    }

    /// Whether this was the only policy at these ticks.
    fn only(&self, policy: AudioPolicy, from: u64, to: u64) -> bool {
        self.policy_at(from) == policy && !self.changed(from, to)
    }

    /// Whether audio was silenced at any of these ticks.
    fn is_silenced(&self, from: u64, to: u64) -> bool {
        let begins =
            |(at, policy): &(u64, AudioPolicy)| *policy == AudioPolicy::Silence && (from..to).contains(at);
        self.policy_at(from) == AudioPolicy::Silence || self.policies.iter().any(begins)
    }

    /// Whether the packet may be silenced because of a hold.
    pub fn is_silenced_near(&self, packet: &ModelPacket) -> bool {
        let written = packet.written.unwrap_or(packet.sent);
        self.is_silenced(packet.sent.saturating_sub(PLACED_TICKS), written + PLACED_TICKS)
    }

    pub fn presence(&self, packet: &ModelPacket, steady: bool) -> Presence {
        let by_policy = match self.presence_after_transfer(packet, steady) {
            Some(presence) => presence,
            None => self.presence_by_policy(packet, steady),
        };
        if self.is_of_predecessor(packet, steady) {
            return Presence::Never;
        }
        let by_position = match &self.earlier {
            Some(earlier) => earlier.presence(packet, steady),
            None => Presence::Must,
        };
        match (by_policy, by_position) {
            (Presence::Never, _) | (_, Presence::Never) => Presence::Never,
            (Presence::Must, Presence::Must) => Presence::Must,
            _ => Presence::May,
        }
    }

    /// The packets of a leg, and whether each belongs in the recording.
    pub fn packets_of<'a>(&self, call: &'a ModelCall, leg: usize) -> Vec<(&'a ModelPacket, Presence)> {
        let packets = call.packets.iter().filter(|packet| packet.leg == leg);
        packets
            .map(|packet| (packet, self.presence(packet, call.steady)))
            .collect()
    }

    /// The tick after which it was started.
    pub fn started_at(&self) -> u64 {
        let first = self.policies.first().map_or(0, |(tick, _)| *tick);
        self.earlier.map_or(first, |earlier| earlier.start)
    }

    /// The same, whatever the recording's beginning is.
    pub fn presence_by_policy(&self, packet: &ModelPacket, steady: bool) -> Presence {
        let Some(written) = packet.written else {
            return Presence::Never;
        };
        let sent = packet.sent;
        let now = self.policy_at(written);
        if now == AudioPolicy::Unclear {
            return Presence::May;
        }
        if now == AudioPolicy::Omit {
            return Presence::Never;
        }
        // A packet from before the start may be written after it.
        let had_begun = self.policies.first().is_some_and(|(from, _)| *from < sent);
        if let Some(late) = packet.late
            && had_begun
            && self.only(AudioPolicy::Omit, sent, sent + late + BLUR_TICKS)
        {
            return Presence::Never;
        }
        let (from, to) = (sent.saturating_sub(PLACED_TICKS), written + PLACED_TICKS);
        if self.is_silenced(from, to) {
            return match self.only(AudioPolicy::Silence, from, to) {
                true => Presence::Never,
                false => Presence::May,
            };
        }
        // A stream that is moved to a possible time is placed by the clock's ticks.
        let moved = u64::from(!steady && packet.late.is_some());
        let unclear_from = sent.saturating_sub(packet.early + moved);
        // A later change cannot make a written packet secret: it is kept, or reported as lost.
        match self.changed(unclear_from, written) {
            true => Presence::May,
            false => Presence::Must,
        }
    }
}

impl ModelState {
    fn must_be_recorded(&self, call: &ModelCall, packet: &ModelPacket) -> bool {
        call.recordings.iter().any(|id| {
            let recording = &self.recordings[id];
            recording.presence(packet, call.steady) != Presence::Never
        })
    }

    /// Finds the patterns that must be in no recording.
    pub fn find_secrets(&mut self) {
        self.continue_transferred();
        let mut secret = BTreeSet::new();
        for call in &self.calls {
            let never = call
                .packets
                .iter()
                .filter(|packet| !self.must_be_recorded(call, packet));
            secret.extend(never.map(|packet| packet.pattern));
        }
        self.secret = secret;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sent: u64, written: u64, late: Option<u64>) -> ModelPacket {
        ModelPacket {
            pattern: 1,
            leg: 0,
            stream: 0,
            sent,
            written: Some(written),
            last_written: Some(written),
            late,
            early: 0,
            may_lack: false,
        }
    }

    /// Kept from 10 on, paused at 30, resumed at 50, ended at 100.
    fn recording() -> ModelRecording {
        ModelRecording {
            policies: vec![
                (10, AudioPolicy::Keep),
                (30, AudioPolicy::Omit),
                (50, AudioPolicy::Keep),
                (100, AudioPolicy::Omit),
            ],
            ..ModelRecording::default()
        }
    }

    #[test]
    fn packets_that_are_written_at_once_are_clear() {
        let expect = |sent: u64, presence: Presence| {
            for late in [None, Some(0)] {
                let found = recording().presence(&packet(sent, sent, late), true);
                assert_eq!(found, presence, "{sent} {late:?}");
            }
        };
        for (sent, presence) in [
            (10, Presence::Never),
            (11, Presence::Must),
            (30, Presence::Must),
            (31, Presence::Never),
            (50, Presence::Never),
            (51, Presence::Must),
            (100, Presence::Must),
            (101, Presence::Never),
        ] {
            expect(sent, presence);
        }
    }

    #[test]
    fn a_packet_of_a_pause_that_arrives_after_it_is_secret_if_it_shows_its_time() {
        let presence = |late| recording().presence(&packet(40, 60, late), false);
        assert_eq!(presence(Some(2)), Presence::Never);
        assert_eq!(
            presence(Some(20)),
            Presence::May,
            "it may seem to be from after the pause"
        );
        assert_eq!(presence(None), Presence::May, "it does not show its time");
        let before = recording().presence(&packet(25, 60, Some(2)), false);
        assert_eq!(before, Presence::May, "from before the pause");
        let lost = ModelPacket {
            written: None,
            ..packet(20, 0, None)
        };
        assert_eq!(recording().presence(&lost, true), Presence::Never);
    }

    #[test]
    fn a_packet_that_is_written_before_a_pause_is_kept_or_reported() {
        for steady in [false, true] {
            for late in [None, Some(0), Some(30)] {
                let presence = |early| {
                    let packet = ModelPacket {
                        early,
                        ..packet(25, 30, late)
                    };
                    recording().presence(&packet, steady)
                };
                assert_eq!(presence(0), Presence::Must, "{steady} {late:?}");
                assert_eq!(presence(6), Presence::Must, "{steady} {late:?}");
                assert_eq!(presence(15), Presence::May, "from before the start");
            }
        }
    }

    #[test]
    fn audio_of_a_held_call_is_secret_except_at_the_edges() {
        let mut held = recording();
        held.policies = vec![
            (1, AudioPolicy::Keep),
            (30, AudioPolicy::Silence),
            (130, AudioPolicy::Keep),
        ];
        let presence = |sent: u64| held.presence(&packet(sent, sent, None), true);
        assert_eq!(presence(1), Presence::Never);
        assert_eq!(presence(2), Presence::Must);
        assert_eq!(presence(11), Presence::May);
        assert_eq!(presence(30), Presence::May);
        assert_eq!(presence(45), Presence::May);
        assert_eq!(presence(80), Presence::Never);
        assert_eq!(presence(120), Presence::May);
    }
}
