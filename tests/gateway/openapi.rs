//! docs/openapi.yaml against what is really answered.

#[path = "openapi/answers.rs"]
mod answers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use callrec_testkit::directory::ScratchDir;

use crate::server::{ClientResponse, TestServer, basic};
use crate::support::{CallFields, build};
use crate::vobiz::finished;

const TEXT: &str = include_str!("../../docs/openapi.yaml");
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];
/// A call of the account's own.
const DEMO: &str = "demo-1";

/// The text, and what has been seen of it: method, path, status.
pub struct Contract {
    doc: Value,
    seen: BTreeSet<(String, String, String)>,
}

/// (method, path, responses)
type ContractOperation = (String, String, Vec<String>);

impl Contract {
    pub fn new() -> Contract {
        let doc = serde_yaml_ng::from_str(TEXT).unwrap();
        let seen = BTreeSet::new();
        Contract { doc, seen }
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.doc["paths"].as_object().unwrap().iter()
    }

    fn operations(&self) -> Vec<ContractOperation> {
        let mut all = Vec::new();
        for (path, item) in self.paths() {
            for method in METHODS {
                if let Some(responses) = item[method]["responses"].as_object() {
                    let statuses = responses.keys().cloned().collect();
                    all.push((method.to_owned(), path.clone(), statuses));
                }
            }
        }
        all
    }

    fn takes_a_body(&self, method: &str, path: &str) -> bool {
        self.doc["paths"][path][method].get("requestBody").is_some()
    }

    /// The path in the text; one without a parameter goes before one with.
    fn template(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (mine, theirs): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            mine.len() == theirs.len()
                && mine
                    .iter()
                    .zip(&theirs)
                    .all(|(mine, theirs)| match mine.split_once('}') {
                        Some((_, ending)) => theirs.len() > ending.len() && theirs.ends_with(ending),
                        None => mine == theirs,
                    })
        };
        let found = self.paths().map(|(template, _)| template);
        let found = found.filter(|template| fits(template));
        let best = found.min_by_key(|template| template.matches('{').count());
        best.unwrap_or_else(|| panic!("{path}: not in the text")).clone()
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.doc.pointer(&reference[1..]).unwrap_or(&Value::Null),
            None => value,
        }
    }

    fn expect(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        // What `$ref` leads to.
        schema["components"] = self.doc["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?} in {value:#}");
    }

    /// That the text knows this answer, to the last member.
    pub fn hold(&mut self, method: &str, path: &str, reply: &ClientResponse) {
        let method = method.to_ascii_lowercase();
        let template = self.template(path);
        let status = reply.status.to_string();
        let what = format!(
            "{method} {path}: {status} {:?}",
            String::from_utf8_lossy(&reply.body)
        );
        let response = self.resolved(&self.doc["paths"][&template][&method]["responses"][&status]);
        assert!(response.is_object(), "{what}: the text does not know it");
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let value = reply.header(name);
            if header["required"] == true || !value.is_empty() {
                self.expect(&header["schema"], &json!(value), &what);
            }
        }
        let kind = reply.header("content-type");
        let kind = kind.split(';').next().unwrap();
        match response["content"].as_object() {
            None => assert!(reply.body.is_empty() && kind.is_empty(), "{what}: {kind}"),
            Some(content) => {
                let media = content.get(kind);
                let media = media.unwrap_or_else(|| panic!("{what}: \"{kind}\" is not in the text"));
                let value = match kind {
                    "application/json" => reply.json(),
                    _ => json!(String::from_utf8_lossy(&reply.body)),
                };
                self.expect(&media["schema"], &value, &what);
            }
        }
        self.seen.insert((method, template, status));
    }
}

/// A server with all APIs, and somebody who asks it by the text.
struct Asker {
    server: TestServer,
    contract: Contract,
}

impl Asker {
    fn new() -> Asker {
        Asker::with(&[("gateway.auth_delay_ms", "0")])
    }

    fn with(settings: &[(&str, &str)]) -> Asker {
        let all = [
            ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
            ("genesys.capabilities", "Hold"),
        ];
        let server = TestServer::open(&[&all, settings].concat());
        let call = CallFields {
            call_id: Some(DEMO),
            device: Some("SEPDEMO"),
            number: Some("103"),
            user: Some("MA_DEMO"),
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
        let contract = Contract::new();
        Asker { server, contract }
    }

    fn send(&self, who: &str, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> ClientResponse {
        let basic = basic(who, "secret");
        let mut headers = more.to_vec();
        if !who.is_empty() {
            headers.push(("authorization", &basic));
            headers.push(("x-auth-id", who));
            headers.push(("x-auth-token", "secret"));
        }
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.server
            .send(&method.to_ascii_uppercase(), path, &headers, body)
    }

    /// Asks as `who`, and holds the answer against the text.
    fn ask(&mut self, status: u16, who: &str, method: &str, path: &str, body: &str) -> ClientResponse {
        self.ask_with(status, who, method, path, &[], body)
    }

    fn ask_with(
        &mut self,
        status: u16,
        who: &str,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> ClientResponse {
        let reply = self.send(who, method, path, more, body);
        assert_eq!(reply.status, status, "{who} {method} {path} {body}: {reply:?}");
        self.contract.hold(method, path, &reply);
        reply
    }

    /// The device of a user's call.
    fn device(&self, who: &str) -> String {
        let devices = self.send(who, "get", "/api/v2/me/devices", &[], "").json();
        devices["devices"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A path of the text with what exists in place of its parameters.
    fn filled(&self, template: &str) -> String {
        let path = template
            .replace("{auth_id}", "MA_DEMO")
            .replace("{call_uuid}", DEMO)
            .replace("{call_id}", DEMO)
            .replace("{kind}", "connect");
        if path.contains("{device_id}") {
            return path.replace("{device_id}", &self.device("MA_DEMO"));
        }
        if path.contains("{id}") || path.contains("{recording_id}") {
            let (id, _) = finished(&self.server, 1);
            return path.replace("{id}", &id).replace("{recording_id}", &id);
        }
        path
    }
}

#[test]
fn the_text_is_served_as_it_stands() {
    let server = TestServer::open(&[]);
    let reply = server.send("GET", "/openapi.yaml", &[], "");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/yaml")
    );
    assert_eq!(reply.text(), TEXT);
}

#[test]
fn every_operation_of_the_text_is_there_and_no_other() {
    let mut asker = Asker::new();
    let operations = asker.contract.operations();
    assert!(operations.len() > 30, "{operations:#?}");
    for (method, template, _) in &operations {
        let path = asker.filled(template);
        let reply = asker.send("MA_DEMO", method, &path, &[], "");
        assert!(![404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
        asker.contract.hold(method, &path, &reply);
    }
    let paths: Vec<String> = asker.contract.paths().map(|(path, _)| path.clone()).collect();
    for template in paths.iter().filter(|path| path.matches('/').count() > 1) {
        for method in METHODS {
            if !asker.contract.doc["paths"][template][method].is_null() {
                continue;
            }
            let path = asker.filled(template);
            let reply = asker.send("MA_DEMO", method, &path, &[], "");
            assert_eq!(reply.status, 405, "{method} {path}: {reply:?}");
            let allow = reply.header("allow").to_ascii_lowercase();
            let allowed: BTreeSet<_> = allow.split(", ").filter(|one| *one != "head").collect();
            let item = asker.contract.doc["paths"][template].as_object().unwrap();
            let told = item.keys().map(String::as_str);
            let told = told.filter(|key| METHODS.contains(key)).collect();
            assert_eq!(allowed, told, "{path}");
        }
    }
}

/// A judge that sees nothing of the text but a wrong answer would be none.
#[test]
fn an_answer_that_the_text_does_not_know_is_found() {
    let server = TestServer::open(&[]);
    let mut good = server.send("GET", "/healthz", &[], "");
    Contract::new().hold("get", "/healthz", &good);
    let mut found = |change: &dyn Fn(&mut ClientResponse)| {
        change(&mut good);
        let held = std::panic::catch_unwind(|| Contract::new().hold("get", "/healthz", &good));
        assert!(held.is_err(), "{good:?}");
    };
    found(&|reply| reply.body = br#"{"status":"ok","more":1}"#.to_vec());
    found(&|reply| reply.body = b"{}".to_vec());
    found(&|reply| {
        reply.body = br#"{"status":"ok"}"#.to_vec();
        reply.status = 204;
    });
    found(&|reply| {
        reply.status = 200;
        reply.headers.remove("content-type");
    });
}

/// What no schema can say is refused all the same: that one of two parameters is needed,
/// that a text is JSON or a parameter's name, that a receiver is one of `callbacks.allow`.
const BEYOND_A_SCHEMA: [&str; 8] = [
    "DELETE /fw/Apps/Recorder/WebAPI/LiveRecordings",
    "POST /genesys/cometd",
    "POST /genesys/cometd/{kind}",
    "POST /api/v1/Account/{auth_id}/Call/{call_uuid}/Record/",
    "DELETE /api/v1/Account/{auth_id}/Call/{call_uuid}/Record/",
    "DELETE /api/v1/Account/{auth_id}/Recording/BulkDelete/",
    "POST /v1/Account/{auth_id}/Call/{call_uuid}/Record/",
    "DELETE /v1/Account/{auth_id}/Call/{call_uuid}/Record/",
];

/// There 400 is no surprise; and CometD says within a 200 what is wrong with a message.
fn exceptions() -> String {
    let lines = BEYOND_A_SCHEMA.map(|operation| {
        let refused = "\"400\", \"401\", \"403\", \"404\", \"405\", \"409\", \"429\", \"5xx\"";
        let taken = if operation.contains("cometd") {
            "\"2xx\", "
        } else {
            ""
        };
        format!(
            "[[operations]]\ninclude-name = \"{operation}\"\n\
             checks.negative_data_rejection.expected-statuses = [{taken}{refused}]\n\
             checks.positive_data_acceptance.expected-statuses = [\"2xx\", {refused}]\n"
        )
    });
    lines.concat()
}

/// What schemathesis makes its requests from. The same ones each time, so that what it finds
/// can be found again; `.ci/long` sends others.
const SEED: &str = "20260401";
/// The environment's name for another one.
const SEED_VARIABLE: &str = "CALLREC_SCHEMATHESIS_SEED";

#[test]
fn schemathesis_finds_nothing() {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| build::root().join("target"), PathBuf::from);
    let tool = target.join("clients/venv/bin/schemathesis");
    if !build::has(tool.to_str().unwrap()) {
        return;
    }
    let asker = Asker::new();
    let (id, _) = finished(&asker.server, 1);
    let place = ScratchDir::new();
    let config = place.0.join("schemathesis.toml");
    let known = format!(
        "[generation]\nallow-extra-parameters = false\n\
         [parameters]\n\"path.auth_id\" = \"MA_DEMO\"\n\"path.call_uuid\" = \"{DEMO}\"\n\
         \"path.call_id\" = \"{DEMO}\"\n\"path.id\" = \"{id}\"\n\"path.recording_id\" = \"{id}\"\n\
         \"path.device_id\" = \"{}\"\n{}",
        asker.device("MA_DEMO"),
        exceptions()
    );
    std::fs::write(&config, known).unwrap();
    let seed = std::env::var(SEED_VARIABLE).unwrap_or_else(|_| SEED.to_owned());
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
         response_schema_conformance,negative_data_rejection,positive_data_acceptance";
    build::run(
        Command::new(tool)
            .current_dir(&place.0)
            .arg("--config-file")
            .arg(&config)
            .args(["run", &format!("{}/openapi.json", asker.server.base)])
            .args(["--url", &asker.server.base, "--checks", checks])
            .args(["--auth", "MA_DEMO:secret"])
            .args(["-H", "X-Auth-ID: MA_DEMO", "-H", "X-Auth-Token: secret"])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10"])
            .args(["--seed", &seed, "--generation-database", "none"])
            .args(["--request-timeout", "40", "--warnings", "off", "--no-shrink"]),
    );
}
