//! Files of kept packets after a crash.

use callrec_codec::pcapng::{PacketWriter, recording_id, whole_blocks};
use uuid::Uuid;

/// A file of packets with a change. The first bytes say where it is changed, how, and how many packets
/// it has; each packet has its length before it.
pub fn pcapng(data: &[u8]) {
    let [place, place_low, change, packets, rest @ ..] = data else {
        return;
    };
    let id = Uuid::from_u128(0x5eed);
    let mut writer = PacketWriter::new(id, &["local", "remote"]).expect("a header");
    let (mut file, mut ends, mut rest) = (writer.take(Vec::new()), Vec::new(), rest);
    let header = file.len();
    for n in 0..packets % 8 {
        let [len, bytes @ ..] = rest else { break };
        let (packet, after) = bytes.split_at(usize::from(*len).min(bytes.len()));
        assert!(writer.add(usize::from(n & 1), u64::from(n), packet));
        file.extend(writer.take(Vec::new()));
        ends.push(file.len());
        rest = after;
    }
    let at = usize::from(u16::from_be_bytes([*place, *place_low])) % file.len();
    match change % 4 {
        0 => file.truncate(at),
        1 => file[at] ^= 1 + change / 4,
        2 => file[at..].fill(0),
        _ => file.extend_from_slice(rest),
    }
    let untouched = if change % 4 == 3 { file.len() } else { at };
    let whole = whole_blocks(&file);
    assert!(whole.bytes <= file.len() && whole.bytes.is_multiple_of(4));
    let before = ends.iter().filter(|end| **end <= untouched).count();
    assert!(
        whole.packets >= before as u64,
        "packets before the change are there"
    );
    assert_eq!(
        whole_blocks(&file[..whole.bytes]),
        whole,
        "what is cut off changes nothing"
    );
    if untouched >= header {
        assert_eq!(recording_id(&file), Some(id));
        // Recovery reads a file in pieces, each of which begins with a block.
        let (first, second) = (whole_blocks(&file[..header]), whole_blocks(&file[header..]));
        assert_eq!(first.bytes + second.bytes, whole.bytes);
        assert_eq!(first.packets + second.packets, whole.packets);
    } else {
        let _ = recording_id(&file);
    }
    let _ = (recording_id(data), whole_blocks(data));
}
