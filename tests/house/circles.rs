//! No file of a folder needs one that needs it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::modules::{ModulePath, Modules};

/// Who names whom among the modules of one folder, and the path that does it.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The packages, by the directories in which their `lib.rs` are.
fn packages() -> BTreeMap<String, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages = BTreeMap::from([("callrec".to_owned(), root.join("src"))]);
    for entry in root.join("crates").read_dir().expect("crates") {
        let directory = entry.expect("a crate").path();
        let name = directory.file_name().expect("a name").display().to_string();
        packages.insert(name, directory.join("src"));
    }
    packages
}

/// The graph of every folder: of the modules below each module, and of those below the root.
fn graphs(modules: &Modules) -> BTreeMap<ModulePath, Graph> {
    let mut graphs: BTreeMap<ModulePath, Graph> = BTreeMap::new();
    for reference in modules.references() {
        let (from, to) = (&reference.from, &reference.to);
        let shared = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        if let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) {
            let text = format!("{}: {}", from.join("::"), reference.text);
            let graph = graphs.entry(from[..shared].to_vec()).or_default();
            let named = graph.entry(one.clone()).or_default();
            named.entry(other.clone()).or_insert(text);
        }
    }
    graphs
}

/// The shortest way from a module back to itself.
fn circle(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for next in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut way = vec![at.to_owned()];
                while let Some(before) = came_from.get(way[0].as_str()) {
                    way.insert(0, (*before).to_owned());
                }
                return Some(way);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, at);
                waiting.push_back(next);
            }
        }
    }
    None
}

/// The circles of a folder, each in words. A module stands in one of them at most.
fn circles(graph: &Graph) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(way) = circle(graph, start) else { continue };
        let mut text = format!("{} -> {start}", way.join(" -> "));
        for (index, from) in way.iter().enumerate() {
            let to = &way[(index + 1) % way.len()];
            write!(text, "\n      {}", graph[from][to]).expect("a string");
        }
        told.extend(way);
        circles.push(text);
    }
    circles
}

#[test]
fn no_file_of_a_folder_needs_one_that_needs_it() {
    let mut trouble = String::new();
    for (package, directory) in packages() {
        let modules = Modules::read(&directory.join("lib.rs"));
        assert!(modules.count() > 3, "{package}: its modules are not found");
        for (folder, graph) in graphs(&modules) {
            for circle in circles(&graph) {
                let folder = folder.join("::");
                writeln!(trouble, "{package} {folder}: {circle}").expect("a string");
            }
        }
    }
    assert!(trouble.is_empty(), "circles of modules:\n{trouble}");
}

/// Writes a small package, and returns its circles.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("written");
    }
    let modules = Modules::read(&directory.path().join("lib.rs"));
    let graphs = graphs(&modules);
    graphs.values().flat_map(circles).collect()
}

#[test]
fn every_way_to_name_a_sibling_is_seen() {
    let lib = "mod a; mod b; pub use b::{B, inner::{Deep, Other as Renamed}};";
    let b = "use super::a::A; pub struct B; pub mod inner { pub struct Deep; pub struct Other; }";
    for way in [
        "use super::b::B;",
        "use crate::b;",
        "use super::{b::{self, B}};",
        "use super::B;",
        "use crate::{Deep};",
        "use crate::Renamed;",
        "use super::*; fn f(_: B) {}",
        "use super::b::*;",
        "fn f() { super::b::g(); }",
        "fn f() { println!(\"{}\", [super::b::X]); }",
        "impl crate::b::T for A {}",
        "mod below { use super::super::b::B; }",
        "pub use super::b::B;",
        "#[cfg(not(test))] use super::b::B;",
    ] {
        let a = format!("{way} pub struct A;");
        let found = circles_of(&[("lib.rs", lib), ("a.rs", &a), ("b.rs", b)]);
        assert_eq!(found.len(), 1, "{way}: {found:?}");
        assert!(found[0].starts_with("a -> b -> a"), "{found:?}");
    }
}

#[test]
fn what_is_no_circle_is_none() {
    for a in [
        "use super::c::C;",
        "use std::b::B;",
        "#[cfg(test)] mod tests { use super::super::b::B; }",
        "#[cfg(all(test, not(windows)))] use super::b::B;",
        "pub struct A; impl A { #[cfg(test)] fn f() { super::b::g(); } }",
        "mod b { pub struct B; } use b::B;",
    ] {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", a),
            ("b.rs", "use super::a; use crate::c::C;"),
            ("c.rs", "pub struct C;"),
        ]);
        assert!(found.is_empty(), "{a}: {found:?}");
    }
}

#[test]
fn circles_below_a_module_and_through_files_of_its_folder_are_seen() {
    let found = circles_of(&[
        ("lib.rs", "mod top; mod other;"),
        ("other/mod.rs", ""),
        ("top.rs", "mod a; mod b; mod c; #[path = \"odd.rs\"] mod d;"),
        ("top/a.rs", "use super::b;"),
        ("top/b/mod.rs", "mod below;"),
        ("top/b/below.rs", "use super::super::c;"),
        ("top/c.rs", "use crate::top::a;"),
        ("odd.rs", "use crate::other;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("a -> b -> c -> a"), "{found:?}");
}
