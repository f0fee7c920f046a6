//! The pages are complete, their references lead somewhere, and their examples compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_cli::command_line::CommandLine;
use callrec_manual::header_docs::functions;
use callrec_manual::{HEADER, ManualPage, examples, pages};
use callrec_testkit::directory::ScratchDir;
use clap::CommandFactory;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn all_pages() -> Vec<ManualPage> {
    pages().expect("the pages")
}

#[test]
fn every_function_and_command_has_a_page() {
    let names: BTreeSet<String> = all_pages().iter().map(ManualPage::file_name).collect();
    let exports = fs::read_to_string(root().join("tests/exports.txt")).expect("the exports");
    for function in exports.lines().filter(|line| line.starts_with("rec_")) {
        assert!(names.contains(&format!("{function}.3")), "{function} has no page");
    }
    for page in ["callrec.1", "callrec.3", "callrec-configuration.5"] {
        assert!(names.contains(page), "{page}");
    }
    let mut commands = 0;
    for command in CommandLine::command().get_subcommands() {
        let page = format!("callrec-{}.1", command.get_name());
        assert!(names.contains(&page), "{page}");
        commands += 1;
    }
    assert!(commands > 5, "{commands}");
}

#[test]
fn every_key_is_on_the_page_of_the_configuration() {
    let pages = all_pages();
    let page = pages.iter().find(|page| page.section == 5).expect("the page");
    let mut keys = 0;
    for key in callrec::settings::Settings::keys() {
        assert!(
            page.text.contains(&format!(".It Sy \"{}\"\n", key.name)),
            "{}",
            key.name
        );
        keys += 1;
    }
    assert!(keys > 40, "{keys}");
}

#[test]
fn every_reference_leads_to_a_page() {
    let pages = all_pages();
    let names: BTreeSet<String> = pages
        .iter()
        .map(|page| format!("{} {}", page.name, page.section))
        .collect();
    let mut references = 0;
    for page in &pages {
        for reference in page.text.lines().filter_map(|line| line.strip_prefix(".Xr ")) {
            let target = reference.trim_end_matches(" ,");
            assert!(names.contains(target), "{}: {target}", page.file_name());
            references += 1;
        }
    }
    assert!(references > 150, "{references}");
}

/// The pages of commands refer to others as "callrec-record(1)".
#[test]
fn every_reference_of_a_command_leads_to_a_page() {
    let pages = all_pages();
    let names: BTreeSet<String> = pages
        .iter()
        .map(|page| format!("{}({})", page.name, page.section))
        .collect();
    let mut references = 0;
    for page in pages.iter().filter(|page| page.section == 1) {
        let text = page.text.replace('\\', "");
        let words = text.split(|c: char| c.is_whitespace() || ",.;".contains(c));
        for word in words.filter(|word| word.starts_with("callrec") && word.ends_with(')')) {
            assert!(names.contains(word), "{}: {word}", page.file_name());
            references += 1;
        }
    }
    assert!(references > 5, "{references}");
}

#[test]
fn every_page_has_an_example_of_more_than_two_lines() {
    for page in all_pages() {
        let (_, example) = page
            .text
            .split_once("EXAMPLES\n")
            .unwrap_or_else(|| panic!("{}", page.file_name()));
        let end = example.find("\n.Sh ").unwrap_or(example.len());
        let lines = example[..end]
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('.'));
        assert!(lines.count() > 2, "{}: {}", page.file_name(), &example[..end]);
    }
}

#[test]
fn every_example_is_of_a_function_and_uses_it() {
    let known: BTreeSet<String> = functions(HEADER)
        .into_iter()
        .map(|function| function.name)
        .collect();
    let shown = examples::functions_with_example();
    let unique: BTreeSet<&str> = shown.iter().copied().collect();
    assert_eq!(unique.len(), shown.len(), "a function has two examples");
    for function in shown {
        assert!(known.contains(function), "{function} is not in the header");
        let example = examples::example_of(function);
        assert!(example.contains(&format!("{function}(")), "{function}: {example}");
    }
}

#[test]
fn the_examples_compile() {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    for (name, _) in examples::FILES {
        let mut command = Command::new(&compiler);
        command.args([
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-fsyntax-only",
        ]);
        command.arg("-I").arg(root().join("include"));
        let output = command
            .arg(root().join("docs/examples").join(name))
            .output()
            .expect("a C compiler");
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// `mandoc -Tlint`, the reader of these pages with the strictest rules.
#[test]
fn a_strict_reader_has_no_complaint() {
    if Command::new("mandoc")
        .arg("-Tlint")
        .arg("/dev/null")
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "mandoc is not installed"
        );
        return;
    }
    let dir = ScratchDir::new();
    let mut complaints = String::new();
    for page in all_pages() {
        let path = dir.join(page.file_name());
        fs::write(&path, &page.text).expect("written");
        let output = Command::new("mandoc")
            .args(["-Tlint", "-Wwarning"])
            .arg(&path)
            .output()
            .expect("mandoc");
        complaints.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    assert!(complaints.is_empty(), "{complaints}");
}
