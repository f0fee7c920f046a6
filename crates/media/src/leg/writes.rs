//! Audio that the host writes as samples.

use super::*;

impl LegMedia {
    pub(super) fn host_write<'a>(&self, header: &PacketHeader, payload: &'a [u8]) -> HostWrite<'a> {
        let codec = match self.format.codec.is_direct() {
            true => self.format.codec,
            false => Codec::Pcm16,
        };
        HostWrite {
            payload,
            format: FeedFormat { codec, ..self.format },
            epoch: self.timeline.epoch,
            len: codec.samples_in(payload.len()) as i64,
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

    /// What is written from now on must not depend on earlier writes: they may be of a pause.
    pub(crate) fn begin_writes_anew(&mut self) {
        self.write_decoder = None;
    }

    pub(super) fn restart_writes(&mut self) {
        self.write_decoder = None;
        if let Some(writes) = &mut self.writes {
            writes.begin();
        }
    }

    pub(super) fn receive_write(&mut self, header: PacketHeader, payload: &[u8], input: &DrainInput<'_>) {
        self.with_samples(payload, |leg, samples| {
            let write = leg.count_write(&header, samples);
            let writes = leg.writes.get_or_insert_default();
            writes.write(&write, input.context, &mut leg.timeline);
        });
    }

    /// Calls `receive` with the samples of a write: those that it holds, or those that its packet
    /// decodes to. A packet that cannot be decoded is ignored and counted.
    fn with_samples(&mut self, payload: &[u8], receive: impl FnOnce(&mut LegMedia, &[u8])) {
        if self.format.codec.is_direct() {
            return receive(self, payload);
        }
        let mut decoder = self.write_decoder.take().unwrap_or_default();
        match decoder.decode(self.format, payload) {
            Some(samples) => receive(self, samples),
            None => self.timeline.tally.unknown += 1,
        }
        self.write_decoder = Some(decoder);
    }

    pub(super) fn receive_write_at(
        &mut self,
        header: PacketHeader,
        position: u64,
        payload: &[u8],
        input: &DrainInput<'_>,
    ) {
        self.with_samples(payload, |leg, samples| {
            let write = leg.count_write(&header, samples);
            let writes = leg.writes.get_or_insert_default();
            writes.write_at(position, &write, input.context, &mut leg.timeline);
        });
    }
}
