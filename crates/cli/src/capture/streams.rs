//! The RTP streams of a capture.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use callrec_media::rtp;

use super::Datagram;

/// A flow with fewer packets is no stream.
const PACKETS_MIN: u64 = 10;
/// Of so many packets of a flow, at most one may be no RTP.
const STRAYS: u64 = 10;
/// Of so many packets of a stream, at most one may follow with a wide gap.
const JUMPS: u64 = 4;
/// A wider step of the sequence number is a jump.
const STEP_MAX: u16 = 100;

/// The datagrams from one address to another one.
#[derive(Clone, Debug)]
pub struct RtpFlow {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub packets: u64,
    /// Datagrams that are neither RTP nor RTCP.
    strays: u64,
    /// Packets that do not follow the one before.
    jumps: u64,
    pub first: Duration,
    pub last: Duration,
    sequence: Option<(u32, u16)>,
    /// The packets of each payload type.
    pub payload_types: BTreeMap<u8, u64>,
}

impl RtpFlow {
    fn take(&mut self, datagram: &Datagram<'_>) {
        let Some(packet) = rtp::parse(datagram.payload) else {
            // RTCP on the same port is none of the audio.
            let is_rtcp = matches!(datagram.payload, [first, 192..=223, ..] if first >> 6 == 2);
            self.strays += u64::from(!is_rtcp);
            return;
        };
        if self.packets == 0 {
            self.first = datagram.at;
        }
        self.last = datagram.at;
        self.packets += 1;
        *self.payload_types.entry(packet.payload_type).or_default() += 1;
        let before = self.sequence.replace((packet.ssrc, packet.sequence));
        let step =
            before.map(|(ssrc, sequence)| (ssrc == packet.ssrc, packet.sequence.wrapping_sub(sequence)));
        if let Some((same, step)) = step {
            // Also a datagram that repeats the one before is no next packet.
            let is_near = step != 0 && (step <= STEP_MAX || step >= STEP_MAX.wrapping_neg());
            self.jumps += u64::from(!same || !is_near);
        }
    }

    /// Whether this is a stream, and not other datagrams that look like a few packets.
    fn is_stream(&self) -> bool {
        self.packets >= PACKETS_MIN
            && self.strays * STRAYS <= self.packets
            && self.jumps * JUMPS <= self.packets
    }

    fn is_reverse_of(&self, other: &RtpFlow) -> bool {
        (self.from, self.to) == (other.to, other.from)
    }
}

/// The flows of a capture, in the order of their first datagrams.
#[derive(Default)]
pub struct RtpFlows {
    flows: Vec<RtpFlow>,
    by_addresses: HashMap<(SocketAddr, SocketAddr), usize>,
}

impl RtpFlows {
    pub fn take(&mut self, datagram: &Datagram<'_>) {
        let (from, to) = (datagram.from, datagram.to);
        let next = self.flows.len();
        let at = *self.by_addresses.entry((from, to)).or_insert(next);
        if at == next {
            self.flows.push(RtpFlow {
                from,
                to,
                packets: 0,
                strays: 0,
                jumps: 0,
                first: datagram.at,
                last: datagram.at,
                sequence: None,
                payload_types: BTreeMap::new(),
            });
        }
        self.flows[at].take(datagram);
    }

    /// The streams, in the order of their first packets.
    pub fn streams(self) -> Vec<RtpFlow> {
        let mut streams: Vec<RtpFlow> = self.flows.into_iter().filter(RtpFlow::is_stream).collect();
        streams.sort_by_key(|flow| flow.first);
        streams
    }
}

/// The two streams of the longest call, the earlier one first: both directions between two
/// addresses if there are any, or else the longest two. One stream if there is only one.
pub fn longest_call(streams: &[RtpFlow]) -> Vec<usize> {
    let mut best: Option<(bool, u64, Vec<usize>)> = None;
    for (at, stream) in streams.iter().enumerate() {
        for (other_at, other) in streams.iter().enumerate().skip(at + 1) {
            let rank = (stream.is_reverse_of(other), stream.packets + other.packets);
            if best
                .as_ref()
                .is_none_or(|(paired, packets, _)| rank > (*paired, *packets))
            {
                best = Some((rank.0, rank.1, vec![at, other_at]));
            }
        }
    }
    best.map_or_else(|| (0..streams.len().min(1)).collect(), |(_, _, pair)| pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn send(flows: &mut RtpFlows, from: u16, to: u16, count: u16, payload: impl Fn(u16) -> Vec<u8>) {
        for n in 0..count {
            flows.take(&Datagram {
                at: Duration::from_millis(u64::from(n) * 20 + u64::from(from)),
                from: address(from),
                to: address(to),
                payload: &payload(n),
            });
        }
    }

    fn rtp(n: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(n.wrapping_sub(5).to_be_bytes());
        packet.extend([0; 8]);
        packet.extend([0xff; 160]);
        packet
    }

    #[test]
    fn both_directions_of_a_call_are_found_among_other_datagrams() {
        let mut flows = RtpFlows::default();
        send(&mut flows, 9, 53, 200, |n| {
            [0x80, 1, n.wrapping_mul(37) as u8].repeat(10)
        });
        send(&mut flows, 30, 31, 500, rtp);
        send(&mut flows, 40, 41, 300, rtp);
        send(&mut flows, 41, 40, 300, rtp);
        send(&mut flows, 50, 51, 5, rtp);
        let streams = flows.streams();
        let ports: Vec<u16> = streams.iter().map(|stream| stream.from.port()).collect();
        assert_eq!(ports, [30, 40, 41]);
        assert_eq!(longest_call(&streams), [1, 2]);
        assert_eq!(longest_call(&streams[..2]), [0, 1]);
        assert_eq!(longest_call(&streams[..1]), [0]);
        assert!(longest_call(&[]).is_empty());
    }
}
