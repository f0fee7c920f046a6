//! `struct_size`: every size of 0.1.0, every end of a member and larger ones are accepted; a size that
//! ends inside a member is refused.

use std::mem::offset_of;
use std::process::Command;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;

use super::scratch_engine::*;
use crate::support::build::{cc, root, run};
use crate::support::*;

/// A struct's name and size, and where each of its members begins and ends.
struct StructLayout {
    name: &'static str,
    size: usize,
    members: Vec<(usize, usize)>,
}

impl StructLayout {
    fn cuts(&self, size: usize) -> bool {
        self.members
            .iter()
            .any(|(begin, end)| *begin < size && size < *end)
    }
}

fn end_of<T, M>(begin: usize, _: fn(&T) -> &M) -> (usize, usize) {
    (begin, begin + size_of::<M>())
}

macro_rules! layout {
    ($type:ident: $($member:ident)*) => {{
        // Does not compile unless all members are named.
        let _ = |all: $type| { let $type { $($member: _),* } = all; };
        StructLayout {
            name: stringify!($type),
            size: size_of::<$type>(),
            members: vec![$(end_of(offset_of!($type, $member), |all: &$type| &all.$member)),*],
        }
    }};
}

/// Calls `act` with a struct that begins as `valid` does and has the size `size`; the rest is zero.
fn sized<T: Copy>(valid: &T, size: usize, act: impl FnOnce(*mut T) -> AbiResult<()>) -> AbiResult<()> {
    let mut memory = [0u64; 512];
    let at = memory.as_mut_ptr().cast::<T>();
    let length = size.min(size_of::<T>());
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const *valid).cast::<u8>(), at.cast::<u8>(), length);
        at.cast::<u32>().write(size as u32);
    }
    act(at)
}

/// Passes a struct in every size, and checks which sizes are refused for a member that they cut.
fn every_size<T: Copy>(layout: &StructLayout, valid: &T, act: impl Fn(*mut T) -> AbiResult<()>) {
    assert_eq!(layout.size, size_of::<T>());
    let larger = [layout.size + 1, layout.size + 8, 4096];
    for size in (4..=layout.size).chain(larger) {
        let result = sized(valid, size, &act);
        let refused = match &result {
            Err(error) => error.message.contains("ends inside a member"),
            Ok(()) => false,
        };
        assert_eq!(refused, layout.cuts(size), "{} {size}: {result:?}", layout.name);
        if refused {
            assert_eq!(
                result.map_err(|error| error.status),
                Err(REC_ERR_INVALID_ARGUMENT)
            );
        }
    }
    sized(valid, layout.size, &act).unwrap();
}

fn device_of(text: &CText) -> rec_line_info {
    let mut info: rec_line_info = init();
    info.device_name = text.ptr();
    info
}

fn caller_layout() -> StructLayout {
    layout!(rec_caller: struct_size level username)
}

fn call_layout() -> StructLayout {
    layout!(rec_call_info: struct_size state direction reserved tag connected_at_ms call_id switch_call_id
        device_name directory_number username numeric_user_id remote_first_name remote_last_name
        remote_phone_number ani dnis call_type attributes_json consent reserved2 consent_source
        consent_from_ms related_call_id)
}

fn filter_layout() -> StructLayout {
    layout!(rec_filter: struct_size reserved device_name directory_number username numeric_user_id call_id
        switch_call_id limit reserved2 cursor)
}

fn start_layout() -> StructLayout {
    layout!(rec_start_options: struct_size flags layout pause_mode max_duration_ms lookback_ms call_id
        device_name directory_number format callback_url callback_method keep_raw reserved)
}

fn format_layout() -> StructLayout {
    layout!(rec_feed_format: struct_size codec sample_rate reserved ahead_ms channels)
}

fn line_layout() -> StructLayout {
    layout!(rec_line_info: struct_size flags device_name directory_number)
}

fn list_with(scratch: &ScratchEngine, caller: *const rec_caller, filter: *const rec_filter) -> AbiResult<()> {
    let mut snapshot = std::ptr::null_mut();
    let done = checked(|e| unsafe { rec_list(scratch.handle, caller, filter, &mut snapshot, e) });
    unsafe { rec_snapshot_free(snapshot) };
    done
}

#[test]
fn inputs_that_end_inside_a_member_are_refused() {
    let scratch = scratch_engine();
    let no_caller: *const rec_caller = std::ptr::null();
    let user = CText::from("admin");
    let mut caller: rec_caller = init();
    (caller.level, caller.username) = (10, user.ptr());
    every_size(&caller_layout(), &caller, |caller| {
        list_with(&scratch, caller, std::ptr::null())
    });
    every_size(&filter_layout(), &init::<rec_filter>(), |filter| {
        list_with(&scratch, no_caller, filter)
    });
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    every_size(&call_layout(), &init::<rec_call_info>(), |info| {
        checked(|e| unsafe { rec_call_update(call, info, e) })
    });
    let device = CText::from("SEP2");
    every_size(&line_layout(), &device_of(&device), |line| {
        checked(|e| unsafe { rec_line_set(scratch.handle, line, e) })
    });
    let mut format: rec_feed_format = init();
    format.codec = REC_CODEC_PCM16;
    every_size(&format_layout(), &format, |format| {
        let mut feed = rec_feed { id: 0 };
        checked(|e| unsafe { rec_feed_open(call, REC_LEG_REMOTE, format, &mut feed, e) })
    });
    let mut options: rec_start_options = init();
    options.flags = REC_START_ADDITIONAL;
    every_size(&start_layout(), &options, |options| {
        let mut id = rec_id { text: [0; 37] };
        let done = checked(|e| unsafe { rec_call_start(call, no_caller, options, &mut id, e) });
        // Shorter than `flags`, the options ask for a second recording.
        match done {
            Err(error) if error.status == REC_ERR_ALREADY_RECORDING => Ok(()),
            done => done,
        }
    });
    let known = layout!(rec_chain_head: struct_size reserved sequence waiting dropped hash);
    let directory = CText::from(scratch.dir.0.to_str().unwrap());
    every_size(&known, &init::<rec_chain_head>(), |head| {
        checked(|e| unsafe { rec_verify_audit(directory.ptr(), head, std::ptr::null_mut(), e) })
    });
    let subscription = layout!(rec_subscribe_options: struct_size flags);
    every_size(&subscription, &init::<rec_subscribe_options>(), |options| {
        unsafe extern "C" fn ignore(_: *mut std::ffi::c_void, _: *const rec_event) {}
        let (mut made, user_data) = (rec_subscription { id: 0 }, std::ptr::null_mut());
        checked(|e| unsafe {
            rec_subscribe_with(
                scratch.handle,
                options,
                Some(ignore),
                user_data,
                None,
                &mut made,
                e,
            )
        })
    });
}

#[test]
fn outputs_that_end_inside_a_member_are_refused() {
    let scratch = scratch_engine();
    let counts = layout!(rec_counts: struct_size changed already refused);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    every_size(&counts, &init::<rec_counts>(), |counts| {
        checked(|e| unsafe { rec_call_stop(call, std::ptr::null(), counts, e) })
    });
    let statistics = layout!(rec_statistics: struct_size reserved live_calls live_recordings
        finishing_recordings frames_in frames_lost frames_ignored bytes_out bytes_dropped backlog_bytes
        events_dropped worker_lag_us free_bytes recordings_deleted uploads_pending
        uploads_oldest_ms uploads_done uploads_failed upload_removals_pending cluster_connected
        cluster_losses cluster_recordings cluster_commands cluster_late_commands cluster_pending_ends);
    every_size(&statistics, &init::<rec_statistics>(), |statistics| {
        checked(|e| unsafe { rec_stats(scratch.handle, statistics, e) })
    });
    let head = layout!(rec_chain_head: struct_size reserved sequence waiting dropped hash);
    every_size(&head, &init::<rec_chain_head>(), |head| {
        checked(|e| unsafe { rec_audit_head(scratch.handle, head, e) })
    });
    let report = layout!(rec_audit_report: struct_size reserved sequence lines_after_head unfinished
        unfinished_bytes dropped hash);
    let directory = CText::from(scratch.dir.0.to_str().unwrap());
    every_size(&report, &init::<rec_audit_report>(), |report| {
        checked(|e| unsafe { rec_verify_audit(directory.ptr(), std::ptr::null(), report, e) })
    });
}

/// A function with an error struct that ends inside a member does nothing.
#[test]
fn an_error_struct_that_ends_inside_a_member_is_refused() {
    let scratch = scratch_engine();
    let layout = layout!(rec_error: struct_size status reason reserved device_name message);
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    for size in 4..=layout.size {
        let status = |on: u32| {
            let mut status = 0;
            let called = sized(&init::<rec_error>(), size, |error| {
                status = unsafe { rec_call_private(call, on, error) };
                Ok(())
            });
            called.map(|()| status).unwrap()
        };
        if !layout.cuts(size) {
            assert_eq!([status(1), status(0)], [REC_OK; 2], "{size}");
            continue;
        }
        assert_eq!(status(1), REC_ERR_INVALID_ARGUMENT, "{size}");
        assert_eq!(scratch.state(&id), REC_STATE_RECORDING, "{size}");
    }
}

/// The sizes that programs built with the header of 0.1.0 pass.
#[test]
fn every_struct_of_0_1_0_is_accepted() {
    let layouts = [
        caller_layout(),
        call_layout(),
        filter_layout(),
        start_layout(),
        format_layout(),
        line_layout(),
        layout!(rec_counts: struct_size changed already refused),
        layout!(rec_error: struct_size status reason reserved device_name message),
        layout!(rec_gateway_options: struct_size port address flags reserved authenticate user_data
            user_data_free),
        layout!(rec_http_request: struct_size reserved method target headers body body_size source),
    ];
    let dir = ScratchDir::new();
    let (source, program) = (dir.0.join("sizes.c"), dir.0.join("sizes"));
    let header = root().join("tests/fixtures/abi-0.1.0/callrec.h");
    let print = |layout: &StructLayout| format!("printf(\"%zu\\n\", sizeof({}));", layout.name);
    let prints: String = layouts.iter().map(print).collect();
    let text = format!(
        "#include <stdio.h>\n#include \"{}\"\nint main(void) {{ {prints} return 0; }}\n",
        header.display()
    );
    std::fs::write(&source, text).unwrap();
    run(cc().arg(&source).arg("-o").arg(&program));
    let output = String::from_utf8(run(&mut Command::new(&program)).stdout).unwrap();
    let sizes: Vec<usize> = output.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(sizes.len(), layouts.len());
    for (layout, size) in layouts.iter().zip(sizes) {
        assert!(
            size <= layout.size && !layout.cuts(size),
            "{} {size}",
            layout.name
        );
    }
}
