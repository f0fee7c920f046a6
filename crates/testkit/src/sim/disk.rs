//! A simulated disk in memory, which can be slow, full, failing or dead. `files.rs` has the
//! interface that the engine sees.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callrec_core::clock::Clock;
use callrec_core::task::{NextStep, Readiness};

use super::clock::SimClock;
use super::tree::{Node, Tree};
use super::troubles::{DiskOperation, DiskTrouble, TroubleKind};
use super::turns::Turns;
use crate::random::SeededRng;

/// The subject of a call.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    Name(&'a str),
    Node(Node),
}

/// The time of a call, and how much of it takes effect.
#[derive(Clone, Copy)]
pub struct Extent {
    pub now_ns: u64,
    per_mille: u64,
    /// The disk refuses the call.
    pub is_refused: bool,
}

impl Extent {
    const WHOLE: u64 = 1000;

    pub fn is_whole(self) -> bool {
        self.per_mille == Extent::WHOLE
    }

    /// How many of these bytes are written.
    pub fn of(self, bytes: usize) -> usize {
        (bytes as u64 * self.per_mille / Extent::WHOLE) as usize
    }
}

/// Features that not every file system has.
#[derive(Clone, Copy)]
pub struct Abilities {
    /// Renames that never replace a file.
    pub exclusive_renames: bool,
    /// Hard links.
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
    /// The number of calls in this process.
    calls: u64,
    /// The number of the call in which the process dies.
    dies_at: u64,
    /// The disk has refused to sync a directory in this process.
    refused_names: bool,
    /// The disk has refused to remove a name in this process.
    refused_removal: bool,
}

impl DiskState {
    /// The error with which a trouble refuses a call.
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

/// A disk that one process after the other uses.
#[derive(Clone)]
pub struct SimDisk {
    clock: Arc<SimClock>,
    state: Arc<Mutex<DiskState>>,
    /// The process of this handle. Handles of dead processes fail.
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

    /// Hands the disk to the next process. Calls of earlier processes have no effect. `dies_at`: the
    /// call in which the process dies; `u64::MAX` for none.
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

    /// Whether the path of the directory names another directory.
    pub fn is_moved(&self) -> bool {
        let now_ns = self.clock.now_ns();
        let moves = |trouble: &DiskTrouble| {
            trouble.kind == TroubleKind::Moved && trouble.from_ns <= now_ns && now_ns < trouble.to_ns
        };
        lock(&self.state).troubles.iter().any(moves)
    }

    /// Notes that the process has opened the directory, and takes steps from now on.
    pub fn begin_steps(&self) {
        lock(&self.state).turns.begin_steps();
    }

    /// Notes that a step has ended.
    pub fn end_step(&self) {
        lock(&self.state).turns.end_step();
    }

    /// Calls that were not allowed.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.state).turns.without().to_vec()
    }

    /// Whether the process has reached the call in which it dies.
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

    /// Kills the process.
    pub fn kill(&self) {
        let mut state = lock(&self.state);
        state.dies_at = state.calls;
    }

    /// Cuts the power, which also kills the process.
    pub fn cut_power(&self) {
        self.kill();
        let mut state = lock(&self.state);
        let mut rng = SeededRng::new(state.rng.next_u64());
        state.tree.cut_power(&mut rng);
    }

    /// Ends all troubles.
    pub fn end_troubles(&self) {
        lock(&self.state).troubles.clear();
    }

    /// Adds a file, as if it had been there for a long time.
    pub fn put_file(&self, path: &[&str], data: &[u8]) {
        lock(&self.state).tree.put_file(path, data);
    }

    /// Removes everything.
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

    /// Makes one call, with its failures.
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
            // The dead process does not see the result.
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

    /// Whether the directory has this entry.
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
    pub fn ask(&self, ticket: u64) -> Readiness<io::Result<()>> {
        let asked = lock(&self.state).turns.ask(ticket, self.clock.now_ns());
        match asked {
            Ok(()) => Readiness::Ready(Ok(())),
            Err(due_ns) => Readiness::Pending(NextStep::At(self.clock.instant(due_ns))),
        }
    }
}
