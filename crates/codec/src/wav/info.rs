//! The `LIST` chunk of type `INFO`: the software, the recording's id, and on request the tags.

use uuid::Uuid;

use super::chunk::{chunk, u32_at};
use crate::Tags;

/// The same size in every version, so that a later version that recovers the file can rewrite
/// the header in place.
const SOFTWARE_BYTES: usize = 32;

/// Appends the chunk. With `tagged`, it also has the title, the artist and the date.
pub fn append(out: &mut Vec<u8>, tags: &Tags, tagged: bool) {
    let mut info = b"INFO".to_vec();
    let mut software = [0; SOFTWARE_BYTES];
    let name = concat!("callrec ", env!("CARGO_PKG_VERSION")).as_bytes();
    for (to, from) in software[..SOFTWARE_BYTES - 1].iter_mut().zip(name) {
        *to = *from;
    }
    chunk(&mut info, b"ISFT", &software);
    let id = tags.recording.as_hyphenated();
    chunk(&mut info, b"ICMT", format!("{id}\0").as_bytes());
    if tagged {
        for (field, text) in tags.basic() {
            let name = match field {
                "TITLE" => b"INAM",
                "ARTIST" => b"IART",
                _ => b"ICRD",
            };
            chunk(&mut info, name, (text + "\0").as_bytes());
        }
    }
    chunk(out, b"LIST", &info);
}

/// The recording's id in the contents of a `LIST` chunk.
pub fn parse_id(list: &[u8]) -> Option<Uuid> {
    if list.get(..4)? != b"INFO" {
        return None;
    }
    let mut at = 4usize;
    loop {
        let bytes = u32_at(list, at + 4)? as usize;
        let body = list.get(at + 8..(at + 8).checked_add(bytes)?)?;
        if list.get(at..at + 4)? == b"ICMT" {
            return Uuid::try_parse_ascii(body.get(..36)?).ok();
        }
        at += 8 + bytes + (bytes & 1);
    }
}
