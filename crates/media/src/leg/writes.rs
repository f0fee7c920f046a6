//! Audio that the host writes, as samples or packets without RTP.

use super::*;

impl LegMedia {
    /// Accounts for the writes that the feed refused before this one, and counts it. `None` for a
    /// packet without audio.
    fn count_write<'a>(&mut self, header: &PacketHeader, payload: &'a [u8]) -> Option<HostWrite<'a>> {
        let format = self.format;
        let len = format.codec.samples_of(payload, format.rate);
        if len == 0 && !format.codec.is_direct() {
            self.timeline.tally.unknown += 1;
            return None;
        }
        let lost = counter_increase(header.overruns, &mut self.samples_lost);
        self.add_loss_at_end(lost.into(), header.arrival_ns);
        self.timeline.change_rate(format.rate);
        self.count_audio(format, len, header.arrival_ns);
        Some(HostWrite {
            payload,
            format,
            epoch: self.timeline.epoch,
            len: len as i64,
            arrival: samples_at(header.arrival_ns, format.rate),
            ahead_ns: self.ahead_ns,
        })
    }

    pub(super) fn restart_writes(&mut self) {
        self.timeline.restart_writes();
        if let Some(writes) = &mut self.writes {
            writes.begin();
        }
    }

    pub(super) fn receive_write(&mut self, header: PacketHeader, payload: &[u8], input: &DrainInput<'_>) {
        if let Some(write) = self.count_write(&header, payload) {
            let writes = self.writes.get_or_insert_default();
            writes.write(&write, input.context, &mut self.timeline);
        }
    }

    pub(super) fn receive_write_at(
        &mut self,
        header: PacketHeader,
        position: u64,
        payload: &[u8],
        input: &DrainInput<'_>,
    ) {
        if let Some(write) = self.count_write(&header, payload) {
            let writes = self.writes.get_or_insert_default();
            writes.write_at(position, &write, input.context, &mut self.timeline);
        }
    }
}
