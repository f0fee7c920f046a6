//! The scripts of `.ci` and of `packaging` can be read by their shell.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_script_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = [".ci", "packaging"].map(|name| fs::read_dir(root.join(name)).expect("a directory"));
    let mut checked = 0;
    for entry in directories.into_iter().flatten() {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let shell = text.lines().next().and_then(|line| line.strip_prefix("#!"));
        let Some(shell) = shell.filter(|shell| shell.ends_with("sh")) else {
            continue;
        };
        let shell = shell.rsplit([' ', '/']).next().unwrap_or("sh");
        let status = Command::new(shell).arg("-n").arg(&path).status();
        assert!(status.expect("a shell").success(), "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 3, "{checked} scripts");
}
