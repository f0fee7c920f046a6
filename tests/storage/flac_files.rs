//! FLAC files: kills, and other programs that read what a kill leaves.

use super::tails::{recover, snapshots_at};
use super::*;
use callrec::codec::flac::decoded::decode_whole_frames;
use std::process::Command;

const FRAME: usize = 2;
const BLOCK: usize = 4096;
const HEADER: usize = 4096;

fn fixture() -> StorageFixture {
    StorageFixture::new().with_format(Format::FLAC)
}

fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "call");
    file.shape(Format::FLAC, 8000, 1);
    file
}

/// A tone that is not constant.
fn tone(frames: usize) -> Vec<u8> {
    let sample = |n: usize| (6000.0 * (n as f64 * 0.3 + (n as f64 * 0.002).sin()).sin()) as i16;
    (0..frames).flat_map(|n| sample(n).to_le_bytes()).collect()
}

/// What a kill would leave now.
fn snapshot(fixture: &StorageFixture) -> ScratchDir {
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    copy
}

/// Checks that `flac` accepts a file, and what it decodes. Returns its warnings.
fn check_with_flac(path: &Path, expected: &[u8]) -> Option<String> {
    let Ok(tested) = Command::new("flac").args(["-t", "-s"]).arg(path).output() else {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "flac is missing"
        );
        return None;
    };
    let errors = String::from_utf8_lossy(&tested.stderr).into_owned();
    assert!(tested.status.success(), "{errors}");
    let decoded = Command::new("flac")
        .args([
            "-d",
            "-s",
            "-c",
            "--force-raw-format",
            "--endian=little",
            "--sign=signed",
        ])
        .arg(path)
        .output();
    assert!(decoded.expect("it runs").stdout == expected, "other samples");
    Some(errors)
}

/// Around the ends of blocks. Only whole blocks of settled audio are in the file.
#[test]
fn a_killed_recording_keeps_every_frame() {
    for frames in [1, 4095, 4096, 4097, 8192, 10_000] {
        for settled in [0, frames / 2, frames] {
            let fixture = fixture();
            let id = Uuid::new_v4();
            let expected = tone(frames);
            let mut file = begin(&fixture, id);
            file.write(expected.clone()).expect("backlog space");
            file.settled((settled * FRAME) as u64);
            fixture.wait_until_idle();
            let part = fixture.part_path("call");
            let bytes = fs::read(&part).expect("a file in progress");
            let (held, whole) = decode_whole_frames(&bytes).expect("a header");
            let blocks = settled / BLOCK * BLOCK;
            assert_eq!((held.samples.len() / FRAME, whole), (blocks, bytes.len()));
            // The header states what the file has. No block: the number is unknown.
            assert_eq!((held.stated_frames as usize, held.md5_matches), (blocks, None));
            check_with_flac(&part, &expected[..held.samples.len()]);
            let (published, found) = recover(snapshot(&fixture), id);
            assert!(found == expected, "{frames} frames, {settled} settled");
            assert_eq!(published.samples as usize, frames);
            file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            let warnings = check_with_flac(&fixture.path(&published.file), &expected);
            assert!(warnings.is_none_or(|text| text.is_empty()));
        }
    }
}

/// `flac` reads a recovered file. Its MD5 is unknown if another process encoded its beginning.
#[test]
fn other_programs_read_a_recovered_file() {
    for settled in [0, 10_000] {
        let fixture = fixture();
        let id = Uuid::new_v4();
        let expected = tone(10_000);
        let mut file = begin(&fixture, id);
        file.write(expected.clone()).expect("backlog space");
        file.settled((settled * FRAME) as u64);
        fixture.wait_until_idle();
        let recovered = StorageFixture::open_in(snapshot(&fixture)).with_format(Format::FLAC);
        let path = recovered.path(&recovered.published(id).0.file);
        let warnings = check_with_flac(&path, &expected);
        assert!(warnings.is_none_or(|text| text.contains("MD5") == (settled > 0)));
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}

/// A kill within the last write to the file, which may cut a frame at any byte, before and after the
/// final header.
#[test]
fn a_file_torn_within_its_last_write_is_recovered() {
    for frames in [100, 4096, 4196, 9000] {
        let fixture = fixture();
        let snapshots = snapshots_at(&fixture, |step| {
            matches!(step, FaultPoint::Seal | FaultPoint::Digest)
        });
        let id = Uuid::new_v4();
        let expected = tone(frames);
        let mut file = begin(&fixture, id);
        file.write(expected.clone()).expect("backlog space");
        fixture.wait_until_idle();
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        fixture.clear_faults();
        let snapshots = snapshots.lock();
        let [before, after] = [0, 1].map(|n| fs::read(snapshots[n].join("call.flac.part")).expect("there"));
        let cuts = (before.len()..=after.len()).step_by(499);
        for cut in cuts.chain([after.len() - 1, after.len()]) {
            for header in [&before, &after] {
                let torn = ScratchDir::new();
                copy_tree(&snapshots[0], &torn);
                let bytes = [&header[..HEADER], &after[HEADER..cut]].concat();
                fs::write(torn.join("call.flac.part"), bytes).expect("write");
                let (_, found) = recover(torn, id);
                assert!(found == expected, "{frames} frames, cut at {cut}");
            }
        }
    }
}
