//! The name that was probably meant by one that does not exist.

/// More changed letters than this make another name, not a wrong spelling.
const MOST_CHANGES: usize = 3;
/// The time to compare two names is the product of their lengths, and a caller's may be long.
const LONGEST: usize = 60;

/// The name that is most like `wrong`: it begins with it, ends with it after a ".", or differs in a
/// few letters.
pub fn similar<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let candidates = names.filter_map(|name| {
        let changes = changes(wrong, name);
        let is_part =
            name.starts_with(wrong) || name.strip_suffix(wrong).is_some_and(|rest| rest.ends_with('.'));
        (is_part || changes <= MOST_CHANGES).then_some((changes, name))
    });
    candidates.min().map(|(_, name)| name)
}

/// How many letters must be added, removed or replaced to make one text of the other (Levenshtein).
fn changes(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = removed + 1;
        for (index, other) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_spelling_finds_the_name() {
        let names = ["storage.directory", "storage.name", "media.clock", "calls.max"];
        for (wrong, meant) in [
            ("storage.dir", Some("storage.directory")),
            ("storage_directory", Some("storage.directory")),
            ("stroage.name", Some("storage.name")),
            ("directory", Some("storage.directory")),
            ("media.clok", Some("media.clock")),
            ("no.such.key", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(similar(wrong, names.into_iter()), meant, "{wrong}");
        }
        assert_eq!(similar(&"s".repeat(1000), names.into_iter()), None);
    }
}
