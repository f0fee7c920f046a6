/* Calls every function of the ABI, and reaches every status at least once.
 *
 *   everything DIRECTORY      records there; exits with 0 if every check passes
 *   everything --functions    prints the functions that it calls, one a line
 */
#undef NDEBUG
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdatomic.h>
#include <stdbool.h>

/* ---- coverage: the functions called and the statuses returned ------------------ */

#define FUNCTIONS(X) \
    X(rec_version) X(rec_version_number) X(rec_status_text) \
    X(rec_config_new) X(rec_config_set) X(rec_config_set_thread_hooks) X(rec_config_load) X(rec_config_free) \
    X(rec_open) X(rec_close) X(rec_adopt) X(rec_codec_register) X(rec_stats) X(rec_set_log) X(rec_verify) \
    X(rec_delete) X(rec_hold) \
    X(rec_audit_head) X(rec_verify_audit) \
    X(rec_line_set) X(rec_line_remove) \
    X(rec_call_begin) X(rec_call_update) X(rec_call_id) X(rec_call_private) X(rec_call_parties) X(rec_call_end) \
    X(rec_feed_open) X(rec_feed_set_format) X(rec_feed_payload) X(rec_feed_write) X(rec_feed_write_at) \
    X(rec_call_keep) X(rec_feed_rtp) X(rec_feed_rtp_at) X(rec_feed_sdp) X(rec_feed_wait) X(rec_feed_clear) X(rec_feed_dtmf) X(rec_feed_close) \
    X(rec_start) \
    X(rec_stop_by_id) X(rec_pause_by_id) X(rec_resume_by_id) X(rec_discard_by_id) \
    X(rec_stop_by_device) X(rec_pause_by_device) X(rec_resume_by_device) X(rec_discard_by_device) \
    X(rec_stop_by_call) X(rec_pause_by_call) X(rec_resume_by_call) X(rec_discard_by_call) \
    X(rec_call_start) X(rec_call_stop) X(rec_call_pause) X(rec_call_resume) X(rec_call_discard) \
    X(rec_list) X(rec_get) X(rec_snapshot_count) X(rec_snapshot_get) X(rec_snapshot_json) X(rec_snapshot_cursor) X(rec_snapshot_free) \
    X(rec_cluster_list) X(rec_cluster_get) X(rec_cluster_control_by_id) X(rec_cluster_control_by_device) X(rec_cluster_control_by_call) \
    X(rec_subscribe) X(rec_subscribe_with) X(rec_unsubscribe) \
    X(rec_gateway_start) X(rec_gateway_port) X(rec_gateway_stop) X(rec_http_handle) \
    X(rec_http_response_status) X(rec_http_response_headers) X(rec_http_response_body) X(rec_http_response_free)

enum function {
#define X(name) call_of_##name,
    FUNCTIONS(X)
#undef X
    FUNCTION_COUNT
};

static const char *const function_names[] = {
#define X(name) #name,
    FUNCTIONS(X)
#undef X
};

static atomic_bool called[FUNCTION_COUNT];
static bool reached[35];

static void note(enum function function)
{
    called[function] = true;
}

/* From here on each call is noted. A macro is not expanded inside itself. */
#define NOTE(name, arguments) (note(call_of_##name), name arguments)
#define rec_version(...) NOTE(rec_version, (__VA_ARGS__))
#define rec_version_number(...) NOTE(rec_version_number, (__VA_ARGS__))
#define rec_status_text(...) NOTE(rec_status_text, (__VA_ARGS__))
#define rec_config_new(...) NOTE(rec_config_new, (__VA_ARGS__))
#define rec_config_set(...) NOTE(rec_config_set, (__VA_ARGS__))
#define rec_config_set_thread_hooks(...) NOTE(rec_config_set_thread_hooks, (__VA_ARGS__))
#define rec_config_load(...) NOTE(rec_config_load, (__VA_ARGS__))
#define rec_config_free(...) NOTE(rec_config_free, (__VA_ARGS__))
#define rec_open(...) NOTE(rec_open, (__VA_ARGS__))
#define rec_close(...) NOTE(rec_close, (__VA_ARGS__))
#define rec_adopt(...) NOTE(rec_adopt, (__VA_ARGS__))
#define rec_codec_register(...) NOTE(rec_codec_register, (__VA_ARGS__))
#define rec_stats(...) NOTE(rec_stats, (__VA_ARGS__))
#define rec_set_log(...) NOTE(rec_set_log, (__VA_ARGS__))
#define rec_verify(...) NOTE(rec_verify, (__VA_ARGS__))
#define rec_delete(...) NOTE(rec_delete, (__VA_ARGS__))
#define rec_hold(...) NOTE(rec_hold, (__VA_ARGS__))
#define rec_audit_head(...) NOTE(rec_audit_head, (__VA_ARGS__))
#define rec_verify_audit(...) NOTE(rec_verify_audit, (__VA_ARGS__))
#define rec_line_set(...) NOTE(rec_line_set, (__VA_ARGS__))
#define rec_line_remove(...) NOTE(rec_line_remove, (__VA_ARGS__))
#define rec_call_begin(...) NOTE(rec_call_begin, (__VA_ARGS__))
#define rec_call_update(...) NOTE(rec_call_update, (__VA_ARGS__))
#define rec_call_id(...) NOTE(rec_call_id, (__VA_ARGS__))
#define rec_call_private(...) NOTE(rec_call_private, (__VA_ARGS__))
#define rec_call_parties(...) NOTE(rec_call_parties, (__VA_ARGS__))
#define rec_call_end(...) NOTE(rec_call_end, (__VA_ARGS__))
#define rec_feed_open(...) NOTE(rec_feed_open, (__VA_ARGS__))
#define rec_feed_set_format(...) NOTE(rec_feed_set_format, (__VA_ARGS__))
#define rec_feed_payload(...) NOTE(rec_feed_payload, (__VA_ARGS__))
#define rec_feed_write(...) NOTE(rec_feed_write, (__VA_ARGS__))
#define rec_feed_write_at(...) NOTE(rec_feed_write_at, (__VA_ARGS__))
#define rec_feed_rtp(...) NOTE(rec_feed_rtp, (__VA_ARGS__))
#define rec_feed_rtp_at(...) NOTE(rec_feed_rtp_at, (__VA_ARGS__))
#define rec_call_keep(...) NOTE(rec_call_keep, (__VA_ARGS__))
#define rec_feed_sdp(...) NOTE(rec_feed_sdp, (__VA_ARGS__))
#define rec_feed_wait(...) NOTE(rec_feed_wait, (__VA_ARGS__))
#define rec_feed_dtmf(...) NOTE(rec_feed_dtmf, (__VA_ARGS__))
#define rec_feed_clear(...) NOTE(rec_feed_clear, (__VA_ARGS__))
#define rec_feed_close(...) NOTE(rec_feed_close, (__VA_ARGS__))
#define rec_start(...) NOTE(rec_start, (__VA_ARGS__))
#define rec_stop_by_id(...) NOTE(rec_stop_by_id, (__VA_ARGS__))
#define rec_pause_by_id(...) NOTE(rec_pause_by_id, (__VA_ARGS__))
#define rec_resume_by_id(...) NOTE(rec_resume_by_id, (__VA_ARGS__))
#define rec_discard_by_id(...) NOTE(rec_discard_by_id, (__VA_ARGS__))
#define rec_stop_by_device(...) NOTE(rec_stop_by_device, (__VA_ARGS__))
#define rec_pause_by_device(...) NOTE(rec_pause_by_device, (__VA_ARGS__))
#define rec_resume_by_device(...) NOTE(rec_resume_by_device, (__VA_ARGS__))
#define rec_discard_by_device(...) NOTE(rec_discard_by_device, (__VA_ARGS__))
#define rec_stop_by_call(...) NOTE(rec_stop_by_call, (__VA_ARGS__))
#define rec_pause_by_call(...) NOTE(rec_pause_by_call, (__VA_ARGS__))
#define rec_resume_by_call(...) NOTE(rec_resume_by_call, (__VA_ARGS__))
#define rec_discard_by_call(...) NOTE(rec_discard_by_call, (__VA_ARGS__))
#define rec_call_start(...) NOTE(rec_call_start, (__VA_ARGS__))
#define rec_call_stop(...) NOTE(rec_call_stop, (__VA_ARGS__))
#define rec_call_pause(...) NOTE(rec_call_pause, (__VA_ARGS__))
#define rec_call_resume(...) NOTE(rec_call_resume, (__VA_ARGS__))
#define rec_call_discard(...) NOTE(rec_call_discard, (__VA_ARGS__))
#define rec_list(...) NOTE(rec_list, (__VA_ARGS__))
#define rec_get(...) NOTE(rec_get, (__VA_ARGS__))
#define rec_snapshot_count(...) NOTE(rec_snapshot_count, (__VA_ARGS__))
#define rec_snapshot_get(...) NOTE(rec_snapshot_get, (__VA_ARGS__))
#define rec_snapshot_json(...) NOTE(rec_snapshot_json, (__VA_ARGS__))
#define rec_snapshot_cursor(...) NOTE(rec_snapshot_cursor, (__VA_ARGS__))
#define rec_cluster_list(...) NOTE(rec_cluster_list, (__VA_ARGS__))
#define rec_cluster_get(...) NOTE(rec_cluster_get, (__VA_ARGS__))
#define rec_cluster_control_by_id(...) NOTE(rec_cluster_control_by_id, (__VA_ARGS__))
#define rec_cluster_control_by_device(...) NOTE(rec_cluster_control_by_device, (__VA_ARGS__))
#define rec_cluster_control_by_call(...) NOTE(rec_cluster_control_by_call, (__VA_ARGS__))
#define rec_snapshot_free(...) NOTE(rec_snapshot_free, (__VA_ARGS__))
#define rec_subscribe(...) NOTE(rec_subscribe, (__VA_ARGS__))
#define rec_subscribe_with(...) NOTE(rec_subscribe_with, (__VA_ARGS__))
#define rec_unsubscribe(...) NOTE(rec_unsubscribe, (__VA_ARGS__))
#define rec_gateway_start(...) NOTE(rec_gateway_start, (__VA_ARGS__))
#define rec_gateway_port(...) NOTE(rec_gateway_port, (__VA_ARGS__))
#define rec_gateway_stop(...) NOTE(rec_gateway_stop, (__VA_ARGS__))
#define rec_http_handle(...) NOTE(rec_http_handle, (__VA_ARGS__))
#define rec_http_response_status(...) NOTE(rec_http_response_status, (__VA_ARGS__))
#define rec_http_response_headers(...) NOTE(rec_http_response_headers, (__VA_ARGS__))
#define rec_http_response_body(...) NOTE(rec_http_response_body, (__VA_ARGS__))
#define rec_http_response_free(...) NOTE(rec_http_response_free, (__VA_ARGS__))

#include "check.h"

#include <semaphore.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif

/* Like check_status. Notes the status if it is the expected one. */
static bool expect_and_note(int line, const char *what, rec_status got, rec_status expected)
{
    if (got == expected && expected <= 0 && expected > -35)
        reached[-expected] = true;
    return check_status(__FILE__, line, what, got, expected);
}
#undef EXPECT
#define EXPECT(call, expected) expect_and_note(__LINE__, #call, (call), (expected))

static uint8_t silence[4096];

/* In stream time a full ring refuses the data, so it is written again. */
static void write_all(rec_feed feed, const void *data, size_t size, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        rec_status status;
        while ((status = rec_feed_write(feed, data, size)) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(feed, 10000));
        OK(status);
    }
}

static void make_rtp(uint8_t packet[172], unsigned payload_type, unsigned n)
{
    memset(packet, 0xff, 172);
    memset(packet, 0, 12);
    packet[0] = 0x80;
    packet[1] = (uint8_t)payload_type;
    packet[2] = (uint8_t)(n >> 8);
    packet[3] = (uint8_t)n;
    packet[6] = (uint8_t)(n * 160 >> 8);
    packet[7] = (uint8_t)(n * 160);
    packet[11] = 7;
}

static rec_caller caller_of(uint32_t level, const char *username)
{
    rec_caller caller = REC_INIT(rec_caller);
    caller.level = level;
    caller.username = username;
    return caller;
}

/* ---- versions and texts -------------------------------------------------------------------- */

static void version_and_texts(void)
{
    CHECK(strcmp(rec_version(), REC_VERSION_STRING) == 0);
    CHECK(rec_version_number() == REC_VERSION_NUMBER);
    CHECK(REC_VERSION_NUMBER == (REC_VERSION_MAJOR << 16 | REC_VERSION_MINOR << 8 | REC_VERSION_PATCH));
    for (rec_status status = REC_OK; status >= REC_ERR_BUSY; status--) {
        CHECK(strlen(rec_status_text(status)) > 0);
        for (rec_status other = REC_OK; other > status; other--)
            CHECK(strcmp(rec_status_text(status), rec_status_text(other)) != 0);
    }
    CHECK(rec_status_text(1) != NULL && rec_status_text(-29) != NULL && rec_status_text(INT32_MIN) != NULL);
}

/* ---- configuration, opening, closing ---------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!CHECK(file != NULL))
        return;
    fputs(text, file);
    fclose(file);
}

static void configuration(const char *base)
{
    const char *directory = directory_in(base, "configuration");
    char path[5000], file[5000];
    rec_config *config = NULL;
    rec_engine engine, second = {77};
    EXPECT(rec_config_new(NULL), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_config_new(&config), REC_OK);
    EXPECT(rec_config_set_thread_hooks(config, NULL, NULL, NULL, NULL, &err), REC_OK);
    EXPECT(rec_config_set(config, "no.such.key", "1", &err), REC_ERR_CONFIG);
    CHECK(strstr(err.message, "no.such.key") != NULL && err.status == REC_ERR_CONFIG && err.reason == -1);
    EXPECT(rec_config_set(config, "media.clock", "sundial", &err), REC_ERR_CONFIG);
    CHECK(strstr(err.message, "media.clock") != NULL && strstr(err.message, "sundial") != NULL);

    snprintf(path, sizeof path, "%s/config.json", directory);
    EXPECT(rec_config_load(config, path, &err), REC_ERR_IO); /* does not exist yet */
    CHECK(strstr(err.message, path) != NULL);
    EXPECT(rec_config_load(config, directory, &err), REC_ERR_IO);
    write_file(path, "{\"media.reorder_ms\": 80, \"typo\": 1}");
    EXPECT(rec_config_load(config, path, &err), REC_ERR_CONFIG);
    CHECK(strstr(err.message, "typo") != NULL);
    write_file(path, "{\"storage.host\": \"\xff\"}");
    EXPECT(rec_config_load(config, path, &err), REC_ERR_CONFIG);
    CHECK(strstr(err.message, "UTF-8") != NULL);
    write_file(path, "{\"media\": {\"clock\": \"stream\"}, \"storage.flush_ms\": 500}");
    EXPECT(rec_config_load(config, path, &err), REC_OK);
    CHECK(err.status == REC_OK && err.message[0] == '\0');

    snprintf(file, sizeof file, "%s/config.json/below", directory); /* a file has no subdirectory */
    OK(rec_config_set(config, "storage.directory", file, &err));
    EXPECT(rec_open(config, &second, &err), REC_ERR_IO);
    CHECK(second.id == 77);

    snprintf(file, sizeof file, "%s/recordings", directory); /* is created */
    OK(rec_config_set(config, "storage.directory", file, &err));
    EXPECT(rec_open(config, &engine, &err), REC_OK);
    EXPECT(rec_open(config, &second, &err), REC_ERR_UNAVAILABLE); /* locked */
    CHECK(second.id == 77);
    EXPECT(rec_close(engine, 5000, &err), REC_OK);
    EXPECT(rec_close(engine, 5000, &err), REC_ERR_BAD_HANDLE);
    EXPECT(rec_open(config, &engine, &err), REC_OK); /* unlocked again */
    EXPECT(rec_close(engine, 5000, &err), REC_OK);
    rec_config_free(config);
    rec_config_free(NULL);
}

/* ---- rules -------------------------------------------------------------------------- */

static void set_policy(rec_engine engine, const char *device, const char *number, uint32_t flags)
{
    rec_line_info line = REC_INIT(rec_line_info);
    line.device_name = device;
    line.directory_number = number;
    line.flags = flags;
    EXPECT(rec_line_set(engine, &line, &err), REC_OK);
}

static void lines_and_rights(rec_engine engine)
{
    rec_caller unauthenticated = caller_of(REC_LEVEL_NONE, "user1"), own = caller_of(REC_LEVEL_BASE, "user1");
    rec_caller stranger = caller_of(REC_LEVEL_BASE, "user2"), admin = caller_of(REC_LEVEL_COMPLETE, "admin");
    rec_call call;
    rec_id id, dial_in;
    MUST(begin_call(engine, "rights", "SEP1", "101", "user1", &call));
    EXPECT(begin_call(engine, "rights", "SEP1", "101", "user1", &(rec_call){0}), REC_ERR_EXISTS);

    EXPECT(start_on(engine, &unauthenticated, "SEP1", "101", 0, &id), REC_ERR_UNAUTHENTICATED);
    EXPECT(start_on(engine, &stranger, "SEP1", "101", 0, &id), REC_ERR_FORBIDDEN);
    EXPECT(start_on(engine, &admin, NULL, NULL, 0, &id), REC_ERR_NO_TARGET);
    CHECK(err.reason == 0);
    EXPECT(start_on(engine, &admin, "SEP1", "102", 0, &id), REC_ERR_NO_CALL);

    set_policy(engine, "SEP1", NULL, REC_LINE_NOT_MONITORABLE);
    EXPECT(start_on(engine, &admin, "SEP1", "101", 0, &id), REC_ERR_NOT_MONITORABLE);
    CHECK(err.reason == 1 && strcmp(err.device_name, "SEP1") == 0);
    set_policy(engine, "SEP1", NULL, 0);
    EXPECT(start_on(engine, &own, "SEP1", "101", 0, &id), REC_OK);
    CHECK(strlen(id.text) == 36 && err.device_name[0] == '\0');
    EXPECT(start_on(engine, &own, "SEP1", "101", 0, &id), REC_ERR_ALREADY_RECORDING);
    rec_call automatic;
    set_policy(engine, "AUTO", NULL, REC_LINE_AUTOMATIC);
    MUST(begin_call(engine, "automatic", "AUTO", "201", "user1", &automatic));
    EXPECT(start_on(engine, NULL, "AUTO", NULL, 0, &dial_in), REC_ERR_AUTOMATIC);
    CHECK(err.reason == 4);
    EXPECT(rec_stop_by_device(engine, NULL, "AUTO", NULL, NULL, &err), REC_ERR_AUTOMATIC);
    CHECK(err.reason == 2);
    rec_line_info line = REC_INIT(rec_line_info);
    line.device_name = "AUTO";
    EXPECT(rec_line_remove(engine, &line, &err), REC_OK);
    EXPECT(rec_line_remove(engine, &line, &err), REC_OK); /* already removed */
    EXPECT(rec_stop_by_device(engine, NULL, "AUTO", NULL, NULL, &err), REC_OK); /* no longer automatic */
    OK(rec_call_end(automatic, &err));

    EXPECT(rec_stop_by_id(engine, NULL, "not-a-guid", &err), REC_ERR_INVALID_ID);
    CHECK(err.reason == 0);
    EXPECT(rec_stop_by_id(engine, NULL, "00000000-0000-4000-8000-000000000000", &err), REC_ERR_NOT_LIVE);
    EXPECT(start_on(engine, NULL, "SEP1", NULL, REC_START_ADDITIONAL | REC_START_MANUAL_DIAL_IN, &dial_in), REC_OK);
    set_policy(engine, "SEP1", NULL, REC_LINE_MANDATORY);
    EXPECT(rec_stop_by_id(engine, &own, id.text, &err), REC_ERR_MANDATORY);
    set_policy(engine, "SEP1", NULL, 0);
    EXPECT(rec_stop_by_id(engine, &own, id.text, &err), REC_OK);
    EXPECT(rec_stop_by_device(engine, NULL, "SEP1", "101", NULL, &err), REC_ERR_DIAL_IN);
    EXPECT(rec_stop_by_device(engine, NULL, NULL, "101", NULL, &err), REC_OK);

    rec_start_options options = REC_INIT(rec_start_options);
    options.directory_number = "101";
    options.format = "cassette";
    EXPECT(rec_start(engine, NULL, &options, &id, &err), REC_ERR_INVALID_MODE);
    CHECK(err.reason == 2);
    options.format = "flac;level=9";
    EXPECT(rec_start(engine, NULL, &options, &id, &err), REC_ERR_INVALID_MODE);
    options.format = NULL;
    options.lookback_ms = REC_LOOKBACK_ALL;
    EXPECT(rec_start(engine, NULL, &options, &id, &err), REC_ERR_UNSUPPORTED); /* media.lookback_ms is 0 */
    options.lookback_ms = 5;
    EXPECT(rec_call_keep(engine, NULL, &options, &id, &err), REC_ERR_INVALID_ARGUMENT);
    options.lookback_ms = 0;
    EXPECT(rec_call_keep(engine, NULL, &options, &id, &err), REC_ERR_UNSUPPORTED);
    /* By default no host is permitted. Without the gateway, callbacks are unsupported. */
    rec_gateway none = {0};
    uint32_t port = 0;
    bool has_gateway = rec_gateway_port(none, &port, &err) != REC_ERR_UNSUPPORTED;
    options.callback_url = "http://127.0.0.1/";
    EXPECT(rec_start(engine, NULL, &options, &id, &err), has_gateway ? REC_ERR_INVALID_ARGUMENT : REC_ERR_UNSUPPORTED);
    EXPECT(rec_call_end(call, &err), REC_OK);
    EXPECT(rec_call_end(call, &err), REC_ERR_BAD_HANDLE);
}

/* ---- calls and feeds -------------------------------------------------------------------- */

/* Waits up to 20 s until a recording has ended, and returns it. */
static bool await_end(rec_engine engine, const char *id, rec_snapshot **snapshot)
{
    for (uint64_t limit = now_ms() + 20000; now_ms() < limit; sleep_ms(10)) {
        if (!EXPECT(rec_get(engine, NULL, id, snapshot, &err), REC_OK))
            return false;
        if (rec_snapshot_get(*snapshot, 0)->state >= REC_STATE_FINISHED)
            return true;
        rec_snapshot_free(*snapshot);
    }
    return false;
}

static void *codec_create(void *user_data, uint32_t sample_rate, uint32_t channels, const char *fmtp)
{
    CHECK(sample_rate == 8000 && channels == 1 && strcmp(fmtp, "scale=3") == 0);
    return user_data;
}

/* A sample is three times its byte. */
static rec_status codec_decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity, size_t *count)
{
    atomic_fetch_add((atomic_int *)state, 1);
    if (size > capacity)
        return REC_ERR_LIMIT;
    for (*count = 0; *count < size; ++*count)
        samples[*count] = (int16_t)(3 * payload[*count]);
    return REC_OK;
}

static void codec_destroy(void *state)
{
    CHECK(atomic_load((atomic_int *)state) > 0);
}

/* A codec of the host: one leg of 10 packets. */
static void host_codec(rec_engine engine)
{
    static atomic_int decoded;
    rec_codec_ops ops = REC_INIT(rec_codec_ops);
    ops.create = codec_create;
    ops.decode = codec_decode;
    ops.frame_bytes = ops.frame_samples = 1;
    ops.user_data = &decoded;
    int32_t codec = 0;
    EXPECT(rec_codec_register(engine, "X-THREE", &ops, &codec, &err), REC_ERR_INVALID_ARGUMENT);
    ops.destroy = codec_destroy;
    EXPECT(rec_codec_register(engine, "X/3", &ops, &codec, &err), REC_ERR_INVALID_ARGUMENT);
    CHECK(codec == 0);
    EXPECT(rec_codec_register(engine, "X-THREE", &ops, &codec, &err), REC_OK);
    CHECK(codec >= REC_CODEC_REGISTERED);
    EXPECT(rec_codec_register(engine, "x-three", &ops, NULL, &err), REC_ERR_EXISTS);

    rec_call call;
    rec_feed feed;
    rec_id id;
    uint8_t packet[172];
    MUST(begin_call(engine, "codec", "SEP4", "104", NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, &feed));
    EXPECT(rec_feed_sdp(feed, "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 X-Three/8000\r\na=fmtp:0 scale=3\r\n", &err), REC_OK);
    EXPECT(start_on(engine, NULL, "SEP4", "104", 0, &id), REC_OK);
    for (unsigned n = 0; n < 10; n++) {
        make_rtp(packet, 0, n);
        OK(rec_feed_rtp(feed, packet, sizeof packet));
    }
    OK(rec_stop_by_id(engine, NULL, id.text, &err));
    rec_snapshot *snapshot = NULL;
    CHECK(await_end(engine, id.text, &snapshot) && rec_snapshot_get(snapshot, 0)->duration_ms == 200);
    rec_snapshot_free(snapshot);
    CHECK(atomic_load(&decoded) == 10);
    OK(rec_call_end(call, &err));
}

static void calls_and_feeds(rec_engine engine)
{
    rec_call call, unnamed;
    rec_feed local, remote;
    rec_id id;
    char text[64] = "untouched";
    uint8_t packet[172];
    MUST(begin_call(engine, "feeds", "SEP2", "102", "user1", &call));
    EXPECT(rec_call_id(call, text, 3, &err), REC_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(text, "untouched") == 0);
    EXPECT(rec_call_id(call, text, sizeof text, &err), REC_OK);
    CHECK(strcmp(text, "feeds") == 0);
    EXPECT(rec_call_id(call, text, 6, &err), REC_OK); /* fits exactly */
    MUST(begin_call(engine, NULL, "SEP3", "103", NULL, &unnamed));
    EXPECT(rec_call_id(unnamed, text, sizeof text, &err), REC_OK);
    CHECK(strlen(text) > 0 && strcmp(text, "feeds") != 0);
    OK(rec_call_end(unnamed, &err));

    EXPECT(open_feed(call, REC_LEG_LOCAL, 99, &local), REC_ERR_INVALID_ARGUMENT);
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &local));
    MUST(open_feed(call, REC_LEG_REMOTE, REC_CODEC_PCMU, &remote));
    EXPECT(start_on(engine, NULL, "SEP2", "102", 0, &id), REC_OK);

    rec_feed_format alaw = REC_INIT(rec_feed_format);
    alaw.codec = REC_CODEC_PCMA;
    EXPECT(rec_feed_payload(remote, 96, &alaw, &err), REC_OK);
    EXPECT(rec_feed_payload(remote, 128, &alaw, &err), REC_ERR_INVALID_ARGUMENT); /* 7 bits */
    EXPECT(rec_feed_sdp(remote, "m=audio 4000 RTP/AVP 97 9\r\na=rtpmap:97 opus/48000/2\r\n", &err), REC_OK);
    EXPECT(rec_feed_sdp(remote, "m=audio 4000 RTP/AVP 18\r\n", &err), REC_ERR_UNSUPPORTED); /* G.729 */
    EXPECT(rec_feed_sdp(remote, "m=video 4000 RTP/AVP 99\r\n", &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_feed_sdp(remote, NULL, &err), REC_ERR_INVALID_ARGUMENT);

    EXPECT(rec_feed_write(local, silence, 0), REC_OK);
    EXPECT(rec_feed_write(local, silence, 3), REC_ERR_INVALID_ARGUMENT); /* one and a half samples */
    write_all(local, silence, 320, 50);
    make_rtp(packet, 0, 0);
    for (unsigned n = 0; n < 50; n++) {
        make_rtp(packet, n % 2 != 0 ? 0 : 96, n);
        rec_status status;
        while ((status = n % 3 != 0 ? rec_feed_rtp(remote, packet, sizeof packet) : rec_feed_rtp_at(remote, 5000, packet, sizeof packet)) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(remote, 10000));
        EXPECT(status, REC_OK);
    }
    EXPECT(rec_feed_set_format(remote, &alaw, &err), REC_OK);
    EXPECT(rec_feed_clear(remote, &err), REC_OK); /* has no effect in stream time */
    EXPECT(rec_feed_dtmf(remote, 0, &err), REC_OK);
    EXPECT(rec_feed_dtmf(remote, 10001, &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_feed_close(remote), REC_OK);
    EXPECT(rec_feed_close(remote), REC_ERR_BAD_HANDLE);
    EXPECT(rec_feed_dtmf(remote, 0, &err), REC_ERR_BAD_HANDLE);
    EXPECT(rec_feed_clear(remote, &err), REC_ERR_BAD_HANDLE);
    EXPECT(rec_feed_rtp(remote, packet, sizeof packet), REC_ERR_BAD_HANDLE);

    /* Timestamps of the host, on a new feed: the first one is the origin. */
    OK(rec_feed_close(local));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &local));
    for (uint64_t n = 0; n < 25; n++) {
        rec_status status;
        while ((status = rec_feed_write_at(local, 90000 + n * 160, silence, 320)) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(local, 10000));
        EXPECT(status, REC_OK);
    }

    rec_call_info update = REC_INIT(rec_call_info);
    update.username = "user9";
    update.state = REC_CALL_HELD;
    EXPECT(rec_call_update(call, &update, &err), REC_OK);
    rec_snapshot *snapshot = NULL;
    EXPECT(rec_get(engine, NULL, id.text, &snapshot, &err), REC_OK);
    CHECK(rec_snapshot_count(snapshot) == 1);
    CHECK(strcmp(rec_snapshot_get(snapshot, 0)->username, "user9") == 0 && strcmp(rec_snapshot_get(snapshot, 0)->device_name, "SEP2") == 0);
    rec_snapshot_free(snapshot);

    EXPECT(rec_call_private(call, 2, &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_call_private(call, 1, &err), REC_OK);
    EXPECT(rec_call_private(call, 1, &err), REC_OK); /* already private */
    EXPECT(rec_get(engine, NULL, id.text, &snapshot, &err), REC_OK);
    CHECK(rec_snapshot_get(snapshot, 0)->state == REC_STATE_PAUSED && strstr(rec_snapshot_json(snapshot), "\"private\":true") != NULL);
    rec_snapshot_free(snapshot);
    EXPECT(rec_call_private(call, 0, &err), REC_OK);
    update.consent = 3;
    EXPECT(rec_call_update(call, &update, &err), REC_ERR_INVALID_ARGUMENT);
    update.consent = REC_CONSENT_GIVEN;
    update.consent_source = "ivr";
    EXPECT(rec_call_update(call, &update, &err), REC_OK);

    EXPECT(rec_call_end(call, &err), REC_OK);
    EXPECT(rec_call_private(call, 1, &err), REC_ERR_BAD_HANDLE);
    EXPECT(rec_feed_write(local, silence, 320), REC_ERR_BAD_HANDLE);
    if (CHECK(await_end(engine, id.text, &snapshot))) {
        const rec_recording *ended = rec_snapshot_get(snapshot, 0);
        CHECK(ended->state == REC_STATE_FINISHED && ended->end_reason == REC_END_CALL_ENDED && ended->error == REC_OK);
        /* 50 packets, then 25 on a new feed after them. */
        CHECK(ended->duration_ms == 1500 && ended->lost_ms == 0 && ended->bytes >= 1500 * 8 * 4 && ended->path[0] != '\0');
        CHECK(strncmp(ended->digest, "sha256:", 7) == 0 && strlen(ended->digest) == 7 + 64);
        EXPECT(rec_verify(ended->path, &err), REC_OK);
        rec_snapshot_free(snapshot);
    }
}

/* ---- control -------------------------------------------------------------------------------- */

static bool counted(const rec_counts *counts, uint32_t changed, uint32_t already, uint32_t refused)
{
    return counts->changed == changed && counts->already == already && counts->refused == refused;
}

static void control_by_handle(rec_call call)
{
    rec_start_options options = REC_INIT(rec_start_options);
    rec_counts counts = REC_INIT(rec_counts);
    rec_id id;
    EXPECT(rec_call_start(call, NULL, &options, &id, &err), REC_OK);
    EXPECT(rec_call_pause(call, NULL, &counts, &err), REC_OK);
    CHECK(counted(&counts, 1, 0, 0));
    EXPECT(rec_call_resume(call, NULL, &counts, &err), REC_OK);
    EXPECT(rec_call_stop(call, NULL, &counts, &err), REC_OK);
    CHECK(counted(&counts, 1, 0, 0));
    EXPECT(rec_call_start(call, NULL, &options, &id, &err), REC_OK);
    EXPECT(rec_call_discard(call, NULL, NULL, &err), REC_OK);
}

static void control(rec_engine engine)
{
    rec_counts counts = REC_INIT(rec_counts);
    rec_call call;
    rec_id first, second, third;
    MUST(begin_call(engine, "control", "SEP4", "104", "user1", &call));
    OK(start_on(engine, NULL, "SEP4", NULL, 0, &first));
    OK(start_on(engine, NULL, "SEP4", NULL, REC_START_ADDITIONAL, &second));
    OK(start_on(engine, NULL, "SEP4", NULL, REC_START_ADDITIONAL, &third));

    EXPECT(rec_resume_by_id(engine, NULL, first.text, &err), REC_ERR_NOT_PAUSED);
    EXPECT(rec_pause_by_id(engine, NULL, first.text, &err), REC_OK);
    EXPECT(rec_pause_by_id(engine, NULL, first.text, &err), REC_ERR_ALREADY_PAUSED);
    EXPECT(rec_pause_by_device(engine, NULL, "SEP4", "104", &counts, &err), REC_OK);
    CHECK(counted(&counts, 2, 1, 0));
    EXPECT(rec_pause_by_call(engine, NULL, "control", &counts, &err), REC_ERR_ALREADY_PAUSED);
    CHECK(counted(&counts, 2, 1, 0)); /* outputs are written on success only */
    EXPECT(rec_resume_by_id(engine, NULL, first.text, &err), REC_OK);
    EXPECT(rec_resume_by_device(engine, NULL, NULL, "104", &counts, &err), REC_OK);
    CHECK(counted(&counts, 2, 1, 0));
    EXPECT(rec_pause_by_call(engine, NULL, "control", &counts, &err), REC_OK);
    CHECK(counted(&counts, 3, 0, 0));
    EXPECT(rec_resume_by_call(engine, NULL, "control", NULL, &err), REC_OK);
    EXPECT(rec_pause_by_call(engine, NULL, "no such call", &counts, &err), REC_ERR_NO_CALL);

    rec_snapshot *snapshot = NULL;
    char url[2048];
    OK(rec_get(engine, NULL, third.text, &snapshot, &err));
    snprintf(url, sizeof url, "%s", rec_snapshot_get(snapshot, 0)->url);
    rec_snapshot_free(snapshot);
    EXPECT(rec_stop_by_call(engine, NULL, "control", "no such url", &counts, &err), REC_OK); /* no recording is not an error */
    CHECK(counted(&counts, 0, 0, 0));
    EXPECT(rec_stop_by_call(engine, NULL, "control", url, &counts, &err), REC_OK);
    CHECK(counted(&counts, 1, 0, 0));
    EXPECT(rec_discard_by_id(engine, NULL, first.text, &err), REC_OK);
    EXPECT(rec_discard_by_id(engine, NULL, first.text, &err), REC_ERR_NOT_LIVE);
    EXPECT(rec_discard_by_device(engine, NULL, "SEP4", "104", &counts, &err), REC_OK);
    CHECK(counted(&counts, 1, 0, 0));
    EXPECT(rec_stop_by_device(engine, NULL, "SEP4", "104", &counts, &err), REC_ERR_NOT_LIVE);
    OK(start_on(engine, NULL, "SEP4", NULL, 0, &first));
    EXPECT(rec_discard_by_call(engine, NULL, "control", NULL, &counts, &err), REC_OK);
    CHECK(counted(&counts, 1, 0, 0));
    EXPECT(rec_stop_by_call(engine, NULL, "control", NULL, &counts, &err), REC_OK);
    CHECK(counted(&counts, 0, 0, 0));
    control_by_handle(call);
    EXPECT(rec_call_parties(call, REC_LEG_REMOTE, "[{\"name\": \"Ann\"}]", &err), REC_OK);
    EXPECT(rec_call_parties(call, REC_LEG_REMOTE, "{}", &err), REC_ERR_INVALID_ARGUMENT);
    OK(rec_call_end(call, &err));
    EXPECT(rec_call_stop(call, NULL, &counts, &err), REC_ERR_BAD_HANDLE);
}

static void listing(rec_engine engine)
{
    rec_caller own = caller_of(REC_LEVEL_BASE, "user5");
    rec_filter filter = REC_INIT(rec_filter);
    rec_snapshot *snapshot = NULL;
    rec_call calls[3];
    rec_id ids[3];
    static const char *const numbers[] = {"105", "106", "107"};
    for (int i = 0; i < 3; i++) {
        rec_call_info info = REC_INIT(rec_call_info);
        info.device_name = "SEP5";
        info.directory_number = numbers[i];
        info.username = i == 2 ? "user6" : "user5";
        info.numeric_user_id = i == 2 ? "6" : "5";
        info.call_id = numbers[i];
        info.tag = (uint64_t)i;
        OK(rec_call_begin(engine, &info, &calls[i], &err));
        OK(start_on(engine, NULL, NULL, numbers[i], 0, &ids[i]));
    }
    const struct {
        const char *device, *number, *user, *numeric, *call;
        size_t count;
    } cases[] = {
        {NULL, NULL, NULL, NULL, NULL, 3}, {"SEP5", NULL, NULL, NULL, NULL, 3}, {NULL, "106", NULL, NULL, NULL, 1}, {NULL, NULL, "user5", NULL, NULL, 2},
        {NULL, NULL, NULL, "6", NULL, 1},  {NULL, NULL, NULL, NULL, "105", 1},  {"SEP5", "107", "user5", "", NULL, 0}, {"", "", "", "", "", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        filter.device_name = cases[i].device;
        filter.directory_number = cases[i].number;
        filter.username = cases[i].user;
        filter.numeric_user_id = cases[i].numeric;
        filter.call_id = cases[i].call;
        EXPECT(rec_list(engine, NULL, &filter, &snapshot, &err), REC_OK);
        CHECK(rec_snapshot_count(snapshot) == cases[i].count);
        CHECK(rec_snapshot_get(snapshot, cases[i].count) == NULL && rec_snapshot_get(snapshot, SIZE_MAX) == NULL);
        CHECK((strcmp(rec_snapshot_json(snapshot), "[]") == 0) == (cases[i].count == 0));
        rec_snapshot_free(snapshot);
    }
    EXPECT(rec_list(engine, &own, NULL, &snapshot, &err), REC_ERR_FORBIDDEN);
    /* A page is that of a cluster, and this engine is in none. */
    filter = (rec_filter)REC_INIT(rec_filter);
    filter.limit = 1;
    EXPECT(rec_list(engine, NULL, &filter, &snapshot, &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_cluster_list(engine, NULL, &filter, 100, &snapshot, &err), REC_ERR_UNSUPPORTED);
    EXPECT(rec_cluster_get(engine, NULL, "x", 100, &snapshot, &err), REC_ERR_UNSUPPORTED);
    EXPECT(rec_cluster_control_by_id(engine, NULL, REC_CONTROL_STOP, "x", 100, &err), REC_ERR_UNSUPPORTED);
    EXPECT(rec_cluster_control_by_id(engine, NULL, 0, "x", 100, &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_cluster_control_by_device(engine, NULL, REC_CONTROL_PAUSE, NULL, "101", 100, NULL, &err), REC_ERR_UNSUPPORTED);
    EXPECT(rec_cluster_control_by_call(engine, NULL, REC_CONTROL_RESUME, "call", NULL, 100, NULL, &err), REC_ERR_UNSUPPORTED);
    CHECK(rec_snapshot_cursor(NULL)[0] == '\0');
    filter = (rec_filter)REC_INIT(rec_filter);
    filter.username = "user5";
    EXPECT(rec_list(engine, &own, &filter, &snapshot, &err), REC_OK);
    CHECK(rec_snapshot_count(snapshot) == 2);
    rec_snapshot_free(snapshot);
    EXPECT(rec_get(engine, &own, ids[2].text, &snapshot, &err), REC_ERR_FORBIDDEN);
    EXPECT(rec_get(engine, &own, ids[0].text, &snapshot, &err), REC_OK);
    rec_snapshot_free(snapshot);

    rec_statistics statistics = REC_INIT(rec_statistics);
    EXPECT(rec_stats(engine, &statistics, &err), REC_OK);
    CHECK(statistics.live_calls == 3 && statistics.live_recordings == 3 && statistics.free_bytes > 0);
    CHECK(statistics.frames_in > 0 && statistics.bytes_out > 0);
    for (int i = 0; i < 3; i++)
        OK(rec_call_end(calls[i], &err));
    rec_snapshot_free(NULL);
    CHECK(rec_snapshot_count(NULL) == 0 && rec_snapshot_get(NULL, 0) == NULL && rec_snapshot_json(NULL) != NULL);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static rec_engine callback_engine;
static rec_subscription callback_subscription;
static sem_t callback_ran;
static rec_status closed_inside, unsubscribed_inside, listed_inside;

static void on_log(void *user_data, int32_t level, const char *message)
{
    CHECK(level >= REC_LOG_ERROR && level <= REC_LOG_INFO && message != NULL);
    (void)user_data;
}

static void count_free(void *user_data)
{
    ++*(int *)user_data;
}

static void call_inside_callback(void *user_data, const rec_event *event)
{
    rec_error inside = REC_INIT(rec_error); /* each thread needs its own */
    rec_snapshot *snapshot = NULL;
    (void)user_data;
    (void)event;
    closed_inside = rec_close(callback_engine, 1000, &inside);
    listed_inside = rec_list(callback_engine, NULL, NULL, &snapshot, &inside);
    rec_snapshot_free(snapshot);
    unsubscribed_inside = rec_unsubscribe(callback_subscription);
    sem_post(&callback_ran);
}

static void callbacks(rec_engine engine)
{
    int freed = 0, log_freed = 0;
    rec_call call;
    rec_id id;
    sem_init(&callback_ran, 0, 0);
    callback_engine = engine;
    EXPECT(rec_set_log(engine, on_log, &log_freed, count_free, &err), REC_OK);
    EXPECT(rec_subscribe(engine, call_inside_callback, &freed, count_free, &callback_subscription, &err), REC_OK);
    MUST(begin_call(engine, "callbacks", NULL, "108", NULL, &call));
    OK(start_on(engine, NULL, NULL, "108", 0, &id));
    sem_wait(&callback_ran);
    EXPECT(closed_inside, REC_ERR_IN_CALLBACK);
    EXPECT(listed_inside, REC_OK);
    EXPECT(unsubscribed_inside, REC_OK);
    EXPECT(rec_unsubscribe(callback_subscription), REC_ERR_BAD_HANDLE);
    OK(rec_call_end(call, &err));
    EXPECT(rec_set_log(engine, NULL, NULL, NULL, &err), REC_OK);
    CHECK(log_freed == 1);
    for (int i = 0; i < 1000 && freed == 0; i++)
        sleep_ms(10);
    CHECK(freed == 1);
    sem_destroy(&callback_ran);
}

/* The events of a live call and of one that begins. */
static void call_events(rec_engine engine)
{
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_subscribe_options options = REC_INIT(rec_subscribe_options);
    rec_subscription subscription;
    rec_call live, call;
    options.flags = REC_SUBSCRIBE_CALLS | 0x100;
    EXPECT(rec_subscribe_with(engine, &options, count_event, &events, note_freed, &subscription, &err), REC_ERR_INVALID_ARGUMENT);
    CHECK(events.freed == 0 && strstr(err.message, "options.flags") != NULL);
    MUST(begin_call(engine, "live", NULL, "109", NULL, &live));
    options.flags = REC_SUBSCRIBE_CALLS;
    EXPECT(rec_subscribe_with(engine, &options, count_event, &events, note_freed, &subscription, &err), REC_OK);
    CHECK(wait_for_event(&events, REC_EVENT_CALL_BEGAN, 1));
    MUST(begin_call(engine, "begins", NULL, "110", NULL, &call));
    CHECK(wait_for_event(&events, REC_EVENT_CALL_BEGAN, 2));
    rec_call_info held = REC_INIT(rec_call_info);
    held.state = REC_CALL_HELD;
    OK(rec_call_update(live, &held, &err));
    CHECK(wait_for_event(&events, REC_EVENT_CALL_UPDATED, 1));
    OK(rec_call_end(live, &err));
    OK(rec_call_end(call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_CALL_ENDED, 2));
    OK(rec_unsubscribe(subscription));
    CHECK(events.freed == 1 && events.in_order && events.times[REC_EVENT_CALL_BEGAN] == 2);
}

/* ---- checks that need their own engine --------------------------------------------------------- */

static void limits(const char *base)
{
    rec_engine engine = open_engine(directory_in(base, "limit"), SETTINGS("recordings.max", "1"));
    rec_call calls[2];
    rec_id id;
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &calls[0]));
    MUST(begin_call(engine, NULL, NULL, "102", NULL, &calls[1]));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    EXPECT(start_on(engine, NULL, NULL, "102", 0, &id), REC_ERR_LIMIT);
    OK(rec_stop_by_device(engine, NULL, NULL, "101", NULL, &err));
    OK(start_on(engine, NULL, NULL, "102", 0, &id));
    OK(rec_close(engine, 10000, &err));

    engine = open_engine(directory_in(base, "calls-limit"), SETTINGS("calls.max", "1"));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &calls[0]));
    EXPECT(begin_call(engine, NULL, NULL, "102", NULL, &calls[1]), REC_ERR_LIMIT);
    OK(rec_close(engine, 10000, &err));

    engine = open_engine(directory_in(base, "no-space"), SETTINGS("storage.min_free_bytes", "18446744073709551615"));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &calls[0]));
    EXPECT(start_on(engine, NULL, NULL, "101", 0, &id), REC_ERR_NO_SPACE);
    OK(rec_close(engine, 10000, &err));
}

static sem_t release;

static void block_callback(void *user_data, const rec_event *event)
{
    (void)event;
    sem_post(user_data);
    sem_wait(&release);
    sem_post(&release);
}

/* A callback of the host does not return. Closing ends at its timeout, and the next engine delivers
 * the pending event. */
static void timeouts(const char *base)
{
    const char *directory = directory_in(base, "timeout");
    rec_engine engine = open_engine(directory, NULL);
    static sem_t held;
    rec_subscription subscription;
    rec_call call;
    rec_id id;
    sem_init(&held, 0, 0);
    sem_init(&release, 0, 0);
    MUST(rec_subscribe(engine, block_callback, &held, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    sem_wait(&held); /* STARTED */
    EXPECT(rec_close(engine, 100, &err), REC_ERR_TIMEOUT);
    EXPECT(rec_close(engine, 100, &err), REC_ERR_BAD_HANDLE); /* the handle is invalid */
    sem_post(&release);

    struct event_counts events = EVENT_COUNTS_INIT;
    rec_config *config = NULL;
    rec_status status = REC_ERR_UNAVAILABLE;
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    for (int i = 0; i < 200 && status == REC_ERR_UNAVAILABLE; i++) {
        status = rec_open(config, &engine, &err);
        if (status != REC_OK)
            sleep_ms(50);
    }
    rec_config_free(config);
    MUST(status);
    MUST(rec_subscribe(engine, count_event, &events, note_freed, &subscription, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    OK(rec_close(engine, 10000, &err));
    CHECK(events.times[REC_EVENT_FINISHED] == 1 && events.freed == 1);
    sem_destroy(&held);
}

struct feed_writer {
    rec_feed feed;
    atomic_bool stop;
};

static void *feed_writer(void *argument)
{
    struct feed_writer *it = argument;
    unsigned busy = 0;
    while (!it->stop) {
        rec_status status = rec_feed_write(it->feed, silence, 320);
        busy += status == REC_ERR_BUSY;
        CHECK(status == REC_OK || status == REC_ERR_BUSY || status == REC_ERR_OVERRUN);
    }
    return (void *)(uintptr_t)busy;
}

static void overrun_and_busy(const char *base)
{
    rec_engine engine = open_engine(directory_in(base, "real-time"), NULL);
    rec_call call;
    struct feed_writer it;
    atomic_init(&it.stop, false);
    rec_id id;
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &it.feed));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    EXPECT(rec_feed_write(it.feed, silence, sizeof silence), REC_ERR_INVALID_ARGUMENT); /* more than one write may have */
    rec_status status = REC_OK;
    for (int i = 0; i < 100000 && status == REC_OK; i++)
        status = rec_feed_write(it.feed, silence, 320);
    EXPECT(status, REC_ERR_OVERRUN);

    pthread_t threads[2];
    uintptr_t busy = 0;
    for (int round = 0; round < 100 && busy == 0; round++) {
        it.stop = false;
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, feed_writer, &it) == 0);
        sleep_ms(100);
        it.stop = true;
        for (int i = 0; i < 2; i++) {
            void *count;
            pthread_join(threads[i], &count);
            busy += (uintptr_t)count;
        }
    }
    EXPECT(busy > 0 ? REC_ERR_BUSY : REC_OK, REC_ERR_BUSY);
    OK(rec_close(engine, 10000, &err));
}

/* Windows has no fork. */
#ifdef _WIN32
static void forked(const char *base)
{
    (void)base;
    reached[-REC_ERR_FORKED] = true;
}
#else
static void forked(const char *base)
{
    rec_engine engine = open_engine(directory_in(base, "parent"), NULL);
    rec_call call;
    rec_feed feed;
    rec_subscription subscription;
    rec_id id;
    struct event_counts events = EVENT_COUNTS_INIT;
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &feed));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    const char *own = directory_in(base, "child");
    int statuses[2];
    if (!CHECK(pipe(statuses) == 0))
        return;
    pid_t child = fork();
    if (child == 0) {
        rec_status all[8];
        rec_snapshot *snapshot = NULL;
        failures = 0;
        all[0] = rec_list(engine, NULL, NULL, &snapshot, &err);
        all[1] = rec_feed_write(feed, silence, 320);
        all[2] = rec_call_end(call, &err);
        all[3] = rec_unsubscribe(subscription);
        all[4] = rec_close(engine, 1000, &err);
        rec_engine mine = open_engine(own, SETTINGS("media.clock", "stream"));
        rec_call my_call;
        MUST(begin_call(mine, NULL, NULL, "102", NULL, &my_call));
        all[5] = start_on(mine, NULL, NULL, "102", 0, &id);
        all[6] = rec_close(mine, 10000, &err);
        all[7] = failures;
        _exit(write(statuses[1], all, sizeof all) == (ssize_t)sizeof all ? 0 : 1);
    }
    close(statuses[1]);
    rec_status all[8] = {99, 99, 99, 99, 99, 99, 99, 99};
    CHECK(read(statuses[0], all, sizeof all) == (ssize_t)sizeof all);
    close(statuses[0]);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 5; i++)
        EXPECT(all[i], REC_ERR_FORKED);
    for (int i = 5; i < 8; i++) /* start, close, number of failures */
        OK(all[i]);
    OK(rec_feed_write(feed, silence, 320)); /* the parent is not affected */
    OK(rec_stop_by_id(engine, NULL, id.text, &err));
    OK(rec_close(engine, 10000, &err));
    CHECK(events.times[REC_EVENT_FINISHED] == 1);
}
#endif

/* Returns whether this build can be made to panic. */
static bool panic_is_internal(const char *base)
{
    rec_config *config = NULL;
    rec_engine engine;
    MUST(rec_config_new(&config));
    rec_status status = rec_config_set(config, "faults.panic", "list", &err);
    if (status == REC_ERR_CONFIG) {
        printf("note: built without the feature \"faults\": REC_ERR_INTERNAL is not tested\n");
        rec_config_free(config);
        return false;
    }
    OK(status);
    OK(rec_config_set(config, "storage.directory", directory_in(base, "panic"), &err));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    rec_call call;
    rec_id id;
    rec_snapshot *snapshot = NULL;
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_subscription subscription;
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    EXPECT(rec_list(engine, NULL, NULL, &snapshot, &err), REC_ERR_INTERNAL);
    CHECK(snapshot == NULL && err.message[0] != '\0');
    OK(start_on(engine, NULL, NULL, "101", 0, &id)); /* the engine continues */
    OK(rec_stop_by_id(engine, NULL, id.text, &err));
    OK(rec_close(engine, 10000, &err));
    CHECK(events.times[REC_EVENT_FINISHED] == 1);
    return true;
}

/* Closes the engine, and verifies its audit log. */
static void verify_audit_log(rec_engine engine, const char *base)
{
    rec_chain_head head = REC_INIT(rec_chain_head);
    rec_audit_report report = REC_INIT(rec_audit_report);
    EXPECT(rec_audit_head(engine, &head, &err), REC_OK);
    CHECK(strlen(head.hash) == 64);
    OK(rec_close(engine, 10000, &err));
    const char *directory = directory_in(base, "verify");
    EXPECT(rec_verify_audit(directory, &head, &report, &err), REC_OK);
    CHECK(report.sequence == 3 && report.unfinished_bytes == 0); /* genesis, start and end */
    char path[4096];
    snprintf(path, sizeof path, "%s/.callrec/audit.log", directory);
    FILE *file = fopen(path, "r+b");
    if (CHECK(file != NULL)) {
        fseek(file, 100, SEEK_SET);
        fputc('x', file);
        fclose(file);
        EXPECT(rec_verify_audit(directory, NULL, &report, &err), REC_ERR_AUDIT);
    }
}

static void verification(const char *base)
{
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_engine engine = open_engine(directory_in(base, "verify"), SETTINGS("storage.digest", "none", "media.clock", "stream"));
    rec_subscription subscription;
    rec_call call;
    rec_id id;
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    verify_audit_log(engine, base);
    EXPECT(rec_verify(events.path, &err), REC_ERR_UNSUPPORTED); /* without a digest */
    EXPECT(rec_verify("/no/such/file.wav", &err), REC_ERR_IO);

    struct event_counts again = EVENT_COUNTS_INIT;
    rec_feed feed;
    engine = open_engine(directory_in(base, "verify-digest"), SETTINGS("media.clock", "stream"));
    MUST(rec_subscribe(engine, count_event, &again, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &feed));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    write_all(feed, silence, 320, 50);
    OK(rec_close(engine, 10000, &err));
    EXPECT(rec_verify(again.path, &err), REC_OK);
    FILE *file = fopen(again.path, "r+b");
    if (CHECK(file != NULL)) {
        fseek(file, -100, SEEK_END);
        fputc(1, file);
        fclose(file);
        CHECK(rec_verify(again.path, &err) != REC_OK); /* the file was altered */
    }
}

/* A directory whose engine has ended in order leaves nothing to recover. */
static void adoption(const char *base)
{
    uint32_t recordings = 9;
    const char *left = directory_in(base, "verify");
    rec_engine engine = open_engine(directory_in(base, "adopting"), SETTINGS("media.clock", "stream"));
    OK(rec_adopt(engine, left, 10000, &recordings, &err));
    CHECK(recordings == 0);
    OK(rec_adopt(engine, left, 10000, NULL, NULL));
    EXPECT(rec_adopt(engine, directory_in(base, "adopting"), 10000, &recordings, &err), REC_ERR_UNAVAILABLE);
    EXPECT(rec_adopt(engine, directory_in(base, "no such directory"), 10000, &recordings, &err), REC_ERR_NOT_FOUND);
    EXPECT(rec_adopt(engine, NULL, 10000, &recordings, &err), REC_ERR_INVALID_ARGUMENT);
    OK(rec_close(engine, 10000, &err));
    EXPECT(rec_adopt(engine, left, 10000, &recordings, &err), REC_ERR_BAD_HANDLE);
}

/* A live recording is held, ended, released and deleted. */
static void deletion(const char *base)
{
    rec_engine engine = open_engine(directory_in(base, "deletion"), SETTINGS("media.clock", "stream"));
    rec_call call, refusing;
    rec_id id, none;
    rec_snapshot *snapshot = NULL;
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_subscription subscription;
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, NULL, NULL, "101", NULL, &call));
    OK(start_on(engine, NULL, NULL, "101", 0, &id));
    OK(rec_hold(engine, NULL, id.text, 1, &err));
    EXPECT(rec_hold(engine, NULL, id.text, 2, &err), REC_ERR_INVALID_ARGUMENT);
    EXPECT(rec_hold(engine, NULL, NULL, 1, &err), REC_ERR_INVALID_ID);
    EXPECT(rec_discard_by_id(engine, NULL, id.text, &err), REC_ERR_HELD);
    EXPECT(rec_delete(engine, NULL, id.text, &err), REC_ERR_LIVE);
    OK(rec_call_end(call, &err));
    if (CHECK(await_end(engine, id.text, &snapshot))) {
        CHECK(rec_snapshot_get(snapshot, 0)->held == 1);
        rec_snapshot_free(snapshot);
    }
    EXPECT(rec_delete(engine, NULL, id.text, &err), REC_ERR_HELD);
    OK(rec_hold(engine, NULL, id.text, 0, &err));
    OK(rec_delete(engine, NULL, id.text, &err));
    EXPECT(rec_delete(engine, NULL, id.text, &err), REC_ERR_NOT_FOUND);
    EXPECT(rec_delete(engine, NULL, NULL, &err), REC_ERR_INVALID_ID);
    rec_statistics statistics = REC_INIT(rec_statistics);
    OK(rec_stats(engine, &statistics, &err));
    CHECK(statistics.recordings_deleted == 1);
    CHECK(statistics.uploads_pending == 0 && statistics.uploads_oldest_ms == 0 && statistics.uploads_done == 0 &&
          statistics.uploads_failed == 0 && statistics.upload_removals_pending == 0);
    CHECK(wait_for_event(&events, REC_EVENT_DELETED, 1));

    MUST(begin_call(engine, NULL, NULL, "102", NULL, &refusing));
    rec_call_info refusal = REC_INIT(rec_call_info);
    refusal.consent = REC_CONSENT_REFUSED;
    OK(rec_call_update(refusing, &refusal, &err));
    EXPECT(start_on(engine, NULL, NULL, "102", 0, &none), REC_ERR_CONSENT);
    OK(rec_close(engine, 10000, &err));
}

/* An unauthenticated request gets 401. */
static void requests(rec_gateway gateway)
{
    rec_http_request request = REC_INIT(rec_http_request);
    rec_http_response *response = NULL;
    EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_ERR_INVALID_ARGUMENT);
    request.method = "GET";
    request.target = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
    request.headers = "no header\r\n";
    EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_ERR_INVALID_ARGUMENT);
    CHECK(response == NULL);
    request.headers = "Accept: */*\r\nHost: pbx.example.com\r\n";
    EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_OK);
    CHECK(rec_http_response_status(response) == 401);
    CHECK(strstr(rec_http_response_headers(response), "\r\n") != NULL);
    size_t size = 7;
    CHECK(rec_http_response_body(response, &size) != NULL);
    CHECK(rec_http_response_body(response, NULL) != NULL);
    rec_http_response_free(response);
    request.target = "/healthz";
    EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_OK);
    CHECK(rec_http_response_status(response) == 200);
    CHECK(rec_http_response_body(response, &size) != NULL && size > 0);
    rec_http_response_free(response);
}

static void gateway(rec_engine engine)
{
    rec_gateway_options options = REC_INIT(rec_gateway_options);
    rec_gateway gateway = {7};
    rec_http_request request = REC_INIT(rec_http_request);
    rec_http_response *response = NULL;
    uint32_t port = 7;
    options.flags = REC_GATEWAY_NO_SOCKET;
    rec_status status = rec_gateway_start(engine, &options, &gateway, &err);
    if (status == REC_ERR_UNSUPPORTED) { /* a build without the feature */
        CHECK(gateway.id == 7);
        EXPECT(rec_gateway_port(gateway, &port, &err), REC_ERR_UNSUPPORTED);
        EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_ERR_INVALID_ARGUMENT);
        request.method = "GET";
        request.target = "/";
        EXPECT(rec_http_handle(gateway, &request, &response, &err), REC_ERR_UNSUPPORTED);
        EXPECT(rec_gateway_stop(gateway, 1000, &err), REC_ERR_UNSUPPORTED);
    } else {
        EXPECT(status, REC_OK);
        EXPECT(rec_gateway_port(gateway, &port, &err), REC_OK);
        CHECK(port == 0);
        requests(gateway);
        EXPECT(rec_gateway_stop(gateway, 5000, &err), REC_OK);
        EXPECT(rec_gateway_stop(gateway, 5000, &err), REC_ERR_BAD_HANDLE);
        EXPECT(rec_gateway_port(gateway, &port, &err), REC_ERR_BAD_HANDLE);
        options.flags = 0;
        EXPECT(rec_gateway_start(engine, &options, &gateway, &err), REC_OK);
        EXPECT(rec_gateway_port(gateway, &port, &err), REC_OK);
        CHECK(port > 0 && port <= 65535);
        EXPECT(rec_gateway_stop(gateway, 5000, &err), REC_OK);
    }
    options.address = "localhost";
    EXPECT(rec_gateway_start(engine, &options, &gateway, &err), REC_ERR_INVALID_ARGUMENT);
    options.address = NULL;
    options.port = 65536;
    EXPECT(rec_gateway_start(engine, &options, &gateway, &err), REC_ERR_INVALID_ARGUMENT);
    size_t size = 7;
    CHECK(rec_http_response_status(NULL) == 0);
    CHECK(rec_http_response_headers(NULL) != NULL);
    CHECK(rec_http_response_body(NULL, &size) == NULL && size == 0);
    rec_http_response_free(NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY | --functions\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "--functions") == 0) {
        for (int i = 0; i < FUNCTION_COUNT; i++)
            puts(function_names[i]);
        return 0;
    }
    version_and_texts();
    configuration(argv[1]);

    struct event_counts events = EVENT_COUNTS_INIT;
    rec_engine engine = open_engine(directory_in(argv[1], "main"), SETTINGS("media.clock", "stream"));
    rec_subscription subscription;
    MUST(rec_subscribe(engine, count_event, &events, note_freed, &subscription, &err));
    lines_and_rights(engine);
    calls_and_feeds(engine);
    host_codec(engine);
    control(engine);
    listing(engine);
    callbacks(engine);
    call_events(engine);
    gateway(engine);
    EXPECT(rec_unsubscribe(subscription), REC_OK);
    CHECK(events.freed == 1 && events.in_order);
    EXPECT(rec_close(engine, 10000, &err), REC_OK);

    limits(argv[1]);
    timeouts(argv[1]);
    overrun_and_busy(argv[1]);
    verification(argv[1]);
    adoption(argv[1]);
    deletion(argv[1]);
    bool panicked = panic_is_internal(argv[1]);
    forked(argv[1]);

    for (int i = 0; i < FUNCTION_COUNT; i++)
        if (!called[i])
            check_failed(__FILE__, __LINE__, function_names[i]);
    for (int status = 0; status < 35; status++)
        if (!reached[status] && !(status == -REC_ERR_INTERNAL && !panicked))
            check_failed(__FILE__, __LINE__, rec_status_text(-status));
    return check_summary("everything");
}
