//! Names: a type name occurs once in the workspace, a module is `x.rs` beside `x/`, and names
//! use the words of the glossary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};

/// Words that the glossary has replaced, as parts of names. Words that also have a permitted
/// meaning are not in the list: disk, frame, owed, point, record, round, sample, waiting.
const OLD_WORDS: [&str; 25] = [
    "asked",
    "bell",
    "blank",
    "book",
    "clerk",
    "desk",
    "doorkeeper",
    "ear",
    "founding",
    "going",
    "house",
    "librarian",
    "mark",
    "paper",
    "postbox",
    "postman",
    "room",
    "salvage",
    "shelf",
    "shelves",
    "slate",
    "tell",
    "told",
    "wanted",
    "wish",
];

/// Standard terms that contain an old word, and the file name that mdBook prescribes.
const STANDARD_TERMS: [&str; 2] = ["book toml", "byte order mark"];

/// Words that say too little to be the whole name of a type.
const VAGUE_TYPES: [&str; 20] = [
    "Door", "Fate", "Heard", "Holds", "Kept", "Lamp", "Left", "Made", "Nothing", "Rig", "Said", "Scene",
    "Story", "Talk", "Tape", "Victim", "Want", "What", "Who", "World",
];

const DIRECTORIES: [&str; 8] = [
    ".ci",
    "benches",
    "crates",
    "docs",
    "examples-c",
    "include",
    "src",
    "tests",
];

/// The files of the workspace, relative to the root, without fixtures and build results.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending: Vec<PathBuf> = DIRECTORIES.iter().map(|name| root.join(name)).collect();
    let mut files = vec![PathBuf::from("build.rs")];
    while let Some(directory) = pending.pop() {
        for entry in directory.read_dir().expect("a directory") {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(root).expect("below the root").to_owned();
            if path.is_file() {
                files.push(relative);
            } else if relative != Path::new("tests/fixtures") && !path.ends_with("target") {
                pending.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The names that one file declares.
#[derive(Default)]
struct Declarations {
    types: Vec<String>,
    functions: Vec<String>,
    modules: Vec<String>,
    /// How many function bodies surround the current item.
    depth: usize,
}

impl Declarations {
    fn of(text: &str) -> Declarations {
        let mut declarations = Declarations::default();
        declarations.visit_file(&syn::parse_file(text).expect("Rust"));
        declarations
    }

    /// Macros such as `config_keys!` declare types.
    fn read_tokens(&mut self, mut cursor: Cursor<'_>) {
        let mut is_after_keyword = false;
        while let Some((_, next)) = cursor.token_tree() {
            if let Some((group, _, _, _)) = cursor.any_group() {
                self.read_tokens(group);
            }
            let word = cursor.ident().map(|(word, _)| word.to_string());
            if is_after_keyword {
                self.types.extend(word.clone());
            }
            is_after_keyword = word.is_some_and(|word| word == "struct" || word == "enum");
            cursor = next;
        }
    }
}

impl<'ast> Visit<'ast> for Declarations {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.types.push(item.ident.to_string());
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.types.push(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.types.push(item.ident.to_string());
        visit::visit_item_union(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.types.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if self.depth == 0 {
            self.types.push(item.ident.to_string());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.modules.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.functions.push(signature.ident.to_string());
        visit::visit_signature(self, signature);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.depth += 1;
        visit::visit_block(self, block);
        self.depth -= 1;
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.read_tokens(TokenBuffer::new2(mac.tokens.clone()).begin());
        visit::visit_macro(self, mac);
    }
}

/// Every Rust file of the workspace, with its declarations.
fn declarations() -> Vec<(PathBuf, Declarations)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rust = files().into_iter();
    let rust = rust.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root.join(&path)).expect("a source file");
        let declarations = Declarations::of(&text);
        (path, declarations)
    };
    let declarations: Vec<_> = rust.map(read).collect();
    assert!(declarations.len() > 200, "{} files", declarations.len());
    declarations
}

/// The parts of a name, in lower case: `RawWish` and `raw_wish` are both `raw`, `wish`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        let starts_word = letter.is_uppercase() && after_lower;
        if !letter.is_alphanumeric() || starts_word {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            let word = words.last_mut().expect("there is a word");
            word.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// An old word in a name, also in the plural.
fn old_word_in(name: &str) -> Option<&'static str> {
    let mut text = words_of(name).join(" ");
    for term in STANDARD_TERMS {
        text = text.replace(term, "");
    }
    let is_in_name = |old: &&str| {
        let forms = [(*old).to_owned(), format!("{old}s"), format!("{old}es")];
        text.split(' ').any(|word| forms.iter().any(|form| form == word))
    };
    OLD_WORDS.iter().copied().find(|old| is_in_name(old))
}

fn assert_none(title: &str, problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} {title}:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[test]
fn type_names_are_unique() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, declarations) in declarations() {
        for name in declarations.types {
            places.entry(name).or_default().push(path.display().to_string());
        }
    }
    assert!(places.len() > 500, "{} types", places.len());
    let doubled = places.into_iter().filter(|(_, places)| places.len() > 1);
    let problems: Vec<_> = doubled
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert_none("type names are not unique", &problems);
}

#[test]
fn there_is_no_mod_rs() {
    let files = files().into_iter().filter(|path| path.ends_with("mod.rs"));
    let files: Vec<String> = files.map(|path| path.display().to_string()).collect();
    assert_none("files are named mod.rs", &files);
}

#[test]
fn names_use_the_words_of_the_glossary() {
    let mut problems = Vec::new();
    for path in files() {
        let old = path
            .components()
            .find_map(|part| old_word_in(&part.as_os_str().to_string_lossy()));
        problems.extend(old.map(|word| format!("{}: \"{word}\" in the path", path.display())));
    }
    for (path, declarations) in declarations() {
        for (kind, names) in [
            ("type", &declarations.types),
            ("function", &declarations.functions),
            ("module", &declarations.modules),
        ] {
            for name in names {
                // The verb is permitted: `mark_dirty`.
                let is_verb = kind == "function" && (name == "mark" || name.starts_with("mark_"));
                let checked = if is_verb { &name[4..] } else { name.as_str() };
                if let Some(word) = old_word_in(checked) {
                    problems.push(format!("{}: \"{word}\" in the {kind} {name}", path.display()));
                }
            }
        }
        for name in &declarations.types {
            if VAGUE_TYPES.contains(&name.as_str()) {
                problems.push(format!("{}: the type name {name} is too vague", path.display()));
            }
        }
    }
    assert_none("names use old words", &problems);
}

#[test]
fn declarations_and_words_are_found() {
    let found = Declarations::of(
        "struct A; mod b { enum C {} trait D { type E; fn f(); } } type G = A;
        fn h() { struct I; type J = A; } keys! { pub struct K { } } impl A { fn l() {} }",
    );
    assert_eq!(found.types, ["A", "C", "D", "G", "I", "K"]);
    assert_eq!(found.functions, ["f", "h", "l"]);
    assert_eq!(found.modules, ["b"]);
    assert_eq!(words_of("RawWish_of16Bit"), ["raw", "wish", "of16", "bit"]);
    for old in ["RawWish", "is_told", "marks.rs", "BellRinger", "house"] {
        assert!(old_word_in(old).is_some(), "{old}");
    }
    for current in [
        "a_byte_order_mark",
        "marker",
        "clear",
        "playbook",
        "headroom",
        "Notified",
    ] {
        assert_eq!(old_word_in(current), None, "{current}");
    }
}
