//! The structs that describe calls, starts and filters. `None` is NULL.

use callrec::capi::*;

use super::abi::{AbiResult, CText, checked, init};

/// The fields of a `rec_call_info`.
#[derive(Clone, Copy, Default)]
pub struct CallFields<'a> {
    pub state: i32,
    pub direction: i32,
    pub tag: u64,
    pub call_id: Option<&'a str>,
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub user: Option<&'a str>,
    pub numeric: Option<&'a str>,
    pub first: Option<&'a str>,
    pub last: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub ani: Option<&'a str>,
    pub dnis: Option<&'a str>,
    pub attributes: Option<&'a str>,
    pub switch_call_id: Option<&'a str>,
    pub call_type: Option<&'a str>,
    pub connected_at_ms: i64,
    pub consent: i32,
    pub consent_source: Option<&'a str>,
    pub consent_from_ms: i64,
    pub related: Option<&'a str>,
}

impl CallFields<'_> {
    pub fn with<R>(&self, act: impl FnOnce(*const rec_call_info) -> R) -> R {
        let texts = [
            self.call_id,
            self.device,
            self.number,
            self.user,
            self.numeric,
            self.first,
            self.last,
            self.phone,
            self.ani,
            self.dnis,
            self.attributes,
            self.switch_call_id,
            self.call_type,
            self.consent_source,
            self.related,
        ]
        .map(CText::from);
        let mut info: rec_call_info = init();
        info.state = self.state;
        info.direction = self.direction;
        info.tag = self.tag;
        let [
            call_id,
            device,
            number,
            user,
            numeric,
            first,
            last,
            phone,
            ani,
            dnis,
            attributes,
            switch_call_id,
            call_type,
            consent_source,
            related,
        ] = texts.each_ref().map(CText::ptr);
        info.call_id = call_id;
        info.device_name = device;
        info.directory_number = number;
        info.username = user;
        info.numeric_user_id = numeric;
        info.remote_first_name = first;
        info.remote_last_name = last;
        info.remote_phone_number = phone;
        info.ani = ani;
        info.dnis = dnis;
        info.attributes_json = attributes;
        info.switch_call_id = switch_call_id;
        info.call_type = call_type;
        info.connected_at_ms = self.connected_at_ms;
        info.consent = self.consent;
        info.consent_source = consent_source;
        info.related_call_id = related;
        info.consent_from_ms = self.consent_from_ms;
        act(&info)
    }

    pub fn update(&self, call: rec_call) -> AbiResult<()> {
        self.with(|info| checked(|e| unsafe { rec_call_update(call, info, e) }))
    }
}

/// The fields of a `rec_start_options`.
#[derive(Clone, Copy, Default)]
pub struct StartFields<'a> {
    pub flags: u32,
    pub layout: i32,
    pub pause_mode: i32,
    pub max_duration_ms: u32,
    pub lookback_ms: u32,
    pub keep_raw: i32,
    pub call_id: Option<&'a str>,
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub format: Option<&'a str>,
    pub callback_url: Option<&'a str>,
}

impl StartFields<'_> {
    pub fn with<R>(&self, act: impl FnOnce(*const rec_start_options) -> R) -> R {
        let texts = [
            self.call_id,
            self.device,
            self.number,
            self.format,
            self.callback_url,
        ]
        .map(CText::from);
        let mut options: rec_start_options = init();
        options.flags = self.flags;
        options.layout = self.layout;
        options.pause_mode = self.pause_mode;
        options.max_duration_ms = self.max_duration_ms;
        options.lookback_ms = self.lookback_ms;
        options.keep_raw = self.keep_raw;
        let [call_id, device, number, format, callback_url] = texts.each_ref().map(CText::ptr);
        options.call_id = call_id;
        options.device_name = device;
        options.directory_number = number;
        options.format = format;
        options.callback_url = callback_url;
        act(&options)
    }
}

/// The fields of a `rec_filter`.
#[derive(Clone, Copy, Default)]
pub struct FilterFields<'a> {
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub user: Option<&'a str>,
    pub numeric: Option<&'a str>,
    pub call_id: Option<&'a str>,
    pub switch_call_id: Option<&'a str>,
}

impl FilterFields<'_> {
    pub(super) fn with<R>(&self, act: impl FnOnce(*const rec_filter) -> R) -> R {
        let texts = [
            self.device,
            self.number,
            self.user,
            self.numeric,
            self.call_id,
            self.switch_call_id,
        ]
        .map(CText::from);
        let mut filter: rec_filter = init();
        let [device, number, user, numeric, call_id, switch_call_id] = texts.each_ref().map(CText::ptr);
        filter.device_name = device;
        filter.directory_number = number;
        filter.username = user;
        filter.numeric_user_id = numeric;
        filter.call_id = call_id;
        filter.switch_call_id = switch_call_id;
        act(&filter)
    }
}

pub fn end(call: rec_call) -> AbiResult<()> {
    checked(|e| unsafe { rec_call_end(call, e) })
}

pub fn private(call: rec_call, on: u32) -> AbiResult<()> {
    checked(|e| unsafe { rec_call_private(call, on, e) })
}
