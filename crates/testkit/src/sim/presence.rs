//! Whether a packet belongs into a recording.

use std::collections::BTreeSet;

use super::model::{AudioPolicy, ModelCall, ModelPacket, ModelRecording, ModelState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Must,
    May,
    Never,
}

/// A packet is handed in within this of when it came, in ticks.
const BLUR_TICKS: u64 = 1;

/// A packet finds its place no later than this, in ticks; whether the call is held is asked
/// then.
const PLACED_TICKS: u64 = 20;

impl ModelRecording {
    /// What it did with what was handed in at this tick.
    fn want_at(&self, tick: u64) -> AudioPolicy {
        let before = self.wants.iter().rev().find(|(from, _)| *from < tick);
        before.map_or(AudioPolicy::Leave, |(_, want)| *want)
    }

    /// Whether that changed behind the first of these ticks and before the last one.
    fn changed(&self, from: u64, to: u64) -> bool {
        self.wants.iter().any(|(at, _)| (from..to).contains(at))
    }

    /// Whether it did only this at these ticks.
    fn only(&self, want: AudioPolicy, from: u64, to: u64) -> bool {
        self.want_at(from) == want && !self.changed(from, to)
    }

    /// Whether the call is held at any of these ticks, and nothing of that kept.
    fn is_silenced(&self, from: u64, to: u64) -> bool {
        let begins =
            |(at, want): &(u64, AudioPolicy)| *want == AudioPolicy::Silence && (from..to).contains(at);
        self.want_at(from) == AudioPolicy::Silence || self.wants.iter().any(begins)
    }

    pub fn presence(&self, packet: &ModelPacket, steady: bool) -> Presence {
        let Some(handed) = packet.handed else {
            return Presence::Never;
        };
        let said = packet.said;
        let now = self.want_at(handed);
        if now == AudioPolicy::Leave {
            return Presence::Never;
        }
        // What was said before the start may come in after it.
        let had_begun = self.wants.first().is_some_and(|(from, _)| *from < said);
        if let Some(late) = packet.late
            && had_begun
            && self.only(AudioPolicy::Leave, said, said + late + BLUR_TICKS)
        {
            return Presence::Never;
        }
        let (from, to) = (said.saturating_sub(PLACED_TICKS), handed + PLACED_TICKS);
        if self.is_silenced(from, to) {
            return match self.only(AudioPolicy::Silence, from, to) {
                true => Presence::Never,
                false => Presence::May,
            };
        }
        // A stream that is moved to where it can have been said lies there by the clock's ticks.
        let moved = u64::from(!steady && packet.late.is_some());
        let unclear_from = said.saturating_sub(packet.early + moved);
        // What changes after it was handed in cannot make it a secret: it is kept, or told as lost.
        match self.changed(unclear_from, handed) {
            true => Presence::May,
            false => Presence::Must,
        }
    }
}

impl ModelState {
    fn is_wanted(&self, call: &ModelCall, packet: &ModelPacket) -> bool {
        call.recordings.iter().any(|id| {
            let recording = &self.recordings[id];
            recording.presence(packet, call.steady) != Presence::Never
        })
    }

    /// Finds the marks that belong into no recording, as far as all is told of them.
    pub fn find_secrets(&mut self) {
        let mut secret = BTreeSet::new();
        for call in &self.calls {
            let never = call.packets.iter().filter(|packet| !self.is_wanted(call, packet));
            secret.extend(never.map(|packet| packet.mark));
        }
        self.secret = secret;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(said: u64, handed: u64, late: Option<u64>) -> ModelPacket {
        ModelPacket {
            mark: 1,
            leg: 0,
            stream: 0,
            said,
            handed: Some(handed),
            late,
            early: 0,
        }
    }

    /// Kept from 10 on, paused at 30, resumed at 50, ended at 100.
    fn recording() -> ModelRecording {
        ModelRecording {
            wants: vec![
                (10, AudioPolicy::Keep),
                (30, AudioPolicy::Leave),
                (50, AudioPolicy::Keep),
                (100, AudioPolicy::Leave),
            ],
            ..ModelRecording::default()
        }
    }

    #[test]
    fn what_is_handed_in_at_once_is_clear() {
        let expect = |said: u64, presence: Presence| {
            for late in [None, Some(0)] {
                let found = recording().presence(&packet(said, said, late), true);
                assert_eq!(found, presence, "{said} {late:?}");
            }
        };
        for (said, presence) in [
            (10, Presence::Never),
            (11, Presence::Must),
            (30, Presence::Must),
            (31, Presence::Never),
            (50, Presence::Never),
            (51, Presence::Must),
            (100, Presence::Must),
            (101, Presence::Never),
        ] {
            expect(said, presence);
        }
    }

    #[test]
    fn what_was_said_in_a_pause_and_comes_after_it_is_secret_where_it_says_so() {
        let presence = |late| recording().presence(&packet(40, 60, late), false);
        assert_eq!(presence(Some(2)), Presence::Never);
        assert_eq!(presence(Some(20)), Presence::May, "it may seem to be of after it");
        assert_eq!(presence(None), Presence::May, "nobody can know");
        let before = recording().presence(&packet(25, 60, Some(2)), false);
        assert_eq!(before, Presence::May, "from before the pause");
        let lost = ModelPacket {
            handed: None,
            ..packet(20, 0, None)
        };
        assert_eq!(recording().presence(&lost, true), Presence::Never);
    }

    #[test]
    fn what_is_handed_in_before_a_pause_is_kept_or_told_wherever_it_may_lie() {
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
    fn what_is_said_while_the_call_is_held_is_secret_away_from_the_edges() {
        let mut held = recording();
        held.wants = vec![
            (1, AudioPolicy::Keep),
            (30, AudioPolicy::Silence),
            (130, AudioPolicy::Keep),
        ];
        let presence = |said: u64| held.presence(&packet(said, said, None), true);
        assert_eq!(presence(1), Presence::Never);
        assert_eq!(presence(2), Presence::Must);
        assert_eq!(presence(11), Presence::May);
        assert_eq!(presence(30), Presence::May);
        assert_eq!(presence(45), Presence::May);
        assert_eq!(presence(80), Presence::Never);
        assert_eq!(presence(120), Presence::May);
    }
}
