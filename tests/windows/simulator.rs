//! The simulator of the whole engine, as a program of Windows: `docs/simulator.md`.

use callrec_testkit::directory::ScratchDir;

use crate::support::build::is_installed;
use crate::wine;

const SEEDS: u64 = 300;

#[test]
fn the_first_simulations_hold() {
    let Some(package) = wine::package() else { return };
    let built = package.join("bin/callrec-testkit.exe");
    if !is_installed("callrec-testkit.exe", built.exists()) {
        return;
    }
    let directory = ScratchDir::new();
    let program = directory.join("callrec-testkit.exe");
    std::fs::copy(built, &program).unwrap();
    wine::complete(&directory.0);
    let lines = wine::lines(&program, &["--seeds", &SEEDS.to_string()]);
    let sound = format!("{SEEDS} seeds, 0 failed");
    assert!(lines.last().unwrap().starts_with(&sound), "{lines:?}");
}
