//! The ID3v2.4 tag at the beginning of a file.

use crate::Tags;
use uuid::Uuid;

const MAGIC: &[u8; 6] = b"ID3\x04\0\0";
const TAG_HEADER: usize = 10;
const FRAME_HEADER: usize = 10;
const UTF_8: u8 = 3;
/// The description of the recording's id, in the first frame.
const ID_DESCRIPTION: &[u8] = b"RECORDING_ID\0";
const ID_AT: usize = TAG_HEADER + FRAME_HEADER + 1 + ID_DESCRIPTION.len();
/// An ID3 time has no fractions of a second and no zone.
const TIME_BYTES: usize = 19;

/// A tag of exactly `size` bytes. Texts for which there is no room are left out.
pub fn id3_tag(tags: &Tags, size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&sync_safe(size.saturating_sub(TAG_HEADER)));
    let mut texts = tags.comments();
    // The id is at a fixed offset.
    if let Some(at) = texts.iter().position(|(name, _)| *name == "RECORDING_ID") {
        texts[..=at].rotate_right(1);
    }
    for (name, text) in texts {
        let frame = text_frame(name, &text);
        if out.len() + frame.len() <= size {
            out.extend_from_slice(&frame);
        }
    }
    out.resize(size, 0);
    out
}

/// The size of the tag at the beginning of a file.
pub fn id3_size(start: &[u8]) -> Option<usize> {
    let size = start.strip_prefix(MAGIC)?.first_chunk::<4>()?;
    let size = size.iter().try_fold(0usize, |size, byte| {
        (*byte < 0x80).then_some(size << 7 | usize::from(*byte))
    });
    Some(TAG_HEADER + size?)
}

/// The recording's id at its fixed offset.
pub fn id3_recording(start: &[u8]) -> Option<Uuid> {
    let end = ID_AT + uuid::fmt::Hyphenated::LENGTH;
    let (head, text) = start.get(..end)?.split_at(ID_AT);
    if !head.starts_with(b"ID3") || !head.ends_with(ID_DESCRIPTION) {
        return None;
    }
    Uuid::try_parse_ascii(text).ok()
}

fn text_frame(name: &str, text: &str) -> Vec<u8> {
    let (id, own_description) = match name {
        "TITLE" => (b"TIT2", false),
        "ARTIST" => (b"TPE1", false),
        "DATE" => (b"TDRC", false),
        _ => (b"TXXX", true),
    };
    let text = match id {
        b"TDRC" => text.get(..TIME_BYTES).unwrap_or(text),
        _ => text,
    };
    let mut body = vec![UTF_8];
    if own_description {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
    }
    body.extend_from_slice(text.as_bytes());
    let mut frame = id.to_vec();
    frame.extend_from_slice(&sync_safe(body.len()));
    frame.extend_from_slice(&[0, 0]);
    frame.append(&mut body);
    frame
}

/// Seven bits of a size in each byte.
fn sync_safe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        Tags {
            recording: Uuid::from_u128(7),
            call_id: "c-1".to_owned(),
            local: "SEP1".to_owned(),
            remote: "+49 é".to_owned(),
            started_at: "2026-11-27T00:11:13.123Z".to_owned(),
        }
    }

    fn contains(tag: &[u8], part: &[u8]) -> bool {
        tag.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn a_tag_has_its_size_and_its_texts() {
        let tag = id3_tag(&tags(), 3000);
        assert_eq!((tag.len(), id3_size(&tag)), (3000, Some(3000)));
        assert_eq!(id3_recording(&tag), Some(Uuid::from_u128(7)));
        for part in [
            &b"TIT2\0\0\0\x09\0\0\x03Call c-1"[..],
            b"TDRC\0\0\0\x14\0\0\x032026-11-27T00:11:13TXXX",
            "\x03REMOTE_PARTY\0+49 é".as_bytes(),
            "\x03SEP1, +49 é".as_bytes(),
        ] {
            assert!(contains(&tag, part), "{part:?}");
        }
    }

    /// Also, no byte of a tag can be taken for the beginning of a frame.
    #[test]
    fn a_short_tag_keeps_the_id() {
        let long = Tags {
            call_id: "é".repeat(1000),
            ..tags()
        };
        for size in [80, 200, 1000] {
            let tag = id3_tag(&long, size);
            assert_eq!((tag.len(), id3_size(&tag)), (size, Some(size)));
            assert_eq!(id3_recording(&tag), Some(Uuid::from_u128(7)));
            assert!(!tag.contains(&0xff));
        }
    }

    #[test]
    fn other_bytes_are_no_tag() {
        assert_eq!(id3_size(b"ID3\x04\0\0\0\0\x80\0"), None);
        assert_eq!(id3_size(b"ID3\x04\0\0\0\0"), None);
        assert_eq!(id3_size(b"RIFF"), None);
        assert_eq!(id3_recording(&id3_tag(&tags(), 80)[..60]), None);
        assert_eq!(id3_recording(&[0xff; 100]), None);
    }
}
