/* A module of Asterisk with the application Callrec(), which records the channel that runs it, and
 * the function CALLREC(), which controls its recording.
 *
 *   exten => 100,1,Callrec()
 *    same => n,Dial(PJSIP/100)
 *
 * An audiohook of the type MANIPULATE sees each frame of both directions on the thread that carries
 * it, decoded to signed linear. It changes nothing. The channel is the caller's phone: what
 * Asterisk reads from it is the local leg, and what Asterisk writes to it the remote one.
 * docs/hosts.md says how to build the module, and what to know about it. */
#include "asterisk.h"

#include "asterisk/audiohook.h"
#include "asterisk/channel.h"
#include "asterisk/datastore.h"
#include "asterisk/format.h"
#include "asterisk/module.h"
#include "asterisk/paths.h"
#include "asterisk/pbx.h"

#include "../sample_tap.h"

static rec_engine engine;

/* When the latest frame of a leg came, and the timestamp that follows it; 0: it had none. */
struct frame_times {
	struct timeval arrival;
	long next_ms;
};

/* Belongs to a datastore of the channel. */
struct recorded_channel {
	struct ast_audiohook hook; /* first: on_frame() gets a pointer to it */
	struct sample_tap tap;
	struct frame_times times[2]; /* REC_LEG_LOCAL, REC_LEG_REMOTE */
	rec_call call;
};

/* Asterisk has destroyed the channel, and detached the hook before. */
static void free_recorded(void *data)
{
	struct recorded_channel *recorded = data;
	rec_call_end(recorded->call, NULL);
	ast_audiohook_destroy(&recorded->hook);
	ast_free(recorded);
}

static const struct ast_datastore_info recorded_info = {
	.type = "callrec",
	.destroy = free_recorded,
};

/* The milliseconds of silence before a frame. Asterisk hands out nothing for packets that are lost, or that
 * a telephone has not sent because nobody spoke. If their timestamps and the clock agree, the silence is written: then
 * callrec knows that the frame was not merely late, which matters after a pause. */
static long silence_before(struct frame_times *times, const struct ast_frame *frame)
{
	const struct timeval now = ast_tvnow();
	const int has_timestamp = ast_test_flag(frame, AST_FRFLAG_HAS_TIMING_INFO);
	long gap = 0;
	if (has_timestamp && times->next_ms)
		gap = frame->ts - times->next_ms;
	if (gap < 0 || gap > 5000 || gap > ast_tvdiff_ms(now, times->arrival))
		gap = 0;
	times->arrival = now;
	times->next_ms = has_timestamp ? frame->ts + 1000L * frame->samples / (long)ast_format_get_sample_rate(frame->subclass.format) : 0;
	return gap;
}

static void write_frame(struct recorded_channel *recorded, int32_t leg, const struct ast_frame *frame)
{
	const uint32_t sample_rate = ast_format_get_sample_rate(frame->subclass.format);
	const size_t silence = (size_t)silence_before(&recorded->times[leg], frame) * sample_rate / 1000;
	sample_tap_write(&recorded->tap, leg, sample_rate, 1, NULL, silence);
	sample_tap_write(&recorded->tap, leg, sample_rate, 1, frame->data.ptr, (size_t)frame->samples);
}

/* Runs on the thread that reads from the channel, or writes to it. The channel is locked. */
static int on_frame(struct ast_audiohook *hook, struct ast_channel *chan, struct ast_frame *frame, enum ast_audiohook_direction direction)
{
	struct recorded_channel *recorded = (struct recorded_channel *)hook;
	(void)chan;
	if (!frame) /* the hook is detached: the channel hangs up, though others may keep it for a while */
		rec_call_end(recorded->call, NULL);
	else if (frame->frametype == AST_FRAME_VOICE)
		write_frame(recorded, direction == AST_AUDIOHOOK_DIRECTION_READ ? REC_LEG_LOCAL : REC_LEG_REMOTE, frame);
	return -1; /* the frame is unchanged, so Asterisk passes on the original without encoding it again */
}

/* The call of a channel, or no call, whose handle every function refuses. */
static rec_call call_of(struct ast_channel *chan)
{
	rec_call call = {0};
	struct ast_datastore *found;
	ast_channel_lock(chan);
	found = ast_channel_datastore_find(chan, &recorded_info, NULL);
	if (found)
		call = ((struct recorded_channel *)found->data)->call;
	ast_channel_unlock(chan);
	return call;
}

static rec_status start(rec_call call, rec_error *error)
{
	rec_start_options options = REC_INIT(rec_start_options);
	rec_id id;
	return rec_call_start(call, NULL, &options, &id, error);
}

static rec_status begin_recorded(struct recorded_channel *recorded, struct ast_channel *chan, rec_error *error)
{
	rec_call_info info = REC_INIT(rec_call_info);
	rec_status status;
	ast_channel_lock(chan);
	info.call_id = ast_strdupa(ast_channel_uniqueid(chan));
	info.switch_call_id = ast_strdupa(ast_channel_linkedid(chan));
	info.device_name = ast_strdupa(ast_channel_name(chan));
	info.directory_number = ast_strdupa(S_COR(ast_channel_caller(chan)->id.number.valid, ast_channel_caller(chan)->id.number.str, ""));
	info.remote_phone_number = ast_strdupa(ast_channel_exten(chan));
	ast_channel_unlock(chan);
	status = rec_call_begin(engine, &info, &recorded->call, error);
	if (status == REC_OK)
		status = sample_tap_open(&recorded->tap, recorded->call, 8000, error);
	return status == REC_OK ? start(recorded->call, error) : status;
}

/* Begins a call for a channel, and records it. */
static rec_status record_channel(struct ast_channel *chan, rec_error *error)
{
	struct ast_datastore *store = ast_datastore_alloc(&recorded_info, NULL);
	struct recorded_channel *recorded = ast_calloc(1, sizeof(*recorded));
	rec_status status;
	if (!recorded || !store) {
		ast_free(recorded);
		ast_datastore_free(store);
		return REC_ERR_LIMIT;
	}
	/* ALL_RATES: frames keep their sample rate. Without it, they would be reduced to 8000 Hz. */
	ast_audiohook_init(&recorded->hook, AST_AUDIOHOOK_TYPE_MANIPULATE, "callrec", AST_AUDIOHOOK_MANIPULATE_ALL_RATES);
	recorded->hook.manipulate_callback = on_frame;
	store->data = recorded; /* freeing the store ends the call */
	status = begin_recorded(recorded, chan, error);
	if (status != REC_OK) {
		ast_datastore_free(store);
		return status;
	}
	ast_channel_lock(chan);
	ast_channel_datastore_add(chan, store);
	ast_channel_unlock(chan);
	if (ast_audiohook_attach(chan, &recorded->hook))
		ast_log(LOG_ERROR, "%s is recorded without audio\n", ast_channel_name(chan));
	return REC_OK;
}

/* Callrec(): whatever fails, the call goes on. */
static int callrec_exec(struct ast_channel *chan, const char *data)
{
	rec_error error = REC_INIT(rec_error);
	rec_status status = start(call_of(chan), &error); /* again, after a stop */
	(void)data;
	if (status == REC_ERR_BAD_HANDLE)
		status = record_channel(chan, &error);
	if (status != REC_OK)
		ast_log(LOG_ERROR, "%s is not recorded: %s: %s\n", ast_channel_name(chan), rec_status_text(status), error.message);
	return 0;
}

/* Set(CALLREC()=start|pause|resume|stop). From outside, for a channel in a bridge: Setvar of AMI, the variables
 * of ARI, or `dialplan set chanvar CHANNEL CALLREC() pause`. */
static int callrec_write(struct ast_channel *chan, const char *function, char *arguments, const char *value)
{
	rec_error error = REC_INIT(rec_error);
	rec_status status = REC_ERR_INVALID_ARGUMENT;
	rec_call call = {0};
	(void)function;
	(void)arguments;
	if (chan)
		call = call_of(chan);
	if (!strcasecmp(value, "start"))
		status = start(call, &error);
	else if (!strcasecmp(value, "pause"))
		status = rec_call_pause(call, NULL, NULL, &error);
	else if (!strcasecmp(value, "resume"))
		status = rec_call_resume(call, NULL, NULL, &error);
	else if (!strcasecmp(value, "stop"))
		status = rec_call_stop(call, NULL, NULL, &error);
	if (status != REC_OK)
		ast_log(LOG_ERROR, "CALLREC()=%s: %s: %s\n", value, rec_status_text(status), error.message);
	return status == REC_OK ? 0 : -1;
}

static struct ast_custom_function callrec_function = {
	.name = "CALLREC",
	.write = callrec_write,
};

static int unload_module(void)
{
	ast_custom_function_unregister(&callrec_function);
	ast_unregister_application("Callrec");
	rec_close(engine, 5000, NULL);
	return 0;
}

static rec_status open_engine(rec_error *error)
{
	char directory[PATH_MAX];
	rec_config *config = NULL;
	rec_status status = rec_config_new(&config);
	snprintf(directory, sizeof(directory), "%s/callrec", ast_config_AST_SPOOL_DIR); /* /var/spool/asterisk/callrec */
	if (status == REC_OK)
		status = rec_config_set(config, "storage.directory", directory, error);
	if (status == REC_OK)
		status = rec_open(config, &engine, error);
	rec_config_free(config);
	return status;
}

static int load_module(void)
{
	rec_error error = REC_INIT(rec_error);
	rec_status status = open_engine(&error);
	if (status != REC_OK) {
		ast_log(LOG_ERROR, "callrec: %s: %s\n", rec_status_text(status), error.message);
		return AST_MODULE_LOAD_DECLINE;
	}
	if (ast_register_application("Callrec", callrec_exec, "Records this channel", NULL)
		|| ast_custom_function_register(&callrec_function)) {
		unload_module();
		return AST_MODULE_LOAD_DECLINE;
	}
	return AST_MODULE_LOAD_SUCCESS;
}

AST_MODULE_INFO_STANDARD_EXTENDED(ASTERISK_GPL_KEY, "Recording with callrec");
