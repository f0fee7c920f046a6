//! Measures how much of an unfinished file is intact.

use super::disk_access::DiskAccess;
use super::files::READ_BYTES;
use crate::memory;
use callrec_codec::Medium;
use callrec_codec::container::{Measure, MeasuredAudio, ParsedHeader};
use std::io;

/// Measures the intact part of a file of `length` bytes; see [`callrec_codec::Container::measure`].
pub async fn measure(
    access: &DiskAccess,
    file: &dyn Medium,
    found: &ParsedHeader,
    length: u64,
) -> io::Result<MeasuredAudio> {
    let mut scan = match found.shape.format.container().measure(found, length) {
        Measure::Known(measured) => return Ok(measured),
        Measure::Scan(scan) => scan,
    };
    let mut at = found.audio_at;
    let audio_bytes = length.saturating_sub(at);
    let mut piece = memory::read_buffer(audio_bytes.clamp(1, READ_BYTES) as usize);
    loop {
        access.ready().await?;
        let read = file.read_range(at, &mut piece)?;
        if read == 0 || !scan.take(&piece[..read]) {
            return Ok(scan.measured());
        }
        at += read as u64;
    }
}
