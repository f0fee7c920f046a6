//! Why an operation on a store failed.

use object_store::Error;

/// The longest text of an error.
const TEXT_MAX: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// The recording was deleted.
    Gone,
    /// Another object has the key.
    Conflict(String),
    /// The local file is not what was published.
    Changed(String),
    /// There is no such object or unfinished upload.
    NotFound(String),
    /// Another attempt may succeed.
    Retry(String),
}

impl ObjectError {
    pub fn io(what: &str, error: &std::io::Error) -> ObjectError {
        let text = format!("{what}: {error}");
        match error.kind() {
            std::io::ErrorKind::NotFound => ObjectError::NotFound(text),
            // The local file is not what it should be.
            std::io::ErrorKind::InvalidData => ObjectError::Changed(error.to_string()),
            _ => ObjectError::Retry(text),
        }
    }

    pub fn text(&self) -> String {
        match self {
            ObjectError::Gone => "the recording was deleted".to_owned(),
            ObjectError::Conflict(text)
            | ObjectError::Changed(text)
            | ObjectError::NotFound(text)
            | ObjectError::Retry(text) => text.clone(),
        }
    }
}

impl From<Error> for ObjectError {
    fn from(error: Error) -> ObjectError {
        let detail = detail(&error);
        match error {
            Error::NotFound { .. } => ObjectError::NotFound(format!("the store does not find it: {detail}")),
            Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
                ObjectError::Retry(format!("the store refuses the credentials: {detail}"))
            }
            _ => ObjectError::Retry(format!("the store failed: {detail}")),
        }
    }
}

/// Whether the store does not have what the request names.
pub fn is_not_found(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } => true,
        // If Google cannot complete an upload, its client has the status only in the text.
        Error::Generic { .. } => with_causes(error).contains("status code: 404"),
        _ => false,
    }
}

/// Whether the store does not have a part of the object that was to be completed. S3 and Google
/// name the parts in the first way, and Azure in the second one. Other requests that a store
/// refuses with 400, such as one with an expired token, say nothing about the parts.
pub fn is_part_missing(error: &Error) -> bool {
    let text = with_causes(error);
    let codes = ["<Code>InvalidPart", "<Code>InvalidBlockList"];
    codes.iter().any(|code| text.contains(code))
}

/// The error and its causes, as one line.
pub fn detail(error: &Error) -> String {
    one_line(&with_causes(error))
}

/// The innermost causes say what happened, and the outer texts do not always repeat them.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

pub fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // The end says most: the status and the store's own words.
    match plain.len() > TEXT_MAX {
        true => format!("…{}", &plain[plain.ceil_char_boundary(plain.len() - TEXT_MAX)..]),
        false => plain,
    }
}
