//! Files of packets that a recording keeps as they arrived.

use super::*;
use callrec::codec::pcapng::{recording_id, whole_blocks};
use callrec::codec::{Block, SampleFormat, Shape};
use callrec::storage::DeletionResult;
use callrec::storage::RecordingFile;
use callrec::types::Leg;
use callrec_testkit::manifest::digest;
use callrec_testkit::tree::tree;

const OFFSET_NS: i64 = 1_700_000_000_000_000_000;

/// A packet that tells its number.
fn packet(n: u64) -> Vec<u8> {
    let mut bytes = vec![0x80, 18];
    bytes.extend((n as u16).to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(format!("packet {n}").bytes());
    bytes
}

fn begin(fixture: &StorageFixture, id: Uuid) -> RecordingFile {
    begin_as(fixture, id, "sub/call")
}

fn begin_as(fixture: &StorageFixture, id: Uuid, path: &str) -> RecordingFile {
    let mut file = fixture.begin_file(id, path, Format::WAV);
    file.keep_raw(id, OFFSET_NS);
    file.shape(Shape {
        format: Format::WAV,
        rate: 8000,
        channels: 1,
    });
    file
}

/// Queues a block of audio and packets, one a millisecond.
fn write(file: &mut RecordingFile, numbers: std::ops::Range<u64>) {
    let audio = Block::coded(SampleFormat::Pcm16, 400, pattern(1, 800));
    assert!(file.write(audio).is_ok());
    let packets: Vec<_> = numbers.map(|n| (n, packet(n))).collect();
    let packets = packets
        .iter()
        .map(|(n, bytes)| (Leg::Remote, n * 1_000_000 + 7, &bytes[..]));
    file.write_raw(packets);
}

/// The file of packets of a published recording, which its manifest describes.
fn raw_of(fixture: &StorageFixture, published: &Manifest) -> Vec<u8> {
    let raw = published.raw.as_ref().expect("packets were kept");
    assert_eq!(raw.file, published.file.replace(".wav", ".pcapng"));
    check_raw(fixture, published)
}

fn check_raw(fixture: &StorageFixture, published: &Manifest) -> Vec<u8> {
    let raw = published.raw.as_ref().expect("packets were kept");
    let bytes = fs::read(fixture.path(&raw.file)).expect("a file");
    let whole = whole_blocks(&bytes);
    assert_eq!((whole.bytes, whole.packets), (bytes.len(), raw.packets));
    assert_eq!(
        recording_id(&bytes).map(|id| id.to_string()).as_ref(),
        Some(&published.id)
    );
    assert_eq!(raw.bytes, bytes.len() as u64);
    assert_eq!(raw.digest, digest(&bytes));
    bytes
}

fn names_with(fixture: &StorageFixture, text: &str) -> Vec<String> {
    let all = fixture.names_below("sub").into_iter();
    all.filter(|name| name.contains(text)).collect()
}

fn archive(fixture: &StorageFixture) -> callrec::storage::archive::Archive {
    let archive = fixture.store.archive().expect("an archive");
    assert!(archive.scan().is_empty());
    archive
}

#[test]
fn packets_are_published_beside_the_audio_and_removed_with_it() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..10);
    fixture.wait_until_idle();
    assert_eq!(names_with(&fixture, "pcapng"), ["call.pcapng.part"]);
    write(&mut file, 10..30);
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_manifest_matches_file(&fixture, &published);
    let raw = raw_of(&fixture, &published);
    assert_eq!(
        published.raw.as_ref().map(|raw| (raw.packets, raw.dropped)),
        Some((30, 0))
    );
    for n in 0..30u64 {
        // The high half of the time precedes the low one.
        let ns = OFFSET_NS as u64 + n * 1_000_000 + 7;
        let time = [((ns >> 32) as u32).to_le_bytes(), (ns as u32).to_le_bytes()].concat();
        assert!(
            raw.windows(8).any(|window| window == time),
            "the time of packet {n}"
        );
        let text = packet(n);
        assert!(raw.windows(text.len()).any(|window| window == text), "packet {n}");
    }
    fixture.settle(id);
    let archive = archive(&fixture);
    let (total, _) = archive.select(|_| true, 0, None, || true);
    assert_eq!(total, 1, "the packets are no recording of their own");
    assert_deletes(&fixture, id);
    assert!(
        fixture.names_below("sub").is_empty(),
        "{:?}",
        fixture.names_below("sub")
    );
}

fn assert_deletes(fixture: &StorageFixture, id: Uuid) {
    let done = fixture.store.delete(id, None, true, String::new());
    assert_eq!(done.expect("deleted"), DeletionResult::Deleted);
}

/// Another program's file must not be replaced or removed.
#[test]
fn a_file_of_another_owner_keeps_its_name() {
    let fixture = StorageFixture::new();
    let directory = fixture.path("sub");
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("call.pcapng"), "somebody's capture").expect("written");
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..5);
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.file, "sub/call-2.wav");
    raw_of(&fixture, &published);
    fixture.settle(id);
    assert_deletes(&fixture, id);
    let left = fs::read(directory.join("call.pcapng")).expect("there");
    assert_eq!(
        (left, fixture.names_below("sub").len()),
        (b"somebody's capture".to_vec(), 1)
    );
}

#[test]
fn a_recording_without_packets_has_no_file_of_packets() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..0);
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.raw, None);
    assert!(names_with(&fixture, "pcapng").is_empty());
}

/// The disk refuses writes before the file has its header, for a while or until the recording ends.
#[test]
fn a_file_whose_first_writes_are_refused_goes_on_or_is_removed() {
    for (passes, reason) in [
        (true, EndReason::Stopped),
        (false, EndReason::Stopped),
        (false, EndReason::Discarded),
    ] {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let mut file = begin(&fixture, id);
        fixture.set_fault(|step| match step {
            FaultPoint::WriteRaw => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        });
        write(&mut file, 0..10);
        fixture.wait_until_idle();
        assert_eq!(names_with(&fixture, "pcapng"), ["call.pcapng.part"]);
        if passes {
            fixture.clear_faults();
        }
        write(&mut file, 10..20);
        fixture.wait_until_idle();
        file.finish(ended(id, reason), reason == EndReason::Stopped);
        let (published, _) = fixture.published(id);
        fixture.clear_faults();
        assert_ne!(published.state, "failed");
        let raw = published.raw.clone().map(|raw| (raw.packets, raw.dropped));
        match (passes, reason) {
            (true, _) => {
                assert_eq!(raw, Some((10, 10)));
                raw_of(&fixture, &published);
            }
            (false, EndReason::Discarded) => assert_eq!(fixture.names_below("sub"), [""; 0]),
            (false, _) => {
                assert_eq!(raw, Some((0, 20)));
                assert_eq!(published.raw.map(|raw| raw.file).as_deref(), Some(""));
                assert!(names_with(&fixture, "pcapng").is_empty());
            }
        }
    }
}

/// At each step from the first packets to the report of the end, on each kind of file system.
#[test]
fn a_kill_at_any_step_loses_no_packet_that_was_written() {
    for system in FILE_SYSTEMS {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let steps = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let (from, to) = (fixture.directory.0.clone(), Arc::clone(&steps));
        fixture.set_fault(move |step| {
            let copy = ScratchDir::new();
            copy_tree(&from, &copy);
            to.lock().push((step, copy));
            system.check(step)
        });
        let mut file = begin(&fixture, id);
        write(&mut file, 0..10);
        fixture.wait_until_idle();
        let live = steps.lock().len();
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        fixture.wait_until_idle();
        fixture.clear_faults();
        let steps = std::mem::take(&mut *steps.lock());
        for wanted in [FaultPoint::CreateRaw, FaultPoint::WriteRaw, FaultPoint::RenameRaw] {
            assert!(steps.iter().any(|(step, _)| *step == wanted), "{wanted:?}");
        }
        for (n, (step, copy)) in steps.into_iter().enumerate() {
            faults::set(&copy.0, Arc::new(move |step| system.check(step)));
            let fixture = StorageFixture::open_in(copy);
            fixture.wait_until_idle();
            let found = fixture.report.read(|reports| reports.published.get(&id).cloned());
            let name = format!("{system:?}, step {n}: {step:?}, {:?}", tree(&fixture.directory));
            if n >= live {
                let (published, _) = found.unwrap_or_else(|| panic!("{name}"));
                assert_eq!(published.raw.as_ref().map(|raw| raw.packets), Some(10), "{name}");
                raw_of(&fixture, &published);
                assert_eq!(fixture.names_below("sub").len(), 3, "{name}");
            } else {
                let files = fixture.names_below("sub").len();
                let expected = match found {
                    Some((Manifest { raw: Some(_), .. }, _)) => 3,
                    Some(_) => 2,
                    None => 0,
                };
                assert_eq!(files, expected, "{name}");
            }
            faults::clear(&fixture.directory.0);
        }
    }
}

#[test]
fn recovery_cuts_a_file_after_its_last_whole_block() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..3);
    fixture.wait_until_idle();
    let part = fs::read(fixture.path("sub/call.pcapng.part")).expect("there");
    for cut in 0..=part.len() {
        let copy = ScratchDir::new();
        copy_tree(&fixture.directory.0, &copy);
        fs::write(copy.join("sub/call.pcapng.part"), &part[..cut]).expect("written");
        let torn = StorageFixture::open_in(copy);
        let (published, _) = torn.published(id);
        let packets = whole_blocks(&part[..cut]).packets;
        match packets {
            0 => {
                assert_eq!(published.raw, None, "cut at {cut}");
                assert!(names_with(&torn, "pcapng").is_empty(), "cut at {cut}");
            }
            packets => {
                raw_of(&torn, &published);
                assert_eq!(
                    published.raw.map(|raw| raw.packets),
                    Some(packets),
                    "cut at {cut}"
                );
            }
        }
        assert!(published.recovered);
    }
}

/// Publishing by link is interrupted by a power cut, which also takes the content.
#[test]
fn a_second_name_of_packets_without_a_header_is_removed() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..3);
    fixture.wait_until_idle();
    let part = fs::read(fixture.path("sub/call.pcapng.part")).expect("there");
    for (content, packets) in [(Vec::new(), 0), (vec![0; part.len()], 0), (part, 3)] {
        for is_name_taken in [false, true] {
            let copy = ScratchDir::new();
            copy_tree(&fixture.directory.0, &copy);
            fs::write(copy.join("sub/call.pcapng.part"), &content).expect("written");
            let published = if is_name_taken {
                "sub/call-2.pcapng"
            } else {
                "sub/call.pcapng"
            };
            if is_name_taken {
                fs::write(copy.join("sub/call.pcapng"), "somebody's capture").expect("written");
            }
            fs::hard_link(copy.join("sub/call.pcapng.part"), copy.join(published)).expect("a link");
            let cut = StorageFixture::open_in(copy);
            let (recovered, _) = cut.published(id);
            assert_eq!(recovered.raw.map_or(0, |raw| raw.packets), packets);
            let own = names_with(&cut, "pcapng").len() - usize::from(is_name_taken);
            assert_eq!(own, usize::from(packets > 0), "{is_name_taken}");
        }
    }
}

#[test]
fn a_discard_removes_the_packets_also_after_a_kill() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..10);
    fixture.wait_until_idle();
    let copies = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (from, to) = (fixture.directory.0.clone(), Arc::clone(&copies));
    fixture.set_fault(move |step| {
        if matches!(step, FaultPoint::RemoveRaw | FaultPoint::RemoveAudio) {
            let copy = ScratchDir::new();
            copy_tree(&from, &copy);
            to.lock().push(copy);
        }
        Ok(())
    });
    file.finish(ended(id, EndReason::Discarded), false);
    let (published, _) = fixture.published(id);
    assert_eq!(published.raw, None);
    assert!(fixture.names_below("sub").is_empty());
    let copies = std::mem::take(&mut *copies.lock());
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let killed = StorageFixture::open_in(copy);
        let (published, _) = killed.published(id);
        assert!(published.end_reason_is(EndReason::Discarded) && published.raw.is_none());
        assert!(killed.names_below("sub").is_empty());
    }
}

/// Audio is more important than packets.
#[test]
fn packets_that_the_disk_refuses_are_counted_and_the_audio_is_whole() {
    for step in [FaultPoint::CreateRaw, FaultPoint::WriteRaw] {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let refuses = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let still = Arc::clone(&refuses);
        fixture.set_fault(
            move |reached| match reached == step && still.load(Ordering::SeqCst) {
                true => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
                false => Ok(()),
            },
        );
        let mut file = begin(&fixture, id);
        write(&mut file, 0..10);
        fixture.wait_until_idle();
        refuses.store(false, Ordering::SeqCst);
        write(&mut file, 10..15);
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        assert_eq!(published.samples, 800);
        raw_of(&fixture, &published);
        let raw = published.raw.expect("packets were kept");
        assert_eq!((raw.packets, raw.dropped), (5, 10), "{step:?}");
        let logged = |reports: &StorageReports| reports.logged.clone();
        let logged = fixture.report.read(logged);
        assert_eq!(
            logged.iter().filter(|line| line.contains("are dropped")).count(),
            1,
            "{logged:?}"
        );
    }
}

/// The audio has been deleted by somebody else.
#[test]
fn packets_without_audio_are_published_alone() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..10);
    fixture.wait_until_idle();
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory.0, &copy);
    fs::remove_file(copy.join("sub/call.wav.part")).expect("there");
    let alone = StorageFixture::open_in(copy);
    let (reported, _) = alone.published(id);
    assert!(reported.state_is(RecordingState::Failed) && reported.file.is_empty());
    check_raw(&alone, &reported);
    let raw = reported.raw.expect("packets were kept");
    assert_eq!((&*raw.file, raw.packets), ("sub/call.pcapng", 10));
    assert_eq!(alone.names_below("sub"), ["call.json", "call.pcapng"]);
    let path = alone.path("sub/call.json");
    let beside = Manifest::from_bytes(&fs::read(&path).expect("there")).expect("a manifest");
    assert!(beside.has_ended() && beside.file.is_empty() && beside.raw == Some(raw));
    callrec::storage::verify::verify(&alone.path("sub/call.pcapng")).expect("the digest");
}

/// Without its audio, a recording can be held and deleted all the same, also if another one has its name.
#[test]
fn a_recording_of_packets_alone_is_held_and_deleted() {
    for is_named_twice in [false, true] {
        let fixture = StorageFixture::new();
        let id = Uuid::new_v4();
        let mut file = begin(&fixture, id);
        write(&mut file, 0..10);
        fixture.wait_until_idle();
        fixture.store.hold_unpublished(id, true).expect("held");
        let copy = ScratchDir::new();
        copy_tree(&fixture.directory.0, &copy);
        fs::remove_file(copy.join("sub/call.wav.part")).expect("there");
        if is_named_twice {
            fs::write(copy.join("sub/call.json"), "of somebody else").expect("written");
        }
        let alone = StorageFixture::open_in(copy);
        let (reported, _) = alone.published(id);
        alone.settle(id);
        let raw = reported.raw.expect("packets were kept");
        assert!(alone.path(&raw.file).exists(), "{raw:?}");
        let delete = || {
            alone
                .store
                .delete(id, None, true, "\"line\":1".to_owned())
                .expect("looked")
        };
        assert_eq!(delete(), DeletionResult::Held);
        {
            let _turn = alone.store.turn(id);
            assert!(alone.store.hold_published(id, None, false).expect("released"));
        }
        assert_eq!(delete(), DeletionResult::Deleted);
        let left = alone.names_below("sub");
        assert_eq!(left.len(), usize::from(is_named_twice), "{left:?}");
        assert_eq!(delete(), DeletionResult::NotFound);
    }
}

/// Recovery may be killed anywhere while it publishes packets alone.
#[test]
fn packets_are_published_alone_after_a_kill_at_any_step() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..10);
    fixture.wait_until_idle();
    let left = ScratchDir::new();
    copy_tree(&fixture.directory.0, &left);
    fs::remove_file(left.join("sub/call.wav.part")).expect("there");
    for kill in 0.. {
        let copy = ScratchDir::new();
        copy_tree(&left, &copy);
        let (_, ended) = child(Format::WAV, "recover", &copy.0, kill);
        let alone = StorageFixture::open_in(copy);
        let (reported, _) = alone.published(id);
        assert!(
            reported.state_is(RecordingState::Failed),
            "kill {kill}: {reported:?}"
        );
        alone.settle(id);
        assert_eq!(
            alone.names_below("sub"),
            ["call.json", "call.pcapng"],
            "kill {kill}"
        );
        let raw = reported.raw.expect("packets were kept");
        assert_eq!((&*raw.file, raw.packets), ("sub/call.pcapng", 10), "kill {kill}");
        if ended {
            assert!(kill > 8, "only {kill} steps");
            break;
        }
    }
}

#[test]
fn a_directory_with_few_handles_and_syncs_keeps_packets() {
    for durability in [Durability::Finish, Durability::Power] {
        let mut config = config();
        config.durability = durability;
        config.max_open_files = 1;
        let fixture = StorageFixture::open_with(ScratchDir::new(), config);
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
        let mut files: Vec<_> = ids
            .iter()
            .map(|id| begin_as(&fixture, *id, &format!("sub/{id}")))
            .collect();
        for round in 0..5 {
            for file in &mut files {
                write(file, 10 * round..10 * round + 10);
            }
            fixture.wait_until_idle();
        }
        for (id, file) in ids.iter().zip(files) {
            file.finish(ended(*id, EndReason::Stopped), true);
            let (published, _) = fixture.published(*id);
            raw_of(&fixture, &published);
            assert_eq!(published.raw.map(|raw| (raw.packets, raw.dropped)), Some((50, 0)));
        }
    }
}

/// While the disk is stuck, packets do not take the place of audio.
#[test]
fn packets_beyond_their_backlog_are_dropped_and_audio_is_not() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    write(&mut file, 0..1);
    fixture.wait_until_idle();
    let gate = Arc::new(Gate::new_shut());
    let stuck = Arc::clone(&gate);
    fixture.set_fault(move |step| {
        if step == FaultPoint::Serve {
            stuck.pass();
        }
        Ok(())
    });
    let large = vec![0x18; 1400];
    for _ in 0..10 {
        write(&mut file, 1..2);
        let packets = (0..500).map(|n| (Leg::Local, n, &large[..]));
        file.write_raw(packets);
    }
    gate.open();
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.samples, 11 * 400, "all audio");
    raw_of(&fixture, &published);
    let raw = published.raw.expect("packets were kept");
    assert_eq!(raw.packets + raw.dropped, 11 + 5000);
    // 4 MiB hold five blocks of 500 packets, and the small ones.
    assert_eq!(raw.dropped, 2500);
}
