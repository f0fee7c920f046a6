/* A module of baresip that records every call.
 *
 *   module          /path/to/callrec_tap.so
 *   callrec_path    /path/to/recordings
 *
 * It is an audio filter: it sees the samples of the microphone before they are encoded, and those
 * of the other party after they were decoded. docs/hosts.md says how to build it. */
#include <errno.h>
#include <stdint.h>

#include <re.h>
#include <rem.h>

#include <baresip.h>

#include "../sample_tap.h"

static rec_engine engine;

/* A call. The states of both directions refer to it; the last one to end frees it. */
struct recorded_audio {
	struct sample_tap tap;
	rec_call call;
	void **context;
};

/* One direction. The public part comes first. */
struct encoding {
	struct aufilt_enc_st base;
	struct recorded_audio *recorded;
	uint32_t sample_rate;
	uint8_t channels;
};

struct decoding {
	struct aufilt_dec_st base;
	struct recorded_audio *recorded;
	uint32_t sample_rate;
	uint8_t channels;
};

static void end_recorded(void *arg)
{
	struct recorded_audio *recorded = arg;
	rec_call_end(recorded->call, NULL);
	*recorded->context = NULL;
}

static void end_encoding(void *arg)
{
	struct encoding *state = arg;
	list_unlink(&state->base.le);
	mem_deref(state->recorded);
}

static void end_decoding(void *arg)
{
	struct decoding *state = arg;
	list_unlink(&state->base.le);
	mem_deref(state->recorded);
}

static const struct call *call_of(const struct audio *audio)
{
	for (struct le *agent = list_head(uag_list()); agent != NULL; agent = agent->next)
		for (struct le *call = list_head(ua_calls(agent->data)); call != NULL; call = call->next)
			if (call_audio(call->data) == audio)
				return call->data;
	return NULL;
}

static struct recorded_audio *begin(void **context, const struct aufilt_prm *format, const struct audio *audio)
{
	rec_call_info info = REC_INIT(rec_call_info);
	rec_start_options options = REC_INIT(rec_start_options);
	rec_error error = REC_INIT(rec_error);
	rec_id id;
	if (*context != NULL) /* the other direction has begun the call */
		return mem_ref(*context);
	struct recorded_audio *recorded = mem_zalloc(sizeof *recorded, end_recorded);
	if (recorded == NULL)
		return NULL;
	const struct call *call = call_of(audio);
	recorded->context = context;
	info.call_id = options.call_id = call == NULL ? "unknown" : call_id(call);
	info.remote_phone_number = call == NULL ? NULL : call_peeruri(call);
	info.direction = call != NULL && call_is_outgoing(call) ? REC_DIRECTION_OUTGOING : REC_DIRECTION_INCOMING;
	if (rec_call_begin(engine, &info, &recorded->call, &error) != REC_OK || sample_tap_open(&recorded->tap, recorded->call, format->srate, &error) != REC_OK
		|| rec_start(engine, NULL, &options, &id, &error) != REC_OK)
		warning("callrec_tap: the call is not recorded: %s\n", error.message);
	*context = recorded;
	return recorded;
}

static int encode_update(struct aufilt_enc_st **made, void **context, const struct aufilt *filter, struct aufilt_prm *format, const struct audio *audio)
{
	(void)filter;
	if (format->fmt != AUFMT_S16LE)
		return ENOTSUP;
	struct encoding *state = mem_zalloc(sizeof *state, end_encoding);
	if (state == NULL)
		return ENOMEM;
	state->sample_rate = format->srate;
	state->channels = format->ch;
	state->recorded = begin(context, format, audio);
	*made = &state->base;
	return 0;
}

static int decode_update(struct aufilt_dec_st **made, void **context, const struct aufilt *filter, struct aufilt_prm *format, const struct audio *audio)
{
	(void)filter;
	if (format->fmt != AUFMT_S16LE)
		return ENOTSUP;
	struct decoding *state = mem_zalloc(sizeof *state, end_decoding);
	if (state == NULL)
		return ENOMEM;
	state->sample_rate = format->srate;
	state->channels = format->ch;
	state->recorded = begin(context, format, audio);
	*made = &state->base;
	return 0;
}

/* Runs on the thread that sends. */
static int encode(struct aufilt_enc_st *base, struct auframe *frame)
{
	struct encoding *state = (struct encoding *)base;
	if (state->recorded != NULL)
		sample_tap_write(&state->recorded->tap, REC_LEG_LOCAL, state->sample_rate, state->channels, frame->sampv, frame->sampc / state->channels);
	return 0;
}

/* Runs on the thread that receives, or on the one that plays. */
static int decode(struct aufilt_dec_st *base, struct auframe *frame)
{
	struct decoding *state = (struct decoding *)base;
	if (state->recorded != NULL)
		sample_tap_write(&state->recorded->tap, REC_LEG_REMOTE, state->sample_rate, state->channels, frame->sampv, frame->sampc / state->channels);
	return 0;
}

static struct aufilt filter = {
	.name = "callrec_tap",
	.encupdh = encode_update,
	.ench = encode,
	.decupdh = decode_update,
	.dech = decode,
};

static int module_init(void)
{
	char path[1024] = "recordings";
	rec_config *config = NULL;
	rec_error error = REC_INIT(rec_error);
	conf_get_str(conf_cur(), "callrec_path", path, sizeof path);
	rec_status status = rec_config_new(&config);
	if (status == REC_OK)
		status = rec_config_set(config, "storage.directory", path, &error);
	if (status == REC_OK)
		status = rec_open(config, &engine, &error);
	rec_config_free(config);
	if (status != REC_OK) {
		warning("callrec_tap: %s\n", error.message);
		return EINVAL;
	}
	aufilt_register(baresip_aufiltl(), &filter);
	return 0;
}

static int module_close(void)
{
	aufilt_unregister(&filter);
	rec_close(engine, 5000, NULL); /* ends the calls that are left, and finishes their files */
	return 0;
}

EXPORT_SYM const struct mod_export DECL_EXPORTS(callrec_tap) = {"callrec_tap", "filter", module_init, module_close};
