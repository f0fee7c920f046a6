//! Real senders: ffmpeg sends each leg's audio over UDP with its own encoder, RTP packets and session
//! description, and the recording is compared with what it sent.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::wait::until_some;

use crate::fixture::*;
use crate::support::build::has_with;
use crate::support::*;

/// Audio that each leg sends, in seconds.
const SECONDS: f64 = 3.0;
/// A sender is over once it is silent for this long.
const SILENCE: Duration = Duration::from_millis(500);

/// A codec as ffmpeg names it.
struct SenderCodec {
    arguments: &'static [&'static str],
    rate: u32,
    /// The highest frequency that the codec must carry.
    top_hz: f64,
    /// The name in the manifest.
    name: &'static str,
}

/// A sweep between two frequencies. The legs sweep in opposite directions.
fn sweep(from_hz: f64, to_hz: f64, rate: u32) -> Vec<i16> {
    let count = (SECONDS * f64::from(rate)) as usize;
    let phase = |t: f64| std::f64::consts::TAU * (from_hz * t + (to_hz - from_hz) * t * t / (2.0 * SECONDS));
    let value = |n: usize| (9000.0 * phase(n as f64 / f64::from(rate)).sin()) as i16;
    (0..count).map(value).collect()
}

fn write_raw(path: &Path, samples: &[i16]) {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(path, bytes).expect("a file");
}

/// One leg's sender and the socket that receives its packets.
struct LegSender {
    socket: UdpSocket,
    sender: Child,
    description: PathBuf,
    feed: rec_feed,
}

impl LegSender {
    fn start(codec: &SenderCodec, samples: &[i16], dir: &Path, feed: rec_feed) -> LegSender {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        let (raw, description) = (dir.join(format!("{port}.raw")), dir.join(format!("{port}.sdp")));
        write_raw(&raw, samples);
        let rate = codec.rate.to_string();
        let input = ["-f", "s16le", "-ar", &rate, "-ac", "1", "-i"];
        let sender = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-re"])
            .args(input)
            .arg(&raw)
            .args(codec.arguments)
            .arg("-sdp_file")
            .arg(&description)
            .args(["-f", "rtp", &format!("rtp://127.0.0.1:{port}?localrtcpport=0")])
            .stdout(Stdio::null())
            .spawn()
            .expect("ffmpeg runs");
        LegSender {
            socket,
            sender,
            description,
            feed,
        }
    }

    /// Declares the payload types, and feeds the packets until the sender is over. Returns how many
    /// there were.
    fn receive(mut self) -> usize {
        let text = until_some("ffmpeg has written its description", || match fs::read_to_string(
            &self.description,
        ) {
            Ok(text) if text.contains("m=audio") => Ok(text),
            other => Err(format!("{other:?}")),
        });
        // ffmpeg precedes the description by a line of its own.
        let at = text.find("v=0").expect("a description");
        let text = std::ffi::CString::new(&text[at..]).expect("text");
        checked(|e| unsafe { rec_feed_sdp(self.feed, text.as_ptr(), e) }).expect("a known codec");
        let (mut packet, mut count) = ([0; 4096], 0);
        loop {
            match self.socket.recv(&mut packet) {
                Ok(size) => {
                    send_rtp(self.feed, &packet[..size]);
                    count += 1;
                }
                Err(_) if count == 0 && self.sender.try_wait().is_ok_and(|exit| exit.is_none()) => {}
                Err(_) => break,
            }
        }
        assert!(self.sender.wait().expect("it ends").success());
        count
    }
}

/// Samples of each part that is compared.
const PART: usize = 1000;

/// Asserts that parts of what was sent are in the recording, at the same distances.
fn assert_has(recorded: &[i16], sent: &[i16], rate: u32) {
    let from = [2, 5, 8].map(|tenth| sent.len() * tenth / 10);
    let found = from.map(|from| best_match(&sent[from..][..PART], recorded));
    for (at, correlation) in found {
        assert!(correlation > 0.9, "correlation {correlation} at {at}");
    }
    for n in [1, 2] {
        let (sent, recorded) = (from[n] - from[0], found[n].0.wrapping_sub(found[0].0));
        assert!(
            sent.abs_diff(recorded) <= rate as usize / 100,
            "{sent} samples became {recorded}"
        );
    }
}

/// The position with the greatest correlation, and the correlation.
fn best_match(sent: &[i16], recorded: &[i16]) -> (usize, f64) {
    let power: f64 = sent.iter().map(|s| f64::from(*s).powi(2)).sum();
    let at = |part: &[i16]| {
        let (mut product, mut own) = (0.0, 1.0);
        for (sent, recorded) in sent.iter().zip(part) {
            let recorded = f64::from(*recorded);
            product += f64::from(*sent) * recorded;
            own += recorded * recorded;
        }
        product / (power * own).sqrt()
    };
    let all = recorded.windows(sent.len()).map(at).enumerate();
    all.fold((0, 0.0), |best, now| if now.1 > best.1 { now } else { best })
}

fn is_recorded_as_sent(codec: &SenderCodec) {
    if !has_with("ffmpeg", "-version") {
        return;
    }
    let fixture = RecordingFixture::new(&[("media.clock", "real")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (low, high) = (200.0, codec.top_hz);
    let sent = [sweep(low, high, codec.rate), sweep(high, low, codec.rate)];
    let files = callrec_testkit::directory::ScratchDir::new();
    let start = |leg: usize, feed| LegSender::start(codec, &sent[leg], &files.0, feed);
    let senders = [start(0, local), start(1, remote)];
    let counts = std::thread::scope(|threads| {
        let receivers = senders.map(|sender| threads.spawn(|| sender.receive()));
        receivers.map(|receiver| receiver.join().expect("a receiver"))
    });
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.wav.rate, codec.rate);
    for (leg, sent) in sent.iter().enumerate() {
        let entry = &finished.manifest["legs"][leg];
        assert_eq!(entry["codecs"], serde_json::json!([codec.name]));
        assert_eq!(entry["packets"], counts[leg], "{entry:#}");
        assert_eq!(
            (&entry["missing_ms"], &entry["dropped_ms"]),
            (&0.into(), &serde_json::json!({}))
        );
        assert_has(&finished.wav.pcm(leg), sent, codec.rate);
    }
}

#[test]
fn pcmu_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&SenderCodec {
        arguments: &["-c:a", "pcm_mulaw"],
        rate: 8000,
        top_hz: 3400.0,
        name: "PCMU/8000",
    });
}

#[test]
fn pcma_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&SenderCodec {
        arguments: &["-c:a", "pcm_alaw"],
        rate: 8000,
        top_hz: 3400.0,
        name: "PCMA/8000",
    });
}

#[test]
fn g722_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&SenderCodec {
        arguments: &["-c:a", "g722"],
        rate: 16_000,
        top_hz: 6500.0,
        name: "G722/8000",
    });
}

#[test]
fn opus_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&SenderCodec {
        arguments: &["-c:a", "libopus", "-b:a", "96k"],
        rate: 48_000,
        top_hz: 6500.0,
        name: "opus/48000/2",
    });
}

#[test]
fn l16_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&SenderCodec {
        arguments: &["-c:a", "pcm_s16be"],
        rate: 16_000,
        top_hz: 7000.0,
        name: "L16/16000",
    });
}
