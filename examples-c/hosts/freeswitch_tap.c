/* A module of FreeSWITCH with the application "callrec", which records the session that runs it, and
 * the API command of the same name, which controls its recording.
 *
 *   <action application="callrec"/>
 *   <action application="bridge" data="user/1001"/>
 *
 *   fs_cli -x 'callrec pause UUID'
 *
 * A media bug with READ_REPLACE and WRITE_REPLACE sees each frame of both directions on the thread
 * that carries it, decoded. It replaces nothing. What FreeSWITCH reads from the session is what
 * the session's own party says, the local leg; what it writes there, the remote one.
 * docs/hosts.md says how to build the module, and what to know about it. */
#include <switch.h>

#include "../sample_tap.h"

SWITCH_MODULE_LOAD_FUNCTION(mod_callrec_load);
SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_callrec_shutdown);
SWITCH_MODULE_DEFINITION(mod_callrec, mod_callrec_load, mod_callrec_shutdown, NULL);

static rec_engine engine;

/* In the memory of the session. */
struct recorded_session {
	struct sample_tap tap;
	rec_call call;
	uint32_t sample_rate;
};

static void write_frame(struct recorded_session *recorded, int32_t leg, const switch_frame_t *frame)
{
	const unsigned channels = frame->channels > 1 ? frame->channels : 1;
	if (frame->datalen > 0)
		sample_tap_write(&recorded->tap, leg, frame->rate > 0 ? frame->rate : recorded->sample_rate, channels, frame->data,
						 frame->datalen / (2 * channels));
}

/* Runs on the thread of the session. Returning SWITCH_FALSE would remove the bug. */
static switch_bool_t on_media(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	struct recorded_session *recorded = user_data;
	switch (type) {
	case SWITCH_ABC_TYPE_READ_REPLACE:
		write_frame(recorded, REC_LEG_LOCAL, switch_core_media_bug_get_read_replace_frame(bug));
		break;
	case SWITCH_ABC_TYPE_WRITE_REPLACE:
		write_frame(recorded, REC_LEG_REMOTE, switch_core_media_bug_get_write_replace_frame(bug));
		break;
	case SWITCH_ABC_TYPE_CLOSE: /* once, at the end of the session at the latest */
		rec_call_end(recorded->call, NULL);
		break;
	default:
		break;
	}
	return SWITCH_TRUE;
}

static rec_status start(rec_call call, rec_error *error)
{
	rec_start_options options = REC_INIT(rec_start_options);
	rec_id id;
	return rec_call_start(call, NULL, &options, &id, error);
}

static rec_status begin(struct recorded_session *recorded, switch_core_session_t *session, rec_error *error)
{
	rec_call_info info = REC_INIT(rec_call_info);
	switch_channel_t *channel = switch_core_session_get_channel(session);
	switch_caller_profile_t *profile = switch_channel_get_caller_profile(channel);
	info.call_id = switch_core_session_get_uuid(session);
	info.device_name = switch_channel_get_name(channel);
	if (profile) {
		info.directory_number = profile->caller_id_number;
		info.remote_phone_number = profile->destination_number;
	}
	rec_status status = rec_call_begin(engine, &info, &recorded->call, error);
	if (status == REC_OK)
		status = sample_tap_open(&recorded->tap, recorded->call, recorded->sample_rate, error);
	return status == REC_OK ? start(recorded->call, error) : status;
}

static rec_status record_session(switch_core_session_t *session, rec_error *error)
{
	struct recorded_session *recorded = switch_core_session_alloc(session, sizeof(*recorded));
	switch_codec_implementation_t codec = { 0 };
	switch_media_bug_t *bug = NULL;
	switch_core_session_get_read_impl(session, &codec);
	recorded->sample_rate = codec.actual_samples_per_second > 0 ? codec.actual_samples_per_second : 8000;
	rec_status status = begin(recorded, session, error);
	/* NO_PAUSE: the bug also sees the audio while the others are paused; callrec has pauses of its own. */
	if (status == REC_OK
		&& switch_core_media_bug_add(session, "callrec", NULL, on_media, recorded, 0, SMBF_READ_REPLACE | SMBF_WRITE_REPLACE | SMBF_NO_PAUSE, &bug)
			   != SWITCH_STATUS_SUCCESS)
		status = REC_ERR_UNAVAILABLE;
	if (status != REC_OK)
		rec_call_end(recorded->call, NULL);
	else
		switch_channel_set_private(switch_core_session_get_channel(session), "callrec", recorded);
	return status;
}

/* The call of a session, or no call, whose handle every function refuses. */
static rec_call call_of(switch_core_session_t *session)
{
	struct recorded_session *recorded = switch_channel_get_private(switch_core_session_get_channel(session), "callrec");
	rec_call none = { 0 };
	return recorded ? recorded->call : none;
}

/* The application: whatever fails, the call goes on. */
SWITCH_STANDARD_APP(callrec_function)
{
	rec_error error = REC_INIT(rec_error);
	rec_status status = start(call_of(session), &error); /* again, after a stop */
	(void) data;
	if (status == REC_ERR_BAD_HANDLE)
		status = record_session(session, &error);
	if (status != REC_OK)
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR, "not recorded: %s: %s\n", rec_status_text(status), error.message);
}

static rec_status control(rec_call call, const char *command, rec_error *error)
{
	if (!strcasecmp(command, "start"))
		return start(call, error);
	if (!strcasecmp(command, "pause"))
		return rec_call_pause(call, NULL, NULL, error);
	if (!strcasecmp(command, "resume"))
		return rec_call_resume(call, NULL, NULL, error);
	if (!strcasecmp(command, "stop"))
		return rec_call_stop(call, NULL, NULL, error);
	return REC_ERR_INVALID_ARGUMENT;
}

/* callrec start|pause|resume|stop UUID */
SWITCH_STANDARD_API(callrec_command)
{
	rec_error error = REC_INIT(rec_error);
	rec_status status = REC_ERR_INVALID_ARGUMENT;
	char command[16], uuid[64];
	(void) session;
	if (cmd && sscanf(cmd, "%15s %63s", command, uuid) == 2) {
		switch_core_session_t *other = switch_core_session_locate(uuid);
		status = REC_ERR_NO_CALL;
		if (other) {
			status = control(call_of(other), command, &error);
			switch_core_session_rwunlock(other);
		}
	}
	if (status == REC_OK)
		stream->write_function(stream, "+OK\n");
	else
		stream->write_function(stream, "-ERR %s %s\n", rec_status_text(status), error.message);
	return SWITCH_STATUS_SUCCESS;
}

static rec_status open_engine(rec_error *error)
{
	char directory[1024];
	rec_config *config = NULL;
	rec_status status = rec_config_new(&config);
	switch_snprintf(directory, sizeof(directory), "%s/callrec", SWITCH_GLOBAL_dirs.recordings_dir);
	if (status == REC_OK)
		status = rec_config_set(config, "storage.directory", directory, error);
	if (status == REC_OK)
		status = rec_open(config, &engine, error);
	rec_config_free(config);
	return status;
}

SWITCH_MODULE_LOAD_FUNCTION(mod_callrec_load)
{
	switch_application_interface_t *application;
	switch_api_interface_t *command;
	rec_error error = REC_INIT(rec_error);
	rec_status status = open_engine(&error);
	if (status != REC_OK) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "callrec: %s: %s\n", rec_status_text(status), error.message);
		return SWITCH_STATUS_FALSE;
	}
	*module_interface = switch_loadable_module_create_module_interface(pool, modname);
	SWITCH_ADD_APP(application, "callrec", "Records this session", "Records this session", callrec_function, "", SAF_NONE);
	SWITCH_ADD_API(command, "callrec", "Controls the recording of a session", callrec_command, "start|pause|resume|stop UUID");
	return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_callrec_shutdown)
{
	rec_close(engine, 5000, NULL);
	return SWITCH_STATUS_SUCCESS;
}
