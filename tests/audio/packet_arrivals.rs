//! When the packets of a sender have arrived: a loaded machine may delay them.

use std::time::Instant;

/// The packets of one stream, and how much their delay has grown.
pub struct PacketArrivals {
    /// Timestamps per second.
    clock_rate: f64,
    first: Option<(Instant, u32)>,
    pub packets: usize,
    /// The least delay so far, in seconds after the first packet's.
    least: f64,
    growth: f64,
}

impl PacketArrivals {
    pub fn new(clock_rate: u32) -> PacketArrivals {
        PacketArrivals {
            clock_rate: clock_rate.into(),
            first: None,
            packets: 0,
            least: 0.0,
            growth: 0.0,
        }
    }

    /// Counts a packet, which arrives while `pass_in` runs.
    pub fn add(&mut self, packet: &[u8], pass_in: impl FnOnce()) {
        let earliest = Instant::now();
        pass_in();
        let latest = Instant::now();
        let timestamp = packet[4..].first_chunk().expect("an RTP header");
        let timestamp = u32::from_be_bytes(*timestamp);
        let (begun, from) = *self.first.get_or_insert((earliest, timestamp));
        let sent = f64::from(timestamp.wrapping_sub(from)) / self.clock_rate;
        let delay = |at: Instant| (at - begun).as_secs_f64() - sent;
        self.packets += 1;
        self.least = self.least.min(delay(earliest));
        self.growth = self.growth.max(delay(latest) - self.least);
    }

    /// The greatest growth of the delay, in seconds. Whatever the recorder takes for the time of the
    /// first packet, no later packet is later than that by more.
    pub fn growth(&self) -> f64 {
        self.growth
    }
}
