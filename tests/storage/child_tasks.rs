//! The tasks of child processes, which are killed or which abort.

use super::*;

/// The ways in which a file system can rename a file without overwriting another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystemKind {
    RenamesExclusively,
    HasHardLinks,
    HasNeither,
}

pub const FILE_SYSTEMS: [FileSystemKind; 3] = [
    FileSystemKind::RenamesExclusively,
    FileSystemKind::HasHardLinks,
    FileSystemKind::HasNeither,
];

impl FileSystemKind {
    pub fn task(self, task: &str) -> String {
        match self {
            FileSystemKind::RenamesExclusively => task.to_owned(),
            FileSystemKind::HasHardLinks => format!("{task} by link"),
            FileSystemKind::HasNeither => format!("{task} by reservation"),
        }
    }

    pub fn of(task: &str) -> FileSystemKind {
        match task.split_once(" by ") {
            None => FileSystemKind::RenamesExclusively,
            Some((_, "link")) => FileSystemKind::HasHardLinks,
            Some(_) => FileSystemKind::HasNeither,
        }
    }

    /// The errors of `vfat` and of file systems without exclusive renames.
    pub fn check(self, step: FaultPoint) -> io::Result<()> {
        let refused = match step {
            FaultPoint::RenameNew if self != FileSystemKind::RenamesExclusively => libc::EINVAL,
            FaultPoint::Link if self == FileSystemKind::HasNeither => libc::EPERM,
            _ => return Ok(()),
        };
        Err(io::Error::from_raw_os_error(refused))
    }
}

pub fn abort_at(directory: &Path, number: usize, system: FileSystemKind) {
    abort_at_gated(&Arc::default(), directory, number, system);
}

/// Like [`abort_at`], with a gate in front of the writers. While the gate is shut, operations
/// are queued, so that a writer gets them all at once, whatever the order of the threads.
pub fn abort_at_gated(gate: &Arc<Gate>, directory: &Path, number: usize, system: FileSystemKind) {
    let (steps, gate) = (AtomicUsize::new(0), gate.clone());
    faults::set(
        directory,
        Arc::new(move |step| {
            if step == FaultPoint::Serve {
                gate.pass();
            }
            if steps.fetch_add(1, Ordering::SeqCst) == number {
                std::process::abort();
            }
            system.check(step)
        }),
    );
}

/// Takes the lock of version 0.1.0, and then opens the directory.
#[cfg(target_os = "linux")]
pub fn child_locks_records(directory: &Path) {
    use nix::fcntl::{FcntlArg, fcntl};
    let options = fs::OpenOptions::new().read(true).write(true).to_owned();
    let file = options.open(directory.join(".callrec/lock")).expect("there");
    let whole_file = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let locked = fcntl(&file, FcntlArg::F_SETLK(&whole_file));
    let config = StorageConfig::new(directory.to_str().expect("UTF-8"));
    let opened = Store::open(config, &Platform::system(), Arc::new(StorageReport::default()));
    print_line(&format!(
        "{locked:?}, opens {:?}",
        opened.err().map(|error| error.status)
    ));
}

pub fn child_aborts_while_live(directory: &Path, format: Format, calls: usize) {
    let fixture = StorageFixture::open_in(ScratchDir(directory.to_owned())).with_format(format);
    let mut files = Vec::new();
    for at in 1..=calls {
        let id = Uuid::from_u128(at as u128);
        let mut file = fixture.begin(id, &format!("sub/{id}"));
        write_three_blocks(&mut file, format);
        let mut paused = manifest(id);
        paused.lost_ms = 11;
        paused.settled_frames = 900;
        paused.legs = vec![local_leg()];
        paused.spans.push(SpanEntry {
            kind: "pause".into(),
            from_frame: 900,
            ..SpanEntry::default()
        });
        file.update_manifest(fixed(paused), 1);
        files.push(file);
    }
    fixture
        .report
        .wait_until(|reports| reports.updated.len() == calls);
    std::process::abort();
}

/// A leg in the manifest of a checkpoint.
pub fn local_leg() -> LegEntry {
    LegEntry {
        leg: "local".into(),
        packets: 5,
        handed_ms: 121,
        audio_ms: 110,
        missing_ms: 2,
        dropped_ms: Reasons::from([("late".into(), 9)]),
        outside_ms: Reasons::from([("paused".into(), 2)]),
        codecs: vec!["PCMA/8000".into()],
        ..LegEntry::default()
    }
}

/// Writes three blocks and settles most of the second.
fn write_three_blocks(file: &mut ByteFile, format: Format) {
    file.shape(format, 8000, 1);
    for block in 0..3 {
        file.write(pattern(block, 800)).expect("backlog space");
        file.settled([0, 1400, 1400][block]);
    }
}

/// Records three recordings: one is kept, one is discarded, and one stays live.
pub fn child_record(directory: &Path, format: Format, kill: usize, system: FileSystemKind) {
    abort_at(directory, kill, system);
    let fixture = StorageFixture::printing(ScratchDir(directory.to_owned())).with_format(format);
    for at in 1..=3u128 {
        let id = Uuid::from_u128(at);
        let mut file = fixture.begin(id, "sub/call");
        write_three_blocks(&mut file, format);
        file.update_manifest(fixed(manifest(id)), 1);
        fixture
            .report
            .wait_until(|reports| reports.updated.contains(&(id, 1)));
        match at {
            1 => file.finish(ended(id, EndReason::Stopped), true),
            2 => file.finish(ended(id, EndReason::Discarded), false),
            _ => {
                std::mem::forget(file);
                continue;
            }
        }
        fixture.published(id);
        fixture.settle(id);
        print_line(&format!("settled {id}"));
    }
    std::process::exit(0);
}
