use super::*;

fn retaining_track() -> Track {
    let mut track = Track::new(8000);
    track.retain_from(Some(0));
    track
}

const ALL: TrackView<'static> = TrackView {
    epochs: &[(0, u32::MAX)],
    own: (0, u32::MAX),
    guard: 0,
    end: u64::MAX,
};

/// The occupied ranges.
fn put(track: &mut Track, start: u64, codec: Codec, payload: &[u8]) -> Vec<(u64, u64)> {
    let mut occupied = Vec::new();
    track.place(start, (codec, Origin::default()), payload, &mut occupied);
    occupied
}

fn losses(track: &Track, start: u64, end: u64) -> Vec<(u64, u64)> {
    let lost = |part: &TrackPart| matches!(part.content, Content::Loss(_));
    let lost = track.parts(start, end).filter(lost);
    lost.map(|part| (part.from, part.to)).collect()
}

/// The byte of each sample; `.` for silence.
fn text(track: &Track, start: u64, end: u64) -> String {
    let (mut out, mut hint, mut at) = (String::new(), 0, start);
    while at < end {
        let (slice, len) = track.read(&ALL, &mut hint, at, end);
        match slice {
            AudioSlice::Ulaw(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
            _ => out.push_str(&".".repeat(len as usize)),
        }
        at += len;
    }
    out
}

#[test]
fn earlier_audio_wins_and_gaps_are_filled() {
    let mut track = retaining_track();
    put(&mut track, 2, Codec::Pcmu, b"cd");
    put(&mut track, 6, Codec::Pcmu, b"gh");
    put(&mut track, 0, Codec::Pcmu, b"ABCDEFGHIJ");
    assert_eq!(text(&track, 0, 12), "ABcdEFghIJ..");
    assert_eq!(track.end(), 10);
}

#[test]
fn audio_replaces_loss() {
    let mut track = retaining_track();
    put(&mut track, 0, Codec::Pcmu, b"ab");
    track.mark_lost(0, 8, LossReason::Network);
    put(&mut track, 8, Codec::Pcmu, b"ij");
    assert_eq!(losses(&track, 0, 10), [(2, 8)]);
    put(&mut track, 4, Codec::Pcmu, b"ef");
    assert_eq!(losses(&track, 0, 10), [(2, 4), (6, 8)]);
    assert_eq!(text(&track, 0, 10), "ab..ef..ij");
}

#[test]
fn audio_before_the_floor_is_discarded() {
    let mut track = retaining_track();
    put(&mut track, 0, Codec::Pcmu, &[b'x'; 10_000]);
    track.retain_from(Some(9_990));
    assert_eq!((track.bytes.len(), track.chunks[0].len), (10, 10));
    put(&mut track, 10_000, Codec::Pcma, b"....");
    track.retain_from(Some(10_001));
    assert_eq!((track.chunks.len(), track.chunks[0].len), (1, 3));
    put(&mut track, 9_000, Codec::Pcmu, b"late");
    put(&mut track, 9_999, Codec::Pcmu, b"abcd");
    track.mark_lost(9_000, 10_020, LossReason::Network);
    assert_eq!(losses(&track, 0, 20_000), [(10_004, 10_020)]);
}

#[test]
fn a_log_has_little_unused_capacity() {
    let mut track = retaining_track();
    for packet in 0..40 {
        put(&mut track, packet * 160, Codec::Pcmu, &[b'x'; 160]);
        let unused = track.bytes.capacity() - track.bytes.len();
        assert!(unused <= GROW_BYTES, "{unused} of {}", track.bytes.capacity());
    }
}

#[test]
fn a_successor_begins_at_the_end_of_its_predecessor() {
    let mut track = retaining_track();
    put(&mut track, 0, Codec::Pcm16, &[0u8; 320]);
    let mut next = track.successor(16_000);
    assert_eq!((next.rate(), next.end(), next.floor()), (16_000, 320, 320));
    next.retain_from(Some(0));
    put(&mut next, 0, Codec::Pcm16, &[0u8; 640]);
    assert!(!next.has_audio(0, 640), "the predecessor covers the time before");
    put(&mut next, 320, Codec::Pcm16, &[0u8; 640]);
    assert_eq!(next.end(), 640);
}

/// Audio that moves through a shared buffer is the same, wherever the buffer comes from.
#[test]
fn borrowed_audio_is_given_back() {
    let mut buffer = vec![b'x'; 100];
    let mut tracks = [retaining_track(), retaining_track()];
    for round in 0..3u64 {
        for (n, track) in tracks.iter_mut().enumerate() {
            assert!(track.borrow(&mut buffer));
            let letter = [b'a' + round as u8 + 10 * n as u8];
            put(track, 1000 * round, Codec::Pcmu, &letter.repeat(1000));
            track.retain_from(Some(1000 * round + 990));
            track.give_back(&mut buffer);
            assert!(track.bytes.capacity() <= 1000, "only what is left");
        }
    }
    let ends = tracks.each_ref().map(|track| text(track, 2990, 3000));
    assert_eq!(ends, ["c".repeat(10), "m".repeat(10)]);
    put(&mut tracks[0], 3000, Codec::Pcmu, &[b'z'; 5000]);
    assert!(!tracks[0].borrow(&mut buffer), "much audio stays where it is");
}

/// What is known as lost is never comfort noise, and concealment hides only what the network lost.
#[test]
fn a_gap_keeps_its_reason() {
    let made_up = |source| Origin {
        source,
        ..Origin::default()
    };
    let losses_of = |track: &Track, reason| -> u64 {
        let lost = |part: &TrackPart| part.content == Content::Loss(reason);
        track
            .parts(0, 100)
            .filter(lost)
            .map(|part| part.to - part.from)
            .sum()
    };
    let overflow = LossReason::Dropped(crate::ledger::DropReason::Overflow);
    let mut track = retaining_track();
    track.make_up(0, &[1; 100], made_up(AudioSource::ComfortNoise));
    track.mark_lost(10, 30, LossReason::Network);
    track.make_up(10, &[2; 20], made_up(AudioSource::ComfortNoise));
    assert_eq!(losses_of(&track, LossReason::Network), 20);
    track.make_up(5, &[3; 15], made_up(AudioSource::Concealed));
    assert_eq!(losses_of(&track, LossReason::Network), 10);
    track.make_up(0, &[4; 100], made_up(AudioSource::ComfortNoise));
    track.mark_lost(0, 25, LossReason::Network);
    // Concealed: 5 to 20.
    assert_eq!(losses_of(&track, LossReason::Network), 15);
    track.mark_lost(15, 18, overflow);
    track.make_up(15, &[5; 3], made_up(AudioSource::Concealed));
    assert_eq!(losses_of(&track, overflow), 3);
    track.erase(0, 100);
    assert_eq!(
        (
            losses_of(&track, LossReason::Network),
            losses_of(&track, overflow)
        ),
        (27, 3)
    );
    assert!(!track.has_audio(0, 100));
}

/// Five eighths of the log are needed.
#[test]
fn only_the_log_of_a_past_is_moved_early() {
    for keeps_past in [false, true] {
        let mut track = retaining_track();
        track.set_keeps_past(keeps_past);
        put(&mut track, 0, Codec::Pcmu, &[b'a'; 400_000]);
        track.retain_from(Some(150_000));
        assert_eq!(track.held_bytes() < 300_000, keeps_past);
        assert_eq!(text(&track, 149_999, 150_002), ".aa");
    }
}

#[test]
fn the_memory_of_a_past_is_freed() {
    for floor in [None, Some(400_000)] {
        let mut track = retaining_track();
        track.set_keeps_past(true);
        for n in 0..100 {
            put(&mut track, 4_000 * n, Codec::Pcmu, &[b'a'; 3_000]);
        }
        assert!(track.held_bytes() > 300_000);
        track.retain_from(floor);
        assert_eq!(track.held_bytes(), 0, "{floor:?}");
    }
}

#[test]
fn borrowed_memory_of_a_past_is_freed() {
    let (mut track, mut buffer) = (retaining_track(), Vec::new());
    track.set_keeps_past(true);
    put(&mut track, 0, Codec::Pcmu, &[b'a'; 4_000]);
    assert!(track.borrow(&mut buffer));
    track.retain_from(None);
    track.give_back(&mut buffer);
    assert_eq!(track.held_bytes(), 0);
}
