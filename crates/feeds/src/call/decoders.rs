//! Packets that the host's decoders have not answered yet.

use super::CallMedia;

impl CallMedia {
    /// Places the packets that the host's decoders have answered.
    pub(super) fn collect_decoded(&mut self, now_ns: u64) {
        let is_real_time = self.real;
        self.legs
            .fed_mut()
            .for_each(|(_, leg)| leg.timeline.collect_external(now_ns, is_real_time));
        self.forward_notes();
    }

    fn is_decoding(&self) -> bool {
        self.legs.fed().any(|(_, leg)| leg.timeline.is_decoding())
    }

    /// Stream time: nothing more is read, and no control point is applied, before all packets are
    /// decoded. In real time nothing waits.
    pub(super) fn is_held_by_decoders(&self) -> bool {
        !self.real && !self.last_visit && self.is_decoding()
    }

    /// Real time: whether a recording that is stopped now has to wait for packets that are not
    /// decoded yet.
    pub(super) fn awaits_decoders(&self) -> bool {
        let is_decoding = || {
            let mut legs = self.legs.fed();
            legs.any(|(_, leg)| leg.timeline.is_decoding_before(self.epoch))
        };
        self.real && !self.last_visit && is_decoding()
    }

    /// The earliest time of a packet that the host has not decoded yet.
    pub(super) fn undecoded_ns(&self) -> u64 {
        let undecoded = self
            .legs
            .fed()
            .filter_map(|(_, leg)| leg.timeline.external_undecoded_ns());
        undecoded.min().unwrap_or(u64::MAX)
    }
}
