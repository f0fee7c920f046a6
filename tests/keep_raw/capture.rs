//! Reading a file of packets, without callrec's own code: with tshark, and block by block.

use crate::support::build;
use std::path::Path;
use std::process::Command;

/// A packet as tshark decodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedPacket {
    pub interface: String,
    pub payload_type: u8,
    pub sequence: u16,
    /// Unix time.
    pub arrival_ns: u64,
    pub payload: Vec<u8>,
}

/// The packets as tshark decodes them; `None` if it is not installed.
pub fn with_tshark(path: impl AsRef<Path>) -> Option<Vec<CapturedPacket>> {
    if !build::has("tshark") {
        return None;
    }
    let fields = [
        "frame.interface_name",
        "rtp.p_type",
        "rtp.seq",
        "frame.time_epoch",
        "rtp.payload",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path.as_ref());
    command.args(["-d", "udp.port==5004,rtp", "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark runs");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    assert!(!problems.contains("cut short"), "{problems}");
    let text = String::from_utf8(output.stdout).expect("text");
    Some(text.lines().map(line).collect())
}

fn line(line: &str) -> CapturedPacket {
    let fields: Vec<&str> = line.split('\t').collect();
    let [interface, payload_type, sequence, time, payload] = fields[..] else {
        panic!("{line}");
    };
    let (seconds, fraction) = time.split_once('.').expect("a fraction");
    assert_eq!(fraction.len(), 9, "{time}: nanoseconds");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let digits = payload.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hexadecimal");
    CapturedPacket {
        interface: interface.to_owned(),
        payload_type: number(payload_type) as u8,
        sequence: number(sequence) as u16,
        arrival_ns: number(seconds) * 1_000_000_000 + number(fraction),
        payload: digits.map(byte).collect(),
    }
}

/// The sequence numbers of the packets in a file that consists of whole blocks.
pub fn sequences(path: impl AsRef<Path>) -> Vec<u16> {
    let bytes = std::fs::read(path).expect("a file");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let len = word(at + 4);
        assert_eq!(word(at + len - 4), len, "a whole block");
        if word(at) == 6 {
            // After the block's fields, an IPv4 header of 20 bytes and a UDP header of 8.
            let rtp = at + 28 + 28;
            found.push(u16::from_be_bytes([bytes[rtp + 2], bytes[rtp + 3]]));
        }
        at += len;
    }
    found
}
