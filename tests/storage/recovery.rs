//! Recovery of what an earlier process left.

use super::*;
use callrec::codec::container;

/// Runs a child process that aborts while `calls` recordings of three blocks are live. Returns
/// its directory and the ids.
pub fn crash_recordings(format: Format, calls: u128) -> (ScratchDir, Vec<Uuid>) {
    let directory = ScratchDir::new();
    let (_, ended) = child(format, "live", &directory.0, calls as usize);
    assert!(!ended, "the child did not abort");
    (directory, (1..=calls).map(Uuid::from_u128).collect())
}

/// The path of a recording's file in progress.
fn part_of(format: Format, id: Uuid) -> String {
    format!("sub/{id}.{}.part", format.extension())
}

pub fn whole_audio() -> Vec<u8> {
    [pattern(0, 800), pattern(1, 800), pattern(2, 800)].concat()
}

#[test]
fn live_recordings_are_recovered() {
    for_each_format(live_are_recovered);
}

fn live_are_recovered(format: Format) {
    let (directory, ids) = crash_recordings(format, 3);
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in ids {
        let (published, repeated) = fixture.published(id);
        assert!(!repeated && published.recovered && published.state_is(RecordingState::Finished));
        assert!(published.end_reason_is(EndReason::Recovered));
        assert_eq!(
            (published.samples, published.duration_ms, published.lost_ms),
            (1200, 150, 11)
        );
        assert_eq!(published.settled_frames, 900, "the ledger of the last checkpoint");
        assert_eq!(published.legs, [local_leg()]);
        assert!(!published.no_audio, "it has audio, and the last is unknown");
        assert_eq!(
            published.spans[0].to_frame,
            Some(1200),
            "closed where the audio ends"
        );
        assert!(published.ended_at_ms > 0);
        assert_eq!(audio(&fixture.path(&published.file)), whole_audio());
        assert_manifest_matches_file(&fixture, &published);
        fixture.settle(id);
    }
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn the_length_is_that_of_the_audio_and_not_of_the_header() {
    for_each_format(length_is_that_of_audio);
}

fn length_is_that_of_audio(format: Format) {
    let (directory, ids) = crash_recordings(format, 3);
    let part = |id: Uuid| directory.0.join(part_of(format, id));
    let audio_at = |bytes: &[u8]| {
        let found = container::parse(bytes).expect("a header");
        found.audio_at as usize
    };
    // More than the header states, and half a frame; a header of zeros; wrong sizes.
    let mut bytes = fs::read(part(ids[0])).expect("there");
    bytes.extend_from_slice(&[7, 7, 7]);
    fs::write(part(ids[0]), &bytes).expect("write");
    let mut bytes = fs::read(part(ids[1])).expect("there");
    let header = audio_at(&bytes);
    bytes[..header].fill(0);
    fs::write(part(ids[1]), &bytes).expect("write");
    let mut bytes = fs::read(part(ids[2])).expect("there");
    match format.is_compressed() {
        true => bytes[30..38].fill(0xee),
        false => {
            bytes[4..8].fill(0xee);
            bytes[header - 4..header].fill(0xee);
        }
    }
    fs::write(part(ids[2]), &bytes).expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    // Bytes outside a page are dropped.
    let more = if format.is_compressed() {
        &[][..]
    } else {
        &[7u8, 7]
    };
    for (id, more) in ids.into_iter().zip([more, &[], &[]]) {
        let (published, _) = fixture.published(id);
        assert_eq!(
            audio(&fixture.path(&published.file)),
            [&whole_audio()[..], more].concat()
        );
        assert_manifest_matches_file(&fixture, &published);
    }
}

/// Publishing by link is interrupted by a power cut, which also clears the header or all but the id.
#[test]
fn a_second_name_of_audio_without_a_header_is_removed() {
    for_each_format(|format| {
        for has_id in [false, true] {
            let (directory, ids) = crash_recordings(format, 1);
            let part = directory.0.join(part_of(format, ids[0]));
            let mut bytes = fs::read(&part).expect("there");
            let header = container::parse(&bytes).expect("a header").audio_at as usize;
            let is_damage = |at: &usize| {
                let damaged = [&bytes[..*at], &[!bytes[*at]], &bytes[at + 1..]].concat();
                container::parse(&damaged).is_none() && container::recording_id(&damaged) == Some(ids[0])
            };
            match (0..header).find(is_damage).filter(|_| has_id) {
                Some(at) => bytes[at] ^= 0xff,
                None => bytes[..header].fill(0),
            }
            fs::write(&part, &bytes).expect("written");
            fs::hard_link(&part, part.with_extension("")).expect("a link");
            let fixture = StorageFixture::open_in(directory).with_format(format);
            let (published, _) = fixture.published(ids[0]);
            assert_eq!(audio(&fixture.path(&published.file)), whole_audio());
            assert!(!part.exists());
            assert_eq!(fixture.path(&published.file), part.with_extension(""));
        }
    });
}

#[test]
fn published_recordings_are_reported_again() {
    for_each_format(published_are_reported_again);
}

fn published_are_reported_again(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    for id in ids {
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(whole_audio()).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
    }
    let published = ids.map(|id| fixture.published(id).0);
    let directory = fixture.close();
    let json = |at: usize| directory.0.join(&published[at].file).with_extension("json");
    fs::remove_file(json(1)).expect("there");
    fs::write(json(2), b"{\"part\":\"\",\"star").expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    assert_eq!(fixture.published(ids[0]), (published[0].clone(), true));
    for (id, published) in ids.into_iter().zip(&published).skip(1) {
        let (again, repeated) = fixture.published(id);
        assert!(!repeated && again.recovered);
        assert_eq!((&again.file, &again.digest), (&published.file, &published.digest));
        assert_manifest_matches_file(&fixture, &again);
    }
}

#[test]
fn a_recording_whose_audio_is_gone_is_reported_as_failed() {
    for_each_format(recording_without_audio_fails);
}

fn recording_without_audio_fails(format: Format) {
    let (directory, ids) = crash_recordings(format, 2);
    fs::remove_file(directory.0.join(part_of(format, ids[0]))).expect("there");
    // The other recording was never completely created.
    let live = directory.0.join(format!(".callrec/{}.json", ids[1]));
    let text = fs::read_to_string(&live)
        .expect("there")
        .replace("\"started\":true", "\"started\":false");
    fs::write(&live, text).expect("write");
    fs::remove_file(directory.0.join(part_of(format, ids[1]))).expect("there");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    let (published, _) = fixture.published(ids[0]);
    assert!(published.state_is(RecordingState::Failed) && published.end_reason_is(EndReason::Recovered));
    assert_eq!(
        (published.error.as_str(), published.file.as_str()),
        ("audio is gone", "")
    );
    fixture.settle(ids[0]);
    fixture.wait_until_idle();
    assert_eq!(fixture.report.read(|reports| reports.published.len()), 1);
    assert_eq!(fixture.control_names(), ["lock"]);
}

/// A callback may have moved the file before the process died.
#[test]
fn a_published_file_that_was_moved_away_is_reported_as_published() {
    for_each_format(moved_file_is_reported);
}

fn moved_file_is_reported(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    let published = ids.map(|id| {
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(whole_audio()).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id).0
    });
    let directory = fixture.close();
    for published in &published {
        fs::remove_file(directory.0.join(&published.file)).expect("there");
    }
    let fixture = StorageFixture::open_in(directory);
    for (id, published) in ids.into_iter().zip(published) {
        assert_eq!(fixture.published(id), (published, true));
        fixture.settle(id);
    }
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn a_reported_loss_of_audio_is_repeated() {
    let (directory, ids) = crash_recordings(Format::WAV, 1);
    fs::remove_file(directory.0.join(part_of(Format::WAV, ids[0]))).expect("there");
    let fixture = StorageFixture::open_in(directory);
    let (published, repeated) = fixture.published(ids[0]);
    assert!(!repeated && published.state_is(RecordingState::Failed));
    let fixture = fixture.reopen();
    let (again, repeated) = fixture.published(ids[0]);
    assert!(repeated, "{again:?}");
    assert_eq!(again, published);
}

#[test]
fn audio_with_an_unreadable_manifest_is_recovered_beside_foreign_files() {
    for_each_format(unreadable_and_foreign);
}

fn unreadable_and_foreign(format: Format) {
    let (directory, ids) = crash_recordings(format, 4);
    let live = |at: usize| directory.0.join(format!(".callrec/{}.json", ids[at]));
    let bytes = fs::read(live(0)).expect("there");
    fs::write(live(0), &bytes[..bytes.len() / 2]).expect("write");
    fs::write(live(1), "").expect("write");
    fs::write(live(2), "{\"part\":\"../../etc/passwd.wav.part\",").expect("write");
    fs::write(live(3), "rubbish").expect("write");
    fs::remove_file(directory.0.join(part_of(format, ids[3]))).expect("there");
    let foreign = ["notes.txt", "x.json", "12345678.json.tmp", "{0}.json"];
    for name in foreign {
        fs::write(directory.0.join(".callrec").join(name), "foreign").expect("write");
    }
    fs::write(directory.0.join("sub/other.wav.part"), "foreign").expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in &ids[..3] {
        let (published, _) = fixture.published(*id);
        assert!(published.end_reason_is(EndReason::Recovered) && published.started_at_ms > 0);
        assert_eq!(audio(&fixture.path(&published.file)), whole_audio());
        fixture.settle(*id);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.report.read(|reports| reports.published.len()), 3);
    let bad = format!("{}.json.bad", ids[3]);
    let mut expected = vec![bad.as_str(), "lock"];
    expected.extend(foreign);
    expected.sort_unstable();
    assert_eq!(fixture.control_names(), expected);
    assert_eq!(
        fs::read_to_string(fixture.path("sub/other.wav.part")).expect("there"),
        "foreign"
    );
}

#[test]
fn manifests_cannot_lead_out_of_the_directory() {
    let directory = ScratchDir::new();
    let outside = ScratchDir::new();
    fs::create_dir(directory.0.join(".callrec")).expect("make");
    let id = Uuid::new_v4();
    let header = {
        let shape = callrec::codec::Shape {
            format: Format::WAV,
            rate: 8000,
            channels: 1,
        };
        shape
            .format
            .container()
            .header(&shape, &callrec::codec::Tags::of(id), Default::default(), None)
    };
    let target = outside.0.join("x.wav.part");
    fs::write(&target, &header).expect("write");
    for part in [
        target.display().to_string(),
        format!(
            "../{}/x.wav.part",
            outside.0.file_name().expect("a name").display()
        ),
    ] {
        let manifest = Manifest {
            part,
            started: true,
            id: id.to_string(),
            ..Manifest::default()
        };
        let text = serde_json::to_vec(&manifest).expect("json");
        fs::write(directory.0.join(format!(".callrec/{id}.json")), text).expect("write");
        let fixture = StorageFixture::open_in(ScratchDir(directory.0.clone()));
        assert_eq!(fixture.published(id).0.error, "audio is gone");
        std::mem::forget(fixture.close());
        assert_eq!(fs::read(&target).expect("there"), header);
    }
}

/// Otherwise a user with write access to the directory could make the library write elsewhere.
#[cfg(unix)]
#[test]
fn hard_links_and_files_of_other_users_are_left_alone() {
    for_each_format(foreign_files_are_left);
}

fn foreign_files_are_left(format: Format) {
    use std::os::unix::fs::chown;
    const OTHER_USER: Option<u32> = Some(54_321);
    let (directory, ids) = crash_recordings(format, 3);
    let part = |at: usize| directory.0.join(part_of(format, ids[at]));
    let before: Vec<_> = (0..3).map(|at| fs::read(part(at)).expect("there")).collect();
    let other = ScratchDir::new();
    fs::hard_link(part(0), other.0.join("other")).expect("a link");
    let live = directory.0.join(format!(".callrec/{}.json", ids[2]));
    // Only root can change the owner of a file.
    let root = chown(part(1), OTHER_USER, None).is_ok() && chown(&live, OTHER_USER, None).is_ok();
    let refused = if root { 3 } else { 1 };
    let fixture = StorageFixture::open_in(directory).with_format(format);
    fixture.wait_until_idle();
    for (at, id) in ids.iter().enumerate().take(refused) {
        assert_eq!(
            fs::read(fixture.path(&part_of(format, *id))).expect("there"),
            before[at]
        );
        assert!(fixture.live_path(*id).exists());
        let is_logged = |why: &str| {
            let id = id.to_string();
            fixture.report.read(|reports| {
                reports
                    .logged
                    .iter()
                    .any(|line| line.contains(&id) && line.contains(why))
            })
        };
        assert!(
            is_logged(if at == 0 { "hard links" } else { "another user" }),
            "{at}"
        );
        assert!(!fixture.report.read(|reports| reports.published.contains_key(id)));
    }
    assert_eq!(
        fixture.report.read(|reports| reports.published.len()),
        3 - refused
    );
    // They are recovered once the owner and the link count are right.
    let directory = fixture.close();
    fs::remove_file(other.0.join("other")).expect("there");
    if root {
        chown(directory.0.join(part_of(format, ids[1])), Some(0), None).expect("root");
        chown(
            directory.0.join(format!(".callrec/{}.json", ids[2])),
            Some(0),
            None,
        )
        .expect("root");
    }
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in ids {
        let (published, _) = fixture.published(id);
        assert_eq!(audio(&fixture.path(&published.file)), whole_audio());
    }
    let directory = fixture.close();
    if root {
        chown(directory.0.join(".callrec"), OTHER_USER, None).expect("root");
        let opened = Store::open(
            StorageConfig::new(directory.0.to_str().expect("UTF-8")),
            &Platform::system(),
            Arc::new(StorageReport::default()),
        );
        let error = opened.err().expect("another user's directory");
        assert!(error.message.contains("another user"), "{}", error.message);
        // The owner of the directory may own the files.
        chown(&directory.0, OTHER_USER, None).expect("root");
        drop(
            Store::open(
                StorageConfig::new(directory.0.to_str().expect("UTF-8")),
                &Platform::system(),
                Arc::new(StorageReport::default()),
            )
            .expect("trusted"),
        );
    }
}

/// All manifests are broken, and the directory holds unusual files.
#[cfg(unix)]
#[test]
fn one_search_finds_all_files_in_progress() {
    for_each_format(one_search_finds_all);
}

fn one_search_finds_all(format: Format) {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (directory, ids) = crash_recordings(format, 4);
    for id in &ids {
        fs::write(directory.0.join(format!(".callrec/{id}.json")), "rubbish").expect("write");
    }
    let sub = |name: &str| {
        directory
            .0
            .join(format!("sub/{name}.{}.part", format.extension()))
    };
    // The id of a recording is in another file's text, and in another file's audio.
    let text = fs::read(directory.0.join(part_of(format, ids[3]))).expect("there");
    fs::remove_file(directory.0.join(part_of(format, ids[3]))).expect("there");
    fs::write(sub("notes"), format!("about {}", ids[3])).expect("write");
    let mut moved = vec![b'x'];
    moved.extend_from_slice(&text);
    fs::write(sub("moved"), &moved).expect("write");
    let odd = directory.0.join("odd");
    fs::create_dir(&odd).expect("make");
    fs::create_dir(odd.join("a.wav.part")).expect("make");
    fs::write(odd.join(OsStr::from_bytes(b"\xff.wav.part")), "foreign").expect("write");
    fs::create_dir(odd.join(OsStr::from_bytes(b"\xfe"))).expect("make");
    nix::unistd::mkfifo(&odd.join("b.wav.part"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let socket = std::os::unix::net::UnixListener::bind(odd.join("c.wav.part")).expect("a socket");
    std::os::unix::fs::symlink("d.wav.part", odd.join("d.wav.part")).expect("a link");
    let searched = Arc::new(AtomicUsize::new(0));
    let (count, broken) = (Arc::clone(&searched), Arc::new(AtomicUsize::new(1)));
    let at = Arc::clone(&broken);
    faults::set(
        &directory.0,
        Arc::new(move |step| {
            if step == FaultPoint::Search {
                count.fetch_add(1, Ordering::SeqCst);
                // A file that the process may not read is not its own; after another error it may be.
                return Err(io::Error::from_raw_os_error(match at.load(Ordering::SeqCst) {
                    1 => libc::EIO,
                    2 => libc::EACCES,
                    _ => return Ok(()),
                }));
            }
            Ok(())
        }),
    );
    let fixture = StorageFixture::open_in(directory).with_format(format);
    fixture.wait_until_idle();
    assert!(fixture.report.read(|reports| reports.published.is_empty()));
    let files_each = if format.is_compressed() { 2 } else { 1 };
    assert_eq!(
        fixture.control_names().len(),
        4 * files_each + 1,
        "all are left: {:?}",
        fixture.control_names()
    );
    let directory = fixture.close();
    broken.store(0, Ordering::SeqCst);
    searched.store(0, Ordering::SeqCst);
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in &ids[..3] {
        let (published, _) = fixture.published(*id);
        assert_eq!(audio(&fixture.path(&published.file)), whole_audio());
        fixture.settle(*id);
    }
    fixture.wait_until_idle();
    // Three files in progress, two foreign files, a pipe, a socket and a link.
    assert_eq!(searched.load(Ordering::SeqCst), 8, "each file is read once");
    assert_eq!(fixture.report.read(|reports| reports.published.len()), 3);
    assert_eq!(
        fixture.control_names(),
        [format!("{}.json.bad", ids[3]), "lock".to_owned()]
    );
    assert_eq!(fs::read(fixture.part_path("sub/moved")).expect("there"), moved);
    // Without the right to read, nothing is found, and the manifest is renamed.
    fs::write(fixture.live_path(ids[3]), "rubbish").expect("write");
    broken.store(2, Ordering::SeqCst);
    let fixture = fixture.reopen();
    fixture.wait_until_idle();
    assert!(!fixture.live_path(ids[3]).exists());
    drop(socket);
}

/// Neither the manifest nor the header states the format.
#[test]
fn the_name_of_a_file_determines_its_format_if_nothing_else_does() {
    let (directory, ids) = crash_recordings(Format::named("au").expect("built in"), 1);
    let part = directory.0.join(format!("sub/{}.au.part", ids[0]));
    let mut bytes = fs::read(&part).expect("there");
    let expected = bytes.split_off(96);
    assert!(expected.iter().any(|byte| *byte != 0));
    fs::write(&part, [vec![0; 96], expected.clone()].concat()).expect("write");
    let live = directory.0.join(format!(".callrec/{}.json", ids[0]));
    let text = fs::read(&live).expect("there");
    fs::write(&live, &text[..text.len() / 2]).expect("write");
    let fixture = StorageFixture::open_in(directory);
    let (published, _) = fixture.published(ids[0]);
    assert!(published.file.ends_with(".au"), "{}", published.file);
    let bytes = fs::read(fixture.path(&published.file)).expect("there");
    assert!(bytes.starts_with(b".snd") && bytes[96..] == expected);
}
