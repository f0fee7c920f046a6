//! Makes captures of calls.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use callrec_testkit::g711::{Law, decode};
use callrec_testkit::random::SeededRng;
use callrec_testkit::rtp::RtpSender;
use etherparse::PacketBuilder;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

/// The address and the audio port of one side.
pub type Side = ([u8; 4], u16);

pub const CALLER: Side = ([192, 0, 2, 1], 4000);
pub const CALLEE: Side = ([192, 0, 2, 2], 5000);

/// Samples of a packet.
pub const SAMPLES: usize = 160;

/// Writes a capture, datagram by datagram.
pub struct CaptureWriter {
    writer: PcapWriter<File>,
    link: DataLink,
}

impl CaptureWriter {
    pub fn create(path: &Path, link: DataLink) -> CaptureWriter {
        let header = PcapHeader {
            datalink: link,
            ..PcapHeader::default()
        };
        let file = File::create(path).expect("a file");
        CaptureWriter {
            writer: PcapWriter::with_header(file, header).expect("a header"),
            link,
        }
    }

    pub fn put(&mut self, at_ms: u64, from: Side, to: Side, payload: &[u8]) {
        let mut packet = Vec::new();
        match self.link {
            DataLink::ETHERNET => PacketBuilder::ethernet2([2; 6], [4; 6])
                .ipv4(from.0, to.0, 64)
                .udp(from.1, to.1)
                .write(&mut packet, payload),
            DataLink::LINUX_SLL2 => {
                // An EtherType, and what the link layer says besides.
                packet.extend([8, 0]);
                packet.extend([0; 18]);
                PacketBuilder::ipv4(from.0, to.0, 64)
                    .udp(from.1, to.1)
                    .write(&mut packet, payload)
            }
            _ => PacketBuilder::ipv4(from.0, to.0, 64)
                .udp(from.1, to.1)
                .write(&mut packet, payload),
        }
        .expect("a datagram");
        // 2026-11-27, 12:00 UTC.
        let at = Duration::from_secs(1_795_780_800) + Duration::from_millis(at_ms);
        let length = packet.len() as u32;
        self.writer
            .write_packet(&PcapPacket::new(at, length, &packet))
            .expect("a packet");
    }
}

/// The audio of one side: random µ-law, which no two packets share.
pub fn speech(seed: u64, packets: usize) -> Vec<Vec<u8>> {
    let mut random = SeededRng::new(seed);
    // 0x7f and 0xff are both zero.
    let byte = |random: &mut SeededRng| 0x80 | random.below(0x7f) as u8;
    (0..packets)
        .map(|_| (0..SAMPLES).map(|_| byte(&mut random)).collect())
        .collect()
}

pub fn linear(packets: &[Vec<u8>]) -> Vec<i16> {
    packets
        .iter()
        .flatten()
        .map(|byte| decode(Law::Mu, *byte))
        .collect()
}

/// Writes both sides of a call in PCMU, with other datagrams between them.
pub fn write_call(path: &Path, link: DataLink, sides: [&[Vec<u8>]; 2]) {
    let mut capture = CaptureWriter::create(path, link);
    let mut senders = [RtpSender::new(0, 1), RtpSender::new(0, 2)];
    let dns = b"\x80\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example";
    for n in 0..sides[0].len() {
        let at_ms = n as u64 * 20;
        capture.put(at_ms, (CALLER.0, 53_000), ([192, 0, 2, 53], 53), dns);
        for (sender, (side, (from, to))) in senders
            .iter_mut()
            .zip(sides.iter().zip([(CALLER, CALLEE), (CALLEE, CALLER)]))
        {
            if let Some(payload) = side.get(n) {
                capture.put(at_ms, from, to, &sender.packet(payload, SAMPLES as u32));
            }
        }
        // RTCP of the caller, on the port of its RTP.
        capture.put(at_ms, CALLER, CALLEE, &[0x80, 200, 0, 1, 0, 0, 0, 1]);
    }
}
