//! The legs in the reported end of a recording, also after a crash.

use super::*;

/// A leg whose packets could not be decoded.
fn undecoded_leg() -> LegEntry {
    LegEntry {
        leg: "remote".into(),
        ignored: [("9".to_owned(), 50)].into(),
        ..LegEntry::default()
    }
}

/// Records 500 frames and ends the recording with this ledger. Returns its id.
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

/// The repeated end equals the manifest beside the file.
#[test]
fn undecoded_legs_are_reported_again_after_a_crash() {
    let fixture = StorageFixture::new();
    let ended = [
        (
            end(&fixture, &[undecoded_leg()], 500, EndReason::Stopped),
            true,
            &["remote"][..],
        ),
        (
            end(&fixture, &[undecoded_leg(), local_leg()], 500, EndReason::Stopped),
            false,
            &["remote"],
        ),
        (end(&fixture, &[local_leg()], 500, EndReason::Stopped), false, &[]),
        (end(&fixture, &[], 500, EndReason::Stopped), true, &[]),
        (
            end(&fixture, &[undecoded_leg()], 400, EndReason::Stopped),
            false,
            &[],
        ),
        (
            end(&fixture, &[undecoded_leg()], 500, EndReason::Discarded),
            false,
            &[],
        ),
    ];
    let expect = |fixture: &StorageFixture, is_repeated: bool| {
        for (id, no_audio, undecoded) in &ended {
            let (published, repeated) = fixture.published(*id);
            assert_eq!(repeated, is_repeated);
            assert_eq!(
                (published.no_audio, published.undecoded.as_slice()),
                (*no_audio, &*as_texts(undecoded))
            );
            assert!(published.settled_frames <= published.samples);
        }
    };
    expect(&fixture, false);
    expect(&StorageFixture::open_in(fixture.close()), true);
}

fn as_texts(texts: &[&'static str]) -> Box<[std::borrow::Cow<'static, str>]> {
    texts.iter().map(|text| (*text).into()).collect()
}

/// The ledger of a checkpoint that covers all recovered frames is complete.
#[test]
fn a_checkpoint_of_all_frames_shows_that_there_is_no_audio() {
    for (frames, no_audio) in [(500, true), (499, false)] {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(Format::WAV, 8000, 1);
        file.fill(1000);
        let checkpoint = Manifest {
            legs: vec![undecoded_leg()],
            settled_frames: frames,
            ..manifest(id)
        };
        file.update_manifest(fixed(checkpoint), 1);
        fixture
            .report
            .wait_until(|reports| reports.updated.contains(&(id, 1)));
        // The copy is what a crash leaves: the store never gets the end of the file.
        let copy = ScratchDir::new();
        copy_tree(&fixture.directory, &copy);
        let (published, _) = StorageFixture::open_in(copy).published(id);
        assert!(published.recovered && published.samples == 500);
        assert_eq!((published.no_audio, published.settled_frames), (no_audio, frames));
        assert_eq!(published.undecoded.is_empty(), !no_audio);
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}
