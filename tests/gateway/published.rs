//! The requests that the vendors print, to the byte over a socket, and the answers in the
//! printed form: status line, members, their order and kind.

#[path = "published/genesys.rs"]
mod genesys;
#[path = "published/imagicle.rs"]
mod imagicle;
#[path = "published/raw.rs"]
mod raw;
#[path = "published/vobiz.rs"]
mod vobiz;

use serde_json::Value;

/// A printed text as JSON without the blanks.
pub fn compact(printed: &str) -> String {
    parsed(printed).to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// That an answer has the members that are printed, in their order, each of the same kind.
/// A printed null stands for anything.
pub fn expect_form(answer: &str, printed: &str) {
    same_form(&parsed(answer), &parsed(printed), answer);
}

fn same_form(ours: &Value, printed: &Value, answer: &str) {
    match (ours, printed) {
        (_, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (Value::Array(ours), Value::Array(printed)) => {
            assert_eq!(ours.len(), printed.len(), "{answer}");
            for (ours, printed) in ours.iter().zip(printed) {
                same_form(ours, printed, answer);
            }
        }
        (Value::Object(ours), Value::Object(printed)) => {
            let names = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(ours), names(printed), "{answer}");
            for (ours, printed) in ours.values().zip(printed.values()) {
                same_form(ours, printed, answer);
            }
        }
        _ => panic!("{ours} where {printed} is printed: {answer}"),
    }
}

#[test]
fn a_form_is_members_their_order_and_their_kind() {
    let printed = r#"{"id":"a","call":{"state":"b","at":null},"all":[1]}"#;
    expect_form(r#"{"id":"x","call":{"state":"","at":[7]},"all":[0]}"#, printed);
    for other in [
        r#"{"call":{"state":"b","at":null},"id":"a","all":[1]}"#,
        r#"{"id":"a","call":{"state":"b"},"all":[1]}"#,
        r#"{"id":"a","call":{"state":"b","at":null},"all":[]}"#,
        r#"{"id":1,"call":{"state":"b","at":null},"all":[1]}"#,
    ] {
        let checked = std::panic::catch_unwind(|| expect_form(other, printed));
        assert!(checked.is_err(), "{other}");
    }
}
