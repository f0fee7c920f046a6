//! What an earlier process left.

use super::*;

/// A directory whose process ended while `calls` recordings of 3 blocks were live.
pub fn crashed(format: Format, calls: u128) -> (ScratchDir, Vec<Uuid>) {
    let directory = ScratchDir::new();
    let (_, ended) = child(format, "live", &directory.0, calls as usize);
    assert!(!ended, "the child was to abort");
    (directory, (1..=calls).map(Uuid::from_u128).collect())
}

/// The path of a recording's file in progress.
fn part_of(format: Format, id: Uuid) -> String {
    format!("sub/{id}.{}.part", format.extension())
}

pub fn whole() -> Vec<u8> {
    [pattern(0, 800), pattern(1, 800), pattern(2, 800)].concat()
}

#[test]
fn live_recordings_are_recovered() {
    for_each_format(live_are_recovered);
}

fn live_are_recovered(format: Format) {
    let (directory, ids) = crashed(format, 3);
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
        assert_eq!(audio(&fixture.path(&published.file)), whole());
        expect_honest(&fixture, &published);
        fixture.settle(id);
    }
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn the_audio_is_trusted_and_not_the_header() {
    for_each_format(audio_is_trusted);
}

fn audio_is_trusted(format: Format) {
    let (directory, ids) = crashed(format, 3);
    let part = |id: Uuid| directory.0.join(part_of(format, id));
    let audio_at = |bytes: &[u8]| {
        let found = callrec::codec::container::parse(bytes).expect("a header");
        found.audio_at as usize
    };
    // More than the header says, and half a frame; a header full of zeros; wrong sizes.
    let mut bytes = fs::read(part(ids[0])).expect("there");
    bytes.extend_from_slice(&[7, 7, 7]);
    fs::write(part(ids[0]), &bytes).expect("write");
    let mut bytes = fs::read(part(ids[1])).expect("there");
    let header = audio_at(&bytes);
    bytes[..header].fill(0);
    fs::write(part(ids[1]), &bytes).expect("write");
    let mut bytes = fs::read(part(ids[2])).expect("there");
    match format == PAGED {
        true => bytes[30..38].fill(0xee),
        false => {
            bytes[4..8].fill(0xee);
            bytes[header - 4..header].fill(0xee);
        }
    }
    fs::write(part(ids[2]), &bytes).expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    // Bytes that are no page are no audio.
    let more = if format == PAGED { &[][..] } else { &[7u8, 7] };
    for (id, more) in ids.into_iter().zip([more, &[], &[]]) {
        let (published, _) = fixture.published(id);
        assert_eq!(
            audio(&fixture.path(&published.file)),
            [&whole()[..], more].concat()
        );
        expect_honest(&fixture, &published);
    }
}

/// Publishing by link and unlink, and a power cut that takes the header as well.
#[test]
fn a_second_name_of_audio_without_a_header_is_removed() {
    for_each_format(|format| {
        let (directory, ids) = crashed(format, 1);
        let part = directory.0.join(part_of(format, ids[0]));
        let mut bytes = fs::read(&part).expect("there");
        let header = callrec::codec::container::parse(&bytes).expect("a header");
        bytes[..header.audio_at as usize].fill(0);
        fs::write(&part, &bytes).expect("written");
        fs::hard_link(&part, part.with_extension("")).expect("a link");
        let fixture = StorageFixture::open_in(directory).with_format(format);
        let (published, _) = fixture.published(ids[0]);
        assert_eq!(audio(&fixture.path(&published.file)), whole());
        assert!(!part.exists());
        assert_eq!(fixture.path(&published.file), part.with_extension(""));
    });
}

#[test]
fn published_ones_are_told_again() {
    for_each_format(told_again);
}

fn told_again(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    for id in ids {
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(whole()).expect("room");
        file.finish(ended(id, EndReason::Stopped), true);
    }
    let told = ids.map(|id| fixture.published(id).0);
    let directory = fixture.close();
    let json = |at: usize| directory.0.join(&told[at].file).with_extension("json");
    fs::remove_file(json(1)).expect("there");
    fs::write(json(2), b"{\"part\":\"\",\"star").expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    assert_eq!(fixture.published(ids[0]), (told[0].clone(), true));
    for (id, told) in ids.into_iter().zip(&told).skip(1) {
        let (again, repeated) = fixture.published(id);
        assert!(!repeated && again.recovered);
        assert_eq!((&again.file, &again.digest), (&told.file, &told.digest));
        expect_honest(&fixture, &again);
    }
}

#[test]
fn lost_audio_is_told_as_failed() {
    for_each_format(lost_audio_has_failed);
}

fn lost_audio_has_failed(format: Format) {
    let (directory, ids) = crashed(format, 2);
    fs::remove_file(directory.0.join(part_of(format, ids[0]))).expect("there");
    // The other one never came past its creation.
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
    assert_eq!(fixture.report.read(|seen| seen.published.len()), 1);
    assert_eq!(fixture.control_names(), ["lock"]);
}

/// A callback may have moved the file before the process died.
#[test]
fn audio_that_was_moved_away_is_told_as_it_was_published() {
    for_each_format(moved_away_is_told_again);
}

fn moved_away_is_told_again(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    let told = ids.map(|id| {
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(whole()).expect("room");
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id).0
    });
    let directory = fixture.close();
    for told in &told {
        fs::remove_file(directory.0.join(&told.file)).expect("there");
    }
    let fixture = StorageFixture::open_in(directory);
    for (id, told) in ids.into_iter().zip(told) {
        assert_eq!(fixture.published(id), (told, true));
        fixture.settle(id);
    }
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn lost_audio_that_was_told_is_told_again_as_that() {
    let (directory, ids) = crashed(Format::WAV, 1);
    fs::remove_file(directory.0.join(part_of(Format::WAV, ids[0]))).expect("there");
    let fixture = StorageFixture::open_in(directory);
    let (told, repeated) = fixture.published(ids[0]);
    assert!(!repeated && told.state_is(RecordingState::Failed));
    let fixture = fixture.reopen();
    let (again, repeated) = fixture.published(ids[0]);
    assert!(repeated, "{again:?}");
    assert_eq!(again, told);
}

#[test]
fn unreadable_manifests_and_foreign_files() {
    for_each_format(unreadable_and_foreign);
}

fn unreadable_and_foreign(format: Format) {
    let (directory, ids) = crashed(format, 4);
    let live = |at: usize| directory.0.join(format!(".callrec/{}.json", ids[at]));
    let bytes = fs::read(live(0)).expect("there");
    fs::write(live(0), &bytes[..bytes.len() / 2]).expect("write");
    fs::write(live(1), "").expect("write");
    fs::write(live(2), "{\"part\":\"../../etc/passwd.wav.part\",").expect("write");
    fs::write(live(3), "rubbish").expect("write");
    fs::remove_file(directory.0.join(part_of(format, ids[3]))).expect("there");
    let foreign = ["notes.txt", "x.json", "12345678.json.tmp", "{0}.json"];
    for name in foreign {
        fs::write(directory.0.join(".callrec").join(name), "theirs").expect("write");
    }
    fs::write(directory.0.join("sub/other.wav.part"), "theirs").expect("write");
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in &ids[..3] {
        let (published, _) = fixture.published(*id);
        assert!(published.end_reason_is(EndReason::Recovered) && published.started_at_ms > 0);
        assert_eq!(audio(&fixture.path(&published.file)), whole());
        fixture.settle(*id);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.report.read(|seen| seen.published.len()), 3);
    let bad = format!("{}.json.bad", ids[3]);
    let mut expected = vec![bad.as_str(), "lock"];
    expected.extend(foreign);
    expected.sort_unstable();
    assert_eq!(fixture.control_names(), expected);
    assert_eq!(
        fs::read_to_string(fixture.path("sub/other.wav.part")).expect("there"),
        "theirs"
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
        shape.format.container().header(
            &shape,
            &callrec::codec::container::Tags { recording: id },
            Default::default(),
            false,
        )
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

/// Who can write into the directory must not have us write elsewhere.
#[cfg(unix)]
#[test]
fn what_others_laid_in_the_way_is_left() {
    for_each_format(others_are_left);
}

fn others_are_left(format: Format) {
    use std::os::unix::fs::chown;
    const STRANGER: Option<u32> = Some(54_321);
    let (directory, ids) = crashed(format, 3);
    let part = |at: usize| directory.0.join(part_of(format, ids[at]));
    let before: Vec<_> = (0..3).map(|at| fs::read(part(at)).expect("there")).collect();
    let other = ScratchDir::new();
    fs::hard_link(part(0), other.0.join("other")).expect("a link");
    let live = directory.0.join(format!(".callrec/{}.json", ids[2]));
    // Only root can give files away.
    let root = chown(part(1), STRANGER, None).is_ok() && chown(&live, STRANGER, None).is_ok();
    let refused = if root { 3 } else { 1 };
    let fixture = StorageFixture::open_in(directory).with_format(format);
    fixture.wait_until_idle();
    for (at, id) in ids.iter().enumerate().take(refused) {
        assert_eq!(
            fs::read(fixture.path(&part_of(format, *id))).expect("there"),
            before[at]
        );
        assert!(fixture.live_path(*id).exists());
        let told = |why: &str| {
            let id = id.to_string();
            fixture.report.read(|seen| {
                seen.logged
                    .iter()
                    .any(|line| line.contains(&id) && line.contains(why))
            })
        };
        assert!(told(if at == 0 { "hard links" } else { "another user" }), "{at}");
        assert!(!fixture.report.read(|seen| seen.published.contains_key(id)));
    }
    assert_eq!(fixture.report.read(|seen| seen.published.len()), 3 - refused);
    // Put right, they are recovered.
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
        assert_eq!(audio(&fixture.path(&published.file)), whole());
    }
    let directory = fixture.close();
    if root {
        chown(directory.0.join(".callrec"), STRANGER, None).expect("root");
        let opened = Store::open(
            StorageConfig::new(directory.0.to_str().expect("UTF-8")),
            &Platform::system(),
            Arc::new(StorageReport::default()),
        );
        let refusal = opened.err().expect("a stranger's");
        assert!(refusal.message.contains("another user"), "{}", refusal.message);
        // It is the directory's owner who matters.
        chown(&directory.0, STRANGER, None).expect("root");
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

/// Broken manifests of recordings, and a directory full of odd things.
#[cfg(unix)]
#[test]
fn one_search_finds_all_among_odd_things() {
    for_each_format(one_search_finds_all);
}

fn one_search_finds_all(format: Format) {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (directory, ids) = crashed(format, 4);
    for id in &ids {
        fs::write(directory.0.join(format!(".callrec/{id}.json")), "rubbish").expect("write");
    }
    let sub = |name: &str| {
        directory
            .0
            .join(format!("sub/{name}.{}.part", format.extension()))
    };
    // Another's text names ours; so does the audio of another.
    let text = fs::read(directory.0.join(part_of(format, ids[3]))).expect("there");
    fs::remove_file(directory.0.join(part_of(format, ids[3]))).expect("there");
    fs::write(sub("notes"), format!("about {}", ids[3])).expect("write");
    let mut moved = vec![b'x'];
    moved.extend_from_slice(&text);
    fs::write(sub("moved"), &moved).expect("write");
    let odd = directory.0.join("odd");
    fs::create_dir(&odd).expect("make");
    fs::create_dir(odd.join("a.wav.part")).expect("make");
    fs::write(odd.join(OsStr::from_bytes(b"\xff.wav.part")), "theirs").expect("write");
    fs::create_dir(odd.join(OsStr::from_bytes(b"\xfe"))).expect("make");
    nix::unistd::mkfifo(&odd.join("b.wav.part"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let socket = std::os::unix::net::UnixListener::bind(odd.join("c.wav.part")).expect("a socket");
    std::os::unix::fs::symlink("d.wav.part", odd.join("d.wav.part")).expect("a link");
    let looks = Arc::new(AtomicUsize::new(0));
    let (count, broken) = (Arc::clone(&looks), Arc::new(AtomicUsize::new(1)));
    let at = Arc::clone(&broken);
    faults::set(
        &directory.0,
        Arc::new(move |step| {
            if step == FaultPoint::Search {
                count.fetch_add(1, Ordering::SeqCst);
                // What cannot be read for want of rights is none of ours, else it may be.
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
    assert!(fixture.report.read(|seen| seen.published.is_empty()));
    let files_each = if format == PAGED { 2 } else { 1 };
    assert_eq!(
        fixture.control_names().len(),
        4 * files_each + 1,
        "all left: {:?}",
        fixture.control_names()
    );
    let directory = fixture.close();
    broken.store(0, Ordering::SeqCst);
    looks.store(0, Ordering::SeqCst);
    let fixture = StorageFixture::open_in(directory).with_format(format);
    for id in &ids[..3] {
        let (published, _) = fixture.published(*id);
        assert_eq!(audio(&fixture.path(&published.file)), whole());
        fixture.settle(*id);
    }
    fixture.wait_until_idle();
    // Three parts of ours, two of others, and a pipe, a socket and a link.
    assert_eq!(looks.load(Ordering::SeqCst), 8, "each is looked at once");
    assert_eq!(fixture.report.read(|seen| seen.published.len()), 3);
    assert_eq!(
        fixture.control_names(),
        [format!("{}.json.bad", ids[3]), "lock".to_owned()]
    );
    assert_eq!(fs::read(fixture.part_path("sub/moved")).expect("there"), moved);
    // Without the right to look, nothing is found, and nothing holds it up.
    fs::write(fixture.live_path(ids[3]), "rubbish").expect("write");
    broken.store(2, Ordering::SeqCst);
    let fixture = fixture.reopen();
    fixture.wait_until_idle();
    assert!(!fixture.live_path(ids[3]).exists());
    drop(socket);
}

/// Neither the manifest nor the header says what the file is; its name does.
#[test]
fn a_file_is_what_its_name_says_where_nothing_else_does() {
    let (directory, ids) = crashed(Format::named("au").expect("built in"), 1);
    let part = directory.0.join(format!("sub/{}.au.part", ids[0]));
    let mut bytes = fs::read(&part).expect("there");
    let said = bytes.split_off(96);
    assert!(said.iter().any(|byte| *byte != 0));
    fs::write(&part, [vec![0; 96], said.clone()].concat()).expect("write");
    let live = directory.0.join(format!(".callrec/{}.json", ids[0]));
    let text = fs::read(&live).expect("there");
    fs::write(&live, &text[..text.len() / 2]).expect("write");
    let fixture = StorageFixture::open_in(directory);
    let (published, _) = fixture.published(ids[0]);
    assert!(published.file.ends_with(".au"), "{}", published.file);
    let bytes = fs::read(fixture.path(&published.file)).expect("there");
    assert!(bytes.starts_with(b".snd") && bytes[96..] == said);
}
