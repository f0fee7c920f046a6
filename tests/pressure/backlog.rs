//! A blocked disk: what the backlog holds, what is dropped, and when a feed is held back.

use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::disk_faults::{DiskGate, FaultPoint};
use callrec_testkit::manifest::{ManifestSpan, manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{PATIENCE, sleep_until, until};
use callrec_testkit::wav::WavFile;

use crate::line::*;
use crate::support::*;

const PACKET: usize = 160;

/// Sends packets in real time until `is_enough`. Every write returns REC_OK without waiting.
/// Returns the number of packets per feed.
fn send_in_real_time(
    feeds: &mut [(rec_feed, RtpSender, u64)],
    mut is_enough: impl FnMut(u64) -> bool,
) -> u64 {
    let begun = Instant::now();
    let mut packets = 0;
    while !is_enough(packets) {
        let due = begun + Duration::from_millis(20 * packets);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for (feed, sender, number) in feeds.iter_mut() {
            let audio = bytes(*number, packets * PACKET as u64, PACKET);
            let packet = sender.packet(&audio, PACKET as u32);
            let written_at = Instant::now();
            let status = unsafe { rec_feed_rtp(*feed, packet.as_ptr().cast(), packet.len()) };
            assert_eq!(status, REC_OK, "packet {packets}");
            // Only this thread unblocks the disk.
            assert!(written_at.elapsed() < PATIENCE, "a feed waits");
        }
        packets += 1;
    }
    packets
}

#[test]
fn in_real_time_a_full_backlog_drops_audio_and_keeps_the_length() {
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let settings = [
        ("media.clock", "real"),
        // Even if this thread is late, a packet is placed by its timestamp.
        ("media.reorder_ms", "1000"),
        ("storage.backlog_ms", "1000"),
        ("storage.flush_ms", "100"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let call = engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    let mut feeds: Vec<_> = [REC_LEG_LOCAL, REC_LEG_REMOTE]
        .into_iter()
        .map(|leg| {
            let feed = feed(call, leg, REC_CODEC_PCMU, 8000).unwrap();
            (feed, RtpSender::new(0, leg as u32), leg as u64)
        })
        .collect();
    let start_called = Instant::now();
    let id = engine
        .start(
            None,
            &StartFields {
                call_id: Some("c"),
                format: Some("wav-ulaw"),
                ..StartFields::default()
            },
        )
        .unwrap();
    let begun = Instant::now();
    let mut stopped_at = None;
    send_in_real_time(&mut feeds, |packets| {
        let stats = engine.stats();
        assert!(stats.backlog_bytes <= 16_000, "{}", stats.backlog_bytes);
        match (packets, stopped_at) {
            (50, _) => disk.shut(),
            // One second of backlog is full, and more than one second is lost.
            (_, None) if stats.bytes_dropped > 20_000 => {
                disk.open();
                stopped_at = Some(packets);
            }
            _ => {}
        }
        assert!(packets < 1000, "nothing is dropped");
        stopped_at.is_some_and(|at| packets > at + 50)
    });
    let least_ms = begun.elapsed().as_millis() as u64;
    engine.by_id(rec_stop_by_id, None, &id).unwrap();
    let most_ms = start_called.elapsed().as_millis() as u64;
    let (recording, wav) = finished(&engine, &id);
    let manifest = manifest_beside(&recording.path);
    let dropped = engine.stats().bytes_dropped;
    assert_eq!(engine.stats().frames_lost, 0, "every packet was accepted");

    // Both legs have lost the same part of the audio.
    let losses = spans_of(&manifest, "loss");
    for leg in ["local", "remote"] {
        let lost = losses.iter().filter(|loss| loss.leg == leg);
        let (frames, ms) = lost.fold((0, 0), |(frames, ms), loss| {
            (frames + loss.to_frame - loss.from_frame, ms + loss.length_ms)
        });
        assert_eq!(frames, dropped / 2, "{leg}: {losses:?}");
        assert!(
            ms.abs_diff(frames / 8) <= losses.len() as u64,
            "{leg}: {losses:?}"
        );
    }
    assert!(
        recording.lost_ms.abs_diff(dropped / 8) <= 1,
        "{} of {dropped}",
        recording.lost_ms
    );
    assert_eq!(manifest["lost_ms"].as_u64(), Some(recording.lost_ms));
    assert!(engine.events.kinds(&id).contains(&REC_EVENT_LOSS));

    // The length of the file is the elapsed time, within a packet and the steps of the clock.
    let length_ms = wav.frames() as u64 / 8;
    let wall_ms = least_ms.saturating_sub(40)..=most_ms + 40;
    assert!(wall_ms.contains(&length_ms), "{length_ms} of {wall_ms:?} ms");

    // Lost audio is silence, and all other audio is in its place.
    for (channel, leg) in ["local", "remote"].into_iter().enumerate() {
        let recorded = wav.g711(channel);
        let first = recorded.iter().position(|byte| *byte != 0xff).unwrap();
        let is_lost = |at: u64| {
            let contains = |loss: &ManifestSpan| (loss.from_frame..loss.to_frame).contains(&at);
            losses.iter().any(|loss| loss.leg == leg && contains(loss))
        };
        let mut silent = 0;
        for (at, found) in recorded.iter().enumerate().skip(first) {
            let expected = byte(channel as u64, (at - first) as u64);
            if is_lost(at as u64) || *found == 0xff {
                assert_eq!(*found, 0xff, "{leg} at {at}");
                silent += u64::from(!is_lost(at as u64));
            } else {
                assert_eq!(*found, expected, "{leg} at {at}");
            }
        }
        // After the last packet there is silence.
        assert!(silent < 2000, "{leg}: {silent} frames are silent");
    }
    engine.close();
    assert_settled(&dir.0);
}

/// No recording reaches its own limit.
#[test]
fn the_backlog_of_all_recordings_is_limited() {
    const MOST: u64 = 1 << 20;
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let most = MOST.to_string();
    let settings = [
        ("media.clock", "real"),
        ("storage.backlog_bytes", most.as_str()),
        ("storage.backlog_ms", "600000"),
        ("storage.flush_ms", "100"),
        ("recording.sample_rate", "48000"),
        ("storage.digest", "none"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let call = engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    let local = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 48_000).unwrap();
    let start_called = Instant::now();
    let ids: Vec<String> = (0..12)
        .map(|_| {
            let start = StartFields {
                call_id: Some("c"),
                flags: REC_START_ADDITIONAL,
                ..StartFields::default()
            };
            engine.start(None, &start).unwrap()
        })
        .collect();
    disk.shut();
    let frame: Vec<u8> = (0..960u16).flat_map(|n| (n + 1).to_ne_bytes()).collect();
    let begun = Instant::now();
    for n in 0.. {
        let stats = engine.stats();
        assert!(stats.backlog_bytes <= MOST, "{}", stats.backlog_bytes);
        if stats.bytes_dropped > MOST {
            break;
        }
        assert!(n < 3000, "nothing is dropped");
        let due = begun + Duration::from_millis(20 * n);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        assert_eq!(write(local, &frame), REC_OK);
    }
    disk.open();
    let least_ms = begun.elapsed().as_millis() as u64;
    end(call).unwrap();
    let wall_ms = least_ms.saturating_sub(40)..=start_called.elapsed().as_millis() as u64 + 40;
    let mut lost_bytes = 0;
    for id in &ids {
        let (recording, wav) = finished(&engine, id);
        let losses = spans_of(&manifest_beside(&recording.path), "loss");
        // The file is stereo, and only one leg was fed.
        assert!(losses.iter().all(|loss| loss.leg == "local"), "{losses:?}");
        let lost = losses.iter().map(|loss| loss.to_frame - loss.from_frame);
        lost_bytes += 4 * lost.sum::<u64>();
        let length = wav.frames() as u64 / 48;
        assert!(wall_ms.contains(&length), "{length} of {wall_ms:?} ms");
    }
    assert_eq!(lost_bytes, engine.stats().bytes_dropped);
    assert_eq!(engine.stats().backlog_bytes, 0);
    engine.close();
    assert_settled(&dir.0);
}

/// What a call has kept stays in its memory until the disk has taken what other recordings have from
/// before their start.
#[test]
fn audio_from_before_the_starts_waits_for_the_disk() {
    const MOST: u64 = 1 << 20;
    const KEPT: u64 = 150;
    const LATER: u64 = 50;
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let most = MOST.to_string();
    let settings = [
        ("media.clock", "real"),
        ("media.lookback_ms", "60000"),
        ("storage.backlog_bytes", most.as_str()),
        ("storage.backlog_ms", "600000"),
        ("storage.flush_ms", "100"),
        ("recording.sample_rate", "48000"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let call = engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    let local = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 48_000).unwrap();
    // It does not begin with 1, which would continue the silence of a call that began before its audio.
    let frame: Vec<u8> = (0..960u16).flat_map(|n| (n + 1_000).to_ne_bytes()).collect();
    let begun = Instant::now();
    let speak = |from: u64, to: u64| {
        for n in from..to {
            sleep_until(begun + Duration::from_millis(20 * n));
            assert_eq!(write(local, &frame), REC_OK);
        }
    };
    speak(0, KEPT);
    disk.shut();
    // Three seconds of stereo are more than a quarter of the memory, and four times as much is more
    // than all of it.
    let ids = [(); 4].map(|()| {
        let start = StartFields {
            call_id: Some("c"),
            flags: REC_START_ADDITIONAL,
            lookback_ms: REC_LOOKBACK_ALL,
            ..StartFields::default()
        };
        engine.start(None, &start).unwrap()
    });
    speak(KEPT, KEPT + LATER);
    let stats = engine.stats();
    assert!(stats.backlog_bytes > MOST / 4, "{}", stats.backlog_bytes);
    assert!(stats.backlog_bytes <= MOST, "{}", stats.backlog_bytes);
    disk.open();
    end(call).unwrap();
    for id in &ids {
        let (recording, wav) = finished(&engine, id);
        assert_eq!(recording.lost_ms, 0);
        let samples = wav.pcm(0);
        let heard = samples.chunk_by(|one, next| one + 1 == *next);
        let whole = heard.filter(|run| run.len() == 960).count() as u64;
        assert_eq!(whole, KEPT + LATER);
    }
    assert_eq!(engine.stats().bytes_dropped, 0);
    assert_eq!(engine.stats().backlog_bytes, 0);
    engine.close();
    assert_settled(&dir.0);
}

fn open_with_recording(settings: &[(&str, &str)]) -> (ScratchDir, DiskGate, TestEngine, RecordedLine) {
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let mut all = vec![("storage.flush_ms", "100")];
    all.extend(settings);
    let engine = TestEngine::open(&dir.0, &all);
    let line = RecordedLine::begin(&engine, 1);
    engine.events.wait_kind(&line.id, REC_EVENT_STARTED);
    (dir, disk, engine, line)
}

/// Feeds until the feed accepts no more.
fn fill(line: &mut RecordedLine) {
    for _ in 0..100_000 {
        let piece = bytes(line.number, line.fed, PACKET);
        let status = write(line.feed, &piece);
        if status == REC_ERR_OVERRUN && unsafe { rec_feed_wait(line.feed, 300) } == REC_ERR_TIMEOUT {
            return;
        }
        line.fed += if status == REC_OK { PACKET as u64 } else { 0 };
    }
    panic!("the feed never refuses a packet");
}

#[test]
fn in_stream_time_a_full_backlog_holds_the_feed_back() {
    let (dir, disk, engine, mut line) = open_with_recording(&[("storage.backlog_ms", "2000")]);
    disk.shut();
    fill(&mut line);
    let stats = engine.stats();
    assert!(stats.backlog_bytes <= 16_000 && stats.backlog_bytes > 0);
    disk.open();
    assert_eq!(unsafe { rec_feed_wait(line.feed, 60_000) }, REC_OK);
    line.feed(50_000);
    end(line.call).unwrap();
    let (recording, wav) = finished(&engine, &line.id);
    line.assert_whole(&wav);
    assert_eq!((recording.lost_ms, engine.stats().bytes_dropped), (0, 0));
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn in_stream_time_a_writer_without_progress_fails_its_recording() {
    let (dir, disk, engine, mut line) = open_with_recording(&[("storage.backlog_ms", "1000")]);
    disk.shut();
    fill(&mut line);
    let fed = line.fed;
    // The call continues while the disk is blocked, and its ring drains.
    assert_eq!(unsafe { rec_feed_wait(line.feed, 60_000) }, REC_OK);
    line.feed(100_000);
    until("the recording has failed", || engine.stats().live_recordings == 0);
    disk.open();
    let event = engine.events.wait_terminal(&line.id);
    assert_eq!(event.kind, REC_EVENT_FAILED);
    let recording = event.recording.unwrap();
    assert_eq!(
        (recording.error, recording.end_reason, recording.state),
        (REC_ERR_IO, REC_END_WRITE_ERROR, REC_STATE_FAILED)
    );
    let wav = WavFile::read(&recording.path);
    let recorded = wav.g711(0);
    assert!(!recorded.is_empty() && recorded.len() as u64 <= fed);
    assert!(
        recorded == bytes(line.number, 0, recorded.len()),
        "the audio is correct"
    );
    // The call can be recorded again.
    let from = line.fed;
    let id = record(&engine, "line-1").unwrap();
    line.feed(16_000);
    end(line.call).unwrap();
    let (_, wav) = finished(&engine, &id);
    assert!(wav.g711(0) == bytes(line.number, from, 16_000));
    engine.close();
    assert_settled(&dir.0);
}
