//! Files of RTP packets (pcapng): for packets that are kept as they arrived.
//!
//! RTP packets have no link layer here, so each gets an IPv4 and a UDP header with addresses for
//! documentation (RFC 5737). Every tool can read such a file.

use etherparse::PacketBuilder;
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

// Types of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// A reader learns the byte order from it.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Packets begin with an IP header.
const LINK_RAW: u32 = 101;

// Options of a section and of an interface.
const END: u16 = 0;
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// Times are nanoseconds; without this, readers take microseconds.
const NANOSECONDS: u8 = 9;

/// The offset of the first option of a section: a comment that begins with `ID_PREFIX`.
const COMMENT_AT: usize = 24;
const ID_PREFIX: &[u8] = b"recording ";
const ID_BYTES: usize = 36;

/// Writes the blocks of a file into memory.
pub struct PacketWriter {
    blocks: Vec<u8>,
    /// A packet with its made-up headers.
    datagram: Vec<u8>,
    interfaces: usize,
}

impl PacketWriter {
    /// Begins a file with one interface for each name, at most three. Its header is the first
    /// output. Returns `None` if a name is too long.
    pub fn new(recording: Uuid, interfaces: &[&str]) -> Option<PacketWriter> {
        let (mut blocks, mut options) = (Vec::new(), Vec::new());
        let prefix = String::from_utf8_lossy(ID_PREFIX);
        let comment = format!("{prefix}{}", recording.as_hyphenated());
        put_option(&mut options, COMMENT, comment.as_bytes())?;
        let application = concat!("callrec ", env!("CARGO_PKG_VERSION"));
        put_option(&mut options, APPLICATION, application.as_bytes())?;
        put_option(&mut options, END, &[])?;
        // Version 1.0, and the length of the section is not known.
        put_block(
            &mut blocks,
            SECTION,
            &[BYTE_ORDER, 1, u32::MAX, u32::MAX],
            &options,
        );
        for name in interfaces {
            options.clear();
            put_option(&mut options, NAME, name.as_bytes())?;
            put_option(&mut options, RESOLUTION, &[NANOSECONDS])?;
            put_option(&mut options, END, &[])?;
            put_block(&mut blocks, INTERFACE, &[LINK_RAW, 0], &options);
        }
        Some(PacketWriter {
            blocks,
            datagram: Vec::new(),
            interfaces: interfaces.len(),
        })
    }

    /// Adds a packet of the interface with this index. `unix_ns`: its arrival. Returns false if it
    /// cannot be written: it is longer than a UDP packet, or there is no such interface.
    pub fn add(&mut self, interface: usize, unix_ns: u64, packet: &[u8]) -> bool {
        let Some((from, to)) = ADDRESSES[..self.interfaces.min(ADDRESSES.len())].get(interface) else {
            return false;
        };
        self.datagram.clear();
        let headers = PacketBuilder::ipv4(*from, *to, TIME_TO_LIVE).udp(SENDER_PORT, RTP_PORT);
        if headers.write(&mut self.datagram, packet).is_err() {
            return false;
        }
        let len = self.datagram.len() as u32;
        let (high, low) = ((unix_ns >> 32) as u32, unix_ns as u32);
        let fields = [interface as u32, high, low, len, len];
        put_block(&mut self.blocks, PACKET, &fields, &self.datagram);
        true
    }

    /// Takes the output so far. The next output goes to `next`, which must be empty.
    pub fn take(&mut self, next: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.blocks, next)
    }
}

fn put(into: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        into.extend_from_slice(&word.to_le_bytes());
    }
}

/// Adds zeros up to a whole word.
fn pad(into: &mut Vec<u8>, unpadded: usize) {
    into.resize(into.len() + unpadded.next_multiple_of(4) - unpadded, 0);
}

/// Returns `None` if the value is too long for an option.
fn put_option(into: &mut Vec<u8>, code: u16, value: &[u8]) -> Option<()> {
    into.extend_from_slice(&code.to_le_bytes());
    into.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
    into.extend_from_slice(value);
    pad(into, value.len());
    Some(())
}

/// A block's length is before and after its body.
fn put_block(into: &mut Vec<u8>, kind: u32, fields: &[u32], rest: &[u8]) {
    let len = (12 + 4 * fields.len() + rest.len().next_multiple_of(4)) as u32;
    put(into, &[kind, len]);
    put(into, fields);
    into.extend_from_slice(rest);
    pad(into, rest.len());
    put(into, &[len]);
}

/// The recording's id in a file that begins with `start`.
pub fn recording_id(start: &[u8]) -> Option<Uuid> {
    let comment = start.get(COMMENT_AT + 4..)?;
    let id = comment.strip_prefix(ID_PREFIX)?.get(..ID_BYTES)?;
    start.starts_with(&SECTION.to_le_bytes()).then_some(())?;
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
    use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
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
