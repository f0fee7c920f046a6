//! Very long calls, and very large files, in stream time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{until, until_for};
use callrec_testkit::wav::WavHeader;

use crate::line::*;
use crate::support::*;

const HOURS: u64 = 16;
const RATE: u64 = 8000;

/// A file, which may be too large for memory, and its parsed header.
fn audio_of(path: &str) -> (File, WavHeader) {
    let (file, header) = (File::open(path).unwrap(), WavHeader::read(path));
    if header.rf64 {
        assert_eq!(header.riff_end, file.metadata().unwrap().len(), "RIFF's size");
    }
    (file, header)
}

/// One packet every twenty minutes for sixteen hours. The timestamps wrap. The sequence numbers
/// have no gap, so the time between the packets is silence and not a loss.
#[test]
fn sixteen_hours_of_silence_suppression_are_no_loss() {
    const EVERY: u64 = 20 * 60 * RATE;
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.digest", "none")]);
    let line = RecordedLine::begin(&engine, 8);
    let mut sender = RtpSender::new(0, 8);
    let packets = HOURS * 3600 * RATE / EVERY;
    for n in 0..=packets {
        let packet = sender.packet(&bytes(8, n * 160, 160), EVERY as u32);
        send_rtp(line.feed, &packet);
    }
    end(line.call).unwrap();
    let event = engine.events.wait_terminal(&line.id);
    let recording = event.recording.unwrap();
    let (file, header) = audio_of(&recording.path);
    let (at, length) = (header.audio_at, header.audio_bytes);
    assert_eq!(length, packets * EVERY + 160);
    assert_eq!((recording.lost_ms, engine.stats().frames_lost), (0, 0));
    assert_eq!(recording.duration_ms, length / 8);
    let mut found = [0; 480];
    for n in 1..packets {
        file.read_exact_at(&mut found, at + n * EVERY - 160).unwrap();
        assert!(
            found[..160] == [0xff; 160] && found[320..] == [0xff; 160],
            "packet {n}"
        );
        assert!(found[160..320] == bytes(8, n * 160, 160), "packet {n}");
    }
    engine.close();
    assert_settled(&dir.0);
}

/// A file of more than 4 GiB has an RF64 header with the right sizes.
#[test]
#[ignore = "5 GB of disk: .ci/long runs it"]
fn a_file_of_more_than_four_gigabytes_is_rf64() {
    const FULL: u64 = 48_000;
    const EVERY: u64 = 25 * 60 * FULL;
    const BEYOND: u64 = (4 << 30) + (100 << 20);
    let dir = ScratchDir::new();
    let settings = [("storage.digest", "none"), ("storage.backlog_ms", "600000")];
    let engine = TestEngine::open(&dir.0, &settings);
    let call = engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    let local = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, FULL as u32).unwrap();
    let start = StartFields {
        call_id: Some("c"),
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    let mut packets = 0;
    let samples_of = |n: u64| (1..=100i16).flat_map(move |s| (s + n as i16).to_ne_bytes());
    while packets * EVERY * 4 <= BEYOND {
        let piece: Vec<u8> = samples_of(packets).collect();
        until_accepted(local, || unsafe {
            rec_feed_write_at(local, packets * EVERY, piece.as_ptr().cast(), piece.len())
        });
        packets += 1;
    }
    until("audio is written", || engine.stats().bytes_out > 0);
    end(call).unwrap();
    let is_finished = || engine.events.kinds(&id).contains(&REC_EVENT_FINISHED);
    until_for(Duration::from_secs(900), "the recording is finished", is_finished);
    let event = engine.events.wait_terminal(&id);
    let recording = event.recording.unwrap();
    let (file, header) = audio_of(&recording.path);
    let (at, length, large) = (header.audio_at, header.audio_bytes, header.rf64);
    assert_eq!((length, large), (((packets - 1) * EVERY + 100) * 4, true));
    assert_eq!(recording.bytes, file.metadata().unwrap().len());
    assert_eq!(recording.duration_ms, (length / 4 * 1000 + FULL / 2) / FULL);
    for n in 0..packets {
        let mut found = [0; 400];
        file.read_exact_at(&mut found, at + n * EVERY * 4).unwrap();
        let expected: Vec<u8> = (1..=100i16)
            .flat_map(|s| [(s + n as i16).to_le_bytes(), [0; 2]].concat())
            .collect();
        assert!(found == expected[..], "packet {n}");
    }
    engine.close();
    assert_settled(&dir.0);
}

/// The call may end before a worker has processed it.
#[test]
fn a_very_short_call_keeps_its_rate() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let call = engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    let local = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 48_000).unwrap();
    let start = StartFields {
        call_id: Some("c"),
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    let samples: Vec<i16> = (1..=480).collect();
    let status = unsafe { rec_feed_write(local, samples.as_ptr().cast(), 960) };
    assert_eq!(status, REC_OK);
    end(call).unwrap();
    let (recording, wav) = finished(&engine, &id);
    assert_eq!((recording.sample_rate, wav.rate), (48_000, 48_000));
    assert!(wav.pcm(0) == samples);
    engine.close();
}
