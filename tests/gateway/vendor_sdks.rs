//! The SDKs that Vobiz and Plivo themselves publish, against the gateway.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::callbacks::ALLOW;
use crate::receiver::{CallbackRequest, Manner, Receiver};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic};
use crate::support::{CallFields, build};

const CALL: &str = "d0a87a1a-b0e9-4ab2-ac07-c22ee87cd04a";
/// How a callback may come: method, and the receiver's path.
const WAYS: [(&str, &str); 4] = [
    ("POST", "/hook"),
    ("POST", "/hook?z=1&a=b%20c"),
    ("GET", "/hook"),
    ("GET", "/hook?z=1&a=b"),
];

/// Where `.ci/clients` installs them.
fn clients() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| build::root().join("target"), PathBuf::from);
    target.join("clients")
}

/// The Python that has them.
fn python() -> Option<PathBuf> {
    let python = clients().join("venv/bin/python");
    build::has(python.to_str().unwrap()).then_some(python)
}

/// Runs one of tests/clients, which says at its end that all is well.
fn run(program: impl AsRef<std::ffi::OsStr>, script: &str, arguments: &[String]) {
    let script = build::root().join("tests/clients").join(script);
    let mut command = Command::new(program);
    command.env("CLIENTS", clients()).arg(script).args(arguments);
    let output = build::run(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.lines().last(), Some("all well"), "{said}");
}

/// A gateway with a call of its own for an SDK, and what a script is told of it.
fn server_for_a_script() -> (TestServer, Vec<String>) {
    let server = TestServer::open(&[ALLOW, ("gateway.apis", "vobiz,plivo"), ("calls.max", "9")]);
    let call = CallFields {
        call_id: Some(CALL),
        device: Some("SEP7"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let told = [server.base.as_str(), PLIVO_ACCOUNT, "secret", CALL].map(str::to_owned);
    (server, told.to_vec())
}

/// What the receiver hears of one recording each way, asked for below this path.
fn heard_each_way(server: &TestServer, base_path: &str, receiver: &Receiver) -> Vec<CallbackRequest> {
    let basic = basic(PLIVO_ACCOUNT, "secret");
    let who = [
        ("authorization", basic.as_str()),
        ("x-auth-id", PLIVO_ACCOUNT),
        ("x-auth-token", "secret"),
    ];
    let record = format!("{base_path}/Account/{PLIVO_ACCOUNT}/Call/{FIRST}/Record/");
    for (at, (method, path)) in WAYS.into_iter().enumerate() {
        let url = receiver.url(path);
        let body = json!({ "file_format": "wav", "callback_url": url, "callback_method": method });
        let started = server.send("POST", &record, &who, &body.to_string());
        assert!([200, 202].contains(&started.status), "{}", started.text());
        assert_eq!(server.send("DELETE", &record, &who, "").status, 204);
        receiver.wait(at + 1);
    }
    receiver.wait(WAYS.len())
}

/// Nonce and signature of the second and the third version.
fn signatures(heard: &CallbackRequest, vendor: &str) -> [String; 4] {
    ["v2-nonce", "v2", "v3-nonce", "v3"].map(|name| {
        let name = format!("x-{vendor}-signature-{name}");
        heard.header(&name).to_owned()
    })
}

#[test]
fn the_python_sdks_believe_the_signatures() {
    let Some(python) = python() else { return };
    for (vendor, base_path) in [("vobiz", "/api/v1"), ("plivo", "/v1")] {
        let key = format!("{vendor}.signature_v3");
        let server = TestServer::open(&[ALLOW, ("gateway.apis", "vobiz,plivo"), (&key, "sdk")]);
        let receiver = Receiver::new(Manner::Answers(200));
        for heard in heard_each_way(&server, base_path, &receiver) {
            let mut arguments = vec![
                vendor.to_owned(),
                heard.method.clone(),
                receiver.url(&heard.target),
                "secret".to_owned(),
            ];
            arguments.extend(signatures(&heard, vendor));
            if heard.method == "POST" {
                let fields = heard.fields().into_iter();
                arguments.extend(fields.map(|(name, value)| format!("{name}={value}")));
            }
            run(&python, "signature.py", &arguments);
        }
    }
}

#[test]
fn the_plivo_sdk_starts_stops_lists_gets_and_deletes() {
    let Some(python) = python() else { return };
    let (_server, arguments) = server_for_a_script();
    run(python, "plivo.py", &arguments);
}

#[test]
fn the_vobiz_sdk_does_so_too_and_deletes_in_bulk() {
    let Some(python) = python() else { return };
    let (_server, arguments) = server_for_a_script();
    run(python, "vobiz.py", &arguments);
}

#[test]
fn the_plivo_sdk_for_node_does_so_too_and_believes_the_signatures() {
    let installed = clients().join("node_modules/plivo").is_dir();
    assert!(
        installed || std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
        "plivo is not installed"
    );
    if !installed || !build::has("node") {
        return;
    }
    let (server, mut arguments) = server_for_a_script();
    let receiver = Receiver::new(Manner::Answers(200));
    for heard in heard_each_way(&server, "/v1", &receiver) {
        let [nonce2, v2, nonce3, v3] = signatures(&heard, "plivo");
        let fields = match heard.method.as_str() {
            "POST" => json!(heard.fields()),
            _ => json!({}),
        };
        let (method, url) = (heard.method.clone(), receiver.url(&heard.target));
        arguments.extend([method, url, nonce2, v2, nonce3, v3, fields.to_string()]);
    }
    run("node", "plivo.mjs", &arguments);
}
