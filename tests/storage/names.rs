//! The names under which recordings are published: nothing is overwritten, and nothing leads out
//! of the directory.

use super::*;

#[test]
fn nothing_is_ever_overwritten() {
    for system in SYSTEMS {
        for_each_format(|format| overwrites_nothing(format, system));
    }
}

fn overwrites_nothing(format: Format, system: System) {
    let fixture = StorageFixture::new().with_format(format);
    fixture.set_fault(move |step| system.allows(step));
    fs::write(fixture.audio_path("call"), "theirs").expect("write");
    fs::write(fixture.path("call-2.json"), "theirs").expect("write");
    fs::write(fixture.part_path("call-3"), "theirs").expect("write");
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let (one, two) = (fixture.begin(first, "call"), fixture.begin(second, "call"));
    fixture.report.wait_until(|seen| seen.created.len() == 2);
    // And one that comes in the way later, before publishing.
    fs::write(fixture.audio_path("call-4"), "theirs").expect("write");
    fs::write(fixture.path("call-4-2.json"), "theirs").expect("write");
    one.finish(ended(first, EndReason::Stopped), true);
    two.finish(ended(second, EndReason::Stopped), true);
    let mut names = [fixture.published(first).0, fixture.published(second).0].map(|manifest| {
        expect_honest(&fixture, &manifest);
        manifest.file
    });
    names.sort();
    assert_eq!(names, ["call-4-3", "call-5"].map(|stem| fixture.audio_name(stem)));
    for theirs in [
        fixture.audio_path("call"),
        fixture.path("call-2.json"),
        fixture.part_path("call-3"),
        fixture.audio_path("call-4"),
        fixture.path("call-4-2.json"),
    ] {
        assert_eq!(fs::read_to_string(theirs).expect("there"), "theirs");
    }
}

#[test]
fn path_tricks_end_inside_the_directory() {
    let fixture = StorageFixture::new();
    let template = Template::parse("{user}/{number}/{attr:a}{id}").expect("a template");
    let tricks = [
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
    for trick in tricks {
        let id = Uuid::new_v4();
        let attribute = |_: &str| Some(trick.to_owned());
        let name = template.render(&NameFields {
            id,
            call_id: trick,
            device: trick,
            number: trick,
            user: trick,
            remote: trick,
            ani: trick,
            dnis: trick,
            host: trick,
            layout: trick,
            started_at_ms: 0,
            attribute: &attribute,
        });
        fixture
            .store
            .begin(id, Box::new(move || (manifest(id), name)))
            .finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        expect_honest(&fixture, &published);
        let real = fs::canonicalize(fixture.path(&published.file)).expect("there");
        assert!(real.starts_with(fs::canonicalize(&fixture.directory).expect("there")));
        assert!(!real.starts_with(fixture.path(".callrec")));
    }
    assert!(Template::parse(DEFAULT_TEMPLATE).is_ok());
}

/// Both would have the same manifest.
#[test]
fn recordings_of_two_formats_do_not_share_a_name() {
    let fixture = StorageFixture::new();
    let mut begun = Vec::new();
    for format in ["wav", "au", "wav-ulaw"] {
        let id = Uuid::new_v4();
        let mut first = manifest(id);
        first.format = format.to_owned();
        let file = fixture.store.begin(id, Box::new(move || (first, name("x"))));
        fixture.report.wait_until(|seen| seen.created.contains(&id));
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
fn a_linked_sub_directory_is_refused() {
    let fixture = StorageFixture::new();
    let other = ScratchDir::new();
    std::os::unix::fs::symlink(&other.0, fixture.path("sub")).expect("link");
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "sub/call");
    let error = fixture
        .report
        .wait_for(|seen| seen.create_failed.get(&id).cloned());
    assert_eq!(error.status, Status::Io);
    assert!(error.message.contains("sub/call.wav"), "{}", error.message);
    file.shape(Format::WAV, 8000, 1);
    file.write(vec![0; 100]).expect("taken, and thrown away");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.wait_until_idle();
    assert!(fixture.report.read(|seen| seen.published.is_empty()));
    assert_eq!(fixture.control_names(), ["lock"]);
    assert_eq!(fs::read_dir(&other.0).expect("there").count(), 0);
}

/// Who writes into our directory in that instant finds what they wrote.
#[test]
fn a_reservation_that_was_replaced_is_not_ours() {
    let fixture = StorageFixture::new();
    let theirs = fixture.path("call.wav");
    fixture.set_fault(move |step| {
        if step == FaultPoint::RenameReserved && fs::read(&theirs).is_ok_and(|bytes| bytes.is_empty()) {
            // Beside it first, or it might get the same inode.
            fs::write(theirs.with_extension("new"), "theirs")?;
            fs::rename(theirs.with_extension("new"), &theirs)?;
        }
        System::HasNeither.allows(step)
    });
    let id = Uuid::new_v4();
    fixture
        .begin(id, "call")
        .finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.file, "call-2.wav");
    expect_honest(&fixture, &published);
    assert_eq!(fs::read(fixture.path("call.wav")).expect("there"), b"theirs");
}

#[test]
fn every_refusal_of_a_hard_link_publishes() {
    for refusal in [
        libc::EPERM,
        libc::EACCES,
        libc::EOPNOTSUPP,
        libc::ENOTSUP,
        libc::ENOSYS,
        libc::EINVAL,
        libc::EMLINK,
    ] {
        for first in [libc::EINVAL, libc::ENOSYS, refusal] {
            let fixture = StorageFixture::new();
            fixture.set_fault(move |step| match step {
                FaultPoint::RenameNew => Err(io::Error::from_raw_os_error(first)),
                FaultPoint::Link => Err(io::Error::from_raw_os_error(refusal)),
                _ => Ok(()),
            });
            let id = Uuid::new_v4();
            fixture
                .begin(id, "call")
                .finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert!(published.state_is(RecordingState::Finished), "{published:?}");
            expect_honest(&fixture, &published);
            assert_eq!(fixture.names(), [".callrec", "call.json", "call.wav"]);
        }
    }
}
