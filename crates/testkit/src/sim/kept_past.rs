//! What a call keeps in memory for recordings that begin earlier than they are started.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::patterns::PACKET_MS;

/// A pause may begin so much later, with the end of a packet.
pub const PAUSE_REACH_MS: u64 = 60;

/// What a recording does with audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioPolicy {
    Keep,
    Omit,
    /// The call is held, and its audio is replaced by silence.
    Silence,
    /// It cannot be known.
    Unclear,
}

/// What a call keeps in memory.
#[derive(Debug, Default)]
pub struct KeptPast {
    /// The policies for later recordings, each with the tick after which it applies, in order.
    pub policies: Vec<(u64, AudioPolicy)>,
    /// The time from which on it is kept, in milliseconds of ticks.
    pub since_ms: u64,
    /// How many reasons interrupt it, and the tick at which the latest one began.
    interruptions: usize,
    interrupted: Option<u64>,
    /// A refusal or a transfer has ended a paused recording. If that was automatic, nothing is kept
    /// until the next one is resumed.
    pub may_be_interrupted: bool,
    /// The recordings that were paused during the present interruption.
    pub paused: BTreeSet<Uuid>,
}

impl KeptPast {
    /// Of a call that begins at this tick, before its first packets.
    pub fn of_call(tick: u64) -> KeptPast {
        KeptPast {
            policies: vec![(tick - 1, AudioPolicy::Keep)],
            since_ms: tick * PACKET_MS,
            interruptions: 0,
            interrupted: None,
            may_be_interrupted: false,
            paused: BTreeSet::new(),
        }
    }

    pub fn is_interrupted(&self) -> bool {
        self.policies
            .last()
            .is_some_and(|(_, policy)| *policy == AudioPolicy::Omit)
    }

    /// `is_unclear`: the interruption that ends may have ended before.
    pub fn follow(&mut self, tick: u64, policy: AudioPolicy, interruptions: usize, is_unclear: bool) {
        if interruptions > self.interruptions {
            self.interrupted = Some(tick);
        }
        self.interruptions = interruptions;
        let was_interrupted = self.is_interrupted();
        if was_interrupted && policy != AudioPolicy::Omit {
            let begun = self.interrupted.unwrap_or(0);
            self.since_ms = (tick * PACKET_MS).max(begun * PACKET_MS + PAUSE_REACH_MS);
            if is_unclear && let Some(last) = self.policies.last_mut() {
                last.1 = AudioPolicy::Unclear;
            }
        }
        if self.policies.last().is_none_or(|(_, last)| *last != policy) {
            self.policies.push((tick, policy));
        }
    }

    /// Nothing from longer than `age_ms` before this tick is kept.
    pub fn forget_before(&mut self, tick: u64, age_ms: u64) {
        let Some((_, policy)) = self.policies.last().copied() else {
            return;
        };
        if age_ms == 0 && policy != AudioPolicy::Omit {
            self.policies = vec![(0, AudioPolicy::Omit), (tick, policy)];
        }
        let from_ms = (tick * PACKET_MS).saturating_sub(age_ms);
        self.since_ms = self.since_ms.max(from_ms);
    }
}

/// The beginning of a recording before its start.
#[derive(Clone, Copy, Debug)]
pub struct EarlierBeginning {
    /// The tick of the start.
    pub start: u64,
    /// How much audio was given, in milliseconds; `is_exact`: as requested.
    pub given_ms: u64,
    pub is_exact: bool,
    /// Audio from before the start may be missing: the disk may have failed a recording of the call.
    pub may_lack: bool,
    pub conceals: bool,
}

impl EarlierBeginning {
    /// The position of the first sample, in milliseconds of ticks.
    pub fn begins_ms(&self) -> u64 {
        self.start * PACKET_MS - self.given_ms
    }
}
