//! What tests run in a process of its own, to be killed there.

use super::*;

/// What a file system can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    RenamesExclusively,
    HasHardLinks,
    HasNeither,
}

pub const SYSTEMS: [System; 3] = [
    System::RenamesExclusively,
    System::HasHardLinks,
    System::HasNeither,
];

impl System {
    pub fn task(self, task: &str) -> String {
        match self {
            System::RenamesExclusively => task.to_owned(),
            System::HasHardLinks => format!("{task} by link"),
            System::HasNeither => format!("{task} by reservation"),
        }
    }

    pub fn of(task: &str) -> System {
        match task.split_once(" by ") {
            None => System::RenamesExclusively,
            Some((_, "link")) => System::HasHardLinks,
            Some(_) => System::HasNeither,
        }
    }

    /// Answers as `vfat` does, and as file systems do that know no such renaming.
    pub fn allows(self, step: FaultPoint) -> io::Result<()> {
        let refused = match step {
            FaultPoint::RenameNew if self != System::RenamesExclusively => libc::EINVAL,
            FaultPoint::Link if self == System::HasNeither => libc::EPERM,
            _ => return Ok(()),
        };
        Err(io::Error::from_raw_os_error(refused))
    }
}

pub fn abort_at(directory: &Path, number: usize, system: System) {
    abort_at_behind(&Arc::default(), directory, number, system);
}

/// The same, with a gate before the writers. While that is shut, what is queued waits, and
/// comes to a writer at once, however the threads run.
pub fn abort_at_behind(gate: &Arc<Gate>, directory: &Path, number: usize, system: System) {
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
            system.allows(step)
        }),
    );
}

/// Takes the lock of version 0.1.0, and then opens the directory.
#[cfg(target_os = "linux")]
pub fn child_locks_records(directory: &Path) {
    use nix::fcntl::{FcntlArg, fcntl};
    let options = fs::OpenOptions::new().read(true).write(true).to_owned();
    let file = options.open(directory.join(".callrec/lock")).expect("there");
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let locked = fcntl(&file, FcntlArg::F_SETLK(&whole));
    let config = StorageConfig::new(directory.to_str().expect("UTF-8"));
    let opened = Store::open(config, &Platform::system(), Arc::new(StorageReport::default()));
    print_line(&format!(
        "{locked:?}, opens {:?}",
        opened.err().map(|error| error.status)
    ));
}

pub fn child_live(directory: &Path, format: Format, calls: usize) {
    let fixture = StorageFixture::open_in(ScratchDir(directory.to_owned())).with_format(format);
    let mut files = Vec::new();
    for at in 1..=calls {
        let id = Uuid::from_u128(at as u128);
        let mut file = fixture.begin(id, &format!("sub/{id}"));
        write_three(&mut file, format);
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
    fixture.report.wait_until(|seen| seen.marked.len() == calls);
    std::process::abort();
}

/// What a checkpoint says of a leg.
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

/// Most of the second block is settled.
fn write_three(file: &mut ByteFile, format: Format) {
    file.shape(format, 8000, 1);
    for block in 0..3 {
        file.write(pattern(block, 800)).expect("room");
        file.settled([0, 1400, 1400][block]);
    }
}

/// One kept, one discarded, one still live.
pub fn child_record(directory: &Path, format: Format, kill: usize, system: System) {
    abort_at(directory, kill, system);
    let fixture = StorageFixture::printing(ScratchDir(directory.to_owned())).with_format(format);
    for at in 1..=3u128 {
        let id = Uuid::from_u128(at);
        let mut file = fixture.begin(id, "sub/call");
        write_three(&mut file, format);
        file.update_manifest(fixed(manifest(id)), 1);
        fixture.report.wait_until(|seen| seen.marked.contains(&(id, 1)));
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
