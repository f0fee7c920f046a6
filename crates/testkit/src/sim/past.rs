//! Recordings that begin earlier than they are started: which packets they have, and where.

use super::kept_past::EarlierBeginning;
use super::model::{ModelPacket, ModelRecording, ModelState};
use super::patterns::PACKET_MS;
use super::presence::Presence;

/// After a stall of the host, its writes may be so many ticks ahead of the clock.
const AHEAD_TICKS: u64 = 100;
/// A gap may be concealed by audio that is so much older.
const CONCEALED_MS: u64 = 60;
/// Audio is masked so many ticks around what looks like a telephone event.
const MASKED_TICKS: u64 = 30;

/// Whether a packet has its own tick as its position.
fn is_at_its_tick(packet: &ModelPacket, steady: bool) -> bool {
    let at_once = packet.written == Some(packet.sent) && packet.early == 0;
    steady && at_once && packet.late.unwrap_or(0) == 0
}

impl ModelPacket {
    /// The earliest and the latest tick at which it may be placed.
    pub fn positions(&self, steady: bool) -> (u64, u64) {
        if is_at_its_tick(self, steady) {
            return (self.sent, self.sent);
        }
        let late = self.late.unwrap_or(match steady {
            true => self.written.unwrap_or(self.sent) - self.sent,
            false => AHEAD_TICKS,
        });
        let early = self.early + u64::from(!steady);
        (self.sent.saturating_sub(early), self.sent + late + 1)
    }
}

impl EarlierBeginning {
    /// Whether a packet belongs in the recording, by its position.
    pub fn presence(&self, packet: &ModelPacket, steady: bool) -> Presence {
        let (earliest, latest) = packet.positions(steady);
        let begins_ms = self.begins_ms();
        let reach_ms = if self.conceals { CONCEALED_MS } else { 0 };
        if (latest + 1) * PACKET_MS + reach_ms <= begins_ms {
            return Presence::Never;
        }
        let is_whole = earliest * PACKET_MS >= begins_ms;
        let is_sure = packet.sent > self.start || !self.may_lack && !packet.may_lack;
        match is_whole && is_sure {
            true => Presence::Must,
            false => Presence::May,
        }
    }

    /// Checks the positions of the packets from before the start in a leg's samples, and how much
    /// the file has of the packet with which it begins. `is_torn`: a power cut may have lost any of
    /// them, or a part of one.
    pub fn check(
        &self,
        recording: &ModelRecording,
        packets: &[(&ModelPacket, Presence)],
        (samples, is_torn): (&[i16], bool),
        fault: &mut dyn FnMut(String),
    ) {
        let per_ms = 8;
        let slack = if self.is_exact { 1 } else { per_ms + 1 };
        let from = self.begins_ms() * per_ms;
        for (packet, presence) in packets {
            let at = packet.sent * PACKET_MS * per_ms;
            let (first, end) = (at.max(from), at + PACKET_MS * per_ms);
            let is_before = packet.sent <= self.start && end > from + slack;
            if !is_before
                || packet.may_lack
                || *presence == Presence::Never
                || recording.is_silenced_near(packet)
            {
                continue;
            }
            let own = |sample: &i16| *sample == packet.pattern;
            let Some(found) = samples.iter().position(own) else {
                continue;
            };
            let count = samples.iter().filter(|sample| own(sample)).count() as u64;
            let expected = first - from;
            let is_short = count < end - first;
            if is_short && is_torn {
                continue;
            }
            // A kill may have cut the file off within the packet.
            let is_last = found as u64 + count == samples.len() as u64;
            let is_cut = is_short && is_last && recording.is_recovered();
            let is_whole = is_cut || (end - first).abs_diff(count) <= slack;
            if (found as u64).abs_diff(expected) > slack || !is_whole {
                return fault(format!(
                    "{packet:?} has {count} samples from {found} on, not {} from {expected} on: {self:?}",
                    end - first
                ));
            }
        }
    }
}

/// The packets of a call whose positions are known exactly.
pub fn at_their_ticks<'a>(
    packets: &[(&'a ModelPacket, Presence)],
    steady: bool,
) -> Vec<(&'a ModelPacket, Presence)> {
    let exact = packets
        .iter()
        .filter(|(packet, _)| is_at_its_tick(packet, steady));
    exact.copied().collect()
}

impl ModelState {
    /// Notes that a call may be masked around this tick.
    pub fn note_event(&mut self, call: usize, tick: u64) {
        self.calls[call].masked_until = tick + MASKED_TICKS;
        let before = tick.saturating_sub(MASKED_TICKS);
        let packets = self.calls[call].packets.iter_mut().rev();
        packets
            .take_while(|packet| packet.sent >= before)
            .for_each(|packet| packet.may_lack = true);
    }
}

#[cfg(test)]
mod tests {
    use callrec_core::types::RecordingState;

    use super::*;
    use crate::sim::model::ReportedEnd;
    use crate::sim::patterns::PACKET_SAMPLES;

    /// A kill cuts a file off at any sample, a power cut may lose what is before, and nothing else
    /// does either.
    #[test]
    fn only_a_recovered_file_lacks_a_part_of_a_packet() {
        let earlier = EarlierBeginning {
            start: 12,
            given_ms: 40,
            is_exact: true,
            may_lack: false,
            conceals: false,
        };
        let packet = ModelPacket {
            pattern: 7,
            leg: 0,
            stream: 0,
            sent: 11,
            written: Some(11),
            last_written: Some(11),
            late: None,
            early: 0,
            may_lack: false,
        };
        let is_wrong = |end_of: usize, samples: &[i16], is_torn: bool| {
            let recording = ModelRecording {
                process: 1,
                ends: vec![ReportedEnd {
                    process: end_of,
                    state: RecordingState::Finished,
                    reason: None,
                    repeated: false,
                    path: String::new(),
                    names_refused: false,
                }],
                ..ModelRecording::default()
            };
            let mut faults = Vec::new();
            let packets = [(&packet, Presence::Must)];
            earlier.check(&recording, &packets, (samples, is_torn), &mut |text| {
                faults.push(text)
            });
            !faults.is_empty()
        };
        let whole = [vec![0; PACKET_SAMPLES], vec![7; PACKET_SAMPLES]].concat();
        let cut = &whole[..PACKET_SAMPLES + 64];
        let holed = [cut, &[0; 96]].concat();
        for (end_of, samples, wrong) in [
            (1, &whole[..], false),
            (1, cut, true),
            (2, cut, false),
            (2, &holed, true),
            (2, &whole[1..], false),
            (2, &whole[2..], true),
        ] {
            let found = is_wrong(end_of, samples, false);
            assert_eq!(found, wrong, "{end_of} {}", samples.len());
        }
        assert!(!is_wrong(2, &holed, true));
        assert!(is_wrong(2, &whole[2..], true), "whole, at another sample");
    }
}
