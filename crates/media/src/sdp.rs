//! Payload types that a session description declares (RFC 8866).

use std::sync::Arc;

use sdp_types::{Media, RtpMap, Session};

use crate::FeedFormat;
use crate::external::{ExternalFormat, PayloadFormat};
use crate::rtp;
use callrec_codec::Codec;

/// A session description that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSdp(pub String);

/// A payload type that a session description declares and that is no audio for this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherPayload {
    /// Telephone events or tones (RFC 4733), or redundant packets that may contain them. Their clock
    /// rate may differ from that of the audio.
    Event {
        clock_rate: u32,
    },
    Unknown,
}

/// Returns the payload types of the first audio section and their formats. Payload types whose codec
/// is unknown, and those of events and comfort noise, are left out.
///
/// `text`: a whole session description, or only its media sections. Lines end with LF or CRLF.
pub fn payload_types(text: &str) -> Result<Vec<(u8, FeedFormat)>, InvalidSdp> {
    let found = payload_types_with(text, |_| None)?;
    Ok(found
        .into_iter()
        .map(|(number, payload)| (number, payload.format))
        .collect())
}

/// An encoding that `rtpmap` declares, or that a static type has, with what else the section states about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredEncoding {
    pub name: String,
    pub clock_rate: u32,
    pub channels: u8,
    pub fmtp: Option<String>,
    /// The length of a packet.
    pub packet_ms: Option<u32>,
}

/// Returns the other payload types that the first audio section declares by `rtpmap`: those without
/// a decoder in this build.
pub fn other_payload_types(text: &str) -> Result<Vec<(u8, OtherPayload)>, InvalidSdp> {
    with_audio_section(text, |number, media| match format_of(number, media, |_| None) {
        Some(_) => None,
        None => other_payload(number, media),
    })
}

/// As [`payload_types`]. `external` returns the format of an encoding that the host decodes, which
/// comes before one of the library.
pub fn payload_types_with(
    text: &str,
    external: impl Fn(&DeclaredEncoding) -> Option<Arc<ExternalFormat>>,
) -> Result<Vec<(u8, PayloadFormat)>, InvalidSdp> {
    with_audio_section(text, |number, media| format_of(number, media, &external))
}

/// Returns what `of` finds for each payload type of the first audio section.
fn with_audio_section<T>(
    text: &str,
    of: impl Fn(u8, &Media) -> Option<T>,
) -> Result<Vec<(u8, T)>, InvalidSdp> {
    let text = text.trim_start();
    let whole = match text.starts_with("v=") {
        true => text.to_owned(),
        false => format!("v=0\r\n{text}"),
    };
    let session = Session::parse(whole.as_bytes()).map_err(|error| InvalidSdp(error.to_string()))?;
    let mut sections = session.medias.iter().filter(|media| media.media == "audio");
    let Some(media) = sections.next() else {
        return Err(InvalidSdp("there is no audio section".into()));
    };
    let numbers = media.fmt.split_ascii_whitespace();
    let numbers = numbers.map(|number| match number.parse::<u8>() {
        Ok(number) if number < 128 => Ok(number),
        _ => Err(InvalidSdp(format!("payload type \"{number}\": must be 0 to 127"))),
    });
    let mut found = Vec::new();
    for number in numbers {
        let number = number?;
        if let Some(payload) = of(number, media) {
            found.push((number, payload));
        }
    }
    Ok(found)
}

fn rtp_map(number: u8, media: &Media) -> Option<RtpMap> {
    let declared = media.attributes.iter().filter(|line| line.attribute == "rtpmap");
    let mut declared = declared.filter_map(|line| line.value.as_deref()?.parse::<RtpMap>().ok());
    declared.rfind(|map| map.payload_type == number)
}

fn other_payload(number: u8, media: &Media) -> Option<OtherPayload> {
    let map = rtp_map(number, media)?;
    let is = |known: &str| map.encoding_name.eq_ignore_ascii_case(known);
    let is_event = is_event(&map) || is("red") && contains_events(number, media);
    Some(match is_event {
        true => OtherPayload::Event {
            clock_rate: map.clock_rate,
        },
        false => OtherPayload::Unknown,
    })
}

fn is_event(map: &RtpMap) -> bool {
    let is = |known: &str| map.encoding_name.eq_ignore_ascii_case(known);
    is("telephone-event") || is("tone")
}

/// Whether redundant packets (RFC 2198) may contain events: `fmtp` lists what they contain. Redundant
/// packets in redundant packets may, and are not looked into.
fn contains_events(number: u8, media: &Media) -> bool {
    let lines = media.attributes.iter().filter(|line| line.attribute == "fmtp");
    let values = lines.filter_map(|line| line.value.as_deref()?.split_once(' '));
    let listed = values
        .filter(|(of, _)| of.parse() == Ok(number))
        .map(|(_, list)| list);
    let mut contents = listed.flat_map(|list| list.split('/')).peekable();
    let is_unknown = contents.peek().is_none();
    let is_event = |inner: u8| {
        let map = rtp_map(inner, media);
        map.is_some_and(|map| is_event(&map) || map.encoding_name.eq_ignore_ascii_case("red"))
    };
    is_unknown || contents.any(|inner| inner.trim().parse().map_or(true, is_event))
}

/// The format of a payload type: as `rtpmap` declares it, or static.
fn format_of(
    number: u8,
    media: &Media,
    external: impl Fn(&DeclaredEncoding) -> Option<Arc<ExternalFormat>>,
) -> Option<PayloadFormat> {
    match rtp_map(number, media) {
        Some(map) => {
            let text = map.encoding_params.as_deref().unwrap_or_default().trim();
            let declared = DeclaredEncoding {
                channels: if text.is_empty() {
                    1
                } else {
                    text.parse().unwrap_or(0)
                },
                clock_rate: map.clock_rate,
                fmtp: parameters_of(number, media),
                packet_ms: packet_ms(media),
                name: map.encoding_name,
            };
            match external(&declared) {
                Some(format) => Some(format.into()),
                None => {
                    let known = encoding(&declared.name, declared.clock_rate, declared.channels);
                    Some(known.or_else(|| static_format(number, &declared.name))?.into())
                }
            }
        }
        None => match rtp::format_of(number, &[]) {
            Some(format) => Some(format.into()),
            None => external(&static_encoding(number, media)?).map(PayloadFormat::from),
        },
    }
}

/// The format of a static type, if `rtpmap` names its encoding: senders get the rest wrong.
fn static_format(number: u8, name: &str) -> Option<FeedFormat> {
    let names = [(0, "PCMU"), (8, "PCMA"), (9, "G722")];
    let is_own = |known: &(u8, &str)| known.0 == number && name.eq_ignore_ascii_case(known.1);
    names.iter().find(|known| is_own(known))?;
    rtp::format_of(number, &[])
}

/// The encoding of a static type that this build does not decode.
fn static_encoding(number: u8, media: &Media) -> Option<DeclaredEncoding> {
    let (_, name, clock_rate) = rtp::other_static().find(|known| known.0 == number)?;
    Some(DeclaredEncoding {
        name: name.into(),
        clock_rate,
        channels: 1,
        fmtp: parameters_of(number, media),
        packet_ms: packet_ms(media),
    })
}

/// The format parameters of a payload type, as they are written.
fn parameters_of(number: u8, media: &Media) -> Option<String> {
    let lines = media.attributes.iter().filter(|line| line.attribute == "fmtp");
    let mut parameters = lines.filter_map(|line| {
        let (payload_type, parameters) = line.value.as_deref()?.trim().split_once(' ')?;
        (payload_type.parse() == Ok(number)).then(|| parameters.trim().to_owned())
    });
    parameters.next()
}

/// The length of a packet in milliseconds. Some senders write a fraction.
fn packet_ms(media: &Media) -> Option<u32> {
    let line = media.attributes.iter().find(|line| line.attribute == "ptime")?;
    let ms: f64 = line.value.as_deref()?.trim().parse().ok()?;
    (1.0..=1000.0).contains(&ms).then_some(ms as u32)
}

/// The format of an encoding, by its name and clock rate in `rtpmap`.
fn encoding(name: &str, clock_rate: u32, channels: u8) -> Option<FeedFormat> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let (codec, rate) = match (clock_rate, channels) {
        (8000, 1) if is("PCMU") => (Codec::Pcmu, 8000),
        (8000, 1) if is("PCMA") => (Codec::Pcma, 8000),
        // RFC 3551, 4.5.2: the clock rate is 8000. Some senders state the sampling rate.
        (8000 | 16_000, 1) if is("G722") => (Codec::G722, 16_000),
        // RFC 7587: the clock rate is 48000 and the number of channels 2, whatever is sent.
        (48_000, 1 | 2) if is("opus") => (Codec::Opus, 48_000),
        (8000..=48_000, 1) if is("L16") => (Codec::Pcm16, clock_rate),
        (8000..=48_000, 2..=8) if is("L16") => (Codec::L16(channels), clock_rate),
        _ => return None,
    };
    codec.is_built_in().then_some(FeedFormat { codec, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(text: &str) -> Vec<(u8, Codec, u32)> {
        let found = payload_types(text).expect("a valid description");
        found
            .iter()
            .map(|(number, format)| (*number, format.codec, format.rate))
            .collect()
    }

    /// What senders write for static types does not switch them off.
    #[test]
    fn a_careless_declaration_of_a_static_type_is_understood() {
        for (map, codec) in [
            ("9 G722/16000", Codec::G722),
            ("9 G722/8000/", Codec::G722),
            ("0 PCMU/8000/1 ", Codec::Pcmu),
            ("0 pcmu/16000", Codec::Pcmu),
            ("8 PCMA/8000/ ", Codec::Pcma),
            ("8 PCMA/8000/x", Codec::Pcma),
            ("96 G722/16000", Codec::G722),
        ] {
            let text = format!(
                "m=audio 4000 RTP/AVP {}\r\na=rtpmap:{map}\r\n",
                map.split(' ').next().unwrap_or_default()
            );
            let found: Vec<Codec> = formats(&text).iter().map(|format| format.1).collect();
            assert_eq!(found, [codec], "{map}");
        }
        let text = "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 G729/8000\r\na=rtpmap:8 L16/8000/99\r\n";
        assert_eq!(formats(text), []);
    }

    #[test]
    fn a_section_declares_its_payload_types() {
        let text = "m=audio 4000 RTP/AVP 96 9 0 97 18 101 10 98\r\n\
                    a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;stereo=0\r\n\
                    a=rtpmap:97 L16/16000\r\na=rtpmap:98 l16/44100/2\r\n\
                    a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";
        let expected = [
            (96, Codec::Opus, 48_000),
            (9, Codec::G722, 16_000),
            (0, Codec::Pcmu, 8000),
            (97, Codec::Pcm16, 16_000),
            (10, Codec::L16(2), 44_100),
            (98, Codec::L16(2), 44_100),
        ];
        assert_eq!(formats(text), expected);
    }

    #[test]
    fn a_whole_description_counts_its_first_audio_section() {
        let text = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\
                    m=video 5000 RTP/AVP 99\na=rtpmap:99 VP8/90000\n\
                    m=audio 5002 RTP/SAVP 111 8\na=rtpmap:111 OPUS/48000/2\n\
                    m=audio 5004 RTP/AVP 9\n";
        assert_eq!(
            formats(text),
            [(111, Codec::Opus, 48_000), (8, Codec::Pcma, 8000)]
        );
    }

    #[test]
    fn a_declared_encoding_replaces_the_static_one() {
        assert_eq!(
            formats("m=audio 1 RTP/AVP 0\na=rtpmap:0 PCMA/8000\n"),
            [(0, Codec::Pcma, 8000)]
        );
        assert_eq!(
            formats("m=audio 1 RTP/AVP 0 8\na=rtpmap:0 G729/8000\n"),
            [(8, Codec::Pcma, 8000)]
        );
    }

    #[test]
    fn payload_types_without_a_decoder_are_events_or_unknown() {
        let text = "m=audio 4000 RTP/AVP 0 96 101 102 103 104 105 18 13\r\na=rtpmap:96 AMR/8000\r\n\
                    a=rtpmap:101 telephone-event/48000\r\na=rtpmap:102 Tone/8000\r\n\
                    a=rtpmap:103 red/8000\r\na=fmtp:103 101/101\r\n\
                    a=rtpmap:104 RED/8000\r\na=fmtp:104 0/0/96\r\na=rtpmap:105 red/8000\r\n";
        let event = |clock_rate| OtherPayload::Event { clock_rate };
        let unknown = OtherPayload::Unknown;
        assert_eq!(
            other_payload_types(text),
            Ok(vec![
                (96, unknown),
                (101, event(48_000)),
                (102, event(8000)),
                (103, event(8000)),
                (104, unknown),
                (105, event(8000))
            ])
        );
    }

    /// The stack and the time for such a description are bounded.
    #[test]
    fn redundant_packets_may_name_each_other() {
        let mut text = String::from("m=audio 1 RTP/AVP 96 97");
        for number in 98..128 {
            text += &format!(" {number}");
        }
        for number in 96..128 {
            let next = if number == 127 { 96 } else { number + 1 };
            text += &format!("\r\na=rtpmap:{number} red/8000\r\na=fmtp:{number} {next}/{next}/{next}");
        }
        let found = other_payload_types(&text).expect("a valid description");
        assert_eq!(found.len(), 32);
        let event = OtherPayload::Event { clock_rate: 8000 };
        assert!(found.iter().all(|(_, payload)| *payload == event));
    }

    #[test]
    fn a_codec_of_the_host_gets_what_the_section_states() {
        let text = "m=audio 1 RTP/AVP 96 97 0 18 17 13 19 2\na=rtpmap:96 AMR/8000\na=rtpmap:97 x/16000/2\n\
                    a=fmtp:97 other\na=fmtp:96  octet-align=1; mode-set=0,2 \na=ptime:40\na=fmtp:18 annexb=no\n";
        let asked = std::cell::RefCell::new(Vec::new());
        let found = payload_types_with(text, |declared| {
            asked.borrow_mut().push(declared.clone());
            None
        });
        let found = found.map_err(|error| error.0).expect("a valid description");
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0]);
        let declared = |name: &str, clock_rate, channels, fmtp: Option<&str>| DeclaredEncoding {
            name: name.into(),
            clock_rate,
            channels,
            fmtp: fmtp.map(str::to_owned),
            packet_ms: Some(40),
        };
        let expected = [
            declared("AMR", 8000, 1, Some("octet-align=1; mode-set=0,2")),
            declared("x", 16_000, 2, Some("other")),
            declared("G729", 8000, 1, Some("annexb=no")),
            declared("DVI4", 22_050, 1, None),
        ];
        assert_eq!(asked.into_inner(), expected);
    }

    #[test]
    fn invalid_descriptions_are_refused() {
        for text in [
            "",
            "m=video 1 RTP/AVP 99\n",
            "m=audio\n",
            "m=audio 1 RTP/AVP 128\n",
            "nonsense",
        ] {
            assert!(payload_types(text).is_err(), "{text}");
        }
        assert_eq!(
            formats("m=audio 1 RTP/AVP 96\na=rtpmap:96\na=rtpmap:x\na=rtpmap:96 opus\n"),
            []
        );
    }
}
