//! Lists that must stay complete although no compiler compares them: functions, event kinds
//! and formats.

use std::collections::BTreeMap;
use std::path::Path;

use callrec_codec::Format;
use syn::Item;

use crate::sources;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_c_test_calls_every_exported_function() {
    let test = read("tests/c/everything.c");
    let exports = read("tests/exports.txt");
    let missing: Vec<&str> = exports
        .lines()
        .filter(|name| !test.contains(&format!("X({name})")))
        .collect();
    assert!(exports.lines().count() > 40);
    assert!(missing.is_empty(), "not in tests/c/everything.c: {missing:?}");
}

/// The constants `REC_EVENT_…` of the C ABI with their numbers, without flags.
fn event_constants() -> BTreeMap<String, String> {
    let values = read("src/capi/values.rs");
    let lines = values
        .lines()
        .filter_map(|line| line.strip_prefix("pub const REC_EVENT_"));
    let pairs = lines.filter_map(|line| {
        let (name, number) = line.split_once(": i32 = ")?;
        Some((name.to_owned(), number.trim_end_matches(';').to_owned()))
    });
    pairs.collect()
}

/// The variants of the engine's enum of event kinds, named like the constants, with their
/// numbers.
fn event_variants() -> BTreeMap<String, String> {
    for (path, text) in sources() {
        if !path.starts_with("crates/core/src/events") {
            continue;
        }
        for item in syn::parse_file(&text).expect("Rust").items {
            let Item::Enum(item) = item else { continue };
            let is_event_kind = |name: &str| item.variants.iter().any(|variant| variant.ident == name);
            if !is_event_kind("StartFailed") || !is_event_kind("Finished") {
                continue;
            }
            let pairs = item.variants.iter().map(|variant| {
                let Some((_, syn::Expr::Lit(literal))) = &variant.discriminant else {
                    panic!("{} has no number", variant.ident)
                };
                let syn::Lit::Int(number) = &literal.lit else {
                    panic!("{} has no number", variant.ident)
                };
                (in_capitals(&variant.ident.to_string()), number.to_string())
            });
            return pairs.collect();
        }
    }
    panic!("crates/core/src/events declares no event kinds")
}

/// `CallIdle` as `CALL_IDLE`.
fn in_capitals(name: &str) -> String {
    let mut capitals = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !capitals.is_empty() {
            capitals.push('_');
        }
        capitals.push(letter.to_ascii_uppercase());
    }
    capitals
}

#[test]
fn event_kinds_have_the_same_numbers_in_rust_and_c() {
    let constants = event_constants();
    assert!(constants.len() > 13, "{constants:?}");
    assert_eq!(event_variants(), constants);
}

#[test]
fn every_event_kind_is_documented() {
    let (events, formats) = (read("docs/events.md"), read("docs/formats.md"));
    for name in event_constants().keys() {
        assert!(
            events.contains(&format!("`REC_EVENT_{name}`")),
            "docs/events.md: REC_EVENT_{name}"
        );
        let text = name.to_lowercase().replace('_', "-");
        assert!(formats.contains(&format!("`{text}`")), "docs/formats.md: {text}");
    }
}

#[test]
fn every_format_is_documented() {
    let formats = read("docs/formats.md");
    let listed = Format::all().filter(|format| format.is_listed());
    for name in listed.map(Format::name) {
        assert!(formats.contains(&format!("`{name}`")), "docs/formats.md: {name}");
    }
}
