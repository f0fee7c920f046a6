//! The responses of the gateway, compared with docs/openapi.yaml.

#[path = "openapi/responses.rs"]
mod responses;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use callrec_testkit::directory::ScratchDir;

use crate::server::{ClientResponse, TestServer, basic};
use crate::support::{CallFields, build};
use crate::vobiz::make_recording;

const DOCUMENT: &str = include_str!("../../docs/openapi.yaml");
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];
/// A call of the user MA_DEMO.
const DEMO_CALL: &str = "demo-1";

/// The document, and the (method, path, status) of the responses that were checked.
pub struct Contract {
    document: Value,
    checked: BTreeSet<(String, String, String)>,
}

/// (method, path, responses)
type ContractOperation = (String, String, Vec<String>);

impl Contract {
    pub fn new() -> Contract {
        let document = serde_yaml_ng::from_str(DOCUMENT).unwrap();
        let checked = BTreeSet::new();
        Contract { document, checked }
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["paths"].as_object().unwrap().iter()
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

    fn has_request_body(&self, method: &str, path: &str) -> bool {
        self.document["paths"][path][method].get("requestBody").is_some()
    }

    /// The template of a path. The one with the fewest parameters precedes the others.
    fn template(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let segments: Vec<_> = path.split('/').collect();
        let matches = |template: &str| {
            let expected: Vec<_> = template.split('/').collect();
            expected.len() == segments.len()
                && expected
                    .iter()
                    .zip(&segments)
                    .all(|(expected, segment)| match expected.split_once('}') {
                        Some((_, ending)) => segment.len() > ending.len() && segment.ends_with(ending),
                        None => expected == segment,
                    })
        };
        let found = self.paths().map(|(template, _)| template);
        let found = found.filter(|template| matches(template));
        let most_specific = found.min_by_key(|template| template.matches('{').count());
        most_specific
            .unwrap_or_else(|| panic!("{path} is not in the document"))
            .clone()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap_or(&Value::Null),
            None => value,
        }
    }

    fn expect_valid(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        // The targets of `$ref`.
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let errors: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{what}: {errors:#?} in {value:#}");
    }

    /// Asserts that the document describes this response: status, headers, type and every member.
    pub fn check(&mut self, method: &str, path: &str, response: &ClientResponse) {
        let method = method.to_ascii_lowercase();
        let template = self.template(path);
        let status = response.status.to_string();
        let what = format!(
            "{method} {path}: {status} {:?}",
            String::from_utf8_lossy(&response.body)
        );
        let expected = self.resolve(&self.document["paths"][&template][&method]["responses"][&status]);
        assert!(expected.is_object(), "{what}: the status is not in the document");
        for (name, header) in expected["headers"].as_object().into_iter().flatten() {
            let value = response.header(name);
            if header["required"] == true || !value.is_empty() {
                self.expect_valid(&header["schema"], &json!(value), &what);
            }
        }
        let kind = response.header("content-type");
        let kind = kind.split(';').next().unwrap();
        match expected["content"].as_object() {
            None => assert!(response.body.is_empty() && kind.is_empty(), "{what}: {kind}"),
            Some(content) => {
                let media = content.get(kind);
                let media = media.unwrap_or_else(|| panic!("{what}: \"{kind}\" is not in the document"));
                let value = match kind {
                    "application/json" => response.json(),
                    _ => json!(String::from_utf8_lossy(&response.body)),
                };
                self.expect_valid(&media["schema"], &value, &what);
            }
        }
        self.checked.insert((method, template, status));
    }
}

/// A server with every API, and the contract that its responses must meet.
struct ContractTester {
    server: TestServer,
    contract: Contract,
}

impl ContractTester {
    fn new() -> ContractTester {
        ContractTester::with(&[("gateway.auth_delay_ms", "0")])
    }

    fn with(settings: &[(&str, &str)]) -> ContractTester {
        let all = [
            ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
            ("genesys.capabilities", "Hold"),
        ];
        let server = TestServer::open(&[&all, settings].concat());
        let call = CallFields {
            call_id: Some(DEMO_CALL),
            device: Some("SEPDEMO"),
            number: Some("103"),
            user: Some("MA_DEMO"),
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
        let contract = Contract::new();
        ContractTester { server, contract }
    }

    /// Sends a request as `user`, or without credentials if it is "".
    fn send(
        &self,
        user: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> ClientResponse {
        let basic = basic(user, "secret");
        let mut headers = headers.to_vec();
        if !user.is_empty() {
            headers.push(("authorization", &basic));
            headers.push(("x-auth-id", user));
            headers.push(("x-auth-token", "secret"));
        }
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.server
            .send(&method.to_ascii_uppercase(), path, &headers, body)
    }

    /// Sends a request, and checks the response against `status` and the document.
    fn check(&mut self, status: u16, user: &str, method: &str, path: &str, body: &str) -> ClientResponse {
        self.check_with(status, user, method, path, &[], body)
    }

    fn check_with(
        &mut self,
        status: u16,
        user: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> ClientResponse {
        let response = self.send(user, method, path, headers, body);
        assert_eq!(
            response.status, status,
            "{user} {method} {path} {body}: {response:?}"
        );
        self.contract.check(method, path, &response);
        response
    }

    /// The device of a user's first call.
    fn device(&self, user: &str) -> String {
        let devices = self.send(user, "get", "/api/v2/me/devices", &[], "").json();
        devices["devices"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A path of the document with values that exist in place of its parameters.
    fn fill(&self, template: &str) -> String {
        let path = template
            .replace("{auth_id}", "MA_DEMO")
            .replace("{call_uuid}", DEMO_CALL)
            .replace("{call_id}", DEMO_CALL)
            .replace("{kind}", "connect");
        if path.contains("{device_id}") {
            return path.replace("{device_id}", &self.device("MA_DEMO"));
        }
        if path.contains("{id}") || path.contains("{recording_id}") {
            let (id, _) = make_recording(&self.server, 1);
            return path.replace("{id}", &id).replace("{recording_id}", &id);
        }
        path
    }
}

#[test]
fn the_document_is_served_verbatim() {
    let server = TestServer::open(&[]);
    let response = server.send("GET", "/openapi.yaml", &[], "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "application/yaml")
    );
    assert_eq!(response.text(), DOCUMENT);
}

#[test]
fn exactly_the_operations_of_the_document_are_served() {
    let mut tester = ContractTester::new();
    let operations = tester.contract.operations();
    assert!(operations.len() > 30, "{operations:#?}");
    for (method, template, _) in &operations {
        let path = tester.fill(template);
        let response = tester.send("MA_DEMO", method, &path, &[], "");
        assert!(
            ![404, 405].contains(&response.status),
            "{method} {path}: {response:?}"
        );
        tester.contract.check(method, &path, &response);
    }
    let paths: Vec<String> = tester.contract.paths().map(|(path, _)| path.clone()).collect();
    for template in paths.iter().filter(|path| path.matches('/').count() > 1) {
        for method in METHODS {
            if !tester.contract.document["paths"][template][method].is_null() {
                continue;
            }
            let path = tester.fill(template);
            let response = tester.send("MA_DEMO", method, &path, &[], "");
            assert_eq!(response.status, 405, "{method} {path}: {response:?}");
            let allow = response.header("allow").to_ascii_lowercase();
            let allowed: BTreeSet<_> = allow.split(", ").filter(|method| *method != "head").collect();
            let item = tester.contract.document["paths"][template].as_object().unwrap();
            let documented = item.keys().map(String::as_str);
            let documented = documented.filter(|key| METHODS.contains(key)).collect();
            assert_eq!(allowed, documented, "{path}");
        }
    }
}

#[test]
fn the_check_rejects_responses_that_are_not_in_the_document() {
    let server = TestServer::open(&[]);
    let mut response = server.send("GET", "/healthz", &[], "");
    Contract::new().check("get", "/healthz", &response);
    let mut expect_rejected = |change: &dyn Fn(&mut ClientResponse)| {
        change(&mut response);
        let checked = std::panic::catch_unwind(|| Contract::new().check("get", "/healthz", &response));
        assert!(checked.is_err(), "{response:?}");
    };
    expect_rejected(&|response| response.body = br#"{"status":"ok","more":1}"#.to_vec());
    expect_rejected(&|response| response.body = b"{}".to_vec());
    expect_rejected(&|response| {
        response.body = br#"{"status":"ok"}"#.to_vec();
        response.status = 204;
    });
    expect_rejected(&|response| {
        response.status = 200;
        response.headers.remove("content-type");
    });
}

/// Operations with requirements that a schema cannot express: one of two parameters is needed, a
/// text is JSON or the name of a parameter, a URL is in `callbacks.allow`.
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

/// Lets these operations refuse requests that meet the schema. CometD reports an invalid message in
/// a response with 200.
fn exceptions() -> String {
    let lines = BEYOND_A_SCHEMA.map(|operation| {
        let refusals = "\"400\", \"401\", \"403\", \"404\", \"405\", \"409\", \"429\", \"5xx\"";
        let success = if operation.contains("cometd") {
            "\"2xx\", "
        } else {
            ""
        };
        format!(
            "[[operations]]\ninclude-name = \"{operation}\"\n\
             checks.negative_data_rejection.expected-statuses = [{success}{refusals}]\n\
             checks.positive_data_acceptance.expected-statuses = [\"2xx\", {refusals}]\n"
        )
    });
    lines.concat()
}

/// The seed of the requests of schemathesis. It is fixed, so that a failure can be reproduced;
/// `.ci/long` uses other seeds.
const SEED: &str = "20260401";
/// The environment variable for another seed.
const SEED_VARIABLE: &str = "CALLREC_SCHEMATHESIS_SEED";

#[test]
fn schemathesis_finds_no_error() {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| build::root().join("target"), PathBuf::from);
    let tool = target.join("clients/venv/bin/schemathesis");
    if !build::has(tool.to_str().unwrap()) {
        return;
    }
    let tester = ContractTester::new();
    let (id, _) = make_recording(&tester.server, 1);
    let directory = ScratchDir::new();
    let config = directory.0.join("schemathesis.toml");
    let settings = format!(
        "[generation]\nallow-extra-parameters = false\n\
         [parameters]\n\"path.auth_id\" = \"MA_DEMO\"\n\"path.call_uuid\" = \"{DEMO_CALL}\"\n\
         \"path.call_id\" = \"{DEMO_CALL}\"\n\"path.id\" = \"{id}\"\n\"path.recording_id\" = \"{id}\"\n\
         \"path.device_id\" = \"{}\"\n{}",
        tester.device("MA_DEMO"),
        exceptions()
    );
    std::fs::write(&config, settings).unwrap();
    let seed = std::env::var(SEED_VARIABLE).unwrap_or_else(|_| SEED.to_owned());
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
         response_schema_conformance,negative_data_rejection,positive_data_acceptance";
    build::run(
        Command::new(tool)
            .current_dir(&directory.0)
            .arg("--config-file")
            .arg(&config)
            .args(["run", &format!("{}/openapi.json", tester.server.base)])
            .args(["--url", &tester.server.base, "--checks", checks])
            .args(["--auth", "MA_DEMO:secret"])
            .args(["-H", "X-Auth-ID: MA_DEMO", "-H", "X-Auth-Token: secret"])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10"])
            .args(["--seed", &seed, "--generation-database", "none"])
            .args(["--request-timeout", "40", "--warnings", "off", "--no-shrink"]),
    );
}
