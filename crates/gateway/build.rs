//! Converts docs/openapi.yaml to JSON for `GET /openapi.json`.

fn main() {
    #[cfg(feature = "server")]
    openapi_as_json();
}

#[cfg(feature = "server")]
fn openapi_as_json() {
    let from = "../../docs/openapi.yaml";
    println!("cargo::rerun-if-changed={from}");
    let text = std::fs::read_to_string(from).expect("docs/openapi.yaml");
    let document: serde_json::Value = serde_yaml_ng::from_str(&text).expect("YAML");
    let directory = std::env::var_os("OUT_DIR").expect("OUT_DIR");
    let to = std::path::Path::new(&directory).join("openapi.json");
    std::fs::write(to, document.to_string()).expect("openapi.json is written");
}
