//! Measures files of compressed packets.

use callrec_codec::container::{self, Measure};

/// The frames of a finished file of packets. `None` if it has no end, or anything after it.
pub fn whole_frames(data: &[u8]) -> Option<u64> {
    let found = container::parse(data)?;
    let measure = found.shape.format.container().measure(&found, data.len() as u64);
    let Measure::Scan(mut scan) = measure else {
        return None;
    };
    let audio = data.get(found.audio_at as usize..)?;
    scan.take(audio);
    let measured = scan.measured();
    (measured.ended && measured.length.bytes == audio.len() as u64).then_some(measured.length.frames)
}
