//! Relative links, anchors and the paths of files.

use std::path::{Component, Path, PathBuf};

use crate::assert_none;
use crate::markdown::{Document, documents};
use crate::support::build::root;

/// Inline code that begins like this names a file of the repository.
const DIRECTORIES: [&str; 8] = [
    "src/",
    "crates/",
    "tests/",
    "docs/",
    "include/",
    "examples-c/",
    "benches/",
    ".ci/",
];

/// `path` without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

fn link_problem(document: &Document, target: &str, all: &[Document]) -> Option<String> {
    if ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
    {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => document.path.clone(),
        _ => normal(&document.path.parent().unwrap().join(file)),
    };
    if !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let linked = all.iter().find(|document| document.path == path);
    let has_anchor = linked.is_some_and(|linked| linked.anchors().iter().any(|found| found == anchor));
    (!has_anchor).then(|| format!("{} has no heading #{anchor}", path.display()))
}

#[test]
fn every_relative_link_leads_somewhere() {
    let all = documents();
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in &all {
        for (line, target) in document.links() {
            count += 1;
            let problem = link_problem(document, &target, &all);
            let place = format!("{}:{line}", document.path.display());
            problems.extend(problem.map(|problem| format!("{place}: {target}: {problem}")));
        }
    }
    assert!(count > 50, "{count} links");
    assert_none(&problems);
}

/// Whether inline code is the path of a file or directory, without placeholders.
fn is_path(code: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    DIRECTORIES.iter().any(|name| code.starts_with(name)) && code.bytes().all(is_plain)
}

/// The changelog and the fixtures also name files of older versions.
#[test]
fn every_path_exists() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        if document.path.ends_with("CHANGELOG.md") || document.path.starts_with("tests/fixtures") {
            continue;
        }
        for (line, code) in document.inline_code() {
            if !is_path(&code) {
                continue;
            }
            count += usize::from(document.path.ends_with("CONTRIBUTING.md"));
            if !root().join(&code).exists() {
                problems.push(format!("{}:{line}: there is no {code}", document.path.display()));
            }
        }
    }
    assert!(count > 50, "{count} paths in CONTRIBUTING.md");
    assert_none(&problems);
}

#[test]
fn wrong_links_are_found() {
    let all = documents();
    let readme = all
        .iter()
        .find(|document| document.path == Path::new("README.md"))
        .unwrap();
    let first = &readme.anchors()[0];
    assert_eq!(link_problem(readme, &format!("#{first}"), &all), None);
    assert_eq!(
        link_problem(readme, &format!("docs/../README.md#{first}"), &all),
        None
    );
    for wrong in [
        "nowhere.md",
        "docs/nowhere.md",
        "#nowhere",
        "docs/operations.md#nowhere",
    ] {
        assert!(link_problem(readme, wrong, &all).is_some(), "{wrong}");
    }
}
