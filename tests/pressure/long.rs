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

/// A file and what stands before its audio, which may be too large to be read as a whole.
fn audio_of(path: &str) -> (File, WavHeader) {
    let (file, header) = (File::open(path).unwrap(), WavHeader::read(path));
    if header.rf64 {
        assert_eq!(header.riff_end, file.metadata().unwrap().len(), "RIFF's size");
    }
    (file, header)
}

/// Sixteen hours in which somebody says something every twenty minutes: timestamps
/// wrap, sequence numbers do not miss, and all between them is silence, not loss.
#[test]
fn sixteen_hours_of_silence_suppression() {
    const EVERY: u64 = 20 * 60 * RATE;
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.digest", "none")]);
    let line = RecordedLine::begin(&engine, 8);
    let mut sender = RtpSender::new(0, 8);
    let words = HOURS * 3600 * RATE / EVERY;
    for n in 0..=words {
        let packet = sender.packet(&bytes(8, n * 160, 160), EVERY as u32);
        send_rtp(line.feed, &packet);
    }
    end(line.call).unwrap();
    let told = engine.events.wait_terminal(&line.id);
    let seen = told.recording.unwrap();
    let (file, header) = audio_of(&seen.path);
    let (at, length) = (header.audio_at, header.audio_bytes);
    assert_eq!(length, words * EVERY + 160);
    assert_eq!((seen.lost_ms, engine.stats().frames_lost), (0, 0));
    assert_eq!(seen.duration_ms, length / 8);
    let mut found = [0; 480];
    for n in 1..words {
        file.read_exact_at(&mut found, at + n * EVERY - 160).unwrap();
        assert!(
            found[..160] == [0xff; 160] && found[320..] == [0xff; 160],
            "word {n}"
        );
        assert!(found[160..320] == bytes(8, n * 160, 160), "word {n}");
    }
    engine.close();
    assert_settled(&dir.0);
}

/// More than 4 GiB: the file says so in RF64, and is what it says.
#[test]
#[ignore = "5 GB of disk: .ci/long runs it"]
fn a_file_beyond_four_gigabytes() {
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
    let mut words = 0;
    let said = |n: u64| (1..=100i16).flat_map(move |s| (s + n as i16).to_ne_bytes());
    while words * EVERY * 4 <= BEYOND {
        let piece: Vec<u8> = said(words).collect();
        until_accepted(local, || unsafe {
            rec_feed_write_at(local, words * EVERY, piece.as_ptr().cast(), piece.len())
        });
        words += 1;
    }
    until("nothing is written", || engine.stats().bytes_out > 0);
    end(call).unwrap();
    let over = || engine.events.kinds(&id).contains(&REC_EVENT_FINISHED);
    until_for(Duration::from_secs(900), "it is never finished", over);
    let told = engine.events.wait_terminal(&id);
    let seen = told.recording.unwrap();
    let (file, header) = audio_of(&seen.path);
    let (at, length, large) = (header.audio_at, header.audio_bytes, header.rf64);
    assert_eq!((length, large), (((words - 1) * EVERY + 100) * 4, true));
    assert_eq!(seen.bytes, file.metadata().unwrap().len());
    assert_eq!(seen.duration_ms, (length / 4 * 1000 + FULL / 2) / FULL);
    for n in 0..words {
        let mut found = [0; 400];
        file.read_exact_at(&mut found, at + n * EVERY * 4).unwrap();
        let wanted: Vec<u8> = (1..=100i16)
            .flat_map(|s| [(s + n as i16).to_le_bytes(), [0; 2]].concat())
            .collect();
        assert!(found == wanted[..], "word {n}");
    }
    engine.close();
    assert_settled(&dir.0);
}

/// A call that has ended before a worker looked at it keeps the rate of its legs.
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
    let said: Vec<i16> = (1..=480).collect();
    let status = unsafe { rec_feed_write(local, said.as_ptr().cast(), 960) };
    assert_eq!(status, REC_OK);
    end(call).unwrap();
    let (seen, wav) = finished(&engine, &id);
    assert_eq!((seen.sample_rate, wav.rate), (48_000, 48_000));
    assert!(wav.pcm(0) == said);
    engine.close();
}
