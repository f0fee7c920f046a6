//! The published requests of the vendors, sent byte for byte over a socket. Each response has the
//! published form: status line, members, and the order and type of the members.

#[path = "published/genesys.rs"]
mod genesys;
#[path = "published/imagicle.rs"]
mod imagicle;
#[path = "published/raw.rs"]
mod raw;
#[path = "published/vobiz.rs"]
mod vobiz;

use serde_json::Value;

/// A published JSON text without white space.
pub fn compact(published: &str) -> String {
    parsed(published).to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that a response has the published members, in the same order and of the same types. A
/// published null stands for any value.
pub fn expect_form(response: &str, published: &str) {
    same_form(&parsed(response), &parsed(published), response);
}

fn same_form(actual: &Value, published: &Value, response: &str) {
    match (actual, published) {
        (_, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (Value::Array(actual), Value::Array(published)) => {
            assert_eq!(actual.len(), published.len(), "{response}");
            for (actual, published) in actual.iter().zip(published) {
                same_form(actual, published, response);
            }
        }
        (Value::Object(actual), Value::Object(published)) => {
            let names =
                |members: &serde_json::Map<String, Value>| members.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(actual), names(published), "{response}");
            for (actual, published) in actual.values().zip(published.values()) {
                same_form(actual, published, response);
            }
        }
        _ => panic!("{actual} where {published} is published: {response}"),
    }
}

#[test]
fn a_form_is_the_members_their_order_and_their_types() {
    let published = r#"{"id":"a","call":{"state":"b","at":null},"all":[1]}"#;
    expect_form(r#"{"id":"x","call":{"state":"","at":[7]},"all":[0]}"#, published);
    for other in [
        r#"{"call":{"state":"b","at":null},"id":"a","all":[1]}"#,
        r#"{"id":"a","call":{"state":"b"},"all":[1]}"#,
        r#"{"id":"a","call":{"state":"b","at":null},"all":[]}"#,
        r#"{"id":1,"call":{"state":"b","at":null},"all":[1]}"#,
    ] {
        let checked = std::panic::catch_unwind(|| expect_form(other, published));
        assert!(checked.is_err(), "{other}");
    }
}
