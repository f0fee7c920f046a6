//! Packets that may begin a new stream, until further packets confirm it.

use super::*;

impl RtpStreams {
    pub(super) fn hold_suspect(
        &mut self,
        incoming: &IncomingPacket<'_>,
        kind: SuspectKind,
        old_place: Option<i64>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        if let Some(n) = self.suspects.iter().position(|s| s.is_neighbour(incoming)) {
            self.suspects[n].add(incoming);
            if self.suspects[n].is_confirmed() {
                let suspect = self.suspects.remove(n);
                self.confirm(suspect, incoming, context, out);
            }
            return;
        }
        if !context.is_real_time || self.suspects.len() == SUSPECTS {
            // In stream time, no clock shows that a suspect stays alone.
            self.place_all_unconfirmed(out);
        }
        self.suspects.push(Suspect::new(incoming, kind, old_place));
    }

    /// Places a confirmed suspect, the first packet at its arrival.
    pub(super) fn confirm(
        &mut self,
        suspect: Suspect,
        last: &IncomingPacket<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let (kind, hidden_delay) = (suspect.kind, suspect.hidden_delay(last.arrival));
        self.place_unconfirmed_before(&suspect, out);
        for (place, held) in suspect.held.into_iter().enumerate() {
            let packet = held.packet();
            let incoming = held.incoming(&packet, out.end(held.format.rate), last.clock_ns);
            match self.find(held.ssrc) {
                Some(n) if place > 0 || kind == SuspectKind::Returns => {
                    self.place_next(n, &incoming, place == 0, context, out)
                }
                // A restart of a known stream may be older than it looks.
                Some(n) => {
                    let guard =
                        Some(hidden_delay).filter(|_| !context.planted.has(TimelineFault::RestartTrusted));
                    self.restart(n, &incoming, guard, context, out);
                }
                None => {
                    let guard = Some(hidden_delay).filter(|_| self.forgotten.contains(&held.ssrc));
                    self.begin(&incoming, guard, context, out);
                }
            }
        }
    }

    /// Places an unconfirmed suspect at its arrival, with the maximum hidden delay.
    pub(super) fn place_unconfirmed(&mut self, suspect: Suspect, out: &mut impl PlacementSink) {
        let hidden_delay = suspect
            .held
            .first()
            .map_or(0, |held| suspect.hidden_delay(held.arrival));
        for held in suspect.held {
            if self.lone_packets.len() == LONE_PACKETS {
                self.lone_packets.pop_front();
            }
            self.lone_packets.push_back(LonePacket {
                ssrc: held.ssrc,
                sequence: held.sequence,
                hash: held.hash,
            });
            let placement = Placement {
                at: held.mapped,
                hidden_delay: hidden_delay as u64,
                ..Placement::default()
            };
            out.place(&held.audio(), placement);
        }
    }

    /// Places suspects that arrived before a confirmed sequence.
    pub(super) fn place_unconfirmed_before(&mut self, confirmed: &Suspect, out: &mut impl PlacementSink) {
        let came = |suspect: &Suspect| suspect.held.first().map(|held| held.arrival);
        let first = came(confirmed);
        let (before, others) = std::mem::take(&mut self.suspects)
            .into_iter()
            .partition(|suspect| came(suspect) < first);
        self.suspects = others;
        let before: Vec<Suspect> = before;
        before
            .into_iter()
            .for_each(|suspect| self.place_unconfirmed(suspect, out));
    }

    pub(super) fn place_all_unconfirmed(&mut self, out: &mut impl PlacementSink) {
        for suspect in std::mem::take(&mut self.suspects) {
            self.place_unconfirmed(suspect, out);
        }
    }

    /// Whether the packet repeats a suspect or a packet placed without confirmation.
    #[inline]
    pub(super) fn is_unconfirmed_duplicate(&self, incoming: &IncomingPacket<'_>) -> bool {
        let known = LonePacket {
            ssrc: incoming.packet.ssrc,
            sequence: incoming.packet.sequence,
            hash: incoming.hash,
        };
        self.suspects.iter().any(|suspect| suspect.contains(incoming)) || self.lone_packets.contains(&known)
    }
}
