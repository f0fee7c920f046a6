//! What a file's end says of its legs, also after a crash.

use super::*;

/// A leg whose packets nobody could decode.
fn deaf() -> LegEntry {
    LegEntry {
        leg: "remote".into(),
        ignored: [("9".to_owned(), 50)].into(),
        ..LegEntry::default()
    }
}

/// Ends a recording of 500 frames whose ledger says so; its id.
fn end(fixture: &StorageFixture, legs: &[LegEntry], settled_frames: u64, reason: EndReason) -> Uuid {
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(Format::WAV, 8000, 1);
    file.fill(1000);
    let mut manifest = ended(id, reason);
    manifest.legs = legs.to_vec();
    manifest.settled_frames = settled_frames;
    file.finish(manifest, reason != EndReason::Discarded);
    fixture.published(id);
    id
}

/// The event of the next open says the same, as it stands beside the file.
#[test]
fn what_was_not_heard_is_told_again_after_a_crash() {
    let fixture = StorageFixture::new();
    let ended = [
        (
            end(&fixture, &[deaf()], 500, EndReason::Stopped),
            true,
            &["remote"][..],
        ),
        (
            end(&fixture, &[deaf(), local_leg()], 500, EndReason::Stopped),
            false,
            &["remote"],
        ),
        (end(&fixture, &[local_leg()], 500, EndReason::Stopped), false, &[]),
        (end(&fixture, &[], 500, EndReason::Stopped), true, &[]),
        (end(&fixture, &[deaf()], 400, EndReason::Stopped), false, &[]),
        (end(&fixture, &[deaf()], 500, EndReason::Discarded), false, &[]),
    ];
    let expect = |fixture: &StorageFixture, again: bool| {
        for (id, no_audio, undecoded) in &ended {
            let (told, repeated) = fixture.published(*id);
            assert_eq!(repeated, again);
            assert_eq!(
                (told.no_audio, told.undecoded.as_slice()),
                (*no_audio, &*as_texts(undecoded))
            );
            assert!(told.settled_frames <= told.samples);
        }
    };
    expect(&fixture, false);
    expect(&StorageFixture::open_in(fixture.close()), true);
}

fn as_texts(texts: &[&'static str]) -> Box<[std::borrow::Cow<'static, str>]> {
    texts.iter().map(|text| (*text).into()).collect()
}

/// A checkpoint that holds to the end of what a crash has left is known to the end.
#[test]
fn a_checkpoint_of_all_frames_is_enough() {
    for (frames, no_audio) in [(500, true), (499, false)] {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(Format::WAV, 8000, 1);
        file.fill(1000);
        let checkpoint = Manifest {
            legs: vec![deaf()],
            settled_frames: frames,
            ..manifest(id)
        };
        file.update_manifest(fixed(checkpoint), 1);
        fixture.report.wait_until(|seen| seen.marked.contains(&(id, 1)));
        // As a crash leaves it: the file's end never comes to the store.
        let left = ScratchDir::new();
        copy_tree(&fixture.directory, &left);
        let (told, _) = StorageFixture::open_in(left).published(id);
        assert!(told.recovered && told.samples == 500);
        assert_eq!((told.no_audio, told.settled_frames), (no_audio, frames));
        assert_eq!(told.undecoded.is_empty(), !no_audio);
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}
