//! The list of configuration keys, which is made from their declarations: in the comment
//! of `rec_config_set`, from which the header has it, and in `docs/operations.md`.

use callrec::keys::KeyDescription;
use callrec::settings::Settings;

use super::root;

/// Longest line of the list in the comment, in bytes, without what stands before it.
const WIDTH: usize = 84;

/// The end of the line above the list in the comment.
const COMMENT_BORDER: &str = "The keys, with their defaults:";

/// The list in the comment, wrapped.
fn list() -> Vec<String> {
    let mut lines = Vec::new();
    for key in Settings::keys() {
        let default = match key.default.as_str() {
            "" => "empty",
            default => default,
        };
        let text = format!("- `{}` ({default}): {}", key.name, key.meaning);
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
    let row = |key: KeyDescription| {
        let default = match key.default.as_str() {
            "" => "empty".to_owned(),
            default => format!("`{default}`"),
        };
        format!("| `{}` | {default} | {} |", key.name, key.meaning)
    };
    Settings::keys().map(row).collect()
}

/// `text` with `lines`, each behind `before`, in the place of its list of keys. The list
/// begins after the line that ends with `border` and the one below it, and ends before the
/// next line that is empty.
fn with_list(text: &str, border: &str, before: &str, lines: &[String]) -> String {
    let texts: Vec<&str> = text.lines().collect();
    let border = texts.iter().position(|line| line.ends_with(border));
    let begin = border.expect("what stands above the list") + 2;
    let length = texts[begin..].iter().position(|line| *line == before.trim_end());
    let end = begin + length.expect("an empty line below the list");
    let list: Vec<String> = lines.iter().map(|line| format!("{before}{line}")).collect();
    let list = list.iter().map(String::as_str);
    let made = texts[..begin].iter().copied().chain(list);
    let made: Vec<&str> = made.chain(texts[end..].iter().copied()).collect();
    made.join("\n") + "\n"
}

/// The header as it is once the comment has the list.
pub fn in_header(made: &str) -> String {
    with_list(made, COMMENT_BORDER, " * ", &list())
}

#[test]
fn each_list_of_keys_is_made_from_the_declarations() {
    for (file, border, before, lines) in [
        ("src/capi/config.rs", COMMENT_BORDER, "/// ", list()),
        ("docs/operations.md", "| key | default | meaning |", "", rows()),
    ] {
        let path = root().join(file);
        let kept = std::fs::read_to_string(&path).unwrap();
        let made = with_list(&kept, border, before, &lines);
        if std::env::var_os("CALLREC_BLESS").is_some() {
            std::fs::write(&path, made).unwrap();
            continue;
        }
        let differing = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
        assert!(
            made == kept,
            "{file} is out of step, first at {differing:?}; CALLREC_BLESS=1 cargo test --test header mends it"
        );
    }
}
