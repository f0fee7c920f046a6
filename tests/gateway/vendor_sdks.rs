//! The SDKs of Vobiz and Plivo, used with the gateway.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::callbacks::ALLOW;
use crate::receiver::{Behavior, CallbackRequest, Receiver};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic};
use crate::support::{CallFields, build};

const CALL: &str = "d0a87a1a-b0e9-4ab2-ac07-c22ee87cd04a";
/// The variants of a callback: method, and path of the receiver.
const VARIANTS: [(&str, &str); 4] = [
    ("POST", "/hook"),
    ("POST", "/hook?z=1&a=b%20c"),
    ("GET", "/hook"),
    ("GET", "/hook?z=1&a=b"),
];

/// The directory where `.ci/clients` installs the SDKs.
fn clients() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| build::root().join("target"), PathBuf::from);
    target.join("clients")
}

/// The Python with the SDKs, if it is installed.
fn python() -> Option<PathBuf> {
    let python = clients().join("venv/bin/python");
    build::has(python.to_str().unwrap()).then_some(python)
}

/// Runs a script of tests/clients, whose last line is "all well" if it succeeds.
fn run_script(program: impl AsRef<std::ffi::OsStr>, script: &str, arguments: &[String]) {
    let script = build::root().join("tests/clients").join(script);
    let mut command = Command::new(program);
    command.env("CLIENTS", clients()).arg(script).args(arguments);
    let output = build::run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().last(), Some("all well"), "{text}");
}

/// A server with a call for an SDK, and the arguments of its script.
fn server_and_arguments() -> (TestServer, Vec<String>) {
    let server = TestServer::open(&[ALLOW, ("gateway.apis", "vobiz,plivo"), ("calls.max", "9")]);
    let call = CallFields {
        call_id: Some(CALL),
        device: Some("SEP7"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let arguments = [server.base.as_str(), PLIVO_ACCOUNT, "secret", CALL].map(str::to_owned);
    (server, arguments.to_vec())
}

/// The callbacks of one recording for each variant, started below this path.
fn receive_each_variant(server: &TestServer, base_path: &str, receiver: &Receiver) -> Vec<CallbackRequest> {
    let basic = basic(PLIVO_ACCOUNT, "secret");
    let headers = [
        ("authorization", basic.as_str()),
        ("x-auth-id", PLIVO_ACCOUNT),
        ("x-auth-token", "secret"),
    ];
    let record = format!("{base_path}/Account/{PLIVO_ACCOUNT}/Call/{FIRST}/Record/");
    for (at, (method, path)) in VARIANTS.into_iter().enumerate() {
        let url = receiver.url(path);
        let body = json!({ "file_format": "wav", "callback_url": url, "callback_method": method });
        let started = server.send("POST", &record, &headers, &body.to_string());
        assert!([200, 202].contains(&started.status), "{}", started.text());
        assert_eq!(server.send("DELETE", &record, &headers, "").status, 204);
        receiver.wait(at + 1);
    }
    receiver.wait(VARIANTS.len())
}

/// Nonce and signature of version 2, then of version 3.
fn signatures(request: &CallbackRequest, vendor: &str) -> [String; 4] {
    ["v2-nonce", "v2", "v3-nonce", "v3"].map(|name| {
        let name = format!("x-{vendor}-signature-{name}");
        request.header(&name).to_owned()
    })
}

#[test]
fn the_python_sdks_accept_the_signatures() {
    let Some(python) = python() else { return };
    for (vendor, base_path) in [("vobiz", "/api/v1"), ("plivo", "/v1")] {
        let key = format!("{vendor}.signature_v3");
        let server = TestServer::open(&[ALLOW, ("gateway.apis", "vobiz,plivo"), (&key, "sdk")]);
        let receiver = Receiver::new(Behavior::Answers(200));
        for request in receive_each_variant(&server, base_path, &receiver) {
            let mut arguments = vec![
                vendor.to_owned(),
                request.method.clone(),
                receiver.url(&request.target),
                "secret".to_owned(),
            ];
            arguments.extend(signatures(&request, vendor));
            if request.method == "POST" {
                let fields = request.fields().into_iter();
                arguments.extend(fields.map(|(name, value)| format!("{name}={value}")));
            }
            run_script(&python, "signature.py", &arguments);
        }
    }
}

#[test]
fn the_plivo_sdk_starts_stops_lists_gets_and_deletes() {
    let Some(python) = python() else { return };
    let (_server, arguments) = server_and_arguments();
    run_script(python, "plivo.py", &arguments);
}

#[test]
fn the_vobiz_sdk_starts_stops_lists_gets_and_deletes_in_bulk() {
    let Some(python) = python() else { return };
    let (_server, arguments) = server_and_arguments();
    run_script(python, "vobiz.py", &arguments);
}

#[test]
fn the_plivo_sdk_for_node_controls_recordings_and_accepts_the_signatures() {
    let installed = clients().join("node_modules/plivo").is_dir();
    assert!(
        installed || std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
        "plivo is not installed"
    );
    if !installed || !build::has("node") {
        return;
    }
    let (server, mut arguments) = server_and_arguments();
    let receiver = Receiver::new(Behavior::Answers(200));
    for request in receive_each_variant(&server, "/v1", &receiver) {
        let [nonce2, v2, nonce3, v3] = signatures(&request, "plivo");
        let fields = match request.method.as_str() {
            "POST" => json!(request.fields()),
            _ => json!({}),
        };
        let (method, url) = (request.method.clone(), receiver.url(&request.target));
        arguments.extend([method, url, nonce2, v2, nonce3, v3, fields.to_string()]);
    }
    run_script("node", "plivo.mjs", &arguments);
}
