//! The modules of a directory have no dependency cycles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::modules::{ModulePath, Modules};

/// The references among the modules of one directory: from, to, and the path in the source.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The packages, with the directories of their `lib.rs`.
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

/// One graph for each module that has child modules, and one for the root.
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

/// The shortest path from a module back to itself.
fn cycle(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let mut reached_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut path = vec![at.to_owned()];
                while let Some(before) = reached_from.get(path[0].as_str()) {
                    path.insert(0, (*before).to_owned());
                }
                return Some(path);
            }
            if !reached_from.contains_key(next.as_str()) {
                reached_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

/// A description of each cycle of a graph. A module appears in at most one of them.
fn cycles(graph: &Graph) -> Vec<String> {
    let mut reported = BTreeSet::new();
    let mut cycles = Vec::new();
    for start in graph.keys() {
        if reported.contains(start) {
            continue;
        }
        let Some(path) = cycle(graph, start) else { continue };
        let mut text = format!("{} -> {start}", path.join(" -> "));
        for (index, from) in path.iter().enumerate() {
            let to = &path[(index + 1) % path.len()];
            write!(text, "\n      {}", graph[from][to]).expect("a string");
        }
        reported.extend(path);
        cycles.push(text);
    }
    cycles
}

#[test]
fn modules_have_no_dependency_cycles() {
    let mut report = String::new();
    for (package, directory) in packages() {
        let modules = Modules::read(&directory.join("lib.rs"));
        assert!(modules.count() > 3, "{package}: found no modules");
        for (parent, graph) in graphs(&modules) {
            for cycle in cycles(&graph) {
                let parent = parent.join("::");
                writeln!(report, "{package} {parent}: {cycle}").expect("a string");
            }
        }
    }
    assert!(report.is_empty(), "dependency cycles:\n{report}");
}

/// Writes a small package and returns its cycles.
fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("written");
    }
    let modules = Modules::read(&directory.path().join("lib.rs"));
    let graphs = graphs(&modules);
    graphs.values().flat_map(cycles).collect()
}

#[test]
fn every_kind_of_reference_to_a_sibling_is_found() {
    let lib = "mod a; mod b; pub use b::{B, inner::{Deep, Other as Renamed}};";
    let b = "use super::a::A; pub struct B; pub mod inner { pub struct Deep; pub struct Other; }";
    for reference in [
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
        let a = format!("{reference} pub struct A;");
        let found = cycles_of(&[("lib.rs", lib), ("a.rs", &a), ("b.rs", b)]);
        assert_eq!(found.len(), 1, "{reference}: {found:?}");
        assert!(found[0].starts_with("a -> b -> a"), "{found:?}");
    }
}

#[test]
fn paths_that_form_no_cycle_are_accepted() {
    for a in [
        "use super::c::C;",
        "use std::b::B;",
        "#[cfg(test)] mod tests { use super::super::b::B; }",
        "#[cfg(all(test, not(windows)))] use super::b::B;",
        "pub struct A; impl A { #[cfg(test)] fn f() { super::b::g(); } }",
        "mod b { pub struct B; } use b::B;",
    ] {
        let found = cycles_of(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", a),
            ("b.rs", "use super::a; use crate::c::C;"),
            ("c.rs", "pub struct C;"),
        ]);
        assert!(found.is_empty(), "{a}: {found:?}");
    }
}

#[test]
fn cycles_through_child_modules_are_found() {
    let found = cycles_of(&[
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
