//! `DELETE …/Recording/BulkDelete/`, which Vobiz alone publishes: it deletes what the filters
//! find, behind the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Ask;
use super::errors::ErrorForm;
use super::recordings::{Wanted, remove};
use crate::Gateway;
use crate::files::Missing;
use crate::http::{Answer, json as json_answer};
use callrec_core::calls::Caller;
use callrec_core::events::LogLevel;

pub async fn answer(ask: &Ask<'_>, caller: &Caller) -> Answer {
    if caller.is_limited() {
        let why = "Deleting needs level 10";
        return ask.error(ErrorForm::Resource, StatusCode::FORBIDDEN, why);
    }
    let wanted = match wanted(ask) {
        Ok(wanted) => wanted,
        Err(why) => return ask.error(ErrorForm::Resource, StatusCode::BAD_REQUEST, &why),
    };
    let found = ask.gateway.shelf.archived(None, move |archive| {
        let (_, found) = archive.select(|entry| wanted.fits(entry), 0, None);
        let named = found.iter().map(|entry| (entry.id, entry.call_id().to_owned()));
        Ok(Some(named.collect::<Vec<_>>()))
    });
    match found.await {
        Ok(found) => {
            // What is recorded from here on is not among them.
            tokio::spawn(delete_all(ask.gateway.clone(), caller.clone(), found));
        }
        Err(missing) => return ask.missing(missing),
    }
    let body = json!({ "api_id": ask.api_id, "message": "bulk delete started" });
    json_answer(StatusCode::ACCEPTED, &body)
}

/// The filters, of the query and of the body; the SDKs use either.
fn wanted(ask: &Ask<'_>) -> Result<Wanted, String> {
    let mut wanted = Wanted::new(ask.dialect);
    let mut names = BTreeSet::new();
    let mut filter = |name: &str, value: &str| {
        // Left out, it would delete more than was meant.
        if value.is_empty() {
            return Err(format!("{name}: it is empty"));
        }
        if !names.insert(name.to_owned()) {
            return Err(format!("{name}: it is said twice"));
        }
        wanted.filter(name, value)
    };
    for (name, value) in ask.asked.query() {
        filter(&name, &value)?;
    }
    for (name, value) in ask.parameters()? {
        match value {
            Value::Null => {}
            Value::String(text) => filter(&name, &text)?,
            Value::Number(number) => filter(&name, &number.to_string())?,
            _ => return Err(format!("{name}: text is needed")),
        }
    }
    // Some HTTP stacks drop the body of a DELETE: that must not delete everything.
    if names.is_empty() {
        return Err("a filter is needed; add_time__gte=1970-01-01 finds all recordings".to_owned());
    }
    Ok(wanted)
}

/// One after the other, until the gateway stops. One that cannot be deleted holds up no other.
async fn delete_all(gateway: Arc<Gateway>, caller: Caller, found: Vec<(Uuid, String)>) {
    let stopped = gateway.stopping();
    let (mut failed, mut left) = (0, found.len());
    let total = found.len();
    for (id, call_id) in found {
        if *stopped.borrow() {
            break;
        }
        left -= 1;
        match remove(&gateway, caller.clone(), id, call_id).await {
            // Unknown: somebody else has deleted it meanwhile.
            Ok(()) | Err(Missing::Unknown) => {}
            Err(_) => failed += 1,
        }
    }
    if failed + left > 0 {
        let message = format!(
            "bulk deletion: of {total} recordings {failed} could not be deleted, and {left} were left because the gateway stops"
        );
        gateway.engine().bus().log(LogLevel::Warning, message);
    }
}
