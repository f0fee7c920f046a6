//! `DELETE …/Recording/BulkDelete/`, published only by Vobiz. It deletes the recordings that the
//! filters match, after the response.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::VobizRequest;
use super::errors::ErrorForm;
use super::recordings::{RecordingFilter, remove};
use crate::Gateway;
use crate::archive_service::ArchiveError;
use crate::http::{HttpResponse, json as json_response};
use callrec_core::calls::Caller;
use callrec_core::events::LogLevel;

pub async fn respond(request: &VobizRequest<'_>, caller: &Caller) -> HttpResponse {
    if caller.is_limited() {
        let message = "Deleting needs level 10";
        return request.error(ErrorForm::Resource, StatusCode::FORBIDDEN, message);
    }
    let filter = match parse_filter(request) {
        Ok(filter) => filter,
        Err(message) => return request.error(ErrorForm::Resource, StatusCode::BAD_REQUEST, &message),
    };
    let found = request.gateway.archive.query(None, move |archive| {
        let (_, found) = archive.select(|entry| filter.matches(entry), 0, None);
        let named = found.iter().map(|entry| (entry.id, entry.file().to_owned()));
        Ok(Some(named.collect::<Vec<_>>()))
    });
    match found.await {
        Ok(found) => {
            // Recordings that begin later are not affected.
            tokio::spawn(delete_all(request.gateway.clone(), caller.clone(), found));
        }
        Err(error) => return request.archive_error(error),
    }
    let body = json!({ "api_id": request.api_id, "message": "bulk delete started" });
    json_response(StatusCode::ACCEPTED, &body)
}

/// Parses the filters of the query and of the body; the SDKs use either.
fn parse_filter(request: &VobizRequest<'_>) -> Result<RecordingFilter, String> {
    let mut filter = RecordingFilter::new(request.dialect);
    let mut names = BTreeSet::new();
    let mut add = |name: &str, value: &str| {
        // Ignoring an empty filter would delete more than intended.
        if value.is_empty() {
            return Err(format!("{name}: it is empty"));
        }
        if !names.insert(name.to_owned()) {
            return Err(format!("{name}: it is said twice"));
        }
        filter.add(name, value)
    };
    for (name, value) in request.http.query() {
        add(&name, &value)?;
    }
    for (name, value) in request.parameters()? {
        match value {
            Value::Null => {}
            Value::String(text) => add(&name, &text)?,
            Value::Number(number) => add(&name, &number.to_string())?,
            _ => return Err(format!("{name}: text is needed")),
        }
    }
    // Some HTTP stacks drop the body of a DELETE, which must not delete everything.
    if names.is_empty() {
        return Err("a filter is needed; add_time__gte=1970-01-01 finds all recordings".to_owned());
    }
    Ok(filter)
}

/// Deletes the recordings in sequence until the gateway stops. A failure does not stop the others.
async fn delete_all(gateway: Arc<Gateway>, caller: Caller, found: Vec<(Uuid, String)>) {
    let stopped = gateway.stopping();
    let (mut failed, mut remaining) = (0, found.len());
    let total = found.len();
    for (id, file) in found {
        if *stopped.borrow() {
            break;
        }
        remaining -= 1;
        match remove(&gateway, caller.clone(), id, file).await {
            // Another client has deleted the recording meanwhile.
            Ok(()) | Err(ArchiveError::NotFound) => {}
            // The audit log has a line for it.
            Err(ArchiveError::Held) => {}
            Err(_) => failed += 1,
        }
    }
    if failed + remaining > 0 {
        let message = format!(
            "bulk deletion: {failed} of {total} recordings could not be deleted, and {remaining} were not tried because the gateway is stopping"
        );
        gateway.engine().bus().log(LogLevel::Warning, message);
    }
}
