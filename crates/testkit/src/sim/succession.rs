//! Recordings that follow others after a transfer. What was said before it and is passed in after it
//! belongs to the recording that has ended, if the one that follows records when it is passed in.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::audio::KeptPackets;
use super::model::{AudioPolicy, ModelPacket, ModelRecording, ModelState, Succession};
use super::patterns::STRETCHED_SAMPLES;
use super::presence::Presence;

impl ModelRecording {
    /// Whether a packet belongs in the recording although it is passed in after the transfer that
    /// has ended it. `None`: it is not passed in then.
    pub fn presence_after_transfer(&self, packet: &ModelPacket, steady: bool) -> Option<Presence> {
        let succession = self.succession.as_ref()?;
        packet.written.filter(|written| *written > succession.at)?;
        let continued = succession.continued.as_ref()?;
        let (earliest, latest) = packet.positions(steady);
        if earliest > succession.at {
            return Some(Presence::Never);
        }
        let is_before = latest < succession.at;
        Some(match continued.presence_by_policy(packet, steady) {
            Presence::Must if !is_before => Presence::May,
            presence => presence,
        })
    }

    /// Whether a packet is certainly from before the transfer that began the recording.
    pub fn is_of_predecessor(&self, packet: &ModelPacket, steady: bool) -> bool {
        let latest = packet.positions(steady).1;
        self.follows_at.is_some_and(|at| latest < at)
    }
}

impl ModelState {
    /// Notes that one of these recordings follows another one.
    pub fn follow(&mut self, ended: Uuid, followers: Vec<Uuid>) {
        let at = self.tick;
        for id in &followers {
            if let Some(recording) = self.recordings.get_mut(id) {
                recording.follows_at = Some(at);
            }
        }
        if let Some(recording) = self.recordings.get_mut(&ended).filter(|of| of.transferred) {
            recording.succession = Some(Succession {
                at,
                followers,
                continued: None,
            });
        }
    }

    /// Finds out what the recordings that follow have done. Must come before the checks.
    pub fn continue_transferred(&mut self) {
        let ids: Vec<Uuid> = self.recordings.keys().copied().collect();
        for id in ids {
            let policies = self.policies_with_followers(id);
            let recording = self.recordings.get_mut(&id);
            if let Some(succession) = recording.and_then(|of| of.succession.as_mut()) {
                succession.continued = Some(Box::new(ModelRecording {
                    policies,
                    ..ModelRecording::default()
                }));
            }
        }
    }

    /// The policies of a recording, and then those of what follows it.
    fn policies_with_followers(&self, id: Uuid) -> Vec<(u64, AudioPolicy)> {
        let Some(recording) = self.recordings.get(&id) else {
            return Vec::new();
        };
        let mut policies = recording.policies.clone();
        let Some(succession) = &recording.succession else {
            if recording.failed_itself && recording.follows_at.is_some() {
                // It may have failed before this was reported.
                policies
                    .iter_mut()
                    .for_each(|(_, policy)| *policy = AudioPolicy::Unclear);
            }
            return policies;
        };
        policies.retain(|(at, _)| *at < succession.at);
        let each: Vec<_> = succession
            .followers
            .iter()
            .map(|id| self.policies_with_followers(*id))
            .collect();
        let changes: BTreeSet<u64> = each.iter().flatten().map(|(at, _)| *at).collect();
        policies.extend(changes.into_iter().map(|at| (at, common_policy(&each, at))));
        policies.dedup_by_key(|(_, policy)| *policy);
        policies
    }
}

/// Checks that a recording and the one that follows it have together at most one copy of each packet.
pub fn check_pairs(
    recordings: &BTreeMap<Uuid, ModelRecording>,
    kept: &BTreeMap<Uuid, KeptPackets>,
    wrong: &mut Vec<String>,
) {
    for (id, recording) in recordings {
        let Some(succession) = &recording.succession else {
            continue;
        };
        let [follower] = &succession.followers[..] else {
            continue;
        };
        let (Some(first), Some(second)) = (kept.get(id), kept.get(follower)) else {
            continue;
        };
        for (leg, (first, second)) in first.iter().zip(second).enumerate() {
            let counts: BTreeMap<i16, usize> = first.iter().copied().collect();
            for (pattern, count) in second {
                let both = counts.get(pattern).map_or(0, |before| before + count);
                if both > STRETCHED_SAMPLES {
                    wrong.push(format!(
                        "{both} samples of packet {pattern} of leg {leg} are in {id} and in {follower} after it"
                    ));
                }
            }
        }
    }
}

/// The policy after this tick, if all of them have the same.
fn common_policy(each: &[Vec<(u64, AudioPolicy)>], tick: u64) -> AudioPolicy {
    let at_tick = |policies: &Vec<(u64, AudioPolicy)>| {
        let last = policies.iter().rev().find(|(at, _)| *at <= tick);
        last.map_or(AudioPolicy::Omit, |(_, policy)| *policy)
    };
    let mut all = each.iter().map(at_tick);
    let first = all.next().unwrap_or(AudioPolicy::Omit);
    match all.all(|policy| policy == first) {
        true => first,
        false => AudioPolicy::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sent: u64, written: u64) -> ModelPacket {
        ModelPacket {
            pattern: 1,
            leg: 0,
            stream: 0,
            sent,
            written: Some(written),
            last_written: Some(written),
            late: Some(0),
            early: 0,
            may_lack: false,
        }
    }

    /// A recording from 10 on that is transferred at 50; the one that follows is paused from 60 to 70,
    /// and ends at 100.
    #[test]
    fn a_late_packet_belongs_to_the_first_recording_if_the_second_one_records() {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut state = ModelState {
            tick: 50,
            ..ModelState::default()
        };
        let call = state.begin_call(true, "");
        for (id, from, policies) in [
            (first, 10, vec![(50, AudioPolicy::Omit)]),
            (
                second,
                50,
                vec![
                    (60, AudioPolicy::Omit),
                    (70, AudioPolicy::Keep),
                    (100, AudioPolicy::Omit),
                ],
            ),
        ] {
            state.record(id, call, from, AudioPolicy::Keep);
            let recording = state.recordings.get_mut(&id).expect("a recording");
            policies
                .into_iter()
                .for_each(|(at, policy)| recording.set_policy(at, policy));
            recording.transferred = id == first;
        }
        state.follow(first, vec![second]);
        state.continue_transferred();
        for (sent, written, in_first, in_second) in [
            (40, 40, Presence::Must, Presence::Never),
            (40, 55, Presence::Must, Presence::Never),
            (49, 55, Presence::May, Presence::May),
            (51, 55, Presence::Never, Presence::Must),
            (40, 65, Presence::Never, Presence::Never),
            (40, 75, Presence::May, Presence::Never),
            (40, 101, Presence::Never, Presence::Never),
        ] {
            let packet = packet(sent, written);
            let found = [first, second].map(|id| state.recordings[&id].presence(&packet, true));
            assert_eq!(found, [in_first, in_second], "{sent} {written}");
        }
    }

    #[test]
    fn a_packet_in_both_recordings_is_found() {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let succession = Succession {
            at: 50,
            followers: vec![second],
            continued: None,
        };
        let ended = ModelRecording {
            succession: Some(succession),
            ..ModelRecording::default()
        };
        let recordings = BTreeMap::from([(first, ended), (second, ModelRecording::default())]);
        let faults = |before: usize, after: usize| {
            let kept = BTreeMap::from([
                (first, [vec![(7, before)], Vec::new()]),
                (second, [vec![(7, after)], Vec::new()]),
            ]);
            let mut wrong = Vec::new();
            check_pairs(&recordings, &kept, &mut wrong);
            wrong.len()
        };
        assert_eq!(faults(100, 60), 0);
        assert_eq!(faults(160, 60), 1);
    }
}
