//! Uploads to Azure Blob Storage: the emulator Azurite (npm), as a process of this test's own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use callrec_testkit::http::HttpClient;
use callrec_testkit::wait;

use super::fixture::{FAST, MadeRecording, UploadEngine};

/// The account that every emulator has.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Creates a container that everybody may read.
const CREATE: &str = "
import base64, email.utils, hashlib, hmac, sys, urllib.request
endpoint, account, key, container = sys.argv[1:]
headers = {'x-ms-blob-public-access': 'container', 'x-ms-date': email.utils.formatdate(usegmt=True),
           'x-ms-version': '2023-11-03'}
canonical = ''.join(f'{name}:{headers[name]}\\n' for name in sorted(headers))
text = 'PUT' + '\\n' * 12 + canonical + f'/{account}/{account}/{container}\\nrestype:container'
digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
headers['Authorization'] = f'SharedKey {account}:{base64.b64encode(digest).decode()}'
url = f'{endpoint}/{container}?restype=container'
urllib.request.urlopen(urllib.request.Request(url, method='PUT', headers=headers)).read()
";

struct Emulator {
    process: Child,
    endpoint: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    /// `None` if Azurite is not installed.
    fn start() -> Option<Emulator> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target =
            target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")));
        let program = target.join("clients/node_modules/.bin/azurite-blob");
        let spawned = Command::new(program)
            .args([
                "--blobPort",
                "0",
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut process) = spawned else {
            assert!(
                std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
                "Azurite is not installed: .ci/clients installs it"
            );
            return None;
        };
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let address = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).expect("readable") > 0, "it has ended");
            if let Some((_, url)) = line.trim_end().split_once("listens on ") {
                break url.to_owned();
            }
        };
        // It writes a line for each request.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some(Emulator {
            process,
            endpoint: format!("{address}/{ACCOUNT}"),
        })
    }

    fn create(&self, container: &str) {
        let created = Command::new("python3")
            .args(["-c", CREATE, &self.endpoint, ACCOUNT, KEY, container])
            .status();
        assert!(created.expect("python3").success());
    }

    fn get(&self, key: &str) -> Option<(Vec<u8>, String)> {
        let url = format!("{}/calls/in/{key}", self.endpoint);
        let found = HttpClient::new().send("GET", &url, &[], "");
        (found.status == 200).then(|| (found.body.clone(), found.header("x-ms-meta-sha256").to_owned()))
    }
}

#[test]
fn recordings_are_stored_in_one_request_and_in_blocks_and_deleted() {
    let Some(emulator) = Emulator::start() else { return };
    emulator.create("calls");
    let directory = tempfile::tempdir().expect("a directory");
    let keys = [
        ("upload.url", "az://calls/in"),
        ("upload.key", "{id}"),
        ("upload.endpoint", emulator.endpoint.as_str()),
        ("upload.azure_account", ACCOUNT),
        ("upload.azure_access_key", KEY),
        ("upload.delete_local", "true"),
        FAST[0],
        FAST[1],
    ];
    let engine = UploadEngine::open(directory.path(), &keys);
    for seconds in [1, 50] {
        let made = engine.record(seconds);
        let event = engine.wait_until_uploaded(made.id);
        assert_eq!(event.object_url, format!("az://calls/in/{}.wav", made.id));
        assert_whole(&emulator, &engine, &made, seconds);
        assert_eq!(engine.delete(made.id), Ok(()));
        wait::until("the blobs are removed", || {
            [".wav", ".json"]
                .iter()
                .all(|suffix| emulator.get(&format!("{}{suffix}", made.id)).is_none())
        });
    }
}

#[track_caller]
fn assert_whole(emulator: &Emulator, engine: &UploadEngine, made: &MadeRecording, seconds: usize) {
    let digest = engine.manifest(made).digest;
    let (audio, noted) = emulator.get(&format!("{}.wav", made.id)).expect("audio");
    assert!(audio.len() >= seconds * 192_000);
    assert_eq!(callrec_testkit::manifest::digest(&audio), digest);
    // Blocks have no metadata.
    let expected = if seconds == 1 { digest.as_str() } else { "sha256:" };
    assert_eq!(format!("sha256:{noted}"), expected);
    assert!(emulator.get(&format!("{}.json", made.id)).is_some());
    assert!(!engine.path(&made.file).exists());
}
