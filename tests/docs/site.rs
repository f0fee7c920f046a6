//! The site: docs/SUMMARY.md has every page once, and each page has an example that is checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_none;
use crate::markdown::{Document, documents};
use crate::support::build::root;

const FOR_USERS: &str = "Using callrec";
const FOR_DEVELOPERS: &str = "Inside callrec";

/// A line of the table of contents.
struct Chapter {
    part: String,
    title: String,
    file: String,
}

fn chapters() -> Vec<Chapter> {
    let summary = Document::read("docs/SUMMARY.md");
    let (mut part, mut chapters) = (String::new(), Vec::new());
    for line in summary.text().lines() {
        if let Some(title) = line.strip_prefix("# ") {
            part = title.to_owned();
        }
        let link = line.strip_prefix("- [").and_then(|link| link.strip_suffix(')'));
        if let Some((title, file)) = link.and_then(|link| link.split_once("](")) {
            chapters.push(Chapter {
                part: part.clone(),
                title: title.to_owned(),
                file: file.to_owned(),
            });
        }
    }
    chapters
}

fn pages() -> Vec<Document> {
    let pages = documents().into_iter();
    pages
        .filter(|page| page.path.parent().is_some_and(|parent| parent.ends_with("docs")))
        .filter(|page| !page.path.ends_with("SUMMARY.md"))
        .collect()
}

#[test]
fn the_table_of_contents_has_every_page_once() {
    let chapters = chapters();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for chapter in &chapters {
        *counts.entry(&chapter.file).or_default() += 1;
    }
    let twice = counts.iter().filter(|(_, count)| **count > 1);
    let mut problems: Vec<String> = twice.map(|(file, _)| format!("{file} occurs twice")).collect();
    for page in pages() {
        let file = page.path.file_name().unwrap().to_str().unwrap();
        if !counts.contains_key(file) {
            problems.push(format!("docs/SUMMARY.md does not have {file}"));
        }
    }
    assert!(chapters.len() > 20, "{} chapters", chapters.len());
    assert_none(&problems);
}

#[test]
fn every_chapter_is_called_as_its_page() {
    let mut problems = Vec::new();
    for chapter in chapters() {
        let page = Document::read(format!("docs/{}", chapter.file));
        let heading = page.text().lines().next().unwrap_or_default().to_owned();
        if heading != format!("# {}", chapter.title) {
            problems.push(format!("{}: \"{}\" is {heading}", chapter.file, chapter.title));
        }
    }
    assert_none(&problems);
}

/// The other tests of this directory compile, run or look up what is in these blocks.
#[test]
fn every_page_has_an_example_that_is_checked() {
    let mut problems = Vec::new();
    for chapter in chapters() {
        let languages: &[&str] = match chapter.part.as_str() {
            FOR_USERS => &["c", "cpp"],
            FOR_DEVELOPERS => &["c", "rust", "sh"],
            other => panic!("docs/SUMMARY.md has another part: {other}"),
        };
        let page = Document::read(format!("docs/{}", chapter.file));
        let mut blocks = page.blocks().into_iter();
        if !blocks.any(|block| languages.contains(&block.language.as_str())) {
            problems.push(format!("{} has no example in {languages:?}", chapter.file));
        }
    }
    assert_none(&problems);
}

/// The constants of the header, without those that only name its version.
fn constants() -> BTreeSet<String> {
    let header = std::fs::read_to_string(root().join("include/callrec.h")).unwrap();
    let lines = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define REC_"));
    let names = lines.filter_map(|line| line.split([' ', '(']).next());
    let names = names.filter(|name| !name.starts_with("VERSION"));
    names.map(|name| format!("REC_{name}")).collect()
}

fn code_of(pages: &[Document]) -> BTreeSet<String> {
    let code = pages.iter().flat_map(|page| page.inline_code());
    code.map(|(_, code)| code).collect()
}

#[test]
fn every_status_has_a_row_on_the_page_of_the_api() {
    let api = Document::read("docs/abi.md");
    let constants = constants();
    let statuses = constants.iter().filter(|name| name.starts_with("REC_ERR_"));
    let missing = statuses.filter(|name| !api.text().contains(&format!("\n| `{name}` | -")));
    assert_none(&missing.cloned().collect::<Vec<_>>());
}

/// A constant is in the code of some sentence or table, not only of an example.
#[test]
fn every_constant_is_explained() {
    let code = code_of(&pages());
    let constants = constants();
    assert!(constants.len() > 100, "{}", constants.len());
    let missing = constants.iter().filter(|name| !code.contains(*name));
    assert_none(&missing.cloned().collect::<Vec<_>>());
}
