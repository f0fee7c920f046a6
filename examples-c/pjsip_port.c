/* A user agent of PJSIP that answers calls and records them: a media port between the stream of a
 * call and the conference bridge gives callrec the samples of both directions.
 *
 *   pjsip_port DIRECTORY PORT SECONDS [WAV [URI]]
 *
 * The agent listens on 127.0.0.1:PORT (UDP) and plays WAV, if given, to the other party. With a
 * URI it places a call first. It ends when its first call has ended, or after SECONDS. The last
 * line on stdout is the path of the recording. To try it, in two terminals:
 *
 *   ./pjsip_port /tmp/called 5070 20 speech.wav
 *   ./pjsip_port /tmp/caller 5080 5 speech.wav sip:127.0.0.1:5070
 *
 * PJSIP is under the GPL, unless you have bought another licence. */
#define _DEFAULT_SOURCE /* PJLIB's headers use bzero */
#include <pjsua-lib/pjsua.h>

#include "sample_tap.h"

#include <stdio.h>
#include <stdlib.h>

static rec_engine engine;
static rec_call calls[PJSUA_MAX_CALLS];
static pjsua_player_id player = PJSUA_INVALID_ID;
static volatile pj_bool_t is_over;
static char path[4096];

/* ---- the port ---------------------------------------------------------------------- */

/* Stands between the bridge and the stream. The bridge puts what the local party says, and gets
 * what the remote party says, on one thread. */
struct recording_port {
    pjmedia_port base;
    pjmedia_port *stream;
    pj_pool_t *pool;
    struct sample_tap tap;
};

static void tap(struct recording_port *port, int32_t leg, const pjmedia_frame *frame)
{
    const pjmedia_audio_format_detail *format = pjmedia_format_get_audio_format_detail(&port->base.info.fmt, PJ_TRUE);
    const unsigned bytes = 2 * format->channel_count;
    if (frame->type == PJMEDIA_FRAME_TYPE_AUDIO)
        sample_tap_write(&port->tap, leg, format->clock_rate, format->channel_count, frame->buf, frame->size / bytes);
    else /* nobody speaks, or nothing has arrived: the bridge uses silence, and so does the recording */
        sample_tap_write(&port->tap, leg, format->clock_rate, 1, NULL, PJMEDIA_PIA_SPF(&port->base.info) / format->channel_count);
}

static pj_status_t put_frame(pjmedia_port *base, pjmedia_frame *frame)
{
    struct recording_port *port = (struct recording_port *)base;
    tap(port, REC_LEG_LOCAL, frame);
    return pjmedia_port_put_frame(port->stream, frame);
}

static pj_status_t get_frame(pjmedia_port *base, pjmedia_frame *frame)
{
    struct recording_port *port = (struct recording_port *)base;
    pj_status_t status = pjmedia_port_get_frame(port->stream, frame);
    if (status == PJ_SUCCESS)
        tap(port, REC_LEG_REMOTE, frame);
    return status;
}

static pj_status_t on_destroy(pjmedia_port *base)
{
    struct recording_port *port = (struct recording_port *)base;
    sample_tap_close(&port->tap);
    pj_pool_release(port->pool);
    return PJ_SUCCESS;
}

/* Wraps the port of a stream. It shares the group lock of that port, so neither is freed while the
 * bridge still uses the other. */
static pjmedia_port *wrap(pjmedia_port *stream, rec_call call)
{
    const pj_str_t name = pj_str("recording");
    const pjmedia_port_info *info = &stream->info;
    pj_pool_t *pool = pjsua_pool_create("recording", 512, 512);
    rec_error error = REC_INIT(rec_error);
    if (pool == NULL)
        return NULL;
    struct recording_port *port = PJ_POOL_ZALLOC_T(pool, struct recording_port);
    port->pool = pool;
    port->stream = stream;
    pjmedia_port_info_init(&port->base.info, &name, PJMEDIA_SIG_CLASS_PORT_AUD('C', 'R'), PJMEDIA_PIA_SRATE(info), PJMEDIA_PIA_CCNT(info), PJMEDIA_PIA_BITS(info),
                           PJMEDIA_PIA_SPF(info));
    port->base.put_frame = put_frame;
    port->base.get_frame = get_frame;
    port->base.on_destroy = on_destroy;
    if (sample_tap_open(&port->tap, call, PJMEDIA_PIA_SRATE(info), &error) == REC_OK && pjmedia_port_init_grp_lock(&port->base, pool, stream->grp_lock) == PJ_SUCCESS)
        return &port->base;
    fprintf(stderr, "the call is not recorded: %s\n", error.message);
    sample_tap_close(&port->tap);
    pj_pool_release(pool);
    return NULL;
}

/* ---- the user agent ---------------------------------------------------------------- */

/* A stream begins: at the start of the call, and again after a change of the session. */
static void on_stream_created(pjsua_call_id id, pjsua_on_stream_created_param *param)
{
    pjmedia_port *port = wrap(param->port, calls[id]);
    if (port == NULL)
        return;
    param->port = port;
    param->destroy_port = PJ_TRUE;
}

static void begin(pjsua_call_id id)
{
    pjsua_call_info found;
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_error error = REC_INIT(rec_error);
    char call_id[128], remote[256];
    rec_id recording;
    if (calls[id].id != 0 || pjsua_call_get_info(id, &found) != PJ_SUCCESS)
        return;
    snprintf(call_id, sizeof call_id, "%.*s", (int)found.call_id.slen, found.call_id.ptr);
    snprintf(remote, sizeof remote, "%.*s", (int)found.remote_info.slen, found.remote_info.ptr);
    info.call_id = options.call_id = call_id;
    info.remote_phone_number = remote;
    info.direction = found.role == PJSIP_ROLE_UAC ? REC_DIRECTION_OUTGOING : REC_DIRECTION_INCOMING;
    if (rec_call_begin(engine, &info, &calls[id], &error) != REC_OK || rec_start(engine, NULL, &options, &recording, &error) != REC_OK)
        fprintf(stderr, "the call is not recorded: %s\n", error.message);
}

static void on_incoming_call(pjsua_acc_id account, pjsua_call_id id, pjsip_rx_data *data)
{
    (void)account, (void)data;
    begin(id); /* before the answer creates the stream */
    pjsua_call_answer(id, 200, NULL, NULL);
}

static void on_call_state(pjsua_call_id id, pjsip_event *event)
{
    pjsua_call_info info;
    (void)event;
    if (pjsua_call_get_info(id, &info) != PJ_SUCCESS)
        return;
    if (info.state == PJSIP_INV_STATE_CALLING)
        begin(id);
    if (info.state != PJSIP_INV_STATE_DISCONNECTED)
        return;
    rec_call_end(calls[id], NULL); /* from now on, what the port still writes is refused */
    calls[id] = (rec_call){0};
    is_over = PJ_TRUE;
}

static void on_call_media_state(pjsua_call_id id)
{
    pjsua_call_info info;
    if (pjsua_call_get_info(id, &info) != PJ_SUCCESS || info.media_status != PJSUA_CALL_MEDIA_ACTIVE)
        return;
    pjsua_conf_connect(info.conf_slot, 0); /* the bridge gets frames only for somebody who hears them */
    if (player != PJSUA_INVALID_ID)
        pjsua_conf_connect(pjsua_player_get_conf_port(player), info.conf_slot);
}

/* Runs on a thread of callrec. It may call functions of PJLIB only after pj_thread_register. */
static void on_event(void *user_data, const rec_event *event)
{
    (void)user_data;
    if (event->kind == REC_EVENT_FINISHED)
        snprintf(path, sizeof path, "%s", event->recording->path);
}

static int fail(const char *what, const char *message)
{
    fprintf(stderr, "%s: %s\n", what, message);
    exit(1);
}

static void must(pj_status_t status, const char *what)
{
    char text[PJ_ERR_MSG_SIZE];
    if (status != PJ_SUCCESS) {
        pj_strerror(status, text, sizeof text);
        fail(what, text);
    }
}

static void start_agent(unsigned port, const char *wav)
{
    pjsua_config config;
    pjsua_logging_config logging;
    pjsua_transport_config transport;
    pjsua_transport_id id;
    must(pjsua_create(), "pjsua_create");
    pjsua_config_default(&config);
    pjsua_logging_config_default(&logging);
    pjsua_transport_config_default(&transport);
    config.cb.on_stream_created2 = on_stream_created;
    config.cb.on_incoming_call = on_incoming_call;
    config.cb.on_call_state = on_call_state;
    config.cb.on_call_media_state = on_call_media_state;
    logging.console_level = 1;
    transport.port = port;
    transport.bound_addr = pj_str("127.0.0.1");
    must(pjsua_init(&config, &logging, NULL), "pjsua_init");
    must(pjsua_transport_create(PJSIP_TRANSPORT_UDP, &transport, &id), "pjsua_transport_create");
    must(pjsua_acc_add_local(id, PJ_TRUE, NULL), "pjsua_acc_add_local");
    must(pjsua_start(), "pjsua_start");
    must(pjsua_set_null_snd_dev(), "pjsua_set_null_snd_dev"); /* a clock without a sound card */
    if (wav != NULL) {
        const pj_str_t name = pj_str((char *)wav);
        must(pjsua_player_create(&name, 0, &player), wav);
    }
}

int main(int argc, char **argv)
{
    rec_error error = REC_INIT(rec_error);
    rec_config *config = NULL;
    rec_subscription subscription;
    if (argc < 4)
        fail(argv[0], "DIRECTORY PORT SECONDS [WAV [URI]]");
    if (rec_config_new(&config) != REC_OK || rec_config_set(config, "storage.directory", argv[1], &error) != REC_OK || rec_open(config, &engine, &error) != REC_OK
        || rec_subscribe(engine, on_event, NULL, NULL, &subscription, &error) != REC_OK)
        fail("callrec", error.message);
    rec_config_free(config);
    start_agent((unsigned)atoi(argv[2]), argc > 4 ? argv[4] : NULL);
    if (argc > 5) {
        const pj_str_t uri = pj_str(argv[5]);
        must(pjsua_call_make_call(pjsua_acc_get_default(), &uri, NULL, NULL, NULL, NULL), "pjsua_call_make_call");
    }
    for (int waits = 0; waits < 10 * atoi(argv[3]) && !is_over; waits++)
        pj_thread_sleep(100);
    pjsua_destroy(); /* hangs up: the engine must not be closed before, or what is said until then is lost */
    if (rec_close(engine, 5000, &error) != REC_OK)
        fail("rec_close", error.message);
    printf("%s\n", path);
    return path[0] == '\0';
}
