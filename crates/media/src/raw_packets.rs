//! RTP packets that a recording keeps as they arrived (`recording.keep_raw`).

use crate::Leg;
use crate::sort::sort_by_key;

/// Which RTP packets a recording keeps beside its audio. The values are those of the C ABI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum KeepRaw {
    #[default]
    Never = 1,
    /// Those that cannot be decoded.
    Undecodable = 2,
    Always = 3,
}

impl KeepRaw {
    pub const ALL: [KeepRaw; 3] = [KeepRaw::Never, KeepRaw::Undecodable, KeepRaw::Always];

    pub fn text(self) -> &'static str {
        match self {
            KeepRaw::Never => "never",
            KeepRaw::Undecodable => "undecodable",
            KeepRaw::Always => "always",
        }
    }
}

/// A packet in [`RawPackets`].
#[derive(Clone, Copy, Debug)]
struct StoredPacket {
    leg: Leg,
    arrival_ns: u64,
    from: usize,
    len: usize,
}

/// Packets with their arrival times, in one piece of memory.
#[derive(Debug, Default)]
pub struct RawPackets {
    list: Vec<StoredPacket>,
    bytes: Vec<u8>,
}

impl RawPackets {
    pub fn push(&mut self, leg: Leg, arrival_ns: u64, packet: &[u8]) {
        self.list.push(StoredPacket {
            leg,
            arrival_ns,
            from: self.bytes.len(),
            len: packet.len(),
        });
        self.bytes.extend_from_slice(packet);
    }

    /// The leg, the arrival and the bytes of each packet.
    pub fn iter(&self) -> impl Iterator<Item = (Leg, u64, &[u8])> {
        self.list.iter().map(|packet| {
            let bytes = self.bytes.get(packet.from..packet.from + packet.len);
            (packet.leg, packet.arrival_ns, bytes.unwrap_or_default())
        })
    }

    /// The number of packets.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The size of all packets in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
    }

    /// Removes packets, by their leg, arrival and bytes.
    pub(crate) fn remove(&mut self, is_removed: impl Fn(Leg, u64, &[u8]) -> bool) {
        // In the order of their bytes, so that none is overwritten.
        sort_by_key(&mut self.list, |packet| packet.from);
        let (bytes, mut end) = (&mut self.bytes, 0);
        self.list.retain_mut(|packet| {
            let own = packet.from..packet.from + packet.len;
            let content = bytes.get(own.clone()).unwrap_or_default();
            let is_kept = !is_removed(packet.leg, packet.arrival_ns, content);
            if is_kept {
                if packet.from > end {
                    bytes.copy_within(own, end);
                }
                packet.from = end;
                end += packet.len;
            }
            is_kept
        });
        bytes.truncate(end);
    }

    /// Sorts the packets by their arrival, and moves those that arrived at or after `until_ns` to
    /// `later`.
    pub(crate) fn split_until(&mut self, until_ns: u64, later: &mut RawPackets) {
        // Those that arrived at once, in the order of their bytes.
        sort_by_key(&mut self.list, |packet| (packet.arrival_ns, packet.from));
        let earlier = self.list.partition_point(|packet| packet.arrival_ns < until_ns);
        for (leg, arrival_ns, bytes) in self.iter().skip(earlier) {
            later.push(leg, arrival_ns, bytes);
        }
        self.list.truncate(earlier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_passed_in_the_order_of_their_arrival() {
        let mut packets = RawPackets::default();
        packets.push(Leg::Local, 10, b"a");
        packets.push(Leg::Local, 30, b"ccc");
        packets.push(Leg::Remote, 20, b"bb");
        packets.push(Leg::Remote, 40, b"");
        let mut later = RawPackets::default();
        packets.split_until(30, &mut later);
        let listed = |packets: &RawPackets| -> Vec<(Leg, u64, Vec<u8>)> {
            let owned = |(leg, ns, bytes): (Leg, u64, &[u8])| (leg, ns, bytes.to_vec());
            packets.iter().map(owned).collect()
        };
        let (first, second) = ((Leg::Local, 10, b"a".to_vec()), (Leg::Remote, 20, b"bb".to_vec()));
        assert_eq!(listed(&packets), [first, second]);
        let (third, last) = ((Leg::Local, 30, b"ccc".to_vec()), (Leg::Remote, 40, Vec::new()));
        assert_eq!(listed(&later), [third, last]);
        assert_eq!((later.len(), later.bytes()), (2, 3));
    }

    #[test]
    fn removed_packets_use_no_memory() {
        let mut packets = RawPackets::default();
        for n in 0..1000u64 {
            packets.push(Leg::Local, 2 * n, &[1; 100]);
            packets.push(Leg::Remote, 2 * n + 1, &[n as u8; 60]);
            packets.push(Leg::Local, 2 * n, &[2; 40]);
            packets.remove(|_, arrival_ns, _| arrival_ns == 2 * n);
            if n % 3 == 2 {
                let kept: Vec<_> = packets.iter().collect();
                let expected = [n - 2, n - 1, n].map(|n| (Leg::Remote, 2 * n + 1, [n as u8; 60]));
                let expected = expected
                    .each_ref()
                    .map(|(leg, ns, bytes)| (*leg, *ns, &bytes[..]));
                assert_eq!(kept, expected);
                assert_eq!(packets.bytes(), 180);
                packets.remove(|_, _, _| true);
                assert_eq!((packets.len(), packets.bytes()), (0, 0));
            }
        }
        assert!(packets.bytes.capacity() < 1000, "{}", packets.bytes.capacity());
    }
}
