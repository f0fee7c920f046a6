//! A directory belongs to one store at a time.

use super::*;

#[test]
fn a_directory_has_one_store_at_a_time() {
    let fixture = StorageFixture::new();
    let again = Store::open(
        StorageConfig::new(fixture.directory.0.to_str().expect("UTF-8")),
        &Platform::system(),
        Arc::new(StorageReport::default()),
    );
    assert_eq!(again.err().map(|error| error.status), Some(Status::Unavailable));
    // The failed attempt must not release the record lock.
    let (output, _) = child(Format::WAV, "open", &fixture.directory.0, 0);
    assert!(output.contains("Some(Unavailable)"), "{output}");
    let directory = fixture.close();
    let (output, _) = child(Format::WAV, "open", &directory.0, 0);
    assert!(output.contains("None"), "{output}");
    drop(
        Store::open(
            StorageConfig::new(directory.0.to_str().expect("UTF-8")),
            &Platform::system(),
            Arc::new(StorageReport::default()),
        )
        .expect("the directory is free again"),
    );
}

#[test]
fn a_file_in_the_place_of_the_directory_is_named_as_such() {
    let directory = ScratchDir::new();
    let path = directory.0.join("recordings");
    fs::write(&path, "").expect("writable");
    let opened = Store::open(
        StorageConfig::new(path.to_str().expect("UTF-8")),
        &Platform::system(),
        Arc::new(StorageReport::default()),
    );
    let error = opened.err().expect("a file is no directory");
    assert_eq!(error.status, Status::Io);
    assert!(
        error.message.ends_with("cannot be opened: not a directory"),
        "{}",
        error.message
    );
}

/// A backup inside the host's process closes a descriptor of the lock file.
#[cfg(unix)]
#[test]
fn closing_another_descriptor_of_the_lock_file_keeps_the_lock() {
    let fixture = StorageFixture::new();
    let lock = fixture.path(".callrec/lock");
    drop(fs::read(&lock).expect("there"));
    drop(fs::OpenOptions::new().write(true).open(&lock).expect("there"));
    let (output, _) = child(Format::WAV, "open", &fixture.directory.0, 0);
    assert!(output.contains("Some(Unavailable)"), "{output}");
    let directory = fixture.close();
    let (output, _) = child(Format::WAV, "open", &directory.0, 0);
    assert!(output.contains("None"), "{output}");
}

/// Version 0.1.0 locks the whole file with a record lock.
#[cfg(target_os = "linux")]
#[test]
fn this_version_and_version_0_1_0_exclude_each_other() {
    let fixture = StorageFixture::new();
    let (output, _) = child(Format::WAV, "record lock", &fixture.directory.0, 0);
    assert!(output.contains("Err(EAGAIN)"), "{output}");
    let directory = fixture.close();
    let (output, _) = child(Format::WAV, "record lock", &directory.0, 0);
    assert!(output.contains("Ok(0), opens Some(Unavailable)"), "{output}");
}
