//! The packages below the gateway mention no vendor and depend on no HTTP library. The
//! gateway's shared files mention no vendor.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Packages that must not depend on a vendor or on HTTP.
const NEUTRAL: [&str; 5] = ["core", "feeds", "base", "media", "codec"];
const VENDOR_WORDS: [&str; 8] = [
    "imagicle", "genesys", "vobiz", "plivo", "gsip", "cometd", "csrf", "x-auth",
];
/// Files of the gateway that may mention vendors.
const VENDOR_FILES: [&str; 5] = ["genesys", "imagicle", "vobiz", "apis.rs", "lib.rs"];
const HTTP_PACKAGES: [&str; 3] = ["hyper", "tokio", "http"];

#[test]
fn neutral_packages_mention_no_vendor_and_depend_on_no_http_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).expect("Cargo.lock");
    let mut found = Vec::new();
    for package in NEUTRAL {
        let folder = root.join("crates").join(package);
        for_each_file(&folder, &mut |path, text| {
            found.extend(vendor_lines(path, text));
        });
        let package = format!("callrec-{package}");
        let needed = dependencies(&lock, &package);
        assert!(needed.len() > 1, "{package} in Cargo.lock");
        let http = HTTP_PACKAGES.iter().filter(|name| needed.contains(**name));
        found.extend(http.map(|name| format!("{package} depends on {name}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The lines of a file that mention a vendor.
fn vendor_lines(path: &Path, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let named = lines.filter(|(_, line)| {
        let line = line.to_lowercase();
        VENDOR_WORDS.iter().any(|word| line.contains(word))
    });
    named
        .map(|(at, line)| format!("{}:{}: {line}", path.display(), at + 1))
        .collect()
}

#[test]
fn shared_gateway_files_mention_no_vendor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/gateway/src");
    let (mut found, mut files) = (Vec::new(), 0);
    for_each_file(&folder, &mut |path, text| {
        let below = path.strip_prefix(&folder).expect("below the folder");
        if !VENDOR_FILES
            .iter()
            .any(|known| below.starts_with(known) || below.with_extension("").starts_with(known))
        {
            files += 1;
            found.extend(vendor_lines(path, text));
        }
    });
    assert!(files > 20, "{files} files");
    assert!(found.is_empty(), "{found:#?}");
}

fn for_each_file(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => for_each_file(&path, visit),
            false => visit(
                &path,
                &String::from_utf8_lossy(&std::fs::read(&path).expect("a file")),
            ),
        }
    }
}

/// All direct and indirect dependencies of a package in Cargo.lock, for any feature and system.
fn dependencies<'a>(lock: &'a str, package: &'a str) -> BTreeSet<&'a str> {
    let mut direct: HashMap<&str, Vec<&str>> = HashMap::new();
    for entry in lock.split("[[package]]") {
        let name = entry.lines().find_map(|line| line.strip_prefix("name = "));
        let needed = entry.lines().filter_map(|line| line.strip_prefix(" \""));
        // An entry is a name, followed by a version if Cargo.lock has several.
        let needed = needed.filter_map(|line| line.split(['"', ' ']).next());
        if let Some(name) = name {
            direct.entry(name.trim_matches('"')).or_default().extend(needed);
        }
    }
    let mut reached = BTreeSet::new();
    let mut pending = vec![package];
    while let Some(package) = pending.pop() {
        if reached.insert(package) {
            pending.extend(direct.get(package).into_iter().flatten());
        }
    }
    reached
}
