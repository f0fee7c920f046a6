//! The names of published files: no file is overwritten, and no path leaves the directory.

use super::*;

#[test]
fn no_file_is_overwritten() {
    for system in FILE_SYSTEMS {
        for_each_format(|format| overwrites_nothing(format, system));
    }
}

fn overwrites_nothing(format: Format, system: FileSystemKind) {
    let fixture = StorageFixture::new().with_format(format);
    fixture.set_fault(move |step| system.check(step));
    fs::write(fixture.audio_path("call"), "foreign").expect("write");
    fs::write(fixture.path("call-2.json"), "foreign").expect("write");
    fs::write(fixture.part_path("call-3"), "foreign").expect("write");
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let (one, two) = (fixture.begin(first, "call"), fixture.begin(second, "call"));
    fixture.report.wait_until(|reports| reports.created.len() == 2);
    // These two appear after the recordings have begun.
    fs::write(fixture.audio_path("call-4"), "foreign").expect("write");
    fs::write(fixture.path("call-4-2.json"), "foreign").expect("write");
    one.finish(ended(first, EndReason::Stopped), true);
    two.finish(ended(second, EndReason::Stopped), true);
    let mut names = [fixture.published(first).0, fixture.published(second).0].map(|manifest| {
        assert_manifest_matches_file(&fixture, &manifest);
        manifest.file
    });
    names.sort();
    assert_eq!(names, ["call-4-3", "call-5"].map(|stem| fixture.audio_name(stem)));
    for foreign in [
        fixture.audio_path("call"),
        fixture.path("call-2.json"),
        fixture.part_path("call-3"),
        fixture.audio_path("call-4"),
        fixture.path("call-4-2.json"),
    ] {
        assert_eq!(fs::read_to_string(foreign).expect("there"), "foreign");
    }
}

#[test]
fn names_never_lead_out_of_the_directory() {
    let fixture = StorageFixture::new();
    let template = Template::parse("{user}/{number}/{attr:a}{id}").expect("a template");
    let texts = [
        "..",
        "../../../tmp/x",
        "/etc",
        ".callrec",
        "a\0b",
        "",
        "CON",
        "con.wav",
        "\u{202e}",
        "a\nb",
    ];
    for text in texts {
        let id = Uuid::new_v4();
        let attribute = |_: &str| Some(text.to_owned());
        let name = template.render(&NameFields {
            id,
            call_id: text,
            device: text,
            number: text,
            user: text,
            remote: text,
            ani: text,
            dnis: text,
            host: text,
            layout: text,
            started_at_ms: 0,
            attribute: &attribute,
        });
        fixture
            .store
            .begin(id, Format::WAV, Box::new(move || (manifest(id), name)))
            .finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert_manifest_matches_file(&fixture, &published);
        let real = fs::canonicalize(fixture.path(&published.file)).expect("there");
        assert!(real.starts_with(fs::canonicalize(&fixture.directory).expect("there")));
        assert!(!real.starts_with(fixture.path(".callrec")));
    }
    assert!(Template::parse(DEFAULT_TEMPLATE).is_ok());
}

/// No other recording can have the name, so nothing is looked for before the start. What is there
/// all the same is not overwritten.
#[test]
fn a_name_with_the_id_is_taken_unseen() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let foreign = fixture.path(&format!("call-{id}.json"));
    fs::write(&foreign, "foreign").expect("write");
    let file = fixture.begin(id, &format!("call-{id}"));
    fixture.report.wait_until(|reports| reports.created.contains(&id));
    assert!(fixture.part_path(&format!("call-{id}")).exists());
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.file, fixture.audio_name(&format!("call-{id}-2")));
    assert_manifest_matches_file(&fixture, &published);
    assert_eq!(fs::read_to_string(foreign).expect("there"), "foreign");
}

/// Files with the same stem would share one manifest.
#[test]
fn recordings_of_two_formats_do_not_share_a_name() {
    let fixture = StorageFixture::new();
    let mut begun = Vec::new();
    for format in ["wav", "au", "wav-ulaw"] {
        let id = Uuid::new_v4();
        let mut first = manifest(id);
        first.format = format.to_owned();
        let file = fixture
            .store
            .begin(id, Format::WAV, Box::new(move || (first, name("x"))));
        fixture.report.wait_until(|reports| reports.created.contains(&id));
        begun.push((id, file));
    }
    let mut files = Vec::new();
    for (id, file) in begun {
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(fixture.path(&published.file).exists());
        files.push(published.file);
    }
    assert_eq!(files, ["x.wav", "x-2.au", "x-3.wav"]);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_instead_of_a_folder_is_refused() {
    let fixture = StorageFixture::new();
    let other = ScratchDir::new();
    std::os::unix::fs::symlink(&other.0, fixture.path("sub")).expect("link");
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "sub/call");
    let error = fixture
        .report
        .wait_for(|reports| reports.create_failed.get(&id).cloned());
    assert_eq!(error.status, Status::Io);
    assert!(error.message.contains("sub/call.wav"), "{}", error.message);
    file.shape(Format::WAV, 8000, 1);
    file.write(vec![0; 100]).expect("accepted and dropped");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.wait_until_idle();
    assert!(fixture.report.read(|reports| reports.published.is_empty()));
    assert_eq!(fixture.control_names(), ["lock"]);
    assert_eq!(fs::read_dir(&other.0).expect("there").count(), 0);
}

/// Another process replaces the reserved name just before the rename.
#[test]
fn a_reservation_that_was_replaced_is_not_overwritten() {
    let fixture = StorageFixture::new();
    let foreign = fixture.path("call.wav");
    fixture.set_fault(move |step| {
        if step == FaultPoint::RenameReserved && fs::read(&foreign).is_ok_and(|bytes| bytes.is_empty()) {
            // A rename guarantees another inode.
            fs::write(foreign.with_extension("new"), "foreign")?;
            fs::rename(foreign.with_extension("new"), &foreign)?;
        }
        FileSystemKind::HasNeither.check(step)
    });
    let id = Uuid::new_v4();
    fixture
        .begin(id, "call")
        .finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.file, "call-2.wav");
    assert_manifest_matches_file(&fixture, &published);
    assert_eq!(fs::read(fixture.path("call.wav")).expect("there"), b"foreign");
}

#[test]
fn a_recording_is_published_whatever_error_a_hard_link_returns() {
    for error in [
        libc::EPERM,
        libc::EACCES,
        libc::EOPNOTSUPP,
        libc::ENOTSUP,
        libc::ENOSYS,
        libc::EINVAL,
        libc::EMLINK,
    ] {
        for first in [libc::EINVAL, libc::ENOSYS, error] {
            let fixture = StorageFixture::new();
            fixture.set_fault(move |step| match step {
                FaultPoint::RenameNew => Err(io::Error::from_raw_os_error(first)),
                FaultPoint::Link => Err(io::Error::from_raw_os_error(error)),
                _ => Ok(()),
            });
            let id = Uuid::new_v4();
            fixture
                .begin(id, "call")
                .finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert!(published.state_is(RecordingState::Finished), "{published:?}");
            assert_manifest_matches_file(&fixture, &published);
            assert_eq!(fixture.names(), [".callrec", "call.json", "call.wav"]);
        }
    }
}

/// An attempt to rename that failed halfway, and could not undo its link, left both names.
#[test]
fn a_second_name_of_an_earlier_attempt_is_taken_over() {
    for system in [FileSystemKind::RenamesExclusively, FileSystemKind::HasHardLinks] {
        let fixture = StorageFixture::new();
        fixture.set_fault(move |step| system.check(step));
        let id = Uuid::new_v4();
        let file = fixture.begin(id, "call");
        fixture.wait_until_idle();
        fs::hard_link(fixture.part_path("call"), fixture.audio_path("call")).expect("a link");
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert_manifest_matches_file(&fixture, &published);
        assert_eq!(fixture.names(), [".callrec", "call.json", "call.wav"]);
    }
}
