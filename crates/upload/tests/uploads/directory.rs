//! The store that is a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use callrec_core::calls::Caller;
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::storage::Manifest;
use callrec_testkit::wait;

use super::fixture::{FAST, UploadEngine, change_last_byte, files_below};

struct ArchiveDirectories {
    _both: tempfile::TempDir,
    local: std::path::PathBuf,
    archive: std::path::PathBuf,
    url: String,
}

fn directories() -> ArchiveDirectories {
    let both = tempfile::tempdir().expect("a directory");
    let (local, archive) = (both.path().join("local"), both.path().join("archive"));
    fs::create_dir(&archive).expect("a directory");
    ArchiveDirectories {
        local,
        url: format!("file://{}", archive.display()),
        archive,
        _both: both,
    }
}

#[test]
fn a_recording_is_uploaded_with_its_sidecar_and_its_manifest() {
    let at = directories();
    let keys = [
        ("upload.url", at.url.as_str()),
        ("upload.key", "{layout}/{id}"),
        ("storage.sidecar", "vcon"),
    ];
    let engine = UploadEngine::open(&at.local, &keys);
    let made = engine.record(1);
    let event = engine.wait_until_uploaded(made.id);
    let stem = format!("stereo/{}", made.id);
    assert_eq!(event.object_url, format!("{}/{stem}.wav", at.url));
    assert_eq!(event.json["object_url"], event.object_url.as_str());
    let names = [".json", ".vcon", ".wav"].map(|suffix| format!("{stem}{suffix}"));
    assert_eq!(files_below(&at.archive), names, "and no temporary file");
    let local = fs::read(engine.path(&made.file)).expect("the local copy");
    assert_eq!(fs::read(at.archive.join(&names[2])).expect("audio"), local);
    let manifest = Manifest::from_bytes(&fs::read(at.archive.join(&names[0])).expect("a manifest"));
    let manifest = manifest.expect("valid");
    let noted = engine.manifest(&made);
    assert_eq!(manifest.digest, noted.digest);
    let uploaded = noted.uploaded.expect("noted");
    assert_eq!(uploaded.objects.len(), 3);
    assert!(
        uploaded.objects[2].key.ends_with(".json"),
        "the manifest is the last"
    );
    assert!(!uploaded.local_removed);
    wait::until("the job is done", || engine.counts().pending == 0);
    assert_eq!((engine.counts().done, engine.counts().failed), (1, 0));
    let left = files_below(&at.local);
    assert!(!left.iter().any(|name| name.ends_with(".progress")), "{left:?}");
}

#[test]
fn the_local_copy_is_removed_and_a_held_one_stays() {
    let at = directories();
    let keys = [("upload.url", at.url.as_str()), ("upload.delete_local", "true")];
    let blocked = fs::Permissions::from_mode(0o755);
    // Nothing is uploaded before the hold.
    fs::rename(&at.archive, at.archive.with_extension("away")).expect("moved");
    let engine = UploadEngine::open(&at.local, &[&keys[..], &FAST[..]].concat());
    let (held, free) = (engine.record(1), engine.record(1));
    engine
        .engine
        .hold(&Caller::Host, &held.id.to_string(), true)
        .expect("held");
    engine.wait_for_line(&["there is no directory"]);
    assert!(engine.path(&free.file).exists(), "it is not uploaded yet");
    fs::rename(at.archive.with_extension("away"), &at.archive).expect("moved back");
    fs::set_permissions(&at.archive, blocked).expect("permissions");
    engine.wait_until_uploaded(held.id);
    engine.wait_until_uploaded(free.id);
    assert!(engine.path(&held.file).exists());
    assert!(!engine.path(&free.file).exists());
    assert!(engine.manifest(&free).is_only_uploaded());
    assert!(!engine.manifest(&held).is_only_uploaded());
    assert_eq!(files_below(&at.archive).len(), 4);
}

#[test]
fn a_recording_whose_audio_is_a_link_is_given_up_and_nothing_is_uploaded() {
    let at = directories();
    let keys = [
        ("upload.url", at.url.as_str()),
        ("upload.delete_local", "true"),
        ("storage.sidecar", "vcon"),
    ];
    let keys = [&keys[..], &FAST[..]].concat();
    // Nothing is uploaded before the audio is replaced.
    fs::rename(&at.archive, at.archive.with_extension("away")).expect("moved");
    let engine = UploadEngine::open(&at.local, &keys);
    let made = engine.record(1);
    engine.wait_for_line(&["there is no directory"]);
    let audio = engine.path(&made.file);
    engine.close();
    assert!(audio.with_extension("vcon").exists());
    fs::rename(&audio, audio.with_extension("moved")).expect("moved");
    std::os::unix::fs::symlink(audio.with_extension("moved"), &audio).expect("a link");
    fs::rename(at.archive.with_extension("away"), &at.archive).expect("moved back");
    let engine = UploadEngine::open(&at.local, &keys);
    let event = engine.wait_for(made.id);
    assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
    let reason = event.json["error"].as_str().expect("a reason");
    assert!(
        reason.contains("its audio is not where it was published"),
        "{reason}"
    );
    assert!(audio.is_symlink() && audio.with_extension("moved").exists());
    assert!(audio.with_extension("vcon").exists());
    assert_eq!(files_below(&at.archive), Vec::<String>::new());
}

#[test]
fn a_file_that_has_changed_is_given_up() {
    let at = directories();
    let keys = [("upload.url", at.url.as_str()), ("upload.key", "{id}")];
    let keys = [&keys[..], &FAST[..]].concat();
    fs::rename(&at.archive, at.archive.with_extension("away")).expect("moved");
    let engine = UploadEngine::open(&at.local, &keys);
    let made = engine.record(1);
    engine.wait_for_line(&["there is no directory"]);
    engine.close();
    change_last_byte(&at.local.join(&made.file));
    fs::rename(at.archive.with_extension("away"), &at.archive).expect("moved back");
    let engine = UploadEngine::open(&at.local, &keys);
    let event = engine.wait_for(made.id);
    assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
    assert_eq!(event.json["error"], "its file has changed");
    assert_eq!(files_below(&at.archive), Vec::<String>::new());
}

#[test]
fn audio_that_was_removed_before_the_manifest_is_stored_is_uploaded_again() {
    let at = directories();
    let keys = [
        ("upload.url", at.url.as_str()),
        ("upload.key", "{id}"),
        ("upload.delete_local", "true"),
    ];
    let keys = [&keys[..], &FAST[..]].concat();
    fs::rename(&at.archive, at.archive.with_extension("away")).expect("moved");
    let engine = UploadEngine::open(&at.local, &keys);
    let made = engine.record(1);
    engine.wait_for_line(&["there is no directory"]);
    engine.close();
    let local = fs::read(at.local.join(&made.file)).expect("the local copy");
    // The audio can be written, and the manifest cannot.
    let id = made.id;
    fs::rename(at.archive.with_extension("away"), &at.archive).expect("moved back");
    let blocked = at.archive.join(format!(".{id}.json.{id}.part"));
    fs::create_dir(&blocked).expect("a directory");
    let engine = UploadEngine::open(&at.local, &keys);
    engine.wait_for_line(&["the directory cannot be written"]);
    engine.close();
    let audio = at.archive.join(format!("{id}.wav"));
    fs::remove_file(&audio).expect("it was uploaded");
    fs::remove_dir(&blocked).expect("removed");
    let engine = UploadEngine::open(&at.local, &keys);
    engine.wait_until_uploaded(id);
    assert!(fs::read(&audio).expect("uploaded again") == local);
    assert!(!engine.path(&made.file).exists());
}

#[test]
fn audio_that_was_removed_before_the_local_copy_is_uploaded_again() {
    let at = directories();
    let keys = [("upload.url", at.url.as_str()), ("upload.key", "{id}")];
    let keys = [&keys[..], &FAST[..]].concat();
    fs::rename(&at.archive, at.archive.with_extension("away")).expect("moved");
    let engine = UploadEngine::open(&at.local, &keys);
    let made = engine.record(1);
    engine.wait_for_line(&["there is no directory"]);
    let job = at.local.join(format!(".callrec/jobs/upload/{}.json", made.id));
    let queued = fs::read(&job).expect("a job");
    fs::rename(at.archive.with_extension("away"), &at.archive).expect("moved back");
    engine.wait_until_uploaded(made.id);
    let local = fs::read(engine.path(&made.file)).expect("the local copy");
    engine.close();
    // A process that dies after it has noted the upload leaves the job and the local copy.
    fs::write(&job, queued).expect("written");
    let audio = at.archive.join(format!("{}.wav", made.id));
    fs::remove_file(&audio).expect("it was uploaded");
    let engine = UploadEngine::open(
        &at.local,
        &[&keys[..], &[("upload.delete_local", "true")]].concat(),
    );
    engine.wait_until_uploaded(made.id);
    assert!(fs::read(&audio).expect("uploaded again") == local);
    assert!(!engine.path(&made.file).exists());
}

#[test]
fn an_object_with_other_content_is_not_overwritten() {
    let at = directories();
    let keys = [("upload.url", at.url.as_str()), ("upload.key", "same")];
    let engine = UploadEngine::open(&at.local, &keys);
    let first = engine.record(1);
    engine.wait_until_uploaded(first.id);
    let stored = fs::read(at.archive.join("same.wav")).expect("audio");
    let second = engine.record(2);
    let event = engine.wait_for(second.id);
    assert_eq!(event.kind, EventKind::UploadFailed);
    assert_eq!(event.object_url, at.url);
    let reason = event.json["error"].as_str().expect("a reason");
    assert!(
        reason.contains("another object has the key \"same.wav\""),
        "{reason}"
    );
    assert_eq!(fs::read(at.archive.join("same.wav")).expect("audio"), stored);
    assert!(engine.path(&second.file).exists(), "the local copy stays");
    assert_eq!(engine.counts().failed, 1);
}

#[test]
fn a_full_directory_loses_nothing_and_is_continued_when_there_is_space() {
    let at = directories();
    let small = at.archive.join("small");
    fs::create_dir(&small).expect("a directory");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"])
        .arg(&small)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CALLREC_NEEDS_TOOLS").is_none() || !may_mount());
        return;
    }
    let _unmount = Unmount(small.clone());
    let url = format!("file://{}", small.display());
    let keys = [("upload.url", url.as_str()), ("upload.delete_local", "true")];
    let engine = UploadEngine::open(&at.local, &[&keys[..], &FAST[..]].concat());
    let made = engine.record(1);
    engine.wait_for_line(&["No space left on device", &made.id.to_string()]);
    assert!(engine.path(&made.file).exists());
    let larger = std::process::Command::new("mount")
        .args(["-o", "remount,size=4m"])
        .arg(&small)
        .status();
    assert!(larger.expect("mount").success());
    engine.wait_until_uploaded(made.id);
    assert!(!engine.path(&made.file).exists());
    assert_eq!(files_below(&small).len(), 2);
}

/// Whether the process has the capability `CAP_SYS_ADMIN`, which root lacks in most containers.
fn may_mount() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    effective.is_some_and(|effective| effective & SYS_ADMIN != 0)
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn a_limited_rate_is_shared_and_does_not_delay_an_end() {
    let at = directories();
    // Each recording has 192 kB, so a second of this rate is a tenth of one.
    let keys = [
        ("upload.url", at.url.as_str()),
        ("upload.bytes_per_second", "400000"),
    ];
    let engine = UploadEngine::open(&at.local, &keys);
    let begun = std::time::Instant::now();
    let made: Vec<_> = (0..3).map(|_| engine.record(1)).collect();
    for made in &made {
        engine.wait_until_uploaded(made.id);
    }
    let sent = 3.0 * 192_000.0;
    assert!(begun.elapsed().as_secs_f64() > (sent - 200_000.0) / 400_000.0);
}

#[test]
fn wrong_keys_are_refused_before_anything_is_opened() {
    let at = directories();
    for keys in [
        &[("upload.url", "ftp://x")][..],
        &[
            ("upload.url", at.url.as_str()),
            ("upload.lock_mode", "GOVERNANCE"),
        ],
        &[("upload.url", "s3://b"), ("upload.access_key_id", "x")],
    ] {
        let refused = UploadEngine::try_open(&at.local, keys).err().expect("refused");
        assert!(refused.message.contains("upload."), "{refused:?}");
        assert!(!at.local.exists());
    }
}
