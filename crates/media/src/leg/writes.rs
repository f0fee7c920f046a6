//! Audio that the host writes as samples.

use super::*;

impl LegMedia {
    pub(super) fn host_write<'a>(&self, header: &PacketHeader, payload: &'a [u8]) -> HostWrite<'a> {
        HostWrite {
            payload,
            format: self.format,
            epoch: self.timeline.epoch,
            len: (payload.len() / self.format.codec.sample_bytes()) as i64,
            arrival: samples_at(header.arrival_ns, self.format.rate),
            ahead_ns: self.ahead_ns,
        }
    }

    /// Accounts for the writes that the feed refused before this one, and counts it.
    fn count_write<'a>(&mut self, header: &PacketHeader, payload: &'a [u8]) -> HostWrite<'a> {
        let lost = counter_increase(header.overruns, &mut self.samples_lost);
        self.add_loss_at_end(lost.into(), header.arrival_ns);
        let write = self.host_write(header, payload);
        self.timeline.change_rate(self.format.rate);
        self.count_audio(self.format, write.len as u64, header.arrival_ns);
        write
    }

    pub(super) fn restart_writes(&mut self) {
        if let Some(writes) = &mut self.writes {
            writes.begin();
        }
    }

    pub(super) fn receive_write(&mut self, header: PacketHeader, payload: &[u8], input: &DrainInput<'_>) {
        let write = self.count_write(&header, payload);
        let writes = self.writes.get_or_insert_default();
        writes.write(&write, input.context, &mut self.timeline);
    }

    pub(super) fn receive_write_at(
        &mut self,
        header: PacketHeader,
        position: u64,
        payload: &[u8],
        input: &DrainInput<'_>,
    ) {
        let write = self.count_write(&header, payload);
        let writes = self.writes.get_or_insert_default();
        writes.write_at(position, &write, input.context, &mut self.timeline);
    }
}
