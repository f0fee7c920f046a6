//! A simulated disk: in memory, slow, full, failing or gone as the simulation wants it.

use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callrec_core::clock::Clock;
use callrec_core::storage::disk::{DirEntry, DirPlace, Disk, DiskDir, DiskFile, DiskLock, Identity, Owner};
use callrec_core::task::{Answer, Next};

use super::clock::SimClock;
use super::tree::{Node, ROOT, Tree};
use super::turns::Turns;
use crate::random::Dice;

/// What can be asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Open,
    Create,
    Read,
    Write,
    Sync,
    Rename,
    Remove,
    List,
    FreeRoom,
}

/// For how long the disk goes wrong, and how.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub from_ns: u64,
    pub to_ns: u64,
    pub kind: TroubleKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Every call takes until the trouble is over.
    Hangs,
    /// Every call takes so long.
    Slow(u64),
    /// So many percent of the calls of this kind fail, with this error of the system.
    Fails(Operation, i32, u64),
    /// No byte more can be written.
    Full,
    /// The path of the directory names another one, until the next process opens it.
    Moved,
}

/// What a call is about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Name(&'a str),
    Node(Node),
}

struct State {
    tree: Tree,
    dice: Dice,
    troubles: Vec<Trouble>,
    turns: Turns,
    locked: bool,
    /// How many calls there were in this process.
    calls: u64,
    /// The process dies before this one.
    dies_at: u64,
}

/// A disk, as one process after another uses it.
#[derive(Clone)]
pub struct SimDisk {
    clock: Arc<SimClock>,
    state: Arc<Mutex<State>>,
    /// Handles of a process that has died are of no use.
    process: u64,
    current: Arc<Mutex<u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    pub fn new(clock: Arc<SimClock>, dice: Dice, troubles: Vec<Trouble>) -> SimDisk {
        let state = State {
            tree: Tree::default(),
            dice,
            troubles,
            turns: Turns::default(),
            locked: false,
            calls: 0,
            dies_at: u64::MAX,
        };
        SimDisk {
            clock,
            state: Arc::new(Mutex::new(state)),
            process: 0,
            current: Arc::default(),
        }
    }

    /// The disk as the next process gets it. Whatever an earlier one still does is of no
    /// effect. `dies_at`: the process dies before that call; `u64::MAX`: it does not.
    pub fn next_process(&mut self, dies_at: u64) {
        let mut current = lock(&self.current);
        *current += 1;
        self.process = *current;
        let mut state = lock(&self.state);
        (state.locked, state.calls, state.dies_at) = (false, 0, dies_at);
        let now_ns = self.clock.now_ns();
        let is_back = |trouble: &Trouble| trouble.kind == TroubleKind::Moved && trouble.from_ns <= now_ns;
        state.troubles.retain(|trouble| !is_back(trouble));
        state.turns.begin_process();
    }

    fn is_moved(&self) -> bool {
        let now_ns = self.clock.now_ns();
        let moves = |trouble: &Trouble| {
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

    /// Whether the process has come to the call that it dies before.
    pub fn has_died(&self) -> bool {
        let state = lock(&self.state);
        state.calls >= state.dies_at
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
        let mut dice = Dice::new(state.dice.roll());
        state.tree.cut_power(&mut dice);
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
    fn call<T>(
        &self,
        operation: Operation,
        on: Subject<'_>,
        act: impl FnOnce(&mut Tree, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.state);
        if *lock(&self.current) != self.process || state.calls >= state.dies_at {
            return Err(SimDisk::dead());
        }
        state.calls += 1;
        if state.calls >= state.dies_at {
            return Err(SimDisk::dead());
        }
        let now_ns = self.clock.now_ns();
        let State {
            troubles,
            dice,
            tree,
            turns,
            ..
        } = &mut *state;
        turns.note_call(|| match on {
            Subject::Name(name) => format!("{operation:?} of \"{name}\""),
            Subject::Node(node) => format!("{operation:?} of \"{}\"", tree.name_of(node)),
        });
        for trouble in troubles
            .iter()
            .filter(|trouble| trouble.from_ns <= now_ns && now_ns < trouble.to_ns)
        {
            match trouble.kind {
                TroubleKind::Fails(of, error, percent) if of == operation && dice.chance(percent) => {
                    return Err(io::Error::from_raw_os_error(error));
                }
                TroubleKind::Full if matches!(operation, Operation::Write | Operation::Create) => {
                    return Err(io::Error::from(io::ErrorKind::StorageFull));
                }
                _ => {}
            }
        }
        act(tree, now_ns)
    }

    fn directory(&self, node: Node) -> Box<dyn DiskDir> {
        Box::new(SimDir {
            disk: self.clone(),
            node,
        })
    }

    fn file(&self, node: Node) -> Box<dyn DiskFile> {
        Box::new(SimFile {
            disk: self.clone(),
            node,
        })
    }
}

impl Disk for SimDisk {
    fn open_root(&self, _: &Path, _: bool) -> io::Result<Box<dyn DiskDir>> {
        self.call(Operation::Open, Subject::Node(ROOT), |_, _| Ok(()))?;
        Ok(self.directory(ROOT))
    }

    fn identity_at(&self, _: &Path) -> io::Result<Identity> {
        let found = if self.is_moved() { u64::MAX } else { ROOT };
        self.call(Operation::Open, Subject::Node(ROOT), |_, _| Ok((1, found)))
    }

    fn open_files_limit(&self) -> u64 {
        16
    }

    fn begin(&self) -> u64 {
        let now_ns = self.clock.now_ns();
        let mut state = lock(&self.state);
        let mut takes_ns = match state.dice.below(20) {
            0 => state.dice.below(5_000_000),
            1..=5 => state.dice.below(500_000),
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

    fn poll(&self, ticket: u64) -> Answer<io::Result<()>> {
        let asked = lock(&self.state).turns.ask(ticket, self.clock.now_ns());
        match asked {
            Ok(()) => Answer::Ready(Ok(())),
            Err(due_ns) => Answer::AskAgain(Next::At(self.clock.instant(due_ns))),
        }
    }
}

struct SimDir {
    disk: SimDisk,
    node: Node,
}

fn node_of(dir: &dyn DiskDir) -> io::Result<Node> {
    match dir.place() {
        DirPlace::Number(node, _) => Ok(node),
        _ => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

const OWNER: Owner = Owner {
    id: 1000,
    is_own: true,
};

impl SimDir {
    fn call<T>(
        &self,
        operation: Operation,
        name: &str,
        act: impl FnOnce(&mut Tree, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        self.disk.call(operation, Subject::Name(name), act)
    }

    fn rename(&self, from: &str, to_dir: &dyn DiskDir, to: &str, over: bool) -> io::Result<()> {
        let to_dir = node_of(to_dir)?;
        self.call(Operation::Rename, from, |tree, _| {
            tree.rename((self.node, from), (to_dir, to), over)
        })
    }
}

impl DiskDir for SimDir {
    fn place(&self) -> DirPlace<'_> {
        DirPlace::Number(self.node, PhantomData)
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok((1, self.node))
    }

    fn again(&self) -> io::Result<Box<dyn DiskDir>> {
        Ok(self.disk.directory(self.node))
    }

    fn sub(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        let node = self.call(Operation::Open, name, |tree, _| {
            let node = tree.find(self.node, name)?;
            match tree.is_directory(node) {
                true => Ok(node),
                false => Err(io::ErrorKind::NotADirectory.into()),
            }
        })?;
        Ok(self.disk.directory(node))
    }

    fn sub_or_new(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        let is_there = lock(&self.disk.state).tree.find(self.node, name).is_ok();
        if is_there {
            return self.sub(name);
        }
        let made = self.call(Operation::Create, name, |tree, _| {
            tree.make_directory(self.node, name)
        });
        Ok(self.disk.directory(made?))
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let made = self.call(Operation::Create, name, |tree, now_ns| {
            tree.make_file(self.node, name, now_ns)
        });
        Ok(self.disk.file(made?))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(name)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let node = self.call(Operation::Open, name, |tree, _| {
            let node = tree.find(self.node, name)?;
            match tree.is_directory(node) {
                true => Err(io::ErrorKind::InvalidInput.into()),
                false => Ok(node),
            }
        })?;
        Ok(self.disk.file(node))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.call(Operation::Open, name, |tree, _| {
            Ok(tree.find(self.node, name).is_ok())
        })
    }

    fn identity_of(&self, name: &str) -> io::Result<Identity> {
        self.call(Operation::Open, name, |tree, _| {
            Ok((1, tree.find(self.node, name)?))
        })
    }

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        self.rename(from, to_dir, to, true)
    }

    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        self.rename(from, to_dir, to, false)
    }

    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let to_dir = node_of(to_dir)?;
        self.call(Operation::Rename, from, |tree, _| {
            tree.link((self.node, from), (to_dir, to))
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(Operation::Remove, name, |tree, _| tree.remove(self.node, name))
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        self.disk
            .call(Operation::List, Subject::Node(self.node), |tree, _| {
                let entries = tree.entries(self.node)?.iter();
                let listed = entries.map(|(name, node)| DirEntry {
                    name: name.clone(),
                    is_directory: tree.is_directory(*node),
                });
                Ok(listed.collect())
            })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk
            .call(Operation::Sync, Subject::Node(self.node), |tree, _| {
                tree.sync_names();
                Ok(())
            })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk
            .call(Operation::FreeRoom, Subject::Node(ROOT), |tree, _| {
                Ok((1u64 << 40).saturating_sub(tree.used_bytes()))
            })
    }

    fn owner(&self) -> io::Result<Owner> {
        Ok(OWNER)
    }

    fn lock(&self, _: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut state = lock(&self.disk.state);
        if state.locked {
            return Ok(None);
        }
        state.locked = true;
        drop(state);
        let _ = self.create_new(name);
        Ok(Some(Box::new(SimLock {
            disk: self.disk.clone(),
        })))
    }
}

struct SimLock {
    disk: SimDisk,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        // That of a dead process is gone already.
        if *lock(&self.disk.current) == self.disk.process {
            lock(&self.disk.state).locked = false;
        }
    }
}

struct SimFile {
    disk: SimDisk,
    node: Node,
}

impl SimFile {
    fn call<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Tree, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        self.disk.call(operation, Subject::Node(self.node), act)
    }
}

impl DiskFile for SimFile {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.call(Operation::Write, |tree, now_ns| {
            tree.write(self.node, at, bytes, now_ns)
        })
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.call(Operation::Read, |tree, _| {
            let data = tree.data(self.node)?;
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
            let read = buffer.len().min(data.len() - from);
            buffer[..read].copy_from_slice(&data[from..from + read]);
            Ok(read)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.call(Operation::Open, |tree, _| Ok(tree.data(self.node)?.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(Operation::Write, |tree, now_ns| {
            tree.set_length(self.node, len, now_ns)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(Operation::Sync, |tree, _| tree.sync_data(self.node))
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok((1, self.node))
    }

    fn owner(&self) -> io::Result<Owner> {
        Ok(OWNER)
    }

    fn links(&self) -> io::Result<u64> {
        self.call(Operation::Open, |tree, _| Ok(tree.links(self.node)))
    }

    fn modified(&self) -> Option<SystemTime> {
        let at_ns = lock(&self.disk.state).tree.modified_ns(self.node).ok()?;
        let now_ns = self.disk.clock.now_ns();
        let unix_ms = self.disk.clock.unix_ms() as u64 - (now_ns.saturating_sub(at_ns)) / 1_000_000;
        Some(UNIX_EPOCH + Duration::from_millis(unix_ms))
    }
}
