"""The C ABI of callrec. Generated from include/callrec.h; do not edit."""

from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int16,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

LOOKBACK_ALL = 4294967295


class rec_engine(Structure):
    pass


class rec_chain_head(Structure):
    pass


class rec_error(Structure):
    pass


class rec_audit_report(Structure):
    pass


class rec_call_info(Structure):
    pass


class rec_call(Structure):
    pass


class rec_codec_ops(Structure):
    pass


class rec_caller(Structure):
    pass


class rec_counts(Structure):
    pass


class rec_start_options(Structure):
    pass


class rec_id(Structure):
    pass


class rec_statistics(Structure):
    pass


class rec_recording(Structure):
    pass


class rec_call_view(Structure):
    pass


class rec_event(Structure):
    pass


class rec_subscription(Structure):
    pass


class rec_subscribe_options(Structure):
    pass


class rec_feed_format(Structure):
    pass


class rec_feed(Structure):
    pass


class rec_credentials(Structure):
    pass


class rec_identity(Structure):
    pass


class rec_gateway_options(Structure):
    pass


class rec_gateway(Structure):
    pass


class rec_http_request(Structure):
    pass


class rec_line_info(Structure):
    pass


class rec_filter(Structure):
    pass


rec_free_fn = CFUNCTYPE(None, c_void_p)

rec_codec_create_fn = CFUNCTYPE(c_void_p, c_void_p, c_uint32, c_uint32, c_char_p)

rec_codec_decode_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(c_uint8), c_size_t, POINTER(c_int16), c_size_t, POINTER(c_size_t))

rec_codec_conceal_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(c_int16), c_size_t)

rec_codec_destroy_fn = CFUNCTYPE(None, c_void_p)

rec_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)

rec_event_fn = CFUNCTYPE(None, c_void_p, POINTER(rec_event))

rec_authenticate_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(rec_credentials), POINTER(rec_identity))

rec_thread_fn = CFUNCTYPE(None, c_void_p, c_char_p)


rec_engine._fields_ = [
    ("id", c_uint64),
]

rec_chain_head._fields_ = [
    ("struct_size", c_uint32),
    ("reserved", c_uint32),
    ("sequence", c_uint64),
    ("waiting", c_uint64),
    ("dropped", c_uint64),
    ("hash", c_char * 72),
]

rec_error._fields_ = [
    ("struct_size", c_uint32),
    ("status", c_int32),
    ("reason", c_int32),
    ("reserved", c_uint32),
    ("device_name", c_char * 256),
    ("message", c_char * 512),
]

rec_audit_report._fields_ = [
    ("struct_size", c_uint32),
    ("reserved", c_uint32),
    ("sequence", c_uint64),
    ("lines_after_head", c_uint64),
    ("unfinished", c_uint64),
    ("unfinished_bytes", c_uint64),
    ("dropped", c_uint64),
    ("hash", c_char * 72),
]

rec_call_info._fields_ = [
    ("struct_size", c_uint32),
    ("state", c_int32),
    ("direction", c_int32),
    ("reserved", c_uint32),
    ("tag", c_uint64),
    ("connected_at_ms", c_int64),
    ("call_id", c_char_p),
    ("switch_call_id", c_char_p),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
    ("username", c_char_p),
    ("numeric_user_id", c_char_p),
    ("remote_first_name", c_char_p),
    ("remote_last_name", c_char_p),
    ("remote_phone_number", c_char_p),
    ("ani", c_char_p),
    ("dnis", c_char_p),
    ("call_type", c_char_p),
    ("attributes_json", c_char_p),
    ("consent", c_int32),
    ("reserved2", c_uint32),
    ("consent_source", c_char_p),
    ("consent_from_ms", c_int64),
    ("related_call_id", c_char_p),
]

rec_call._fields_ = [
    ("id", c_uint64),
]

rec_codec_ops._fields_ = [
    ("struct_size", c_uint32),
    ("sample_rate", c_uint32),
    ("channels", c_uint32),
    ("frame_bytes", c_uint32),
    ("frame_samples", c_uint32),
    ("reserved", c_uint32),
    ("user_data", c_void_p),
    ("user_data_free", rec_free_fn),
    ("create", rec_codec_create_fn),
    ("decode", rec_codec_decode_fn),
    ("conceal", rec_codec_conceal_fn),
    ("destroy", rec_codec_destroy_fn),
]

rec_caller._fields_ = [
    ("struct_size", c_uint32),
    ("level", c_uint32),
    ("username", c_char_p),
]

rec_counts._fields_ = [
    ("struct_size", c_uint32),
    ("changed", c_uint32),
    ("already", c_uint32),
    ("refused", c_uint32),
]

rec_start_options._fields_ = [
    ("struct_size", c_uint32),
    ("flags", c_uint32),
    ("layout", c_int32),
    ("pause_mode", c_int32),
    ("max_duration_ms", c_uint32),
    ("lookback_ms", c_uint32),
    ("call_id", c_char_p),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
    ("format", c_char_p),
    ("callback_url", c_char_p),
    ("callback_method", c_char_p),
    ("keep_raw", c_int32),
    ("reserved", c_uint32),
]

rec_id._fields_ = [
    ("text", c_char * 37),
]

rec_statistics._fields_ = [
    ("struct_size", c_uint32),
    ("reserved", c_uint32),
    ("live_calls", c_uint64),
    ("live_recordings", c_uint64),
    ("finishing_recordings", c_uint64),
    ("frames_in", c_uint64),
    ("frames_lost", c_uint64),
    ("frames_ignored", c_uint64),
    ("bytes_out", c_uint64),
    ("bytes_dropped", c_uint64),
    ("backlog_bytes", c_uint64),
    ("events_dropped", c_uint64),
    ("worker_lag_us", c_uint64),
    ("free_bytes", c_uint64),
    ("recordings_deleted", c_uint64),
    ("uploads_pending", c_uint64),
    ("uploads_oldest_ms", c_uint64),
    ("uploads_done", c_uint64),
    ("uploads_failed", c_uint64),
    ("upload_removals_pending", c_uint64),
    ("cluster_connected", c_uint64),
    ("cluster_losses", c_uint64),
    ("cluster_recordings", c_uint64),
    ("cluster_commands", c_uint64),
    ("cluster_late_commands", c_uint64),
    ("cluster_pending_ends", c_uint64),
]

rec_recording._fields_ = [
    ("struct_size", c_uint32),
    ("state", c_int32),
    ("end_reason", c_int32),
    ("error", c_int32),
    ("layout", c_int32),
    ("pause_mode", c_int32),
    ("flags", c_uint32),
    ("sample_rate", c_uint32),
    ("call_tag", c_uint64),
    ("id", rec_id),
    ("call_id", c_char_p),
    ("switch_call_id", c_char_p),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
    ("username", c_char_p),
    ("numeric_user_id", c_char_p),
    ("remote_first_name", c_char_p),
    ("remote_last_name", c_char_p),
    ("remote_phone_number", c_char_p),
    ("format", c_char_p),
    ("url", c_char_p),
    ("path", c_char_p),
    ("digest", c_char_p),
    ("started_at_ms", c_int64),
    ("ended_at_ms", c_int64),
    ("duration_ms", c_uint64),
    ("paused_ms", c_uint64),
    ("lost_ms", c_uint64),
    ("bytes", c_uint64),
    ("raw_path", c_char_p),
    ("raw_digest", c_char_p),
    ("raw_bytes", c_uint64),
    ("raw_packets", c_uint64),
    ("lookback_ms", c_uint64),
    ("held", c_uint32),
    ("unreachable", c_uint32),
    ("node", c_char_p),
]

rec_call_view._fields_ = [
    ("struct_size", c_uint32),
    ("state", c_int32),
    ("direction", c_int32),
    ("is_private", c_uint32),
    ("end_reason", c_int32),
    ("reserved", c_uint32),
    ("number", c_uint64),
    ("tag", c_uint64),
    ("connected_at_ms", c_int64),
    ("call_id", c_char_p),
    ("switch_call_id", c_char_p),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
    ("username", c_char_p),
    ("numeric_user_id", c_char_p),
    ("remote_first_name", c_char_p),
    ("remote_last_name", c_char_p),
    ("remote_phone_number", c_char_p),
    ("ani", c_char_p),
    ("dnis", c_char_p),
    ("call_type", c_char_p),
    ("attributes_json", c_char_p),
    ("consent", c_int32),
    ("reserved2", c_uint32),
    ("consent_source", c_char_p),
    ("consent_from_ms", c_int64),
    ("consent_at_ms", c_int64),
    ("related_call_ids_json", c_char_p),
    ("parties_json", c_char_p),
]

rec_event._fields_ = [
    ("struct_size", c_uint32),
    ("kind", c_int32),
    ("flags", c_uint32),
    ("reserved", c_uint32),
    ("sequence", c_uint64),
    ("time_ms", c_int64),
    ("recording", POINTER(rec_recording)),
    ("json", c_char_p),
    ("status", c_int32),
    ("reserved2", c_uint32),
    ("call_tag", c_uint64),
    ("call_number", c_uint64),
    ("call", POINTER(rec_call_view)),
    ("frame", c_uint64),
    ("object_url", c_char_p),
]

rec_subscription._fields_ = [
    ("id", c_uint64),
]

rec_subscribe_options._fields_ = [
    ("struct_size", c_uint32),
    ("flags", c_uint32),
]

rec_feed_format._fields_ = [
    ("struct_size", c_uint32),
    ("codec", c_int32),
    ("sample_rate", c_uint32),
    ("reserved", c_uint32),
    ("ahead_ms", c_uint32),
    ("channels", c_uint32),
]

rec_feed._fields_ = [
    ("id", c_uint64),
]

rec_credentials._fields_ = [
    ("struct_size", c_uint32),
    ("scheme", c_int32),
    ("name", c_char_p),
    ("secret", c_char_p),
    ("source", c_char_p),
]

rec_identity._fields_ = [
    ("struct_size", c_uint32),
    ("level", c_uint32),
    ("username", c_char * 256),
    ("signature_key", c_char * 256),
]

rec_gateway_options._fields_ = [
    ("struct_size", c_uint32),
    ("port", c_uint32),
    ("address", c_char_p),
    ("flags", c_uint32),
    ("reserved", c_uint32),
    ("authenticate", rec_authenticate_fn),
    ("user_data", c_void_p),
    ("user_data_free", rec_free_fn),
]

rec_gateway._fields_ = [
    ("id", c_uint64),
]

rec_http_request._fields_ = [
    ("struct_size", c_uint32),
    ("reserved", c_uint32),
    ("method", c_char_p),
    ("target", c_char_p),
    ("headers", c_char_p),
    ("body", c_void_p),
    ("body_size", c_size_t),
    ("source", c_char_p),
]

rec_line_info._fields_ = [
    ("struct_size", c_uint32),
    ("flags", c_uint32),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
]

rec_filter._fields_ = [
    ("struct_size", c_uint32),
    ("reserved", c_uint32),
    ("device_name", c_char_p),
    ("directory_number", c_char_p),
    ("username", c_char_p),
    ("numeric_user_id", c_char_p),
    ("call_id", c_char_p),
    ("switch_call_id", c_char_p),
    ("limit", c_uint32),
    ("reserved2", c_uint32),
    ("cursor", c_char_p),
]


def declare(library: CDLL) -> CDLL:
    """Sets the types of the library's functions."""
    library.rec_audit_head.argtypes = [rec_engine, POINTER(rec_chain_head), POINTER(rec_error)]
    library.rec_audit_head.restype = c_int32
    library.rec_verify_audit.argtypes = [c_char_p, POINTER(rec_chain_head), POINTER(rec_audit_report), POINTER(rec_error)]
    library.rec_verify_audit.restype = c_int32
    library.rec_call_begin.argtypes = [rec_engine, POINTER(rec_call_info), POINTER(rec_call), POINTER(rec_error)]
    library.rec_call_begin.restype = c_int32
    library.rec_call_update.argtypes = [rec_call, POINTER(rec_call_info), POINTER(rec_error)]
    library.rec_call_update.restype = c_int32
    library.rec_call_private.argtypes = [rec_call, c_uint32, POINTER(rec_error)]
    library.rec_call_private.restype = c_int32
    library.rec_call_end.argtypes = [rec_call, POINTER(rec_error)]
    library.rec_call_end.restype = c_int32
    library.rec_call_id.argtypes = [rec_call, c_void_p, c_size_t, POINTER(rec_error)]
    library.rec_call_id.restype = c_int32
    library.rec_call_parties.argtypes = [rec_call, c_int32, c_char_p, POINTER(rec_error)]
    library.rec_call_parties.restype = c_int32
    library.rec_codec_register.argtypes = [rec_engine, c_char_p, POINTER(rec_codec_ops), POINTER(c_int32), POINTER(rec_error)]
    library.rec_codec_register.restype = c_int32
    library.rec_config_new.argtypes = [POINTER(c_void_p)]
    library.rec_config_new.restype = c_int32
    library.rec_config_set.argtypes = [c_void_p, c_char_p, c_char_p, POINTER(rec_error)]
    library.rec_config_set.restype = c_int32
    library.rec_config_load.argtypes = [c_void_p, c_char_p, POINTER(rec_error)]
    library.rec_config_load.restype = c_int32
    library.rec_config_free.argtypes = [c_void_p]
    library.rec_config_free.restype = None
    library.rec_stop_by_id.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_error)]
    library.rec_stop_by_id.restype = c_int32
    library.rec_discard_by_id.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_error)]
    library.rec_discard_by_id.restype = c_int32
    library.rec_pause_by_id.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_error)]
    library.rec_pause_by_id.restype = c_int32
    library.rec_resume_by_id.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_error)]
    library.rec_resume_by_id.restype = c_int32
    library.rec_stop_by_device.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_stop_by_device.restype = c_int32
    library.rec_discard_by_device.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_discard_by_device.restype = c_int32
    library.rec_pause_by_device.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_pause_by_device.restype = c_int32
    library.rec_resume_by_device.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_resume_by_device.restype = c_int32
    library.rec_stop_by_call.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_stop_by_call.restype = c_int32
    library.rec_discard_by_call.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_discard_by_call.restype = c_int32
    library.rec_pause_by_call.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_pause_by_call.restype = c_int32
    library.rec_resume_by_call.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_resume_by_call.restype = c_int32
    library.rec_call_start.argtypes = [rec_call, POINTER(rec_caller), POINTER(rec_start_options), POINTER(rec_id), POINTER(rec_error)]
    library.rec_call_start.restype = c_int32
    library.rec_call_stop.argtypes = [rec_call, POINTER(rec_caller), POINTER(rec_counts), POINTER(rec_error)]
    library.rec_call_stop.restype = c_int32
    library.rec_call_discard.argtypes = [rec_call, POINTER(rec_caller), POINTER(rec_counts), POINTER(rec_error)]
    library.rec_call_discard.restype = c_int32
    library.rec_call_pause.argtypes = [rec_call, POINTER(rec_caller), POINTER(rec_counts), POINTER(rec_error)]
    library.rec_call_pause.restype = c_int32
    library.rec_call_resume.argtypes = [rec_call, POINTER(rec_caller), POINTER(rec_counts), POINTER(rec_error)]
    library.rec_call_resume.restype = c_int32
    library.rec_delete.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(rec_error)]
    library.rec_delete.restype = c_int32
    library.rec_hold.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_uint32, POINTER(rec_error)]
    library.rec_hold.restype = c_int32
    library.rec_open.argtypes = [c_void_p, POINTER(rec_engine), POINTER(rec_error)]
    library.rec_open.restype = c_int32
    library.rec_close.argtypes = [rec_engine, c_uint32, POINTER(rec_error)]
    library.rec_close.restype = c_int32
    library.rec_adopt.argtypes = [rec_engine, c_char_p, c_uint32, POINTER(c_uint32), POINTER(rec_error)]
    library.rec_adopt.restype = c_int32
    library.rec_stats.argtypes = [rec_engine, POINTER(rec_statistics), POINTER(rec_error)]
    library.rec_stats.restype = c_int32
    library.rec_set_log.argtypes = [rec_engine, rec_log_fn, c_void_p, rec_free_fn, POINTER(rec_error)]
    library.rec_set_log.restype = c_int32
    library.rec_subscribe.argtypes = [rec_engine, rec_event_fn, c_void_p, rec_free_fn, POINTER(rec_subscription), POINTER(rec_error)]
    library.rec_subscribe.restype = c_int32
    library.rec_subscribe_with.argtypes = [rec_engine, POINTER(rec_subscribe_options), rec_event_fn, c_void_p, rec_free_fn, POINTER(rec_subscription), POINTER(rec_error)]
    library.rec_subscribe_with.restype = c_int32
    library.rec_unsubscribe.argtypes = [rec_subscription]
    library.rec_unsubscribe.restype = c_int32
    library.rec_feed_open.argtypes = [rec_call, c_int32, POINTER(rec_feed_format), POINTER(rec_feed), POINTER(rec_error)]
    library.rec_feed_open.restype = c_int32
    library.rec_feed_set_format.argtypes = [rec_feed, POINTER(rec_feed_format), POINTER(rec_error)]
    library.rec_feed_set_format.restype = c_int32
    library.rec_feed_payload.argtypes = [rec_feed, c_uint32, POINTER(rec_feed_format), POINTER(rec_error)]
    library.rec_feed_payload.restype = c_int32
    library.rec_feed_sdp.argtypes = [rec_feed, c_char_p, POINTER(rec_error)]
    library.rec_feed_sdp.restype = c_int32
    library.rec_feed_write.argtypes = [rec_feed, c_void_p, c_size_t]
    library.rec_feed_write.restype = c_int32
    library.rec_feed_write_at.argtypes = [rec_feed, c_uint64, c_void_p, c_size_t]
    library.rec_feed_write_at.restype = c_int32
    library.rec_feed_rtp.argtypes = [rec_feed, c_void_p, c_size_t]
    library.rec_feed_rtp.restype = c_int32
    library.rec_feed_rtp_at.argtypes = [rec_feed, c_uint32, c_void_p, c_size_t]
    library.rec_feed_rtp_at.restype = c_int32
    library.rec_feed_wait.argtypes = [rec_feed, c_uint32]
    library.rec_feed_wait.restype = c_int32
    library.rec_feed_clear.argtypes = [rec_feed, POINTER(rec_error)]
    library.rec_feed_clear.restype = c_int32
    library.rec_feed_dtmf.argtypes = [rec_feed, c_uint32, POINTER(rec_error)]
    library.rec_feed_dtmf.restype = c_int32
    library.rec_feed_close.argtypes = [rec_feed]
    library.rec_feed_close.restype = c_int32
    library.rec_gateway_start.argtypes = [rec_engine, POINTER(rec_gateway_options), POINTER(rec_gateway), POINTER(rec_error)]
    library.rec_gateway_start.restype = c_int32
    library.rec_gateway_port.argtypes = [rec_gateway, POINTER(c_uint32), POINTER(rec_error)]
    library.rec_gateway_port.restype = c_int32
    library.rec_gateway_stop.argtypes = [rec_gateway, c_uint32, POINTER(rec_error)]
    library.rec_gateway_stop.restype = c_int32
    library.rec_http_handle.argtypes = [rec_gateway, POINTER(rec_http_request), POINTER(c_void_p), POINTER(rec_error)]
    library.rec_http_handle.restype = c_int32
    library.rec_http_response_status.argtypes = [c_void_p]
    library.rec_http_response_status.restype = c_int32
    library.rec_http_response_headers.argtypes = [c_void_p]
    library.rec_http_response_headers.restype = c_char_p
    library.rec_http_response_body.argtypes = [c_void_p, POINTER(c_size_t)]
    library.rec_http_response_body.restype = c_void_p
    library.rec_http_response_free.argtypes = [c_void_p]
    library.rec_http_response_free.restype = None
    library.rec_line_set.argtypes = [rec_engine, POINTER(rec_line_info), POINTER(rec_error)]
    library.rec_line_set.restype = c_int32
    library.rec_line_remove.argtypes = [rec_engine, POINTER(rec_line_info), POINTER(rec_error)]
    library.rec_line_remove.restype = c_int32
    library.rec_list.argtypes = [rec_engine, POINTER(rec_caller), POINTER(rec_filter), POINTER(c_void_p), POINTER(rec_error)]
    library.rec_list.restype = c_int32
    library.rec_get.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, POINTER(c_void_p), POINTER(rec_error)]
    library.rec_get.restype = c_int32
    library.rec_snapshot_count.argtypes = [c_void_p]
    library.rec_snapshot_count.restype = c_size_t
    library.rec_snapshot_get.argtypes = [c_void_p, c_size_t]
    library.rec_snapshot_get.restype = POINTER(rec_recording)
    library.rec_snapshot_json.argtypes = [c_void_p]
    library.rec_snapshot_json.restype = c_char_p
    library.rec_snapshot_cursor.argtypes = [c_void_p]
    library.rec_snapshot_cursor.restype = c_char_p
    library.rec_snapshot_free.argtypes = [c_void_p]
    library.rec_snapshot_free.restype = None
    library.rec_cluster_list.argtypes = [rec_engine, POINTER(rec_caller), POINTER(rec_filter), c_uint32, POINTER(c_void_p), POINTER(rec_error)]
    library.rec_cluster_list.restype = c_int32
    library.rec_cluster_get.argtypes = [rec_engine, POINTER(rec_caller), c_char_p, c_uint32, POINTER(c_void_p), POINTER(rec_error)]
    library.rec_cluster_get.restype = c_int32
    library.rec_cluster_control_by_id.argtypes = [rec_engine, POINTER(rec_caller), c_int32, c_char_p, c_uint32, POINTER(rec_error)]
    library.rec_cluster_control_by_id.restype = c_int32
    library.rec_cluster_control_by_device.argtypes = [rec_engine, POINTER(rec_caller), c_int32, c_char_p, c_char_p, c_uint32, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_cluster_control_by_device.restype = c_int32
    library.rec_cluster_control_by_call.argtypes = [rec_engine, POINTER(rec_caller), c_int32, c_char_p, c_char_p, c_uint32, POINTER(rec_counts), POINTER(rec_error)]
    library.rec_cluster_control_by_call.restype = c_int32
    library.rec_start.argtypes = [rec_engine, POINTER(rec_caller), POINTER(rec_start_options), POINTER(rec_id), POINTER(rec_error)]
    library.rec_start.restype = c_int32
    library.rec_call_keep.argtypes = [rec_engine, POINTER(rec_caller), POINTER(rec_start_options), POINTER(rec_id), POINTER(rec_error)]
    library.rec_call_keep.restype = c_int32
    library.rec_config_set_thread_hooks.argtypes = [c_void_p, rec_thread_fn, rec_thread_fn, c_void_p, rec_free_fn, POINTER(rec_error)]
    library.rec_config_set_thread_hooks.restype = c_int32
    library.rec_verify.argtypes = [c_char_p, POINTER(rec_error)]
    library.rec_verify.restype = c_int32
    library.rec_version.argtypes = []
    library.rec_version.restype = c_char_p
    library.rec_version_number.argtypes = []
    library.rec_version_number.restype = c_uint32
    library.rec_status_text.argtypes = [c_int32]
    library.rec_status_text.restype = c_char_p
    return library
