//! The files and directories of a simulated disk, as a running process sees them, and as they are
//! after a power cut.

use std::collections::BTreeMap;
use std::io;

use crate::random::SeededRng;

/// A power cut keeps or loses unsynced data in units of this size.
const SECTOR: usize = 512;

/// The number of a file or directory.
pub type Node = u64;
pub const ROOT: Node = 1;

/// One change of a file's data that was not synced.
#[derive(Clone, Debug)]
enum DataChange {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl DataChange {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            DataChange::Write { at, bytes } => {
                if data.len() < at + bytes.len() {
                    data.resize(at + bytes.len(), 0);
                }
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            DataChange::Length(length) => data.resize(*length, 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct FileData {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<DataChange>,
    modified_ns: u64,
}

impl FileData {
    fn change(&mut self, change: DataChange, now_ns: u64) {
        change.apply(&mut self.seen);
        self.pending.push(change);
        self.modified_ns = now_ns;
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.seen);
        self.pending.clear();
    }

    /// Loses random sectors of unsynced data, and all changes after a random change of the length.
    fn cut(&mut self, rng: &mut SeededRng) {
        let mut data = std::mem::take(&mut self.durable);
        for change in std::mem::take(&mut self.pending) {
            match change {
                DataChange::Length(_) if rng.chance(50) => break,
                DataChange::Length(_) => change.apply(&mut data),
                DataChange::Write { at, bytes } => {
                    for (sector, bytes) in bytes.chunks(SECTOR).enumerate() {
                        if rng.chance(60) {
                            let at = at + sector * SECTOR;
                            let bytes = bytes.to_vec();
                            DataChange::Write { at, bytes }.apply(&mut data);
                        }
                    }
                }
            }
        }
        self.seen.clone_from(&data);
        self.durable = data;
    }
}

/// One change of names, which is kept or lost as a whole.
#[derive(Clone, Debug)]
enum NameChange {
    Put {
        directory: Node,
        name: String,
        node: Node,
    },
    Remove {
        directory: Node,
        name: String,
    },
    Rename {
        from: (Node, String),
        to: (Node, String),
        node: Node,
    },
}

type Directories = BTreeMap<Node, BTreeMap<String, Node>>;

impl NameChange {
    /// Whether the change adds, removes or moves this name.
    fn names(&self, (at, of): &(Node, String)) -> bool {
        match self {
            NameChange::Put { directory, name, .. } | NameChange::Remove { directory, name } => {
                directory == at && name == of
            }
            NameChange::Rename { from, to, .. } => [from, to].contains(&&(*at, of.clone())),
        }
    }

    fn is_of(&self, at: Node) -> bool {
        match self {
            NameChange::Put { directory, .. } | NameChange::Remove { directory, .. } => *directory == at,
            NameChange::Rename { from, to, .. } => from.0 == at || to.0 == at,
        }
    }

    fn apply(&self, directories: &mut Directories) {
        match self {
            NameChange::Put {
                directory,
                name,
                node,
            } => {
                directories
                    .entry(*directory)
                    .or_default()
                    .insert(name.clone(), *node);
            }
            NameChange::Remove { directory, name } => {
                directories.entry(*directory).or_default().remove(name);
            }
            NameChange::Rename { from, to, node } => {
                let source = directories.entry(from.0).or_default();
                if source.get(&from.1) == Some(node) {
                    source.remove(&from.1);
                }
                directories.entry(to.0).or_default().insert(to.1.clone(), *node);
            }
        }
    }
}

/// Everything on a simulated disk.
#[derive(Clone, Debug)]
pub struct Tree {
    next: Node,
    seen: Directories,
    durable: Directories,
    /// Unsynced changes of names, in the order in which a journal would write them.
    pending: Vec<NameChange>,
    files: BTreeMap<Node, FileData>,
}

impl Default for Tree {
    fn default() -> Tree {
        let root = BTreeMap::from([(ROOT, BTreeMap::new())]);
        Tree {
            next: ROOT + 1,
            seen: root.clone(),
            durable: root,
            pending: Vec::new(),
            files: BTreeMap::new(),
        }
    }
}

impl Tree {
    fn new_node(&mut self) -> Node {
        self.next += 1;
        self.next - 1
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub fn is_directory(&self, node: Node) -> bool {
        self.seen.contains_key(&node)
    }

    pub fn find(&self, directory: Node, name: &str) -> io::Result<Node> {
        let found = self.entries(directory)?.get(name);
        found.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn entries(&self, directory: Node) -> io::Result<&BTreeMap<String, Node>> {
        let found = self.seen.get(&directory);
        found.ok_or_else(|| io::ErrorKind::NotADirectory.into())
    }

    fn refuse_taken(&self, directory: Node, name: &str) -> io::Result<()> {
        match self.find(directory, name) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => Ok(()),
        }
    }

    pub fn make_directory(&mut self, directory: Node, name: &str) -> io::Result<Node> {
        self.refuse_removed(directory)?;
        self.refuse_taken(directory, name)?;
        let node = self.new_node();
        self.seen.insert(node, BTreeMap::new());
        self.durable.insert(node, BTreeMap::new());
        self.put(directory, name, node);
        Ok(node)
    }

    /// Nothing is created in a directory that has been removed.
    fn refuse_removed(&self, directory: Node) -> io::Result<()> {
        match directory == ROOT || self.links(directory) > 0 {
            true => Ok(()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub fn make_file(&mut self, directory: Node, name: &str, now_ns: u64) -> io::Result<Node> {
        self.refuse_removed(directory)?;
        self.refuse_taken(directory, name)?;
        let node = self.new_node();
        let data = FileData {
            modified_ns: now_ns,
            ..FileData::default()
        };
        self.files.insert(node, data);
        self.put(directory, name, node);
        Ok(node)
    }

    /// Adds a synced file, with its parent directories.
    pub fn put_file(&mut self, path: &[&str], data: &[u8]) {
        let (mut directory, mut names) = (ROOT, path);
        while let [name, rest @ ..] = names
            && !rest.is_empty()
        {
            let there = self.find(directory, name);
            let made = there.or_else(|_| self.make_directory(directory, name));
            directory = made.unwrap_or(ROOT);
            names = rest;
        }
        if let [name] = names
            && let Ok(node) = self.make_file(directory, name, 0)
            && let Some(file) = self.files.get_mut(&node)
        {
            file.seen = data.to_vec();
            file.sync();
        }
        self.sync_all_names();
    }

    fn put(&mut self, directory: Node, name: &str, node: Node) {
        self.change(NameChange::Put {
            directory,
            name: name.to_owned(),
            node,
        });
    }

    pub fn link(&mut self, from: (Node, &str), to: (Node, &str)) -> io::Result<()> {
        let node = self.find(from.0, from.1)?;
        self.refuse_taken(to.0, to.1)?;
        self.put(to.0, to.1, node);
        Ok(())
    }

    pub fn rename(&mut self, from: (Node, &str), to: (Node, &str), over: bool) -> io::Result<()> {
        let node = self.find(from.0, from.1)?;
        if !over {
            self.refuse_taken(to.0, to.1)?;
        }
        self.change(NameChange::Rename {
            from: (from.0, from.1.to_owned()),
            to: (to.0, to.1.to_owned()),
            node,
        });
        Ok(())
    }

    pub fn remove(&mut self, directory: Node, name: &str) -> io::Result<()> {
        self.find(directory, name)?;
        self.change(NameChange::Remove {
            directory,
            name: name.to_owned(),
        });
        Ok(())
    }

    /// How many names a file has.
    pub fn links(&self, node: Node) -> u64 {
        let entries = self.seen.values().flat_map(BTreeMap::values);
        entries.filter(|found| **found == node).count() as u64
    }

    /// One of its names; "" if it has none.
    pub fn name_of(&self, node: Node) -> &str {
        let mut entries = self.seen.values().flatten();
        entries
            .find(|(_, found)| **found == node)
            .map_or("", |(name, _)| name)
    }

    /// Syncs the changes of one directory's names. A rename between two directories is synced on
    /// both sides, together with earlier changes of its names.
    pub fn sync_names(&mut self, directory: Node) {
        let mut later: Vec<NameChange> = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            if !change.is_of(directory) {
                later.push(change);
                continue;
            }
            if let NameChange::Rename { from, to, .. } = &change {
                let (before, others): (Vec<_>, Vec<_>) = later
                    .into_iter()
                    .partition(|one| one.names(from) || one.names(to));
                before.iter().for_each(|one| one.apply(&mut self.durable));
                later = others;
            }
            change.apply(&mut self.durable);
        }
        self.pending = later;
    }

    fn sync_all_names(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    fn file(&self, node: Node) -> io::Result<&FileData> {
        let found = self.files.get(&node);
        found.ok_or_else(|| io::ErrorKind::IsADirectory.into())
    }

    fn file_mut(&mut self, node: Node) -> io::Result<&mut FileData> {
        let found = self.files.get_mut(&node);
        found.ok_or_else(|| io::ErrorKind::IsADirectory.into())
    }

    pub fn data(&self, node: Node) -> io::Result<&[u8]> {
        Ok(&self.file(node)?.seen)
    }

    pub fn modified_ns(&self, node: Node) -> io::Result<u64> {
        Ok(self.file(node)?.modified_ns)
    }

    pub fn write(&mut self, node: Node, at: u64, bytes: &[u8], now_ns: u64) -> io::Result<()> {
        let (at, bytes) = (at as usize, bytes.to_vec());
        let change = DataChange::Write { at, bytes };
        self.file_mut(node)?.change(change, now_ns);
        Ok(())
    }

    pub fn set_length(&mut self, node: Node, length: u64, now_ns: u64) -> io::Result<()> {
        let change = DataChange::Length(length as usize);
        self.file_mut(node)?.change(change, now_ns);
        Ok(())
    }

    pub fn sync_data(&mut self, node: Node) -> io::Result<()> {
        self.file_mut(node)?.sync();
        Ok(())
    }

    /// Cuts the power: any legal part of the unsynced changes is lost.
    pub fn cut_power(&mut self, rng: &mut SeededRng) {
        let kept = rng.below(self.pending.len() as u64 + 1) as usize;
        for change in std::mem::take(&mut self.pending).into_iter().take(kept) {
            change.apply(&mut self.durable);
        }
        self.seen.clone_from(&self.durable);
        for file in self.files.values_mut() {
            file.cut(rng);
        }
    }

    /// The bytes of all files, by path.
    pub fn all_files(&self) -> Vec<(String, &[u8])> {
        let mut found = Vec::new();
        self.walk(ROOT, "", &mut found);
        found
    }

    fn walk<'a>(&'a self, directory: Node, path: &str, found: &mut Vec<(String, &'a [u8])>) {
        for (name, node) in self.seen.get(&directory).into_iter().flatten() {
            let path = match path {
                "" => name.clone(),
                _ => format!("{path}/{name}"),
            };
            match self.files.get(node) {
                Some(file) => found.push((path, &file.seen)),
                None => self.walk(*node, &path, found),
            }
        }
    }

    /// The bytes of all files in total.
    pub fn used_bytes(&self) -> u64 {
        let files = self.all_files();
        files.iter().map(|(_, data)| data.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that are left after any power cut.
    fn always_there(tree: &Tree, directory: Node) -> Vec<String> {
        let left = (0..200).map(|seed| {
            let mut tree = tree.clone();
            tree.cut_power(&mut SeededRng::new(seed));
            tree.entries(directory).expect("a directory").clone()
        });
        let common = left.reduce(|common, names| {
            let is_there = |name: &String, node: &Node| names.get(name) == Some(node);
            common
                .into_iter()
                .filter(|(name, node)| is_there(name, node))
                .collect()
        });
        common.unwrap_or_default().into_keys().collect()
    }

    #[test]
    fn a_synced_directory_keeps_only_its_own_names() {
        let mut tree = Tree::default();
        let control = tree.make_directory(ROOT, "control").expect("made");
        tree.sync_names(ROOT);
        tree.make_file(ROOT, "a", 0).expect("made");
        tree.make_file(control, "b", 0).expect("made");
        tree.sync_names(control);
        assert_eq!(always_there(&tree, control), ["b"]);
        assert_eq!(always_there(&tree, ROOT), ["control"]);
    }

    #[test]
    fn a_rename_is_kept_on_both_sides() {
        let mut tree = Tree::default();
        let control = tree.make_directory(ROOT, "control").expect("made");
        tree.make_file(control, "next", 0).expect("made");
        tree.rename((control, "next"), (ROOT, "a"), false)
            .expect("renamed");
        tree.sync_names(ROOT);
        assert_eq!(always_there(&tree, ROOT), ["a", "control"]);
        tree.cut_power(&mut SeededRng::new(1));
        assert!(tree.find(control, "next").is_err());
    }
}
