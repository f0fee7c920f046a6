//! `DELETE …/Call/{call_uuid}/Record/`

use http::StatusCode;
use serde_json::Value;

use super::errors::Shape;
use super::{AUDIO_PATH, Ask, is_absolute};
use crate::calls::{Caller, Operation};
use crate::gateway::Gateway;
use crate::gateway::http::{Answer, empty};
use crate::text::Text;

/// All recordings of the call, or the one that `URL` names; none is as good.
pub fn answer(ask: &Ask<'_>, caller: &Caller, call: &str) -> Answer {
    let url = match named(ask) {
        Ok(url) => url,
        // Never all of them because one could not be read.
        Err(why) => return ask.error(Shape::General, StatusCode::BAD_REQUEST, &why),
    };
    let url = url.map_or_else(Text::default, |url| own_url(ask.gateway, &url));
    let engine = ask.gateway.engine();
    match engine.control_by_call(caller, Operation::Stop, &Text::new(call), &url) {
        Ok(_) => empty(StatusCode::NO_CONTENT),
        Err(error) => ask.refused(&error),
    }
}

/// In the body; in the query too, because some HTTP stacks drop the body of a DELETE.
fn named(ask: &Ask<'_>) -> Result<Option<String>, String> {
    let said = ask.parameters()?;
    // In any case: taken for another parameter it would stop them all.
    let in_body = said.iter().find(|(name, _)| name.eq_ignore_ascii_case("url"));
    let url = match in_body {
        Some((_, Value::String(url))) => Some(url.clone()),
        Some((_, Value::Null)) | None => ask.asked.parameter("url"),
        Some(_) => return Err("URL: text is needed".to_owned()),
    };
    match url {
        Some(url) if url.is_empty() => Err("URL: it is empty".to_owned()),
        url => Ok(url),
    }
}

/// The engine's name for what a start has answered as `url`.
fn own_url(gateway: &Gateway, url: &str) -> Text {
    if is_absolute(&gateway.engine().config().url_base) {
        return Text::new(url);
    }
    let base = format!("{}{AUDIO_PATH}/", gateway.public_url());
    match url.strip_prefix(&base) {
        Some(own) if !own.is_empty() => Text::new(own),
        // No recording has a url of this kind.
        _ => Text::from(format!("other:{url}")),
    }
}
