use super::*;

const PCM: Format = Format::of(&FORMATS[0]);
const ULAW: Format = Format::of(&FORMATS[1]);
const ALAW: Format = Format::of(&FORMATS[2]);

const STEREO: Shape = Shape {
    format: PCM,
    rate: 8000,
    channels: 2,
};

fn id() -> Uuid {
    Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef)
}

fn tags() -> Tags {
    Tags {
        call_id: "7f\n1c".to_owned(),
        local: "101".to_owned(),
        remote: "+49301".to_owned(),
        started_at: "2026-11-22T01:45:57.794Z".to_owned(),
        ..Tags::of(id())
    }
}

/// The shape with the parameter `tags=1`.
fn tagged(shape: Shape) -> Shape {
    let format = shape.format.with_parameters("tags=1");
    Shape {
        format: format.expect("a parameter"),
        ..shape
    }
}

/// The names and the texts of the fields in the header's list.
fn fields(header: &[u8]) -> Vec<(String, String)> {
    let at = header
        .windows(4)
        .position(|name| name == b"LIST")
        .expect("a list");
    let end = at + 8 + u32_at(header, at + 4).expect("a size") as usize;
    let (mut at, mut found) = (at + 12, Vec::new());
    while at < end {
        let bytes = u32_at(header, at + 4).expect("a size") as usize;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        found.push((
            text(&header[at..at + 4]),
            text(
                header[at + 8..at + 8 + bytes]
                    .split(|byte| *byte == 0)
                    .next()
                    .expect("one"),
            ),
        ));
        at += 8 + bytes + bytes % 2;
    }
    found
}

/// The offsets and the order are those of version 0.1.0, which has documented them.
#[test]
fn a_header_without_tags_is_that_of_0_1_0() {
    let fixture = include_bytes!("../../../../tests/fixtures/left-by-0.1.0/audio.wav.part");
    let found = parse(fixture).expect("a header of 0.1.0");
    let id = Tags {
        recording: found.recording.expect("an id"),
        ..tags()
    };
    let claim = found.claim.expect("a length");
    let header = build(&found.shape, &id, claim.audio_bytes, 0);
    assert_eq!((found.audio_at, header.len()), (178, 178));
    // The software's version may differ.
    let software = header.windows(4).position(|name| name == b"ISFT").expect("there") + 8..;
    let (before, after) = (..software.start, software.start + 32..178);
    assert_eq!(header[before], fixture[before]);
    assert_eq!(header[after.clone()], fixture[after]);
    assert_eq!(
        build(
            &Shape {
                format: ULAW,
                ..STEREO
            },
            &id,
            0,
            0
        )
        .len(),
        192
    );
}

#[test]
fn tags_are_before_the_audio() {
    let longest = "é".repeat(300);
    let longest = Tags {
        call_id: longest.clone(),
        local: longest.clone(),
        remote: longest.clone(),
        started_at: longest,
        ..tags()
    };
    for format in [PCM, ULAW, ALAW] {
        let shape = tagged(Shape { format, ..STEREO });
        for tags in [&tags(), &longest, &Tags::of(id())] {
            let header = build(&shape, tags, 64_000, 0);
            assert_eq!(header.len(), TAGGED_BYTES);
            assert!(header.len() <= crate::format::HEADER_MAX);
            assert_eq!(recording_id(&header), Some(id()));
            let found = parse(&header).expect("our own header");
            assert_eq!((found.shape, found.recording), (shape, Some(id())));
            assert_eq!(found.audio_at, TAGGED_BYTES as u64);
            assert_eq!(
                found.shape.format.parameters_text(),
                "tags=1",
                "so that the header can be written again"
            );
        }
        let header = build(&shape, &tags(), 64_000, 0);
        let of = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            fields(&header)[1..],
            [
                of("ICMT", "01234567-89ab-4def-8123-456789abcdef"),
                of("INAM", "Call 7f 1c"),
                of("IART", "101, +49301"),
                of("ICRD", "2026-11-22T01:45:57.794Z"),
            ]
        );
        assert_eq!(fields(&build(&shape, &Tags::of(id()), 0, 0)).len(), 2);
        let texts = fields(&build(&shape, &longest, 0, 0));
        assert_eq!(texts.iter().map(|(_, text)| text.len()).max(), Some(256));
        let plain = Shape { format, ..STEREO };
        let header = build(&plain, &tags(), 64_000, 0);
        assert_eq!(fields(&header).len(), 2, "only on request");
        let found = parse(&header).expect("our own header");
        assert_eq!(found.shape.format.parameters_text(), "");
    }
}

#[test]
fn pcm_header_bytes() {
    let header = build(&STEREO, &tags(), 64_000, 0);
    assert_eq!(&header[..4], b"RIFF");
    assert_eq!(u32_at(&header, 4), Some(header.len() as u32 - 8 + 64_000));
    assert_eq!(&header[8..16], b"WAVEJUNK");
    assert_eq!(u32_at(&header, 16), Some(28));
    assert_eq!(
        &header[48..72],
        b"fmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0"
    );
    assert_eq!(&header[72..76], b"LIST");
    assert_eq!(&header[header.len() - 8..], b"data\x00\xfa\x00\x00");
}

#[test]
fn g711_header_has_a_long_fmt_and_a_fact_chunk() {
    for (format, tag) in [(ULAW, 7u8), (ALAW, 6)] {
        let shape = Shape {
            format,
            rate: 8000,
            channels: 1,
        };
        let header = build(&shape, &tags(), 801, 1);
        assert_eq!(&header[48..56], b"fmt \x12\0\0\0");
        assert_eq!(header[56], tag);
        assert_eq!(&header[72..74], &[0, 0], "no extension");
        assert_eq!(&header[74..86], b"fact\x04\0\0\0\x21\x03\0\0");
        let riff = u32_at(&header, 4);
        assert_eq!(riff, Some(header.len() as u32 - 8 + 802), "padded");
    }
}

#[test]
fn header_length_does_not_depend_on_sizes_or_rate() {
    let small = build(&STEREO, &tags(), 0, 0).len();
    let wide = Shape {
        rate: 48_000,
        channels: 1,
        ..STEREO
    };
    assert_eq!(small, build(&wide, &tags(), 1 << 40, 0).len());
    assert!(small <= crate::format::HEADER_MAX);
}

#[test]
fn rf64_begins_where_riff_sizes_end() {
    let head = build(&STEREO, &tags(), 0, 0).len() as u64;
    let last = u64::from(u32::MAX) - 1 - (head - 8);
    assert_eq!(&build(&STEREO, &tags(), last, 0)[..4], b"RIFF");
    let large = build(&STEREO, &tags(), last + 1, 0);
    assert_eq!(&large[..4], b"RF64");
    assert_eq!(u32_at(&large, 4), Some(u32::MAX));
    assert_eq!(&large[12..16], b"ds64");
    assert_eq!(u64_at(&large, 20), Some(u64::from(u32::MAX)));
    assert_eq!(u64_at(&large, 28), Some(last + 1));
    assert_eq!(u64_at(&large, 36), Some((last + 1) / 4));
    assert_eq!(&large[large.len() - 4..], &[0xff; 4]);
}

#[test]
fn parse_reads_a_built_header() {
    for format in [PCM, ULAW, ALAW] {
        for audio_bytes in [0u64, 1602, 5 << 30] {
            let shape = Shape {
                format,
                rate: 16_000,
                channels: 2,
            };
            let header = build(&shape, &tags(), audio_bytes, 0);
            let found = parse(&header).expect("our own header");
            assert_eq!(found.shape, shape);
            assert_eq!(found.recording, Some(id()));
            assert_eq!(found.audio_at, header.len() as u64);
            let claim = ClaimedLength {
                audio_bytes,
                file_bytes: header.len() as u64 + audio_bytes,
                trim: 0,
            };
            assert_eq!(found.claim, Some(claim));
        }
    }
}

#[test]
fn recording_id_is_read_only_at_its_offset() {
    for format in [PCM, ULAW, ALAW] {
        let shape = Shape {
            format,
            rate: 8000,
            channels: 1,
        };
        let mut header = build(&shape, &tags(), 64_000, 0);
        assert_eq!(recording_id(&header), Some(id()));
        header[..60].fill(0xee);
        assert_eq!((recording_id(&header), parse(&header)), (Some(id()), None));
        header.insert(0, 0);
        assert_eq!(recording_id(&header), None);
    }
    assert_eq!(recording_id(id().as_hyphenated().to_string().as_bytes()), None);
}

#[test]
fn parse_survives_truncated_and_corrupted_headers() {
    survives_damage(&build(&STEREO, &tags(), 64_000, 0));
    survives_damage(&build(&tagged(STEREO), &tags(), 64_000, 0));
}

fn survives_damage(header: &[u8]) {
    for cut in 0..header.len() {
        assert_eq!(parse(&header[..cut]), None);
    }
    for at in 0..header.len() {
        for value in [0, 0x7f, 0xff] {
            let mut broken = header.to_vec();
            broken[at] = value;
            let _ = parse(&broken);
        }
    }
}
