//! The device resource. The host describes devices only in calls, so a user's devices are those of
//! their live calls. Recordings can be stopped by device.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Genesys;
use super::call::{base, device_id, is_e164};
use super::operations;
use super::recording_operation::RecordingOperation;
use super::status_code::{GenesysCode, engine_error, error_response, not_found};
use super::{success, success_with, user_calls};
use crate::http::{HttpRequest, HttpResponse};
use callrec_core::calls::{self, CallView, Caller};
use callrec_core::text::Text;
use callrec_core::types::{Error, Result, Status};

/// A device with the user's calls on it.
struct Device {
    id: Uuid,
    calls: Vec<CallView>,
}

impl Device {
    /// Ordered by the oldest call of each device.
    fn all(genesys: &Genesys, me: &Caller) -> Result<Vec<Device>> {
        let mut devices: Vec<Device> = Vec::new();
        for call in user_calls(&genesys.gateway, me)? {
            let id = device_id(&call.info);
            match devices.iter_mut().find(|device| device.id == id) {
                Some(device) => device.calls.push(call),
                None => devices.push(Device {
                    id,
                    calls: vec![call],
                }),
            }
        }
        Ok(devices)
    }

    /// The device with this id. Any spelling of the UUID is accepted.
    fn find(genesys: &Genesys, me: &Caller, id: &str) -> Result<Option<Device>> {
        let Ok(id) = Uuid::try_parse(id) else {
            return Ok(None);
        };
        let devices = Device::all(genesys, me)?;
        Ok(devices.into_iter().find(|device| device.id == id))
    }

    /// Whether the user may stop a recording on the device.
    fn can_stop(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|call| !call.live.is_empty() && !call.mandatory)
    }

    fn to_json(&self, genesys: &Genesys) -> Value {
        let number = self.calls.first().map(|call| &call.info.directory_number);
        let number = number.map_or("", Text::as_str);
        let path = format!("/devices/{}", self.id);
        let stop = self.can_stop().then(|| RecordingOperation::Stop.name());
        json!({
            "id": self.id.to_string(),
            "deviceState": "Active",
            "phoneNumber": number,
            "e164Number": if is_e164(number) { number } else { "" },
            "capabilities": stop.into_iter().collect::<Vec<_>>(),
            "uri": format!("{}{path}", base(genesys)),
            "path": path,
        })
    }

    /// Stops all recordings on the device, but not those at the other end of an internal call.
    fn stop(&self, genesys: &Genesys, me: &Caller) -> Result<()> {
        let recorder = genesys.gateway.recorder();
        let mut changed = 0;
        let mut failed = None;
        for call in &self.calls {
            for view in &call.live {
                let (id, url) = (&call.info.call_id, Some(&view.url));
                match recorder.control_by_call(me, calls::ControlOperation::Stop, id, url) {
                    Ok(counts) => changed += counts.changed,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        match failed {
            _ if changed > 0 => Ok(()),
            Some(error) => Err(error),
            None => Err(Error::new(
                Status::NotLive,
                "Nothing is being recorded on the device",
            )),
        }
    }
}

/// `GET /me/devices`: only resources with `?fields=…`, otherwise their URIs too.
pub fn list(genesys: &Genesys, me: &Caller, with_uris: bool) -> HttpResponse {
    let found = match Device::all(genesys, me) {
        Ok(found) => found,
        Err(error) => return engine_error(&error),
    };
    let devices: Vec<Value> = found.iter().map(|device| device.to_json(genesys)).collect();
    if !with_uris {
        return success_with(json!({ "devices": devices }));
    }
    let uris: Vec<_> = devices.iter().map(|device| device["uri"].clone()).collect();
    success_with(json!({ "uris": uris, "devices": devices }))
}

/// `GET /me/devices/{id}`
pub fn get(genesys: &Genesys, me: &Caller, id: &str) -> HttpResponse {
    match Device::find(genesys, me, id) {
        Ok(Some(device)) => success_with(json!({ "device": device.to_json(genesys) })),
        Ok(None) => not_found(),
        Err(error) => engine_error(&error),
    }
}

/// `POST /me/devices/{id}`
pub fn operate(genesys: &Genesys, me: &Caller, id: &str, request: &HttpRequest) -> HttpResponse {
    let operation = match operations::parse(genesys, request) {
        Ok(operation) => operation,
        Err((code, message)) => return error_response(code, &message),
    };
    let device = match Device::find(genesys, me, id) {
        Ok(Some(device)) => device,
        Ok(None) => return not_found(),
        Err(error) => return engine_error(&error),
    };
    if operation != RecordingOperation::Stop {
        let text = format!("{} is no operation of a device", operation.name());
        return error_response(GenesysCode::Forbidden, &text);
    }
    match device.stop(genesys, me) {
        Ok(()) => success(),
        Err(error) => engine_error(&error),
    }
}
