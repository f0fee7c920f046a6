//! The list of configuration keys, generated from their declarations: in the comment of
//! `rec_config_set`, from which the header takes it, and in `docs/configuration.md`.

use callrec::keys::KeyDescription;
use callrec::settings::Settings;

use super::root;

/// Longest line of the list in the comment, in bytes, without the line's prefix.
const WIDTH: usize = 88;

/// The line above the list in the comment, without its prefix.
const COMMENT_HEADING: &str = "The keys, with their defaults:";

fn default_of(key: &KeyDescription) -> String {
    match key.default.as_str() {
        "" => "empty".to_owned(),
        default => format!("`{default}`"),
    }
}

/// The list in the comment, wrapped.
fn list() -> Vec<String> {
    let mut lines = Vec::new();
    for key in Settings::keys() {
        let text = format!("- `{}` ({}): {}", key.name, default_of(&key), key.meaning);
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                lines.push(std::mem::replace(&mut line, " ".to_owned()));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// The rows of the operators' table.
fn rows() -> Vec<String> {
    let row = |key: KeyDescription| format!("| `{}` | {} | {} |", key.name, default_of(&key), key.meaning);
    Settings::keys().map(row).collect()
}

/// `text` with `lines`, each after `prefix`, in place of its list of keys. The list begins two
/// lines below the one that ends with `heading`, and ends before the next empty line.
fn with_list(text: &str, heading: &str, prefix: &str, lines: &[String]) -> String {
    let texts: Vec<&str> = text.lines().collect();
    let heading = texts.iter().position(|line| line.ends_with(heading));
    let begin = heading.expect("the heading above the list") + 2;
    let length = texts[begin..].iter().position(|line| *line == prefix.trim_end());
    let end = begin + length.expect("an empty line below the list");
    let list: Vec<String> = lines.iter().map(|line| format!("{prefix}{line}")).collect();
    let list = list.iter().map(String::as_str);
    let generated = texts[..begin].iter().copied().chain(list);
    let generated: Vec<&str> = generated.chain(texts[end..].iter().copied()).collect();
    generated.join("\n") + "\n"
}

/// cbindgen's header with the list in its comment.
pub fn in_header(header: &str) -> String {
    with_list(header, COMMENT_HEADING, " * ", &list())
}

/// Compares a file of the repository with what it should be, or writes it if `CALLREC_BLESS` is
/// set.
pub fn check_or_bless(file: &str, generated: &str) {
    let path = root().join(file);
    if std::env::var_os("CALLREC_BLESS").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = generated.lines().zip(current.lines());
    let difference = lines.into_iter().find(|(expected, found)| expected != found);
    assert!(
        generated == current,
        "{file} is out of date, first at {difference:?}; \
         CALLREC_BLESS=1 cargo test --all-features --test header updates it"
    );
}

#[test]
fn each_list_of_keys_is_generated_from_the_declarations() {
    for (file, heading, prefix, lines) in [
        ("src/capi/config.rs", COMMENT_HEADING, "/// ", list()),
        ("docs/configuration.md", "| key | default | meaning |", "", rows()),
    ] {
        let current = std::fs::read_to_string(root().join(file)).unwrap();
        check_or_bless(file, &with_list(&current, heading, prefix, &lines));
    }
}
