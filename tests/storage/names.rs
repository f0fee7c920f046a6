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
    let rig = Rig::new().of(format);
    rig.fault(move |step| system.allows(step));
    fs::write(rig.audio_path("call"), "theirs").expect("write");
    fs::write(rig.path("call-2.json"), "theirs").expect("write");
    fs::write(rig.part_path("call-3"), "theirs").expect("write");
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let (one, two) = (rig.begin(first, "call"), rig.begin(second, "call"));
    rig.report.wait(|seen| seen.created.len() == 2);
    // And one that comes in the way later, before publishing.
    fs::write(rig.audio_path("call-4"), "theirs").expect("write");
    fs::write(rig.path("call-4-2.json"), "theirs").expect("write");
    one.finish(ended(first, EndReason::Stopped), true);
    two.finish(ended(second, EndReason::Stopped), true);
    let mut names = [rig.published(first).0, rig.published(second).0].map(|manifest| {
        expect_honest(&rig, &manifest);
        manifest.file
    });
    names.sort();
    assert_eq!(names, ["call-4-3", "call-5"].map(|stem| rig.audio_name(stem)));
    for theirs in [
        rig.audio_path("call"),
        rig.path("call-2.json"),
        rig.part_path("call-3"),
        rig.audio_path("call-4"),
        rig.path("call-4-2.json"),
    ] {
        assert_eq!(fs::read_to_string(theirs).expect("there"), "theirs");
    }
}

#[test]
fn path_tricks_end_inside_the_directory() {
    let rig = Rig::new();
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
        rig.store
            .begin(id, Box::new(move || (manifest(id), name)))
            .finish(ended(id, EndReason::Stopped), true);
        let (published, _) = rig.published(id);
        expect_honest(&rig, &published);
        let real = fs::canonicalize(rig.path(&published.file)).expect("there");
        assert!(real.starts_with(fs::canonicalize(&rig.directory).expect("there")));
        assert!(!real.starts_with(rig.path(".callrec")));
    }
    assert!(Template::parse(DEFAULT_TEMPLATE).is_ok());
}

/// Both would have the same manifest.
#[test]
fn recordings_of_two_formats_do_not_share_a_name() {
    let rig = Rig::new();
    let mut begun = Vec::new();
    for format in ["wav", "au", "wav-ulaw"] {
        let id = Uuid::new_v4();
        let mut first = manifest(id);
        first.format = format.to_owned();
        let file = rig.store.begin(id, Box::new(move || (first, name("x"))));
        rig.report.wait(|seen| seen.created.contains(&id));
        begun.push((id, file));
    }
    let mut files = Vec::new();
    for (id, file) in begun {
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = rig.published(id);
        assert!(rig.path(&published.file).exists());
        files.push(published.file);
    }
    assert_eq!(files, ["x.wav", "x-2.au", "x-3.wav"]);
}

#[cfg(unix)]
#[test]
fn a_linked_sub_directory_is_refused() {
    let rig = Rig::new();
    let other = ScratchDir::new();
    std::os::unix::fs::symlink(&other.0, rig.path("sub")).expect("link");
    let id = Uuid::new_v4();
    let mut file = rig.begin(id, "sub/call");
    let error = rig.report.wait_for(|seen| seen.create_failed.get(&id).cloned());
    assert_eq!(error.status, Status::Io);
    assert!(error.message.contains("sub/call.wav"), "{}", error.message);
    file.shape(Format::WAV, 8000, 1);
    file.write(vec![0; 100]).expect("taken, and thrown away");
    file.finish(ended(id, EndReason::Stopped), true);
    rig.idle();
    assert!(rig.report.seen(|seen| seen.published.is_empty()));
    assert_eq!(rig.control_names(), ["lock"]);
    assert_eq!(fs::read_dir(&other.0).expect("there").count(), 0);
}

/// Who writes into our directory in that instant finds what they wrote.
#[test]
fn a_reservation_that_was_replaced_is_not_ours() {
    let rig = Rig::new();
    let theirs = rig.path("call.wav");
    rig.fault(move |step| {
        if step == FaultPoint::RenameReserved && fs::read(&theirs).is_ok_and(|bytes| bytes.is_empty()) {
            // Beside it first, or it might get the same inode.
            fs::write(theirs.with_extension("new"), "theirs")?;
            fs::rename(theirs.with_extension("new"), &theirs)?;
        }
        System::HasNeither.allows(step)
    });
    let id = Uuid::new_v4();
    rig.begin(id, "call").finish(ended(id, EndReason::Stopped), true);
    let (published, _) = rig.published(id);
    assert_eq!(published.file, "call-2.wav");
    expect_honest(&rig, &published);
    assert_eq!(fs::read(rig.path("call.wav")).expect("there"), b"theirs");
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
            let rig = Rig::new();
            rig.fault(move |step| match step {
                FaultPoint::RenameNew => Err(io::Error::from_raw_os_error(first)),
                FaultPoint::Link => Err(io::Error::from_raw_os_error(refusal)),
                _ => Ok(()),
            });
            let id = Uuid::new_v4();
            rig.begin(id, "call").finish(ended(id, EndReason::Stopped), true);
            let (published, _) = rig.published(id);
            assert!(published.state_is(State::Finished), "{published:?}");
            expect_honest(&rig, &published);
            assert_eq!(rig.names(), [".callrec", "call.json", "call.wav"]);
        }
    }
}
