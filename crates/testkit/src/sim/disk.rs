//! A simulated disk: in memory, slow, full, failing or gone as the simulation wants it. What
//! the engine sees of it stands in `files.rs`.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callrec_core::clock::Clock;
use callrec_core::task::{Answer, Next};

use super::clock::SimClock;
use super::tree::{Node, Tree};
use super::troubles::{DiskOperation, DiskTrouble, TroubleKind};
use super::turns::Turns;
use crate::random::SeededRng;

/// What a call is about.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    Name(&'a str),
    Node(Node),
}

/// When a call is made, and how much of it is done.
#[derive(Clone, Copy)]
pub struct Extent {
    pub now_ns: u64,
    per_mille: u64,
    /// The disk refuses it.
    pub is_refused: bool,
}

impl Extent {
    const WHOLE: u64 = 1000;

    pub fn is_whole(self) -> bool {
        self.per_mille == Extent::WHOLE
    }

    /// Of so many bytes, how many are written.
    pub fn of(self, bytes: usize) -> usize {
        (bytes as u64 * self.per_mille / Extent::WHOLE) as usize
    }
}

/// What not every file system can do.
#[derive(Clone, Copy)]
pub struct Abilities {
    /// Renaming that never replaces anything.
    pub exclusive_renames: bool,
    /// Second names.
    pub links: bool,
}

impl Abilities {
    pub fn any(rng: &mut SeededRng) -> Abilities {
        let exclusive_renames = rng.chance(70);
        Abilities {
            exclusive_renames,
            links: exclusive_renames || rng.chance(50),
        }
    }
}

struct DiskState {
    tree: Tree,
    abilities: Abilities,
    rng: SeededRng,
    troubles: Vec<DiskTrouble>,
    turns: Turns,
    locked: bool,
    /// How many calls there were in this process.
    calls: u64,
    /// The process dies in this one.
    dies_at: u64,
    /// The disk has refused to sync a directory in this process.
    refused_names: bool,
    /// It has refused to remove a name.
    refused_removal: bool,
}

impl DiskState {
    /// Whether a trouble of the disk refuses a call, and how.
    fn refusal(&mut self, operation: DiskOperation, now_ns: u64) -> Option<io::Error> {
        let is_on = |trouble: &&DiskTrouble| trouble.from_ns <= now_ns && now_ns < trouble.to_ns;
        for trouble in self.troubles.iter().filter(is_on) {
            match trouble.kind {
                TroubleKind::Fails(of, error, percent) if of == operation && self.rng.chance(percent) => {
                    return Some(io::Error::from_raw_os_error(error));
                }
                TroubleKind::Full if matches!(operation, DiskOperation::Write | DiskOperation::Create) => {
                    return Some(io::ErrorKind::StorageFull.into());
                }
                _ => {}
            }
        }
        None
    }
}

/// A disk, as one process after another uses it.
#[derive(Clone)]
pub struct SimDisk {
    clock: Arc<SimClock>,
    state: Arc<Mutex<DiskState>>,
    /// Handles of a process that has died are of no use.
    process: u64,
    current: Arc<Mutex<u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    pub fn new(clock: Arc<SimClock>, mut rng: SeededRng, troubles: Vec<DiskTrouble>) -> SimDisk {
        let state = DiskState {
            tree: Tree::default(),
            abilities: Abilities::any(&mut rng),
            rng,
            troubles,
            turns: Turns::default(),
            locked: false,
            calls: 0,
            dies_at: u64::MAX,
            refused_names: false,
            refused_removal: false,
        };
        SimDisk {
            clock,
            state: Arc::new(Mutex::new(state)),
            process: 0,
            current: Arc::default(),
        }
    }

    /// The disk as the next process gets it. Whatever an earlier one still does is of no
    /// effect. `dies_at`: the process dies in that call; `u64::MAX`: it does not.
    pub fn next_process(&mut self, dies_at: u64) {
        let mut current = lock(&self.current);
        *current += 1;
        self.process = *current;
        let mut state = lock(&self.state);
        (state.locked, state.calls, state.dies_at) = (false, 0, dies_at);
        (state.refused_names, state.refused_removal) = (false, false);
        let now_ns = self.clock.now_ns();
        let is_back = |trouble: &DiskTrouble| trouble.kind == TroubleKind::Moved && trouble.from_ns <= now_ns;
        state.troubles.retain(|trouble| !is_back(trouble));
        state.turns.begin_process();
    }

    /// Whether the path of the directory names another one.
    pub fn is_moved(&self) -> bool {
        let now_ns = self.clock.now_ns();
        let moves = |trouble: &DiskTrouble| {
            trouble.kind == TroubleKind::Moved && trouble.from_ns <= now_ns && now_ns < trouble.to_ns
        };
        lock(&self.state).troubles.iter().any(moves)
    }

    /// The process has opened the directory, and takes steps from here on.
    pub fn begin_steps(&self) {
        lock(&self.state).turns.begin_steps();
    }

    /// A step has ended.
    pub fn end_step(&self) {
        lock(&self.state).turns.end_step();
    }

    /// What was done to this disk that must not be, in words.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.state).turns.without().to_vec()
    }

    /// Whether the process has come to the call that it dies in.
    pub fn has_died(&self) -> bool {
        let state = lock(&self.state);
        state.calls >= state.dies_at
    }

    /// Whether it has refused to sync a directory in this process.
    pub fn has_refused_names(&self) -> bool {
        lock(&self.state).refused_names
    }

    /// Whether it has refused to remove a name in this process.
    pub fn has_refused_removal(&self) -> bool {
        lock(&self.state).refused_removal
    }

    /// The process is dead from here on.
    pub fn kill(&self) {
        let mut state = lock(&self.state);
        state.dies_at = state.calls;
    }

    /// The power goes, and the process with it.
    pub fn cut_power(&self) {
        self.kill();
        let mut state = lock(&self.state);
        let mut rng = SeededRng::new(state.rng.next_u64());
        state.tree.cut_power(&mut rng);
    }

    /// No more troubles: what is left is to be recovered from.
    pub fn heal(&self) {
        lock(&self.state).troubles.clear();
    }

    /// Puts a file there, as if somebody had done so long ago.
    pub fn put_file(&self, path: &[&str], data: &[u8]) {
        lock(&self.state).tree.put_file(path, data);
    }

    /// Nothing is on it any more.
    pub fn clear(&self) {
        lock(&self.state).tree = Tree::default();
    }

    /// The bytes of all files, by path.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = lock(&self.state);
        let files = state.tree.all_files().into_iter();
        files.map(|(path, data)| (path, data.to_vec())).collect()
    }

    fn dead() -> io::Error {
        io::Error::other("the process is dead")
    }

    /// One call: whether it works, and what it does.
    pub fn call<T>(
        &self,
        operation: DiskOperation,
        on: Subject<'_>,
        act: impl FnOnce(&mut Tree, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.state);
        if *lock(&self.current) != self.process || state.calls >= state.dies_at {
            return Err(SimDisk::dead());
        }
        state.calls += 1;
        let now_ns = self.clock.now_ns();
        let dies = state.calls >= state.dies_at;
        let DiskState { rng, tree, turns, .. } = &mut *state;
        turns.note_call(|| match on {
            Subject::Name(name) => format!("{operation:?} of \"{name}\""),
            Subject::Node(node) => format!("{operation:?} of \"{}\"", tree.name_of(node)),
        });
        let mut extent = Extent {
            now_ns,
            per_mille: Extent::WHOLE,
            is_refused: false,
        };
        if dies {
            // Nobody hears of what it did.
            match rng.below(3) {
                0 => return Err(SimDisk::dead()),
                1 => extent.per_mille = rng.below(Extent::WHOLE),
                _ => {}
            }
            let _ = act(tree, extent);
            return Err(SimDisk::dead());
        }
        let Some(refused) = state.refusal(operation, now_ns) else {
            return act(&mut state.tree, extent);
        };
        state.refused_removal |= operation == DiskOperation::Remove;
        if let (DiskOperation::Sync, Subject::Node(node)) = (operation, on) {
            state.refused_names |= state.tree.is_directory(node);
        }
        if operation == DiskOperation::Write {
            extent.per_mille = state.rng.below(Extent::WHOLE);
            extent.is_refused = true;
            let _ = act(&mut state.tree, extent);
        }
        Err(refused)
    }

    pub fn abilities(&self) -> Abilities {
        lock(&self.state).abilities
    }

    /// Whether the directory has such an entry.
    pub fn is_there(&self, directory: Node, name: &str) -> bool {
        lock(&self.state).tree.find(directory, name).is_ok()
    }

    /// When a file was last written to.
    pub fn modified(&self, node: Node) -> Option<SystemTime> {
        let at_ns = lock(&self.state).tree.modified_ns(node).ok()?;
        let now_ns = self.clock.now_ns();
        let unix_ms = self.clock.unix_ms() as u64 - (now_ns.saturating_sub(at_ns)) / 1_000_000;
        Some(UNIX_EPOCH + Duration::from_millis(unix_ms))
    }

    /// Locks the storage directory; `false`: it is locked.
    pub fn lock_root(&self) -> bool {
        !std::mem::replace(&mut lock(&self.state).locked, true)
    }

    /// The lock of a dead process is gone already.
    pub fn unlock_root(&self) {
        if *lock(&self.current) == self.process {
            lock(&self.state).locked = false;
        }
    }

    /// A call is begun; answers its ticket.
    pub fn announce(&self) -> u64 {
        let now_ns = self.clock.now_ns();
        let mut state = lock(&self.state);
        let mut takes_ns = match state.rng.below(20) {
            0 => state.rng.below(5_000_000),
            1..=5 => state.rng.below(500_000),
            _ => 0,
        };
        for trouble in &state.troubles {
            if trouble.from_ns <= now_ns && now_ns < trouble.to_ns {
                match trouble.kind {
                    TroubleKind::Hangs => takes_ns = takes_ns.max(trouble.to_ns - now_ns),
                    TroubleKind::Slow(ns) => takes_ns += ns,
                    _ => {}
                }
            }
        }
        state.turns.announce(now_ns + takes_ns)
    }

    /// Whether the call of this ticket is due.
    pub fn ask(&self, ticket: u64) -> Answer<io::Result<()>> {
        let asked = lock(&self.state).turns.ask(ticket, self.clock.now_ns());
        match asked {
            Ok(()) => Answer::Ready(Ok(())),
            Err(due_ns) => Answer::AskAgain(Next::At(self.clock.instant(due_ns))),
        }
    }
}
