//! The structs that describe calls, starts and questions; `None` is NULL.

use callrec::capi::*;

use super::abi::{Answer, Arg, ask, init};

/// What `rec_call_info` says; `None` is NULL.
#[derive(Clone, Copy, Default)]
pub struct Call<'a> {
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
}

impl Call<'_> {
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
        ]
        .map(Arg::from);
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
        ] = texts.each_ref().map(Arg::ptr);
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
        act(&info)
    }

    pub fn update(&self, call: rec_call) -> Answer<()> {
        self.with(|info| ask(|e| unsafe { rec_call_update(call, info, e) }))
    }
}

/// What `rec_start_options` says.
#[derive(Clone, Copy, Default)]
pub struct Start<'a> {
    pub flags: u32,
    pub layout: i32,
    pub pause_mode: i32,
    pub max_duration_ms: u32,
    pub lookback_ms: u32,
    pub call_id: Option<&'a str>,
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub format: Option<&'a str>,
    pub callback_url: Option<&'a str>,
}

impl Start<'_> {
    pub(super) fn with<R>(&self, act: impl FnOnce(*const rec_start_options) -> R) -> R {
        let texts = [
            self.call_id,
            self.device,
            self.number,
            self.format,
            self.callback_url,
        ]
        .map(Arg::from);
        let mut options: rec_start_options = init();
        options.flags = self.flags;
        options.layout = self.layout;
        options.pause_mode = self.pause_mode;
        options.max_duration_ms = self.max_duration_ms;
        options.lookback_ms = self.lookback_ms;
        let [call_id, device, number, format, callback_url] = texts.each_ref().map(Arg::ptr);
        options.call_id = call_id;
        options.device_name = device;
        options.directory_number = number;
        options.format = format;
        options.callback_url = callback_url;
        act(&options)
    }
}

/// What `rec_filter` says.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub user: Option<&'a str>,
    pub numeric: Option<&'a str>,
    pub call_id: Option<&'a str>,
}

impl Wanted<'_> {
    pub(super) fn with<R>(&self, act: impl FnOnce(*const rec_filter) -> R) -> R {
        let texts = [self.device, self.number, self.user, self.numeric, self.call_id].map(Arg::from);
        let mut filter: rec_filter = init();
        let [device, number, user, numeric, call_id] = texts.each_ref().map(Arg::ptr);
        filter.device_name = device;
        filter.directory_number = number;
        filter.username = user;
        filter.numeric_user_id = numeric;
        filter.call_id = call_id;
        act(&filter)
    }
}

pub fn end(call: rec_call) -> Answer<()> {
    ask(|e| unsafe { rec_call_end(call, e) })
}

pub fn private(call: rec_call, on: u32) -> Answer<()> {
    ask(|e| unsafe { rec_call_private(call, on, e) })
}
