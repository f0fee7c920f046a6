//! LAME, compiled in.

use std::ffi::{c_int, c_short, c_uchar, c_void};

// Only to link what its build script compiles. The declarations are here, so that they have the types
// of the functions that are loaded at run time.
use mp3lame_sys as _;

use super::library::{Lame, LameFunctions, LameHandle};

unsafe extern "C" {
    fn lame_init() -> LameHandle;
    fn lame_init_params(stream: LameHandle) -> c_int;
    fn lame_close(stream: LameHandle) -> c_int;
    fn lame_set_write_id3tag_automatic(stream: LameHandle, value: c_int);
    fn lame_set_in_samplerate(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_out_samplerate(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_num_channels(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_mode(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_brate(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_VBR(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_quality(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_disable_reservoir(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_bWriteVbrTag(stream: LameHandle, value: c_int) -> c_int;
    fn lame_set_errorf(stream: LameHandle, function: *const c_void) -> c_int;
    fn lame_set_msgf(stream: LameHandle, function: *const c_void) -> c_int;
    fn lame_set_debugf(stream: LameHandle, function: *const c_void) -> c_int;
    fn lame_encode_buffer(
        stream: LameHandle,
        left: *const c_short,
        right: *const c_short,
        count: c_int,
        out: *mut c_uchar,
        out_bytes: c_int,
    ) -> c_int;
    fn lame_encode_buffer_interleaved(
        stream: LameHandle,
        samples: *const c_short,
        count: c_int,
        out: *mut c_uchar,
        out_bytes: c_int,
    ) -> c_int;
    fn lame_encode_flush(stream: LameHandle, out: *mut c_uchar, out_bytes: c_int) -> c_int;
}

/// The LAME of this build.
// SAFETY: the declarations are those of LAME's header, and the functions are part of the program.
pub static COMPILED: Lame = unsafe {
    Lame::new(LameFunctions {
        init: lame_init,
        init_params: lame_init_params,
        close: lame_close,
        set_id3tag_automatic: lame_set_write_id3tag_automatic,
        set_in_samplerate: lame_set_in_samplerate,
        set_out_samplerate: lame_set_out_samplerate,
        set_num_channels: lame_set_num_channels,
        set_mode: lame_set_mode,
        set_brate: lame_set_brate,
        set_vbr: lame_set_VBR,
        set_quality: lame_set_quality,
        set_disable_reservoir: lame_set_disable_reservoir,
        set_vbr_tag: lame_set_bWriteVbrTag,
        set_reports: [lame_set_errorf, lame_set_msgf, lame_set_debugf],
        encode: lame_encode_buffer,
        encode_interleaved: lame_encode_buffer_interleaved,
        flush: lame_encode_flush,
    })
};
