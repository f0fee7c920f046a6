//! Makes values safe for file names, whatever a call's attributes contain.

/// The maximum length of a placeholder's value, in bytes.
const VALUE_MAX: usize = 100;
/// The maximum length of a component, in bytes. The rest of the 255 is for a number and the
/// extensions.
const COMPONENT_MAX: usize = 200;

/// Makes a value safe: replaces characters that a file system or a terminal would interpret.
pub fn value(text: &str) -> String {
    cut(text, VALUE_MAX)
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect()
}

fn is_safe(c: char) -> bool {
    let reserved = matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    // These characters reorder or hide their neighbours in a listing.
    let deceiving = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !reserved && !deceiving && !c.is_control()
}

/// Makes a path component safe: never empty, hidden, special or too long.
pub fn component(text: &str) -> String {
    let mut safe: String = cut(text, COMPONENT_MAX)
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect();
    let visible = safe.trim_start_matches(['.', ' ']).len();
    safe = "_".repeat(usize::from(visible < safe.len())) + &safe[safe.len() - visible..];
    let trimmed = safe.trim_end_matches(['.', ' ']).len();
    if trimmed < safe.len() {
        safe.truncate(trimmed);
        safe.push('_');
    }
    if safe.is_empty() || is_device(&safe) {
        safe.insert(0, '_');
    }
    safe
}

/// Whether a component that was read from a manifest could be callrec's.
pub fn is_component(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && !text.starts_with('.')
        && !text
            .chars()
            .any(|c| matches!(c, '/' | '\\' | ':') || c.is_control())
}

/// Whether this is a device name on Windows, with any extension.
fn is_device(component: &str) -> bool {
    let stem = component
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    let mut numbered = stem.chars();
    let number = numbered.next_back();
    matches!(numbered.as_str(), "COM" | "LPT")
        && number.is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_become_plain_names() {
        for (value_in, expected) in [
            ("", "_"),
            (".", "_"),
            ("..", "_"),
            ("...", "_"),
            (".callrec", "_callrec"),
            ("../../etc/passwd", "__.._etc_passwd"),
            ("a\0b\nc\x1b[2J\u{7f}", "a_b_c_[2J_"),
            ("C:\\x", "C__x"),
            ("con", "_con"),
            ("NUL.wav", "_NUL.wav"),
            ("aux ", "aux_"),
            ("LPT1", "_LPT1"),
            ("COM¹.x", "_COM¹.x"),
            ("COMx", "COMx"),
            ("ends. .", "ends_"),
            (" . x", "_x"),
            ("ab\u{202e}vaw", "ab_vaw"),
        ] {
            let got = component(value_in);
            assert_eq!(got, expected, "{value_in:?}");
            assert!(is_component(&got));
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = "ü".repeat(300);
        assert_eq!(value(&long), "ü".repeat(50));
        assert_eq!(component(&long), "ü".repeat(100));
        let odd = format!("x{long}");
        assert_eq!(value(&odd).len(), 99);
        let dots = format!("{}.....", "a".repeat(198));
        assert_eq!(component(&dots), format!("{}_", "a".repeat(198)));
    }

    #[test]
    fn paths_of_manifests_are_checked() {
        for bad in ["", ".", "..", ".callrec", "a/b", "a\\b", "c:", "a\0"] {
            assert!(!is_component(bad), "{bad:?}");
        }
    }
}
