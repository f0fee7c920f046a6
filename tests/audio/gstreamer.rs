//! Real senders: GStreamer encodes each leg's audio, packs it with the payloader of the codec and
//! sends it over UDP. The recording is compared with what it sent.

use std::path::Path;
use std::process::Command;

use callrec::capi::*;

use crate::fixture::*;
use crate::media_socket::MediaSocket;
use crate::packet_arrivals::PacketArrivals;
use crate::sender_process::SenderProcess;
use crate::sent_audio::*;
use crate::support::build::{has, is_installed};

/// Packets of 20 ms, as on a telephone.
const PACKETS: [&str; 2] = ["min-ptime=20000000", "max-ptime=20000000"];

/// The part of a pipeline that depends on the codec.
struct GstreamerCodec {
    codec: &'static SentCodec,
    encoder: &'static [&'static str],
    payloader: &'static str,
    /// What the description of a session says about the payload type; the first word is the type.
    rtpmap: &'static str,
}

impl GstreamerCodec {
    fn is_installed(&self) -> bool {
        let exists = |element: &str| {
            let mut inspect = Command::new("gst-inspect-1.0");
            inspect
                .args(["--exists", element])
                .status()
                .is_ok_and(|exit| exit.success())
        };
        let elements = ["udpsink", self.encoder[0], self.payloader];
        has("gst-launch-1.0")
            && elements
                .iter()
                .all(|element| is_installed(element, exists(element)))
    }

    fn payload_type(&self) -> &str {
        self.rtpmap.split(' ').next().expect("a payload type")
    }

    fn description(&self) -> String {
        let (payload_type, rtpmap) = (self.payload_type(), self.rtpmap);
        let origin = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
        format!("{origin}m=audio 5004 RTP/AVP {payload_type}\r\na=rtpmap:{rtpmap}\r\n")
    }

    /// Sends a file of raw samples to a port, in real time.
    fn pipeline(&self, raw: &Path, port: u16) -> Command {
        let mut command = Command::new("gst-launch-1.0");
        command
            .args(["-q", "filesrc"])
            .arg(format!("location={}", raw.display()));
        command.args(["!", "rawaudioparse", "pcm-format=s16le", "num-channels=1"]);
        command.arg(format!("sample-rate={}", self.codec.rate));
        command.arg("!").args(self.encoder);
        command.args(["!", self.payloader]).args(PACKETS);
        command.arg(format!("pt={}", self.payload_type()));
        command
            .args(["!", "udpsink", "host=127.0.0.1"])
            .arg(format!("port={port}"));
        command
    }

    /// Sends the audio of a leg, and feeds the packets. Returns their account.
    fn send(&self, samples: &[i16], dir: &Path, feed: rec_feed) -> PacketArrivals {
        let socket = MediaSocket::bind();
        let port = socket.port();
        let raw = dir.join(format!("{port}.raw"));
        write_raw(&raw, samples);
        let output = dir.join(format!("{port}.log"));
        let sender = SenderProcess::spawn(&mut self.pipeline(&raw, port), &output);
        let mut arrivals = self.codec.arrivals();
        socket.receive(
            || sender.has_ended(),
            |packet, _| {
                arrivals.add(packet, || send_rtp(feed, packet));
            },
        );
        sender.wait_for_success();
        arrivals
    }

    fn is_recorded_as_sent(&self) {
        if !self.is_installed() {
            return;
        }
        let fixture = RecordingFixture::new(&[("media.clock", "real")]);
        let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
        // The static types of RFC 3551 need no declaration.
        if self.payload_type() == "96" {
            for feed in [local, remote] {
                declare(feed, &self.description()).expect("a known codec");
            }
        }
        let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
        let sent = self.codec.audio();
        let files = callrec_testkit::directory::ScratchDir::new();
        let arrivals = std::thread::scope(|threads| {
            let legs = [(&sent[0], local), (&sent[1], remote)];
            let files = &*files;
            let senders = legs.map(|(sent, feed)| threads.spawn(move || self.send(sent, files, feed)));
            senders.map(|sender| sender.join().expect("a sender"))
        });
        self.codec
            .assert_recorded(&fixture.stop_and_read(&id), &sent, &arrivals);
    }
}

#[test]
fn pcmu_of_gstreamer_is_recorded_as_sent() {
    let codec = GstreamerCodec {
        codec: &PCMU,
        encoder: &["mulawenc"],
        payloader: "rtppcmupay",
        rtpmap: "0 PCMU/8000",
    };
    codec.is_recorded_as_sent();
}

#[test]
fn pcma_of_gstreamer_is_recorded_as_sent() {
    let codec = GstreamerCodec {
        codec: &PCMA,
        encoder: &["alawenc"],
        payloader: "rtppcmapay",
        rtpmap: "8 PCMA/8000",
    };
    codec.is_recorded_as_sent();
}

#[test]
fn g722_of_gstreamer_is_recorded_as_sent() {
    let codec = GstreamerCodec {
        codec: &G722,
        encoder: &["avenc_g722"],
        payloader: "rtpg722pay",
        rtpmap: "9 G722/8000",
    };
    codec.is_recorded_as_sent();
}

#[test]
fn l16_of_gstreamer_is_recorded_as_sent() {
    let codec = GstreamerCodec {
        codec: &L16,
        encoder: &["audioconvert"],
        payloader: "rtpL16pay",
        rtpmap: "96 L16/16000",
    };
    codec.is_recorded_as_sent();
}

#[test]
fn opus_of_gstreamer_is_recorded_as_sent() {
    let codec = GstreamerCodec {
        codec: &OPUS,
        encoder: &["opusenc", "bitrate=96000"],
        payloader: "rtpopuspay",
        rtpmap: "96 opus/48000/2",
    };
    codec.is_recorded_as_sent();
}
