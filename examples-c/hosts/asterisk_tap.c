/* A module of Asterisk with the application Callrec(), which records the channel that runs it.
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
#include "asterisk/pbx.h"

#include "../sample_tap.h"

static rec_engine engine;

struct recorded_channel {
	struct ast_audiohook hook;
	struct sample_tap tap;
	rec_call call;
};

/* The channel ends, or the hook is removed. Asterisk has detached the hook before. */
static void end_recorded(void *data)
{
	struct recorded_channel *recorded = data;
	rec_call_end(recorded->call, NULL);
	ast_audiohook_destroy(&recorded->hook);
	ast_free(recorded);
}

static const struct ast_datastore_info recorded_info = {
	.type = "callrec",
	.destroy = end_recorded,
};

/* Runs on the thread of the channel, which is locked. */
static int on_frame(struct ast_audiohook *hook, struct ast_channel *chan, struct ast_frame *frame, enum ast_audiohook_direction direction)
{
	struct ast_datastore *found;
	struct recorded_channel *recorded;
	if (!frame || frame->frametype != AST_FRAME_VOICE || hook->status == AST_AUDIOHOOK_STATUS_DONE)
		return -1;
	found = ast_channel_datastore_find(chan, &recorded_info, NULL);
	if (found) {
		recorded = found->data;
		sample_tap_write(&recorded->tap, direction == AST_AUDIOHOOK_DIRECTION_READ ? REC_LEG_LOCAL : REC_LEG_REMOTE,
			ast_format_get_sample_rate(frame->subclass.format), 1, frame->data.ptr, (size_t)frame->samples);
	}
	return -1; /* the frame is unchanged, so Asterisk passes on the original without encoding it again */
}

static int begin_recorded(struct recorded_channel *recorded, struct ast_channel *chan)
{
	rec_call_info info = REC_INIT(rec_call_info);
	rec_start_options options = REC_INIT(rec_start_options);
	rec_error error = REC_INIT(rec_error);
	rec_id id;
	ast_channel_lock(chan);
	info.call_id = options.call_id = ast_strdupa(ast_channel_uniqueid(chan));
	info.switch_call_id = ast_strdupa(ast_channel_linkedid(chan));
	info.device_name = ast_strdupa(ast_channel_name(chan));
	info.directory_number = ast_strdupa(S_COR(ast_channel_caller(chan)->id.number.valid, ast_channel_caller(chan)->id.number.str, ""));
	info.remote_phone_number = ast_strdupa(ast_channel_exten(chan));
	ast_channel_unlock(chan);
	if (rec_call_begin(engine, &info, &recorded->call, &error) == REC_OK
		&& sample_tap_open(&recorded->tap, recorded->call, 8000, &error) == REC_OK
		&& rec_start(engine, NULL, &options, &id, &error) == REC_OK)
		return 0;
	ast_log(LOG_ERROR, "%s is not recorded: %s\n", ast_channel_name(chan), error.message);
	return -1;
}

static int callrec_exec(struct ast_channel *chan, const char *data)
{
	struct recorded_channel *recorded = ast_calloc(1, sizeof(*recorded));
	struct ast_datastore *store = ast_datastore_alloc(&recorded_info, NULL);
	if (!recorded || !store) {
		ast_free(recorded);
		if (store)
			ast_datastore_free(store);
		return 0;
	}
	/* ALL_RATES: frames keep their sample rate. Without it, they would be reduced to 8000 Hz. */
	ast_audiohook_init(&recorded->hook, AST_AUDIOHOOK_TYPE_MANIPULATE, "callrec", AST_AUDIOHOOK_MANIPULATE_ALL_RATES);
	recorded->hook.manipulate_callback = on_frame;
	store->data = recorded; /* freeing the store ends the call */
	if (begin_recorded(recorded, chan)) {
		ast_datastore_free(store);
		return 0; /* the call goes on */
	}
	ast_channel_lock(chan);
	ast_channel_datastore_add(chan, store);
	ast_channel_unlock(chan);
	if (ast_audiohook_attach(chan, &recorded->hook))
		ast_log(LOG_ERROR, "%s is recorded without audio\n", ast_channel_name(chan));
	return 0;
}

static int unload_module(void)
{
	ast_unregister_application("Callrec");
	rec_close(engine, 5000, NULL);
	return 0;
}

static int load_module(void)
{
	rec_config *config = NULL;
	rec_error error = REC_INIT(rec_error);
	rec_status status = rec_config_new(&config);
	if (status == REC_OK)
		status = rec_config_set(config, "storage.directory", "/var/spool/asterisk/callrec", &error);
	if (status == REC_OK)
		status = rec_open(config, &engine, &error);
	rec_config_free(config);
	if (status != REC_OK) {
		ast_log(LOG_ERROR, "callrec: %s\n", error.message);
		return AST_MODULE_LOAD_DECLINE;
	}
	return ast_register_application("Callrec", callrec_exec, "Records this channel", NULL);
}

AST_MODULE_INFO_STANDARD_EXTENDED(ASTERISK_GPL_KEY, "Recording with callrec");
