//! Real senders: ffmpeg sends each leg's audio over UDP with its own encoder, RTP packets and session
//! description, and the recording is compared with what it sent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec::capi::*;
use callrec_testkit::wait::until_some;

use crate::fixture::*;
use crate::media_socket::MediaSocket;
use crate::packet_arrivals::PacketArrivals;
use crate::sender_process::SenderProcess;
use crate::sent_audio::*;
use crate::support::build::has_with;

/// One leg's sender and the socket that receives its packets.
struct LegSender {
    socket: MediaSocket,
    sender: SenderProcess,
    description: PathBuf,
    feed: rec_feed,
    arrivals: PacketArrivals,
}

impl LegSender {
    fn start(
        codec: &'static SentCodec,
        arguments: &[&str],
        samples: &[i16],
        dir: &Path,
        feed: rec_feed,
    ) -> LegSender {
        let socket = MediaSocket::bind();
        let port = socket.port();
        let (raw, description) = (dir.join(format!("{port}.raw")), dir.join(format!("{port}.sdp")));
        write_raw(&raw, samples);
        let rate = codec.rate.to_string();
        let input = ["-f", "s16le", "-ar", &rate, "-ac", "1", "-i"];
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-loglevel", "error", "-re"])
            .args(input)
            .arg(&raw)
            .args(arguments)
            .arg("-sdp_file")
            .arg(&description)
            .args(["-f", "rtp", &format!("rtp://127.0.0.1:{port}?localrtcpport=0")]);
        LegSender {
            socket,
            sender: SenderProcess::spawn(&mut command, &dir.join(format!("{port}.log"))),
            description,
            feed,
            arrivals: codec.arrivals(),
        }
    }

    /// Declares the payload types, and feeds the packets until the sender is over. Returns their
    /// account.
    fn receive(mut self) -> PacketArrivals {
        let text = until_some("ffmpeg has written its description", || match fs::read_to_string(
            &self.description,
        ) {
            Ok(text) if text.contains("m=audio") => Ok(text),
            other => Err(format!("{other:?}")),
        });
        // ffmpeg precedes the description by a line of its own.
        let at = text.find("v=0").expect("a description");
        declare(self.feed, &text[at..]).expect("a known codec");
        self.socket.receive(
            || self.sender.has_ended(),
            |packet, _| {
                self.arrivals.add(packet, || send_rtp(self.feed, packet));
            },
        );
        self.sender.wait_for_success();
        self.arrivals
    }
}

fn is_recorded_as_sent(codec: &'static SentCodec, arguments: &[&str]) {
    if !has_with("ffmpeg", "-version") {
        return;
    }
    let fixture = RecordingFixture::new(&[("media.clock", "real")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let sent = codec.audio();
    let files = callrec_testkit::directory::ScratchDir::new();
    let start = |leg: usize, feed| LegSender::start(codec, arguments, &sent[leg], &files, feed);
    let senders = [start(0, local), start(1, remote)];
    let arrivals = std::thread::scope(|threads| {
        let receivers = senders.map(|sender| threads.spawn(|| sender.receive()));
        receivers.map(|receiver| receiver.join().expect("a receiver"))
    });
    codec.assert_recorded(&fixture.stop_and_read(&id), &sent, &arrivals);
}

#[test]
fn pcmu_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&PCMU, &["-c:a", "pcm_mulaw"]);
}

#[test]
fn pcma_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&PCMA, &["-c:a", "pcm_alaw"]);
}

#[test]
fn g722_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&G722, &["-c:a", "g722"]);
}

#[test]
fn opus_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&OPUS, &["-c:a", "libopus", "-b:a", "96k"]);
}

#[test]
fn l16_of_ffmpeg_is_recorded_as_sent() {
    is_recorded_as_sent(&L16, &["-c:a", "pcm_s16be"]);
}
