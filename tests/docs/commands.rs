//! Commands in the documents: the targets, packages, features and scripts that they use exist.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::assert_none;
use crate::markdown::{Document, documents};
use crate::support::build::{has, root, run};

const CARGO_COMMANDS: [&str; 8] = ["bench", "build", "check", "clippy", "doc", "fmt", "run", "test"];

/// The packages of the workspace, as `cargo metadata` describes them.
static PACKAGES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = run(command.current_dir(root()));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
});

/// Each command of a document, with its line: from shell blocks, and from inline code that
/// begins like one.
fn commands(document: &Document) -> Vec<(usize, String)> {
    let shell_blocks = document
        .blocks()
        .into_iter()
        .filter(|block| block.language == "sh");
    let mut lines: Vec<(usize, String)> = Vec::new();
    for block in shell_blocks {
        let text = block.text.replace("\\\n", " ");
        let numbered = text.lines().enumerate();
        lines.extend(numbered.map(|(index, line)| (block.line + index, line.to_owned())));
    }
    let inline = document.inline_code().into_iter();
    lines.extend(inline.filter(|(_, code)| code.contains(' ') || code.starts_with(".ci/")));
    let mut commands = Vec::new();
    for (line, text) in lines {
        let text = text.split(" #").next().unwrap_or_default();
        let parts = text.split(['&', ';', '|', '(', ')']);
        commands.extend(parts.map(|part| (line, part.trim().to_owned())));
    }
    commands
}

/// What is wrong with a command, if anything is.
fn problem_of(command: &str) -> Option<String> {
    let mut words = command.split_whitespace().peekable();
    while words.next_if(|word| word.contains('=')).is_some() {}
    let words: Vec<&str> = words.take_while(|word| *word != "--").collect();
    match words[..] {
        ["cargo", subcommand, ref arguments @ ..] => cargo_problem(subcommand, arguments),
        ["make", ref arguments @ ..] => make_problem(arguments),
        [script, ..] if script.starts_with(".ci/") => {
            (!root().join(script).exists()).then(|| format!("there is no {script}"))
        }
        _ => None,
    }
}

fn cargo_problem(subcommand: &str, arguments: &[&str]) -> Option<String> {
    if !CARGO_COMMANDS.contains(&subcommand) {
        return Some(format!("cargo {subcommand} is not known"));
    }
    let values = |names: &[&str]| -> Vec<&str> {
        let pairs = arguments.windows(2);
        let pairs = pairs.filter(|pair| names.contains(&pair[0]));
        pairs.map(|pair| pair[1]).collect()
    };
    let named = values(&["-p", "--package"]);
    let is_there = |name: &&str| PACKAGES.iter().any(|package| package["name"] == **name);
    if let Some(name) = named.iter().find(|name| !is_there(name)) {
        return Some(format!("there is no package {name}"));
    }
    let packages = PACKAGES
        .iter()
        .filter(|package| named.is_empty() || named.iter().any(|name| package["name"] == **name));
    let packages: Vec<&Value> = packages.collect();
    for kind in ["test", "bench", "example", "bin"] {
        for name in values(&[format!("--{kind}").as_str()]) {
            let targets = packages
                .iter()
                .flat_map(|package| package["targets"].as_array().unwrap());
            let mut kinds = targets
                .filter(|target| target["name"] == name)
                .map(|target| &target["kind"][0]);
            if !kinds.any(|found| found == kind) {
                return Some(format!("there is no {kind} target {name}"));
            }
        }
    }
    for features in values(&["--features"]) {
        for feature in features.split(',') {
            let (package, name) = feature.rsplit_once('/').unwrap_or(("", feature));
            let mut packages = packages.iter();
            let is_declared = packages.any(|found| {
                (package.is_empty() || found["name"] == package) && !found["features"][name].is_null()
            });
            if !is_declared {
                return Some(format!("there is no feature {feature}"));
            }
        }
    }
    None
}

fn make_problem(arguments: &[&str]) -> Option<String> {
    if !has("make") {
        return None;
    }
    let output = Command::new("make")
        .arg("-n")
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.unwrap();
    let message = || String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then(message)
}

#[test]
fn every_command_can_be_run() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        if document.path.ends_with("CHANGELOG.md") {
            continue;
        }
        for (line, command) in commands(&document) {
            count += usize::from(["cargo ", "make "].iter().any(|name| command.contains(name)));
            if let Some(problem) = problem_of(&command) {
                problems.push(format!(
                    "{}:{line}: {command}: {problem}",
                    document.path.display()
                ));
            }
        }
    }
    assert!(count > 20, "{count} commands");
    assert_none(&problems);
}

#[test]
fn every_command_of_the_ci_scripts_can_be_run() {
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(root().join(".ci")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
        for line in text.lines().filter(|line| !line.contains('$')) {
            let problem = problem_of(line.trim());
            problems.extend(problem.map(|problem| format!("{}: {line}: {problem}", path.display())));
        }
    }
    assert_none(&problems);
}

#[test]
fn wrong_commands_are_found() {
    for wrong in [
        "cargo tset",
        "cargo test --test nowhere",
        "cargo test -p callrec-nowhere",
        "cargo build --features nothing",
        "X=1 cargo bench --bench header",
        "cargo test -p callrec-codec --test header",
        "make -C examples-c nowhere",
        ".ci/nowhere",
    ] {
        assert!(problem_of(wrong).is_some(), "{wrong}");
    }
    for right in [
        "cargo test --all-features --test header",
        "cargo run -p callrec-testkit --release --features faults -- --seed 28",
        "make -C examples-c run",
        "CALLREC_BLESS=1 cargo test --test header",
    ] {
        assert_eq!(problem_of(right), None, "{right}");
    }
}
