//! Measures finished files.

use callrec_codec::container::{self, Measure};

/// The frames of a finished file. `None` if it has no end, or anything after it.
pub fn whole_frames(data: &[u8]) -> Option<u64> {
    let found = container::parse(data)?;
    let audio = data.get(found.audio_at as usize..)?;
    let measured = match found.shape.format.container().measure(&found, data.len() as u64) {
        // The header has the end.
        Measure::Known(measured) => {
            let states_all = found.claim.map(|claim| claim.audio_bytes) == Some(measured.length.bytes);
            states_all.then_some(measured)
        }
        Measure::Scan(mut scan) => {
            scan.take(audio);
            Some(scan.measured()).filter(|measured| measured.ended)
        }
    };
    let length = measured?.length;
    (length.bytes == audio.len() as u64).then_some(length.frames)
}
