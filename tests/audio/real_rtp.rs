//! RTP in real time: what the network does to a stream, and what was paused.

use callrec::capi::*;

use crate::kit::*;
use crate::real::Clock;
use crate::reorder::Stream;

fn real() -> Rig {
    Rig::new(&[("media.clock", "real"), ("media.reorder_ms", "200")])
}

/// Where the first packet stands, or `None`.
fn place(done: &Done, channel: usize, piece: &[u8]) -> Option<usize> {
    done.wav
        .g711(channel)
        .windows(piece.len())
        .position(|window| window == piece)
}

/// From its first packet on, a channel is this line; what follows is silence.
fn assert_from(done: &Done, channel: usize, begin: usize, line: &[Cell]) {
    let heard = done.wav.g711(channel);
    let want = line.iter().map(|cell| match cell {
        Coded(_, byte) => *byte,
        _ => 0xff,
    });
    let rest = std::iter::repeat(0xff);
    let differs = heard[begin..]
        .iter()
        .zip(want.chain(rest))
        .position(|(heard, want)| *heard != want);
    assert_eq!(
        differs, None,
        "channel {channel}: the first sample, from {begin}, that is not as it was said"
    );
    assert!(heard.len() >= begin + line.len(), "it is all there");
    assert!(
        heard[..begin].iter().all(|byte| *byte == 0xff),
        "silent before it"
    );
}

/// Loss, reordering inside the window, duplicates: every sample in its place.
#[test]
fn loss_reorder_and_duplicates() {
    // A stall of the machine may move the rest of a stream: then there is nothing exact to
    // ask for but order and completeness, and it is done again.
    let mut moved = 0;
    while !every_sample_has_its_place() {
        moved += 1;
        assert!(moved < 10, "no stream was ever where its timestamps put it");
    }
}

/// False if a stream was moved; what is left to ask for is asked all the same.
fn every_sample_has_its_place() -> bool {
    let rig = real();
    let (local, remote) = rig.legs(REC_CODEC_PCMU, 8000);
    let id = rig.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (Stream::new(1, 90), Stream::new(2, 90));
    let gone = [10, 33, 34, 35, 70];
    let clock = Clock::new();
    for n in (0..90).step_by(3) {
        clock.until((n as u64 + 3) * 20);
        let order = if n == 0 {
            [n, n + 1, n + 2]
        } else {
            [n + 2, n, n + 1]
        };
        a.send(local, order.into_iter().filter(|n| !gone.contains(n)));
        b.send(remote, [n, n, n + 1, n + 2, n + 1]);
    }
    let done = rig.stop_done(&id);
    let mut exact = true;
    for (channel, stream, missing) in [(0, &a, &gone[..]), (1, &b, &[][..])] {
        let begin = place(&done, channel, stream.piece(0)).expect("the first packet");
        let end = place(&done, channel, stream.piece(89)).expect("the last packet");
        if end - begin == 89 * 160 {
            assert_from(&done, channel, begin, &stream.line(0..90, missing));
        } else {
            exact = false;
        }
        let mut at = begin;
        for n in (0..90).filter(|n| !missing.contains(n)) {
            let found = place(&done, channel, stream.piece(n)).unwrap_or_else(|| panic!("packet {n}"));
            assert!(found >= at, "packet {n} is in order");
            at = found + 160;
        }
    }
    assert_eq!(done.manifest["lost_ms"], 100, "{:#}", done.manifest["spans"]);
    assert_eq!(rig.engine.stats().frames_lost, 5);
    rig.close();
    exact
}

/// Handed in after the resume: from the middle of the pause, and its last one.
#[test]
fn late_packets_of_a_paused_span_are_nowhere() {
    let rig = real();
    let (local, remote) = rig.legs(REC_CODEC_PCMU, 8000);
    let ids: Vec<String> = PAUSES
        .iter()
        .flat_map(|pause| LAYOUTS.map(|layout| rig.start(layout, "wav-ulaw", *pause)))
        .collect();
    let (a, b) = (Stream::new(3, 80), Stream::new(4, 80));
    let clock = Clock::new();
    for n in 0..80 {
        clock.until(n as u64 * 20);
        if n == 20 {
            rig.pause();
        }
        if n == 42 {
            // 39 is a whole packet older than the resume, whatever the machine does.
            rig.resume();
            a.send(local, [30, 38, 39]);
            b.send(remote, [30, 39, 38]);
        }
        if ![30, 38, 39, 40, 41].contains(&n) {
            a.send(local, [n]);
            b.send(remote, [n]);
        }
    }
    for id in &ids {
        let done = rig.stop_done(id);
        if done.seen.layout == REC_LAYOUT_STEREO {
            for (channel, stream) in [(0, &a), (1, &b)] {
                let mut at = 0;
                for n in (1..20).chain(44..80) {
                    let found =
                        place(&done, channel, stream.piece(n)).unwrap_or_else(|| panic!("packet {n}"));
                    assert!(found >= at, "packet {n} is in order");
                    at = found + 160;
                }
            }
        }
        let spans = done.manifest["spans"].as_array().unwrap();
        assert_eq!(spans.iter().filter(|span| span["kind"] == "pause").count(), 1);
    }
    let both = |from: usize, to: usize| (a.line(from..to, &[]), b.line(from..to, &[]));
    let (paused_a, paused_b) = both(21, 40);
    assert_nowhere(&rig, &paused_a, &paused_b);
    for n in [30, 38, 39] {
        assert_nowhere(&rig, &a.line(n..n + 1, &[]), &[]);
        assert_nowhere(&rig, &[], &b.line(n..n + 1, &[]));
    }
    rig.close();
}

/// What was received a while ago lies that much earlier.
#[test]
fn an_age_moves_a_stream() {
    let rig = real();
    let (local, remote) = rig.legs(REC_CODEC_PCMU, 8000);
    let id = rig.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (Stream::new(5, 30), Stream::new(6, 30));
    let clock = Clock::new();
    let mut apart = 0.0;
    for n in 0..30 {
        clock.until(300 + n as u64 * 20);
        let from = clock.ms();
        let old = a.packet(n);
        assert_eq!(
            unsafe { rec_feed_rtp_at(local, 100_000, old.as_ptr().cast(), old.len()) },
            REC_OK
        );
        assert_eq!(rtp(remote, &b.packet(n)), REC_OK);
        if n == 0 {
            apart = clock.ms() - from;
        }
    }
    let done = rig.stop_done(&id);
    let [first, second] = [(0, &a), (1, &b)].map(|(n, stream)| place(&done, n, stream.piece(0)).unwrap());
    let moved = (second as f64 - first as f64) / 8.0;
    assert!(
        moved >= 100.0 - 12.0 && moved <= 100.0 + apart + 12.0,
        "{moved} ms apart"
    );
    assert_eq!(done.manifest["lost_ms"], 0);
    rig.close();
}

/// Minutes of nothing, here half a second, and the timestamps have stood still: the
/// stream goes on where it comes, and nothing of it is dropped.
#[test]
fn timestamps_that_stood_still() {
    let rig = real();
    let local = rig.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = rig.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let a = Stream::new(7, 40);
    let clock = Clock::new();
    let mut came = Vec::new();
    for n in 0..40 {
        let pause = if n < 20 { 0 } else { 500 };
        clock.until(n as u64 * 20 + pause);
        came.push(clock.ms());
        a.send(local, [n]);
    }
    let done = rig.stop_done(&id);
    let places: Vec<usize> = (0..40).map(|n| place(&done, 0, a.piece(n)).unwrap()).collect();
    assert!(
        places.windows(2).all(|pair| pair[1] >= pair[0] + 160),
        "in order: {places:?}"
    );
    let gap = (places[20] - places[19]) as f64 / 8.0;
    assert!(gap >= 300.0 && gap <= came[20] - came[0] + 12.0, "{gap} ms");
    assert_eq!(done.manifest["lost_ms"], 0);
    assert_eq!(done.manifest["spans"].as_array().unwrap().len(), 0);
    rig.close();
}
