//! The site has a page or a section for everything that the header, the configuration and the
//! command line declare, and every link leads somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_manual::header_docs::functions;
use callrec_manual::header_types::{constants, types};
use callrec_manual::markdown::{LinkTarget, Rewriting, anchor};
use callrec_manual::{HEADER, site};
use callrec_testkit::directory::ScratchDir;
use serde_json::{Value, json};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// What mdBook passes to the preprocessor.
fn input() -> String {
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).expect("the table of contents");
    let mut items = vec![json!({"PartTitle": "Using callrec"})];
    for line in summary.lines() {
        let link = line.strip_prefix("- [").and_then(|link| link.strip_suffix(')'));
        if let Some((name, path)) = link.and_then(|link| link.split_once("](")) {
            let text = fs::read_to_string(docs().join(path)).expect("a page");
            items.push(json!({"Chapter": {"name": name, "content": text, "path": path, "sub_items": []}}));
        }
    }
    json!([{}, {"items": items}]).to_string()
}

/// The text of each page, by its path on the site.
fn pages() -> BTreeMap<String, String> {
    let output = site::with_reference(&input()).expect("the site");
    let output: Value = serde_json::from_str(&output).expect("JSON");
    let mut pages = BTreeMap::new();
    let mut pending: Vec<&Value> = output["items"].as_array().expect("items").iter().collect();
    while let Some(item) = pending.pop() {
        let Some(chapter) = item.get("Chapter") else {
            continue;
        };
        pending.extend(chapter["sub_items"].as_array().expect("pages below"));
        let text = |member: &str| chapter[member].as_str().expect(member).to_owned();
        let earlier = pages.insert(text("path"), text("content"));
        assert!(earlier.is_none(), "{} occurs twice", text("path"));
    }
    pages
}

fn anchors(text: &str) -> Vec<String> {
    let (mut is_code, mut found) = (false, Vec::new());
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if !is_code && line.starts_with('#') {
            found.push(anchor(line.trim_start_matches('#')));
        }
    }
    found
}

/// The targets of all links.
fn links(text: &str) -> Vec<String> {
    let found = std::cell::RefCell::new(Vec::new());
    let link = |target: &str| {
        found.borrow_mut().push(target.to_owned());
        LinkTarget::Nowhere
    };
    let rewriting = Rewriting {
        link: &link,
        code: &|_| None,
    };
    rewriting.of(text);
    found.into_inner()
}

#[test]
fn everything_has_a_page_or_a_section() {
    let pages = pages();
    let mut missing = Vec::new();
    for function in functions(HEADER) {
        let page = pages.get(&format!("reference/{}.md", function.name));
        let is_there = page.is_some_and(|page| page.contains(&format!("{}(", function.name)));
        missing.extend((!is_there).then_some(function.name));
    }
    let sections = anchors(&pages["reference/types.md"]);
    let types = types(HEADER);
    assert!(types.len() > 30, "{}", types.len());
    for one in types {
        missing.extend((!sections.contains(&one.name)).then_some(one.name));
    }
    let rows = &pages["reference/constants.md"];
    let constants: Vec<_> = constants(HEADER)
        .into_iter()
        .flat_map(|group| group.constants)
        .collect();
    assert!(constants.len() > 100, "{}", constants.len());
    for one in constants {
        let row = format!("| `{}` | {} | ", one.name, one.value);
        missing.extend((!rows.contains(&row)).then_some(one.name));
    }
    for key in callrec::settings::Settings::keys() {
        let row = format!("| `{}` | ", key.name);
        missing.extend((!pages["configuration.md"].contains(&row)).then(|| key.name.to_owned()));
    }
    for command in [
        "record",
        "list",
        "show",
        "verify",
        "recover",
        "convert",
        "completions",
    ] {
        let path = format!("reference/callrec-{command}.md");
        missing.extend((!pages.contains_key(&path)).then_some(path));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_link_leads_to_a_page_and_its_section() {
    let pages = pages();
    let (mut problems, mut count) = (Vec::new(), 0);
    for (path, text) in &pages {
        for link in links(text) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (file, section) = link.split_once('#').unwrap_or((&link, ""));
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let target = match (file, file.strip_prefix("../")) {
                ("", _) => path.clone(),
                (_, Some(file)) => file.to_owned(),
                (file, None) => format!("{directory}{file}"),
            };
            let is_there = match pages.get(&target) {
                Some(page) => section.is_empty() || anchors(page).iter().any(|found| found == section),
                None => !target.ends_with(".md") && docs().join(&target).is_file(),
            };
            if !is_there {
                problems.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(count > 500, "{count} links");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Angle brackets in text would be taken for HTML.
#[test]
fn no_text_is_taken_for_html() {
    for (path, text) in pages() {
        let mut is_code = false;
        for line in text.lines() {
            is_code ^= line.trim_start().starts_with("```");
            let prose = line.split('`').step_by(2).collect::<String>();
            let opens = prose
                .match_indices('<')
                .any(|(at, _)| prose[at + 1..].starts_with(|letter: char| letter.is_alphabetic()));
            assert!(is_code || !opens, "{path}: {line}");
        }
    }
}

#[test]
fn mdbook_builds_the_site() {
    if Command::new("mdbook").arg("--version").output().is_err() {
        // Debian has no mdbook, and a machine may reach no registry: .ci/run says so.
        return;
    }
    let directory = ScratchDir::new();
    let preprocessor = format!("{} --site", env!("CARGO_BIN_EXE_callrec-manual"));
    let output = Command::new("mdbook")
        .arg("build")
        .arg(docs())
        .arg("--dest-dir")
        .arg(&directory.0)
        .env("MDBOOK_PREPROCESSOR__CALLREC__COMMAND", preprocessor)
        .output()
        .expect("mdbook");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !report.contains("WARN"), "{report}");
    for path in pages().keys() {
        let file = directory.join(path.replace(".md", ".html"));
        let html = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(html.contains("</html>"), "{path}");
    }
}
