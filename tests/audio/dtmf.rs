//! `media.dtmf` through the C ABI: telephone events, and digits that the host reports.

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;
use crate::support::checked;

const SPEECH: u8 = 0x21;
const REMOTE: u8 = 0x22;
const DIGIT: u8 = 9;

fn dtmf(feed: rec_feed, duration_ms: u32) -> rec_status {
    match checked(|e| unsafe { rec_feed_dtmf(feed, duration_ms, e) }) {
        Ok(_) => REC_OK,
        Err(refused) => refused.status,
    }
}

/// The n-th packet of 20 ms.
fn rtp_packet(n: u32, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        sequence: n as u16,
        timestamp,
        ssrc: 77,
    };
    packet(header, payload)
}

/// A call of two seconds. An event of 100 ms begins at one second; the host reports a digit of 80
/// ms at 1.6 s.
fn record(mode: &str) -> (RecordingFixture, FinishedRecording) {
    let fixture = RecordingFixture::new(&[("media.dtmf", mode)]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    for n in 0..100u32 {
        let sent = match n {
            50..55 => {
                let duration = ((n - 49) * 160).to_be_bytes();
                rtp_packet(n, 101, 8000, &[DIGIT, 10, duration[2], duration[3]])
            }
            _ => rtp_packet(n, 0, n * 160, &[SPEECH; 160]),
        };
        until_accepted(local, || rtp(local, &sent));
        until_accepted(remote, || write(remote, &[REMOTE; 160]));
        if n == 79 {
            assert_eq!(dtmf(local, 80), REC_OK);
        }
    }
    assert_eq!(dtmf(local, 10_001), REC_ERR_INVALID_ARGUMENT);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(unsafe { rec_feed_close(local) }, REC_OK);
    assert_eq!(dtmf(local, 80), REC_ERR_BAD_HANDLE);
    (fixture, finished)
}

/// The milliseconds in which a channel is silent, in steps of 10 ms.
fn silent(finished: &FinishedRecording, channel: usize) -> Vec<usize> {
    let frames = finished.wav.data.chunks_exact(2).skip(40).step_by(80);
    let silent = |(n, frame): (usize, &[u8])| (frame[channel] == 0xff).then_some(n * 10);
    frames.enumerate().filter_map(silent).collect()
}

fn masked(from_ms: usize, to_ms: usize) -> Vec<usize> {
    (from_ms..to_ms).step_by(10).collect()
}

#[test]
fn digits_are_silent_on_all_legs() {
    let (fixture, finished) = record("mask");
    assert_eq!(finished.wav.frames(), 16_000);
    let [local, remote] = [silent(&finished, 0), silent(&finished, 1)];
    // The host's report: 80 + 100 ms before and after 1,600 ms.
    let reported = masked(1420, 1780);
    assert_eq!(remote, [masked(900, 1200), reported.clone()].concat());
    assert_eq!(local, remote);
    let legs = &finished.manifest["legs"];
    let balance = |leg: usize, handed: u64, outside: u64| {
        assert_eq!(legs[leg]["handed_ms"], handed, "{legs:#}");
        assert_eq!(legs[leg]["outside_ms"]["dtmf"], outside, "{legs:#}");
        assert_eq!(legs[leg]["audio_ms"], handed - outside, "{legs:#}");
    };
    // The local leg sent no audio during its event.
    balance(0, 1900, 560);
    balance(1, 2000, 660);
    assert_eq!(finished.manifest["lost_ms"], 0);
    fixture.close();
}

#[test]
fn digits_are_recorded_by_default() {
    let (fixture, finished) = record("keep");
    assert_eq!(silent(&finished, 0), masked(1000, 1100));
    assert!(silent(&finished, 1).is_empty());
    assert_eq!(finished.manifest["legs"][1]["audio_ms"], 2000);
    fixture.close();
}
