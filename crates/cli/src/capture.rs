//! Reads captures: pcap and pcapng files of UDP datagrams.

pub mod sip;
pub mod streams;

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError};

use crate::output::{CommandError, CommandResult, ErrorContext, because};

/// The first bytes of a pcapng file.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// The length of the pseudo header of a loopback device.
const LOOPBACK_HEADER: usize = 4;
/// The header of LINUX_SLL2 (`tcpdump -i any`): an EtherType, and 18 bytes that do not matter here.
const SLL2_HEADER: usize = 20;
/// A fragment is no whole datagram.
const FRAGMENT_OFFSET: u16 = 0;

/// One UDP datagram of a capture.
pub struct Datagram<'a> {
    /// Unix time.
    pub at: Duration,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: &'a [u8],
}

/// Calls `each` for the UDP datagrams of a capture, in their order. A capture that is cut off ends
/// with its last whole packet.
pub fn read(path: &Path, mut each: impl FnMut(&Datagram<'_>) -> CommandResult<()>) -> CommandResult<()> {
    let mut file = File::open(path).about(path.display())?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic)
        .map_err(|error| no_capture(path, &error))?;
    file.rewind().about(path.display())?;
    let file = BufReader::new(file);
    match magic == PCAPNG {
        true => read_pcapng(path, file, &mut each),
        false => read_pcap(path, file, &mut each),
    }
}

/// The beginning of the file is not that of a capture.
fn no_capture(path: &Path, error: &impl Display) -> CommandError {
    CommandError::Because(format!(
        "{}: this is neither a pcap nor a pcapng file ({error})",
        path.display()
    ))
}

/// Whether the capture ends within a packet.
fn is_cut_off(error: &PcapError) -> bool {
    match error {
        PcapError::IncompleteBuffer => true,
        PcapError::IoError(error) => error.kind() == ErrorKind::UnexpectedEof,
        _ => false,
    }
}

fn read_pcap(
    path: &Path,
    file: BufReader<File>,
    each: &mut impl FnMut(&Datagram<'_>) -> CommandResult<()>,
) -> CommandResult<()> {
    let mut reader = PcapReader::new(file).map_err(|error| no_capture(path, &error))?;
    let link = reader.header().datalink;
    while let Some(packet) = reader.next_packet() {
        let packet = match packet {
            Err(error) if is_cut_off(&error) => return Ok(()),
            packet => packet.about(path.display())?,
        };
        visit(link, packet.timestamp, &packet.data, each)?;
    }
    Ok(())
}

fn read_pcapng(
    path: &Path,
    file: BufReader<File>,
    each: &mut impl FnMut(&Datagram<'_>) -> CommandResult<()>,
) -> CommandResult<()> {
    let mut reader = PcapNgReader::new(file).map_err(|error| no_capture(path, &error))?;
    let mut interfaces: Vec<(DataLink, u64)> = Vec::new();
    while let Some(block) = reader.next_block() {
        let block = match block {
            Err(error) if is_cut_off(&error) => return Ok(()),
            block => block.about(path.display())?,
        };
        match block {
            Block::SectionHeader(_) => interfaces.clear(),
            Block::InterfaceDescription(interface) => {
                interfaces.push((interface.linktype, ns_of_unit(&interface)));
            }
            Block::EnhancedPacket(packet) => {
                let known = interfaces.get(packet.interface_id as usize);
                let (link, unit_ns) = known.copied().unwrap_or((DataLink::ETHERNET, 1000));
                // The reader takes the number of units for nanoseconds.
                let units = packet.timestamp.as_nanos();
                let ns = units.saturating_mul(unit_ns.into());
                let at = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
                visit(link, at, &packet.data, each)?;
            }
            Block::SimplePacket(packet) => {
                let link = interfaces.first().map_or(DataLink::ETHERNET, |(link, _)| *link);
                visit(link, Duration::ZERO, &packet.data, each)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The unit of an interface's times in nanoseconds; microseconds unless it says otherwise.
fn ns_of_unit(
    interface: &pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock<'_>,
) -> u64 {
    use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
    let resolution = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(value) => Some(*value),
        _ => None,
    });
    match resolution {
        Some(value) if value < 10 => 10_u64.pow(u32::from(9 - value)),
        // Finer than a nanosecond, or a power of two, which no common tool writes.
        Some(_) => 1,
        None => 1000,
    }
}

fn visit(
    link: DataLink,
    at: Duration,
    data: &[u8],
    each: &mut impl FnMut(&Datagram<'_>) -> CommandResult<()>,
) -> CommandResult<()> {
    let sliced = match link {
        DataLink::ETHERNET => SlicedPacket::from_ethernet(data),
        DataLink::LINUX_SLL => SlicedPacket::from_linux_sll(data),
        DataLink::LINUX_SLL2 => match data.split_at_checked(SLL2_HEADER) {
            Some((header, rest)) => {
                SlicedPacket::from_ether_type(EtherType(u16::from_be_bytes([header[0], header[1]])), rest)
            }
            None => return Ok(()),
        },
        DataLink::NULL | DataLink::LOOP => {
            SlicedPacket::from_ip(data.get(LOOPBACK_HEADER..).unwrap_or_default())
        }
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => SlicedPacket::from_ip(data),
        other => return because(format!("packets of the link type {other:?} cannot be read")),
    };
    // A packet of another protocol, or one that is cut off.
    let Ok(sliced) = sliced else { return Ok(()) };
    let (from, to): (IpAddr, IpAddr) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) if !is_fragment(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        Some(NetSlice::Ipv6(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        _ => return Ok(()),
    };
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else {
        return Ok(());
    };
    each(&Datagram {
        at,
        from: SocketAddr::new(from, udp.source_port()),
        to: SocketAddr::new(to, udp.destination_port()),
        payload: udp.payload(),
    })
}

fn is_fragment(ip: &etherparse::Ipv4Slice<'_>) -> bool {
    ip.header().more_fragments() || ip.header().fragments_offset().value() != FRAGMENT_OFFSET
}
