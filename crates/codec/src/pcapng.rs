//! Files of RTP packets (pcapng): for packets that are kept as they arrived.
//!
//! RTP packets have no link layer here, so each gets an IPv4 and a UDP header with addresses for
//! documentation (RFC 5737). Every tool can read such a file.

use std::time::Duration;

use etherparse::PacketBuilder;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapResult};
use uuid::Uuid;

/// The extension of a file of packets.
pub const PCAPNG: &str = "pcapng";
/// The UDP port of every packet's receiver, so that one rule makes a tool decode them as RTP.
pub const RTP_PORT: u16 = 5004;

const SENDER_PORT: u16 = 40_000;
const TIME_TO_LIVE: u8 = 64;
/// The sender and the receiver of each interface's packets.
const ADDRESSES: [([u8; 4], [u8; 4]); 3] = [
    ([192, 0, 2, 1], [192, 0, 2, 2]),
    ([192, 0, 2, 2], [192, 0, 2, 1]),
    ([192, 0, 2, 3], [192, 0, 2, 1]),
];

const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const PACKET: u32 = 6;
/// The offset of the first option of a section: a comment that begins with `ID_PREFIX`.
const COMMENT_AT: usize = 24;
const ID_PREFIX: &[u8] = b"recording ";
const ID_BYTES: usize = 36;

/// Writes the blocks of a file into memory.
pub struct PacketWriter {
    blocks: PcapNgWriter<Vec<u8>>,
    /// A packet with its made-up headers.
    datagram: Vec<u8>,
}

impl PacketWriter {
    /// Begins a file with one interface for each name, at most three. Its header is the first
    /// output. Returns `None` if the writer refuses it.
    pub fn new(recording: Uuid, interfaces: &[&str]) -> Option<PacketWriter> {
        PacketWriter::begin(recording, interfaces).ok()
    }

    fn begin(recording: Uuid, interfaces: &[&str]) -> PcapResult<PacketWriter> {
        let prefix = String::from_utf8_lossy(ID_PREFIX);
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::Comment(format!("{prefix}{}", recording.as_hyphenated()).into()),
                SectionHeaderOption::UserApplication(concat!("callrec ", env!("CARGO_PKG_VERSION")).into()),
            ],
            ..SectionHeaderBlock::default()
        };
        let mut blocks = PcapNgWriter::with_section_header(Vec::new(), section)?;
        for name in interfaces {
            blocks.write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::RAW,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName((*name).to_owned().into()),
                    // Times are nanoseconds; without this, readers take microseconds.
                    InterfaceDescriptionOption::IfTsResol(9),
                ],
            })?;
        }
        Ok(PacketWriter {
            blocks,
            datagram: Vec::new(),
        })
    }

    /// Adds a packet of the interface with this index. `unix_ns`: its arrival. Returns false if it
    /// cannot be written: it is longer than a UDP packet, or there is no such interface.
    pub fn add(&mut self, interface: usize, unix_ns: u64, packet: &[u8]) -> bool {
        let Some((from, to)) = ADDRESSES.get(interface) else {
            return false;
        };
        self.datagram.clear();
        let headers = PacketBuilder::ipv4(*from, *to, TIME_TO_LIVE).udp(SENDER_PORT, RTP_PORT);
        if headers.write(&mut self.datagram, packet).is_err() {
            return false;
        }
        let block = EnhancedPacketBlock {
            interface_id: interface as u32,
            timestamp: Duration::from_nanos(unix_ns),
            original_len: self.datagram.len() as u32,
            data: self.datagram.as_slice().into(),
            options: Vec::new(),
        };
        let before = self.blocks.get_ref().len();
        let written = self.blocks.write_pcapng_block(block).is_ok();
        if !written {
            self.blocks.get_mut().truncate(before);
        }
        written
    }

    /// Takes the output so far. The next output goes to `next`, which must be empty.
    pub fn take(&mut self, next: Vec<u8>) -> Vec<u8> {
        std::mem::replace(self.blocks.get_mut(), next)
    }
}

/// The recording's id in a file that begins with `start`.
pub fn recording_id(start: &[u8]) -> Option<Uuid> {
    let comment = start.get(COMMENT_AT + 4..)?;
    let id = comment.strip_prefix(ID_PREFIX)?.get(..ID_BYTES)?;
    start.starts_with(&SECTION).then_some(())?;
    Uuid::try_parse(std::str::from_utf8(id).ok()?).ok()
}

/// The whole blocks at the beginning of a piece of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WholeBlocks {
    pub bytes: usize,
    pub packets: u64,
}

/// Counts the whole blocks at the beginning of `bytes`, which begins with a block.
pub fn whole_blocks(bytes: &[u8]) -> WholeBlocks {
    let mut whole = WholeBlocks::default();
    while let Some(block) = bytes.get(whole.bytes..)
        && let Some((kind, len)) = first_block(block)
    {
        whole.bytes += len;
        whole.packets += u64::from(kind == PACKET);
    }
    whole
}

/// The type and the length of the block at the beginning of `bytes`, if it is whole.
fn first_block(bytes: &[u8]) -> Option<(u32, usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let len = word(4)? as usize;
    let is_whole = len >= 12 && len.is_multiple_of(4) && word(len - 4)? as usize == len;
    is_whole.then_some((word(0)?, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcapng::{Block, PcapNgReader};

    const NAMES: [&str; 3] = ["local", "remote", "mixed"];

    fn file(packets: &[(usize, u64, &[u8])]) -> Vec<u8> {
        let mut writer = PacketWriter::new(Uuid::from_u128(7), &NAMES).expect("a header");
        let mut file = writer.take(Vec::new());
        for (interface, ns, packet) in packets {
            assert!(writer.add(*interface, *ns, packet));
            file.extend(writer.take(Vec::new()));
        }
        file
    }

    #[test]
    fn packets_read_back_with_their_times_and_interfaces() {
        let ns = 1_795_311_957_123_456_789;
        let file = file(&[(0, ns, b"odd"), (2, ns + 1, &[9; 172])]);
        assert_eq!(recording_id(&file), Some(Uuid::from_u128(7)));
        let mut reader = PcapNgReader::new(&file[..]).expect("a header");
        let mut found = Vec::new();
        while let Some(block) = reader.next_block() {
            match block.expect("a block") {
                Block::EnhancedPacket(packet) => {
                    let ip = etherparse::SlicedPacket::from_ip(&packet.data).expect("IPv4");
                    let Some(etherparse::TransportSlice::Udp(udp)) = ip.transport else {
                        panic!("no UDP");
                    };
                    assert_eq!(udp.destination_port(), RTP_PORT);
                    let at = packet.timestamp.as_nanos() as u64;
                    found.push((packet.interface_id, at, udp.payload().to_vec()));
                }
                Block::InterfaceDescription(interface) => {
                    assert!(
                        interface
                            .options
                            .contains(&InterfaceDescriptionOption::IfTsResol(9))
                    );
                }
                _ => {}
            }
        }
        assert_eq!(found, [(0, ns, b"odd".to_vec()), (2, ns + 1, vec![9; 172])]);
    }

    #[test]
    fn only_whole_blocks_count_wherever_the_file_is_cut() {
        let file = file(&[(0, 1, b"first"), (1, 2, b"second")]);
        let header = PacketWriter::new(Uuid::from_u128(7), &NAMES)
            .expect("a header")
            .take(Vec::new());
        assert_eq!(
            whole_blocks(&file),
            WholeBlocks {
                bytes: file.len(),
                packets: 2
            }
        );
        let first = self::file(&[(0, 1, b"first")]).len();
        for cut in 0..file.len() {
            let whole = whole_blocks(&file[..cut]);
            assert!(whole.bytes <= cut, "{cut}");
            assert_eq!(whole.packets, u64::from(cut >= first), "{cut}");
            assert_eq!(whole.bytes >= header.len(), cut >= header.len(), "{cut}");
        }
        let mut torn = file.clone();
        torn[first..].fill(0);
        assert_eq!(whole_blocks(&torn).bytes, first);
    }

    #[test]
    fn a_packet_that_fits_in_no_datagram_is_refused() {
        let mut writer = PacketWriter::new(Uuid::nil(), &NAMES).expect("a header");
        writer.take(Vec::new());
        assert!(!writer.add(0, 1, &vec![0; 70_000]));
        assert!(!writer.add(3, 1, b"no such interface"));
        assert!(writer.take(Vec::new()).is_empty());
    }

    #[test]
    fn other_files_have_no_id() {
        for other in [&b""[..], b"RIFF", &[0; 100]] {
            assert_eq!(recording_id(other), None);
            assert_eq!(whole_blocks(other), WholeBlocks::default());
        }
    }
}
