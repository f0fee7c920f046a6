//! A directory belongs to one store at a time.

use super::*;

#[test]
fn the_directory_is_held_once() {
    let fixture = StorageFixture::new();
    let again = Store::open(
        StorageConfig::new(fixture.directory.0.to_str().expect("UTF-8")),
        &Platform::system(),
        Arc::new(StorageReport::default()),
    );
    assert_eq!(again.err().map(|error| error.status), Some(Status::Unavailable));
    // A failed attempt must not have cost us the record lock.
    let (said, _) = child(Format::WAV, "open", &fixture.directory.0, 0);
    assert!(said.contains("Some(Unavailable)"), "{said}");
    let directory = fixture.close();
    let (said, _) = child(Format::WAV, "open", &directory.0, 0);
    assert!(said.contains("None"), "{said}");
    drop(
        Store::open(
            StorageConfig::new(directory.0.to_str().expect("UTF-8")),
            &Platform::system(),
            Arc::new(StorageReport::default()),
        )
        .expect("free again"),
    );
}

/// As a backup inside the host's process does.
#[cfg(unix)]
#[test]
fn whoever_closes_the_lock_file_takes_no_lock_with_it() {
    let fixture = StorageFixture::new();
    let lock = fixture.path(".callrec/lock");
    drop(fs::read(&lock).expect("there"));
    drop(fs::OpenOptions::new().write(true).open(&lock).expect("there"));
    let (said, _) = child(Format::WAV, "open", &fixture.directory.0, 0);
    assert!(said.contains("Some(Unavailable)"), "{said}");
    let directory = fixture.close();
    let (said, _) = child(Format::WAV, "open", &directory.0, 0);
    assert!(said.contains("None"), "{said}");
}

/// Version 0.1.0 locks the whole file by a record lock.
#[cfg(target_os = "linux")]
#[test]
fn an_earlier_version_is_kept_out_and_keeps_out() {
    let fixture = StorageFixture::new();
    let (said, _) = child(Format::WAV, "record lock", &fixture.directory.0, 0);
    assert!(said.contains("Err(EAGAIN)"), "{said}");
    let directory = fixture.close();
    let (said, _) = child(Format::WAV, "record lock", &directory.0, 0);
    assert!(said.contains("Ok(0), opens Some(Unavailable)"), "{said}");
}
