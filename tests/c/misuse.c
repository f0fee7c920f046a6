/* Errors of a host. Nothing crashes, nothing is written to a wrong place, and a refused request has no
 * effect.
 *
 *   misuse DIRECTORY */
#undef NDEBUG
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "check.h"

#include <stdatomic.h>
#include <stddef.h>

enum { BAD = REC_ERR_INVALID_ARGUMENT };

/* One engine with one call, one feed and one subscription, all valid. */
struct fixture {
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    rec_subscription subscription;
};

static struct event_counts events = EVENT_COUNTS_INIT;

static struct fixture open_fixture(const char *directory)
{
    struct fixture fixture;
    fixture.engine = open_engine(directory, SETTINGS("media.clock", "stream"));
    MUST(rec_subscribe(fixture.engine, count_event, &events, NULL, &fixture.subscription, &err));
    MUST(begin_call(fixture.engine, "good", "SEP1", "101", "user1", &fixture.call));
    MUST(open_feed(fixture.call, REC_LEG_LOCAL, REC_CODEC_PCM16, &fixture.feed));
    return fixture;
}

/* The numbers of live calls and recordings, in one number. Refused requests do not change it. */
static uint64_t live_counts(rec_engine engine)
{
    rec_statistics statistics = REC_INIT(rec_statistics);
    MUST(rec_stats(engine, &statistics, NULL));
    return statistics.live_calls << 32 | statistics.live_recordings;
}

/* ---- NULL ------------------------------------------------------------------------- */

static void null_everywhere(struct fixture fixture)
{
    rec_config *config = NULL;
    rec_engine engine = {7};
    rec_call call = {7};
    rec_feed feed = {7};
    rec_subscription subscription = {7};
    rec_snapshot *snapshot = NULL;
    rec_id id = {"untouched"};
    rec_caller admin = REC_INIT(rec_caller);
    rec_call_info info = REC_INIT(rec_call_info);
    rec_line_info line = REC_INIT(rec_line_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_statistics statistics = REC_INIT(rec_statistics);
    rec_error e = REC_INIT(rec_error);
    char text[64] = "untouched";
    uint8_t bytes[64] = {0};
    uint64_t before = live_counts(fixture.engine);
    admin.level = 10;
    info.device_name = line.device_name = options.device_name = "SEP9";
    format.codec = REC_CODEC_PCMU;

    EXPECT(rec_config_new(NULL), BAD);
    MUST(rec_config_new(&config));
    EXPECT(rec_config_set(NULL, "media.clock", "real", &e), BAD);
    EXPECT(rec_config_set(config, NULL, "real", &e), BAD);
    CHECK(rec_config_set(config, "media.clock", NULL, &e) != REC_OK);
    OK(rec_config_set(config, "media.clock", "real", NULL));
    EXPECT(rec_config_set(config, NULL, NULL, NULL), BAD);
    EXPECT(rec_config_load(NULL, "/dev/null", &e), BAD);
    EXPECT(rec_config_load(config, NULL, &e), BAD);
    EXPECT(rec_open(config, NULL, &e), BAD);
    rec_config_free(NULL);
    rec_config_free(config);

    EXPECT(rec_line_set(fixture.engine, NULL, &e), BAD);
    OK(rec_line_set(fixture.engine, &line, NULL));
    EXPECT(rec_line_remove(fixture.engine, NULL, &e), BAD);
    OK(rec_line_remove(fixture.engine, &line, NULL));
    EXPECT(rec_call_begin(fixture.engine, NULL, &call, &e), BAD);
    EXPECT(rec_call_begin(fixture.engine, &info, NULL, &e), BAD);
    EXPECT(rec_call_update(fixture.call, NULL, &e), BAD);
    EXPECT(rec_call_private(fixture.call, 2, &e), BAD);
    EXPECT(rec_call_private(fixture.call, UINT32_MAX, &e), BAD);
    EXPECT(rec_call_id(fixture.call, NULL, 64, &e), BAD);
    EXPECT(rec_call_id(fixture.call, text, 0, &e), BAD);
    EXPECT(rec_feed_open(fixture.call, REC_LEG_REMOTE, NULL, &feed, &e), BAD);
    EXPECT(rec_feed_open(fixture.call, REC_LEG_REMOTE, &format, NULL, &e), BAD);
    EXPECT(rec_feed_set_format(fixture.feed, NULL, &e), BAD);
    EXPECT(rec_feed_payload(fixture.feed, 96, NULL, &e), BAD);
    EXPECT(rec_feed_write(fixture.feed, NULL, 2), BAD);
    EXPECT(rec_feed_write_at(fixture.feed, 0, NULL, 2), BAD);
    EXPECT(rec_feed_rtp(fixture.feed, NULL, 172), BAD);
    EXPECT(rec_feed_rtp_at(fixture.feed, 0, NULL, 172), BAD);
    rec_feed_write(fixture.feed, NULL, 0);
    rec_feed_rtp(fixture.feed, NULL, 0);
    EXPECT(rec_feed_write(fixture.feed, bytes, SIZE_MAX), BAD);
    EXPECT(rec_feed_write(fixture.feed, bytes, SIZE_MAX - 1), BAD);
    EXPECT(rec_feed_write_at(fixture.feed, UINT64_MAX, bytes, SIZE_MAX - 1), BAD);
    EXPECT(rec_feed_rtp(fixture.feed, bytes, SIZE_MAX), BAD);
    EXPECT(rec_feed_rtp_at(fixture.feed, UINT32_MAX, bytes, SIZE_MAX / 2), BAD);

    EXPECT(rec_start(fixture.engine, NULL, NULL, &id, &e), BAD);
    EXPECT(rec_start(fixture.engine, NULL, &options, NULL, &e), BAD);
    EXPECT(rec_start(fixture.engine, NULL, &options, &id, NULL), REC_ERR_NO_CALL);
    EXPECT(rec_call_start(fixture.call, NULL, NULL, &id, &e), BAD);
    EXPECT(rec_call_start(fixture.call, NULL, &options, NULL, NULL), BAD);
    const rec_caller *callers[] = {NULL, &admin};
    for (int i = 0; i < 2; i++) {
        const rec_caller *caller = callers[i];
        CHECK(rec_stop_by_id(fixture.engine, caller, NULL, &e) < 0);
        CHECK(rec_pause_by_id(fixture.engine, caller, NULL, NULL) < 0);
        CHECK(rec_resume_by_id(fixture.engine, caller, NULL, &e) < 0);
        CHECK(rec_discard_by_id(fixture.engine, caller, NULL, &e) < 0);
        EXPECT(rec_stop_by_device(fixture.engine, caller, NULL, NULL, NULL, NULL), REC_ERR_NO_TARGET);
        EXPECT(rec_pause_by_device(fixture.engine, caller, "", NULL, NULL, &e), REC_ERR_NO_TARGET);
        EXPECT(rec_resume_by_device(fixture.engine, caller, NULL, "", NULL, &e), REC_ERR_NO_TARGET);
        EXPECT(rec_discard_by_device(fixture.engine, caller, "", "", NULL, &e), REC_ERR_NO_TARGET);
        CHECK(rec_stop_by_call(fixture.engine, caller, NULL, NULL, NULL, &e) < 0);
        CHECK(rec_pause_by_call(fixture.engine, caller, NULL, NULL, &e) < 0);
        CHECK(rec_resume_by_call(fixture.engine, caller, "", NULL, NULL) < 0);
        CHECK(rec_discard_by_call(fixture.engine, caller, NULL, "x", NULL, &e) < 0);
        CHECK(rec_get(fixture.engine, caller, NULL, &snapshot, &e) < 0);
        EXPECT(rec_list(fixture.engine, caller, NULL, NULL, &e), BAD);
        EXPECT(rec_get(fixture.engine, caller, "00000000-0000-4000-8000-000000000000", NULL, &e), BAD);
    }
    EXPECT(rec_subscribe(fixture.engine, NULL, NULL, NULL, &subscription, &e), BAD);
    EXPECT(rec_subscribe(fixture.engine, count_event, &events, NULL, NULL, &e), BAD);
    EXPECT(rec_subscribe_with(fixture.engine, NULL, NULL, NULL, NULL, &subscription, &e), BAD);
    EXPECT(rec_subscribe_with(fixture.engine, NULL, count_event, &events, NULL, NULL, &e), BAD);
    EXPECT(rec_stats(fixture.engine, NULL, &e), BAD);
    OK(rec_stats(fixture.engine, &statistics, NULL));
    OK(rec_set_log(fixture.engine, NULL, NULL, NULL, NULL));
    EXPECT(rec_adopt(fixture.engine, NULL, 1000, NULL, &e), BAD);
    EXPECT(rec_adopt(fixture.engine, "", 1000, NULL, NULL), BAD);
    CHECK(rec_verify(NULL, &e) < 0 && rec_verify("", NULL) < 0);
    EXPECT(rec_audit_head(fixture.engine, NULL, &e), BAD);
    CHECK(rec_verify_audit(NULL, NULL, NULL, &e) < 0 && rec_verify_audit("", NULL, NULL, NULL) < 0);
    rec_chain_head head = REC_INIT(rec_chain_head);
    head.reserved = 1;
    EXPECT(rec_verify_audit(".", &head, NULL, &e), BAD);
    CHECK(rec_gateway_start(fixture.engine, NULL, NULL, NULL) < 0 && rec_http_handle((rec_gateway){0}, NULL, NULL, NULL) < 0);
    rec_snapshot_free(NULL);
    CHECK(rec_snapshot_count(NULL) == 0 && rec_snapshot_get(NULL, 0) == NULL && rec_snapshot_json(NULL) != NULL);
    rec_http_response_body(NULL, NULL);
    rec_http_response_free(NULL);

    CHECK(engine.id == 7 && call.id == 7 && feed.id == 7 && subscription.id == 7 && snapshot == NULL);
    CHECK(strcmp(id.text, "untouched") == 0 && strcmp(text, "untouched") == 0);
    CHECK(live_counts(fixture.engine) == before);
}

/* ---- struct_size --------------------------------------------------------------------- */

/* A struct within 4,096 bytes, so that its struct_size can be larger than the struct. */
union padded_struct {
    uint32_t struct_size;
    uint8_t bytes[4096];
    rec_caller caller;
    rec_call_info call;
    rec_line_info line;
    rec_feed_format format;
    rec_codec_ops ops;
    rec_start_options options;
    rec_filter filter;
    rec_error error;
    rec_counts counts;
    rec_statistics statistics;
};

typedef rec_status (*use_function)(struct fixture, union padded_struct *);

static rec_status use_caller(struct fixture fixture, union padded_struct *it)
{
    rec_snapshot *snapshot = NULL;
    rec_status status = rec_list(fixture.engine, &it->caller, NULL, &snapshot, &err);
    CHECK((status == REC_OK) == (snapshot != NULL));
    rec_snapshot_free(snapshot);
    return status;
}

static rec_status use_call(struct fixture fixture, union padded_struct *it)
{
    rec_call call = {7};
    rec_status status = rec_call_begin(fixture.engine, &it->call, &call, &err);
    CHECK((status == REC_OK) == (call.id != 7));
    if (status == REC_OK)
        OK(rec_call_end(call, &err));
    return status;
}

static rec_status use_update(struct fixture fixture, union padded_struct *it)
{
    return rec_call_update(fixture.call, &it->call, &err);
}

static rec_status use_line(struct fixture fixture, union padded_struct *it)
{
    return rec_line_set(fixture.engine, &it->line, &err);
}

static rec_status use_line_remove(struct fixture fixture, union padded_struct *it)
{
    return rec_line_remove(fixture.engine, &it->line, &err);
}

static rec_status use_format(struct fixture fixture, union padded_struct *it)
{
    rec_feed feed = {7};
    rec_status status = rec_feed_open(fixture.call, REC_LEG_REMOTE, &it->format, &feed, &err);
    CHECK((status == REC_OK) == (feed.id != 7));
    if (status == REC_OK)
        OK(rec_feed_close(feed));
    return status;
}

static rec_status use_set_format(struct fixture fixture, union padded_struct *it)
{
    return rec_feed_set_format(fixture.feed, &it->format, &err);
}

static rec_status use_payload(struct fixture fixture, union padded_struct *it)
{
    return rec_feed_payload(fixture.feed, 96, &it->format, &err);
}

static void *codec_create(void *user_data, uint32_t sample_rate, uint32_t channels, const char *fmtp)
{
    (void)user_data, (void)sample_rate, (void)channels, (void)fmtp;
    return NULL;
}

static rec_status codec_decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity, size_t *count)
{
    (void)state, (void)payload, (void)size, (void)samples, (void)capacity, (void)count;
    return REC_ERR_INTERNAL;
}

static void codec_destroy(void *state)
{
    (void)state;
}

static rec_status use_ops(struct fixture fixture, union padded_struct *it)
{
    static int number;
    char name[16];
    int32_t codec = -1;
    snprintf(name, sizeof name, "codec%d", number++);
    rec_status status = rec_codec_register(fixture.engine, name, &it->ops, &codec, &err);
    CHECK((status == REC_OK) == (codec != -1));
    return status;
}

static rec_status use_options(struct fixture fixture, union padded_struct *it)
{
    rec_id id = {"untouched"};
    rec_status status = rec_start(fixture.engine, NULL, &it->options, &id, &err);
    CHECK((status == REC_OK) == (strcmp(id.text, "untouched") != 0));
    if (status == REC_OK)
        OK(rec_discard_by_id(fixture.engine, NULL, id.text, &err));
    return status;
}

static rec_status use_filter(struct fixture fixture, union padded_struct *it)
{
    rec_snapshot *snapshot = NULL;
    rec_status status = rec_list(fixture.engine, NULL, &it->filter, &snapshot, &err);
    CHECK((status == REC_OK) == (snapshot != NULL));
    rec_snapshot_free(snapshot);
    return status;
}

static rec_status use_error(struct fixture fixture, union padded_struct *it)
{
    return rec_call_update(fixture.call, &(rec_call_info)REC_INIT(rec_call_info), &it->error);
}

static rec_status use_counts(struct fixture fixture, union padded_struct *it)
{
    return rec_stop_by_call(fixture.engine, NULL, "good", NULL, &it->counts, &err);
}

static rec_status use_statistics(struct fixture fixture, union padded_struct *it)
{
    return rec_stats(fixture.engine, &it->statistics, &err);
}

/* Of the output structs. */
static bool ends_inside_member(uint32_t size, uint32_t shorter)
{
    if (size == sizeof(rec_error) && shorter > offsetof(rec_error, device_name))
        return shorter != offsetof(rec_error, message);
    if (size == sizeof(rec_statistics) && shorter > offsetof(rec_statistics, live_calls))
        return shorter % sizeof(uint64_t) != 0;
    return shorter % sizeof(uint32_t) != 0;
}

static void sizes_of(struct fixture fixture, const char *name, use_function use, const void *valid, uint32_t size, bool is_output)
{
    static const uint32_t wrong[] = {0, 1, 3, 4097, 65536, 0x80000000u, UINT32_MAX};
    static union padded_struct it, copy;
    int before = failures;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&it, 0x5a, sizeof it);
        memcpy(&it, valid, size);
        it.struct_size = wrong[i];
        copy = it;
        EXPECT(use(fixture, &it), BAD);
        CHECK(memcmp(&it, &copy, sizeof it) == 0); /* nothing is written */
    }
    /* The exact size, and a larger size with zeros after the struct. */
    memset(&it, 0, sizeof it);
    memcpy(&it, valid, size);
    OK(use(fixture, &it));
    it.struct_size = 4096;
    OK(use(fixture, &it));
    /* A larger size with other bytes after the struct, which this version does not know. */
    memset(&it, 0x5a, sizeof it);
    memcpy(&it, valid, size);
    it.struct_size = size + 1;
    copy = it;
    EXPECT(use(fixture, &it), is_output ? REC_OK : BAD);
    CHECK(memcmp(it.bytes + size, copy.bytes + size, sizeof it - size) == 0);
    it.struct_size = 4096;
    EXPECT(use(fixture, &it), is_output ? REC_OK : BAD);
    CHECK(memcmp(it.bytes + size, copy.bytes + size, sizeof it - size) == 0);
    /* Every shorter size. One that ends inside a member is refused, and nothing is written. With another
     * one, members beyond it count as zero, and are not written. tests/rules/struct_sizes.rs says which. */
    for (uint32_t shorter = 4; shorter < size; shorter++) {
        memset(&it, 0x5a, sizeof it);
        memcpy(&it, valid, shorter);
        it.struct_size = shorter;
        copy = it;
        rec_status status = use(fixture, &it);
        CHECK(!is_output || status == (ends_inside_member(size, shorter) ? BAD : REC_OK));
        if (status != REC_OK)
            CHECK(memcmp(&it, &copy, sizeof it) == 0);
        CHECK(memcmp(it.bytes + shorter, copy.bytes + shorter, sizeof it - shorter) == 0);
        CHECK(it.struct_size == shorter);
    }
    if (failures > before)
        fprintf(stderr, "... in the sizes of %s\n", name);
}

static void struct_sizes(struct fixture fixture)
{
    rec_caller caller = REC_INIT(rec_caller);
    rec_call_info info = REC_INIT(rec_call_info), update = REC_INIT(rec_call_info);
    rec_line_info line = REC_INIT(rec_line_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_filter filter = REC_INIT(rec_filter);
    rec_codec_ops ops = REC_INIT(rec_codec_ops);
    rec_error error = REC_INIT(rec_error);
    rec_counts counts = REC_INIT(rec_counts);
    rec_statistics statistics = REC_INIT(rec_statistics);
    uint64_t before = live_counts(fixture.engine);
    caller.level = 10;
    caller.username = "admin";
    info.device_name = line.device_name = "SEP2";
    format.codec = REC_CODEC_PCM16;
    options.call_id = "good";
    ops.create = codec_create;
    ops.decode = codec_decode;
    ops.destroy = codec_destroy;
    sizes_of(fixture, "rec_caller", use_caller, &caller, sizeof caller, false);
    sizes_of(fixture, "rec_call_info", use_call, &info, sizeof info, false);
    sizes_of(fixture, "rec_call_info (update)", use_update, &update, sizeof update, false);
    sizes_of(fixture, "rec_line_info", use_line, &line, sizeof line, false);
    sizes_of(fixture, "rec_line_info (remove)", use_line_remove, &line, sizeof line, false);
    sizes_of(fixture, "rec_feed_format", use_format, &format, sizeof format, false);
    sizes_of(fixture, "rec_feed_format (set)", use_set_format, &format, sizeof format, false);
    sizes_of(fixture, "rec_feed_format (payload)", use_payload, &format, sizeof format, false);
    sizes_of(fixture, "rec_codec_ops", use_ops, &ops, sizeof ops, false);
    sizes_of(fixture, "rec_start_options", use_options, &options, sizeof options, false);
    sizes_of(fixture, "rec_filter", use_filter, &filter, sizeof filter, false);
    sizes_of(fixture, "rec_error", use_error, &error, sizeof error, true);
    sizes_of(fixture, "rec_counts", use_counts, &counts, sizeof counts, true);
    sizes_of(fixture, "rec_statistics", use_statistics, &statistics, sizeof statistics, true);
    CHECK(live_counts(fixture.engine) == before);

    /* A function whose rec_error is invalid has no other effect. */
    rec_error small = {.struct_size = 3};
    rec_call call = {7};
    EXPECT(rec_call_begin(fixture.engine, &info, &call, &small), BAD);
    CHECK(call.id == 7 && live_counts(fixture.engine) == before);
}

/* ---- strings ---------------------------------------------------------------------------- */

static char long_text[5001];

#define AT(type, field) offsetof(type, field)

static void strings_of(struct fixture fixture, const char *name, use_function use, const void *valid, size_t size, const size_t *fields, size_t count)
{
    static const char *const not_utf8[] = {"\x80", "\xff", "abc\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\xe2\x82"};
    static union padded_struct it;
    int before = failures;
    for (size_t i = 0; i < count; i++) {
        memset(&it, 0, sizeof it);
        memcpy(&it, valid, size);
        const char **field = (const char **)(void *)(it.bytes + fields[i]);
        for (size_t k = 0; k < sizeof not_utf8 / sizeof *not_utf8; k++) {
            *field = not_utf8[k];
            EXPECT(use(fixture, &it), BAD);
            CHECK(err.message[0] != '\0');
        }
        *field = long_text;
        EXPECT(use(fixture, &it), BAD);
        CHECK(strlen(err.message) < sizeof err.message);
        if (failures > before) {
            fprintf(stderr, "... in string %zu of %s\n", i, name);
            before = failures;
        }
    }
}

static void strings(struct fixture fixture)
{
    static const size_t in_call[] = {
        AT(rec_call_info, call_id), AT(rec_call_info, switch_call_id), AT(rec_call_info, device_name), AT(rec_call_info, directory_number),
        AT(rec_call_info, username), AT(rec_call_info, numeric_user_id), AT(rec_call_info, remote_first_name), AT(rec_call_info, remote_last_name),
        AT(rec_call_info, remote_phone_number), AT(rec_call_info, ani), AT(rec_call_info, dnis), AT(rec_call_info, call_type), AT(rec_call_info, attributes_json),
    };
    static const size_t in_options[] = {
        AT(rec_start_options, call_id), AT(rec_start_options, device_name), AT(rec_start_options, directory_number),
        AT(rec_start_options, format), AT(rec_start_options, callback_url), AT(rec_start_options, callback_method),
    };
    static const size_t in_filter[] = {
        AT(rec_filter, device_name), AT(rec_filter, directory_number), AT(rec_filter, username), AT(rec_filter, numeric_user_id), AT(rec_filter, call_id), AT(rec_filter, switch_call_id),
    };
    static const size_t in_line[] = {AT(rec_line_info, device_name), AT(rec_line_info, directory_number)}, in_caller[] = {AT(rec_caller, username)};
    rec_caller caller = REC_INIT(rec_caller);
    rec_call_info info = REC_INIT(rec_call_info), update = REC_INIT(rec_call_info);
    rec_line_info line = REC_INIT(rec_line_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_filter filter = REC_INIT(rec_filter);
    uint64_t before = live_counts(fixture.engine);
    memset(long_text, 'x', sizeof long_text - 1);
    caller.level = 10;
    info.device_name = line.device_name = "SEP2";
    options.device_name = "SEP1";
    strings_of(fixture, "rec_call_info", use_call, &info, sizeof info, in_call, sizeof in_call / sizeof *in_call);
    strings_of(fixture, "rec_call_info (update)", use_update, &update, sizeof update, in_call, sizeof in_call / sizeof *in_call);
    strings_of(fixture, "rec_start_options", use_options, &options, sizeof options, in_options, sizeof in_options / sizeof *in_options);
    strings_of(fixture, "rec_filter", use_filter, &filter, sizeof filter, in_filter, sizeof in_filter / sizeof *in_filter);
    strings_of(fixture, "rec_line_info", use_line, &line, sizeof line, in_line, 2);
    strings_of(fixture, "rec_line_info (remove)", use_line_remove, &line, sizeof line, in_line, 2);
    strings_of(fixture, "rec_caller", use_caller, &caller, sizeof caller, in_caller, 1);

    rec_config *config = NULL;
    rec_snapshot *snapshot = NULL;
    MUST(rec_config_new(&config));
    const char *const bad[] = {"\xff\xfe", long_text};
    for (int i = 0; i < 2; i++) {
        const char *text = bad[i];
        CHECK(rec_config_set(config, text, "1", &err) < 0);
        CHECK(rec_config_set(config, "storage.directory", text, &err) < 0);
        CHECK(rec_config_set(config, "storage.name", text, &err) < 0);
        CHECK(rec_config_load(config, text, &err) < 0);
        CHECK(rec_verify(text, &err) < 0);
        CHECK(rec_verify_audit(text, NULL, NULL, &err) < 0);
        /* An id that is not text is an invalid argument or an invalid id. */
        rec_status status = rec_stop_by_id(fixture.engine, NULL, text, &err);
        CHECK(status == BAD || status == REC_ERR_INVALID_ID);
        CHECK(rec_pause_by_id(fixture.engine, NULL, text, &err) == status && rec_resume_by_id(fixture.engine, NULL, text, &err) == status);
        CHECK(rec_discard_by_id(fixture.engine, NULL, text, &err) == status && rec_get(fixture.engine, NULL, text, &snapshot, &err) == status);
        EXPECT(rec_stop_by_device(fixture.engine, NULL, text, NULL, NULL, &err), BAD);
        EXPECT(rec_stop_by_device(fixture.engine, NULL, "SEP1", text, NULL, &err), BAD);
        EXPECT(rec_pause_by_device(fixture.engine, NULL, text, NULL, NULL, &err), BAD);
        EXPECT(rec_resume_by_device(fixture.engine, NULL, NULL, text, NULL, &err), BAD);
        EXPECT(rec_discard_by_device(fixture.engine, NULL, NULL, text, NULL, &err), BAD);
        EXPECT(rec_stop_by_call(fixture.engine, NULL, text, NULL, NULL, &err), BAD);
        EXPECT(rec_stop_by_call(fixture.engine, NULL, "good", text, NULL, &err), BAD);
        EXPECT(rec_pause_by_call(fixture.engine, NULL, text, NULL, &err), BAD);
        EXPECT(rec_resume_by_call(fixture.engine, NULL, text, NULL, &err), BAD);
        EXPECT(rec_discard_by_call(fixture.engine, NULL, text, NULL, NULL, &err), BAD);
    }
    rec_config_free(config);
    CHECK(snapshot == NULL);

    static const char *const not_attributes[] = {"[]", "1", "{", "{\"a\":1}", "{\"a\":{}}", "{\"a\":\"b\"", "nonsense", "{\"a\":null}"};
    for (size_t i = 0; i < sizeof not_attributes / sizeof *not_attributes; i++) {
        rec_call call = {7};
        info.attributes_json = not_attributes[i];
        EXPECT(rec_call_begin(fixture.engine, &info, &call, &err), BAD);
        CHECK(call.id == 7);
    }
    /* Deep nesting must not exhaust the stack. Texts that are too long are refused. */
    static char deep[65000], wide[70001];
    memset(deep, '[', sizeof deep - 1);
    memset(wide, ' ', sizeof wide - 1);
    memcpy(deep, "{\"a\":", 5);
    wide[0] = '{';
    wide[sizeof wide - 2] = '}';
    info.attributes_json = deep;
    EXPECT(rec_call_begin(fixture.engine, &info, &(rec_call){0}, &err), BAD);
    info.attributes_json = wide;
    EXPECT(rec_call_begin(fixture.engine, &info, &(rec_call){0}, &err), BAD);
    CHECK(live_counts(fixture.engine) == before);
}

/* ---- unknown values -------------------------------------------------------------- */

static void unknown_values(struct fixture fixture)
{
    static const int32_t unknown[] = {-1, 4, 5, 99, 1 << 30, INT32_MAX, INT32_MIN};
    static const uint32_t unknown_flags[] = {8, 12, 1u << 31, UINT32_MAX, 15};
    uint64_t before = live_counts(fixture.engine);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        rec_call_info info = REC_INIT(rec_call_info);
        rec_start_options options = REC_INIT(rec_start_options);
        rec_feed_format format = REC_INIT(rec_feed_format);
        rec_call call = {7};
        rec_feed feed = {7};
        rec_id id = {"untouched"};
        info.device_name = "SEP2";
        info.state = unknown[i];
        EXPECT(rec_call_begin(fixture.engine, &info, &call, &err), BAD);
        EXPECT(rec_call_update(fixture.call, &info, &err), BAD);
        info.state = 0;
        info.direction = unknown[i];
        EXPECT(rec_call_begin(fixture.engine, &info, &call, &err), BAD);
        EXPECT(rec_call_update(fixture.call, &info, &err), BAD);
        options.device_name = "SEP1";
        options.layout = unknown[i];
        EXPECT(rec_start(fixture.engine, NULL, &options, &id, &err), BAD);
        options.layout = 0;
        options.pause_mode = unknown[i];
        EXPECT(rec_start(fixture.engine, NULL, &options, &id, &err), BAD);
        format.codec = REC_CODEC_PCMU;
        EXPECT(rec_feed_open(fixture.call, unknown[i], &format, &feed, &err), BAD);
        if (unknown[i] != REC_CODEC_G722 && unknown[i] != REC_CODEC_OPUS) {
            format.codec = unknown[i];
            EXPECT(rec_feed_open(fixture.call, REC_LEG_REMOTE, &format, &feed, &err), BAD);
            EXPECT(rec_feed_set_format(fixture.feed, &format, &err), BAD);
            EXPECT(rec_feed_payload(fixture.feed, 96, &format, &err), BAD);
        }
        CHECK(call.id == 7 && feed.id == 7 && strcmp(id.text, "untouched") == 0);
    }
    for (size_t i = 0; i < sizeof unknown_flags / sizeof *unknown_flags; i++) {
        rec_line_info line = REC_INIT(rec_line_info);
        rec_start_options options = REC_INIT(rec_start_options);
        rec_caller caller = REC_INIT(rec_caller);
        rec_snapshot *snapshot = NULL;
        rec_id id = {"untouched"};
        line.device_name = options.device_name = "SEP1";
        line.flags = options.flags = unknown_flags[i];
        EXPECT(rec_line_set(fixture.engine, &line, &err), BAD);
        EXPECT(rec_start(fixture.engine, NULL, &options, &id, &err), BAD);
        caller.level = 10 + unknown_flags[i] % (UINT32_MAX - 10);
        if (caller.level > 10)
            EXPECT(rec_list(fixture.engine, &caller, NULL, &snapshot, &err), BAD);
        CHECK(snapshot == NULL && strcmp(id.text, "untouched") == 0);
    }
    static const uint32_t invalid_rates[] = {1, 7999, 48001, UINT32_MAX};
    for (size_t i = 0; i < sizeof invalid_rates / sizeof *invalid_rates; i++) {
        rec_feed_format format = REC_INIT(rec_feed_format);
        rec_feed feed = {7};
        format.codec = REC_CODEC_PCM16;
        format.sample_rate = invalid_rates[i];
        EXPECT(rec_feed_open(fixture.call, REC_LEG_REMOTE, &format, &feed, &err), BAD);
        format.codec = REC_CODEC_PCMA;
        EXPECT(rec_feed_open(fixture.call, REC_LEG_REMOTE, &format, &feed, &err), BAD);
        EXPECT(rec_feed_set_format(fixture.feed, &format, &err), BAD);
        CHECK(feed.id == 7);
    }
    rec_feed_format format = REC_INIT(rec_feed_format);
    format.codec = REC_CODEC_PCMU;
    static const uint32_t invalid_types[] = {128, 255, 256, UINT32_MAX};
    for (size_t i = 0; i < sizeof invalid_types / sizeof *invalid_types; i++)
        EXPECT(rec_feed_payload(fixture.feed, invalid_types[i], &format, &err), BAD);

    static const char *const settings[][2] = {
        {"storage.directory", ""}, {"storage.flush_ms", "0"}, {"storage.flush_ms", "99999999999999999999"}, {"storage.flush_ms", "1e3"}, {"storage.flush_ms", ""},
        {"storage.flush_ms", "-700"}, {"media.clock", "REAL"}, {"lines.strict", "yes"}, {"storage.name", "{nonsense}"}, {"storage.name", "{id"}, {"storage.name", "../{id}"},
        {"storage.name", "/etc/{id}"}, {"storage.name", "a/../../{id}"}, {"storage.name", ".callrec/{id}"}, {"storage.name", ""}, {"storage.min_free_bytes", "lots"}, {"recording.format", "vinyl"},
    };
    rec_config *config = NULL;
    MUST(rec_config_new(&config));
    EXPECT(rec_config_set(config, "", "1", &err), REC_ERR_CONFIG);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        rec_status status = rec_config_set(config, settings[i][0], settings[i][1], &err);
        /* A template that seems to leave the directory may be accepted, because it cannot. */
        if (strcmp(settings[i][0], "storage.name") != 0 || settings[i][1][0] == '{')
            EXPECT(status, REC_ERR_CONFIG);
        if (!CHECK(status == REC_OK || (strstr(err.message, settings[i][0]) != NULL && strstr(err.message, settings[i][1]) != NULL)))
            fprintf(stderr, "... %s = %s: %s\n", settings[i][0], settings[i][1], err.message);
    }
    rec_config_free(config);
    CHECK(live_counts(fixture.engine) == before);
}

/* ---- garbage as RTP ---------------------------------------------------------------------------- */

static void garbage(struct fixture fixture)
{
    rec_id id;
    uint32_t seed = 12345;
    uint8_t packet[1500];
    OK(start_on(fixture.engine, NULL, "SEP1", NULL, 0, &id));
    for (int round = 0; round < 5000; round++) {
        size_t size = round % 100;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525u + 1013904223u;
            packet[i] = (uint8_t)(seed >> 24);
        }
        if (round % 2 == 0 && size > 1) {
            packet[0] = 0x80 | (packet[0] & 0x3f); /* a valid version, with invalid CSRCs, extensions and padding */
            packet[1] &= 0x08;
        }
        rec_status status;
        for (int tries = 0; (status = rec_feed_rtp(fixture.feed, packet, size)) == REC_ERR_OVERRUN && tries < 100; tries++)
            rec_feed_wait(fixture.feed, 1000);
        CHECK(status == REC_OK || status == BAD);
    }
    rec_status status = rec_feed_write_at(fixture.feed, UINT64_MAX, packet, 320);
    CHECK(status == REC_OK || status == BAD || status == REC_ERR_OVERRUN);
    OK(rec_discard_by_id(fixture.engine, NULL, id.text, &err)); /* whatever its length is by now */
}

/* ---- handles ---------------------------------------------------------------------------------------- */

static void every_function_with(uint64_t engine_id, uint64_t call_id, uint64_t feed_id, uint64_t subscription_id)
{
    rec_engine engine = {engine_id};
    rec_call call = {call_id}, new_call = {7};
    rec_feed feed = {feed_id}, new_feed = {7};
    rec_subscription subscription = {subscription_id}, new_subscription = {7};
    rec_call_info info = REC_INIT(rec_call_info);
    rec_line_info line = REC_INIT(rec_line_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_statistics statistics = REC_INIT(rec_statistics);
    rec_snapshot *snapshot = NULL;
    rec_id id = {"untouched"};
    char text[64] = "untouched";
    uint8_t bytes[172] = {0x80};
    const char *some = "00000000-0000-4000-8000-000000000000";
    const rec_status bad = REC_ERR_BAD_HANDLE;
    info.device_name = line.device_name = options.device_name = "SEP1";
    format.codec = REC_CODEC_PCMU;

    EXPECT(rec_line_set(engine, &line, &err), bad);
    EXPECT(rec_line_remove(engine, &line, &err), bad);
    EXPECT(rec_call_begin(engine, &info, &new_call, &err), bad);
    EXPECT(rec_start(engine, NULL, &options, &id, &err), bad);
    EXPECT(rec_stop_by_id(engine, NULL, some, &err), bad);
    EXPECT(rec_pause_by_id(engine, NULL, some, &err), bad);
    EXPECT(rec_resume_by_id(engine, NULL, some, &err), bad);
    EXPECT(rec_discard_by_id(engine, NULL, some, &err), bad);
    EXPECT(rec_stop_by_device(engine, NULL, "SEP1", NULL, NULL, &err), bad);
    EXPECT(rec_pause_by_device(engine, NULL, "SEP1", NULL, NULL, &err), bad);
    EXPECT(rec_resume_by_device(engine, NULL, "SEP1", NULL, NULL, &err), bad);
    EXPECT(rec_discard_by_device(engine, NULL, "SEP1", NULL, NULL, &err), bad);
    EXPECT(rec_stop_by_call(engine, NULL, "good", NULL, NULL, &err), bad);
    EXPECT(rec_pause_by_call(engine, NULL, "good", NULL, &err), bad);
    EXPECT(rec_resume_by_call(engine, NULL, "good", NULL, &err), bad);
    EXPECT(rec_discard_by_call(engine, NULL, "good", NULL, NULL, &err), bad);
    EXPECT(rec_list(engine, NULL, NULL, &snapshot, &err), bad);
    EXPECT(rec_get(engine, NULL, some, &snapshot, &err), bad);
    EXPECT(rec_subscribe(engine, count_event, &events, NULL, &new_subscription, &err), bad);
    EXPECT(rec_stats(engine, &statistics, &err), bad);
    EXPECT(rec_set_log(engine, NULL, NULL, NULL, &err), bad);
    EXPECT(rec_close(engine, 0, &err), bad);

    EXPECT(rec_call_start(call, NULL, &options, &id, &err), bad);
    EXPECT(rec_call_stop(call, NULL, NULL, &err), bad);
    EXPECT(rec_call_discard(call, NULL, NULL, &err), bad);
    EXPECT(rec_call_pause(call, NULL, NULL, &err), bad);
    EXPECT(rec_call_resume(call, NULL, NULL, &err), bad);
    EXPECT(rec_call_update(call, &info, &err), bad);
    EXPECT(rec_call_id(call, text, sizeof text, &err), bad);
    EXPECT(rec_call_private(call, 1, &err), bad);
    EXPECT(rec_call_private(call, 0, &err), bad);
    EXPECT(rec_call_parties(call, REC_LEG_LOCAL, NULL, &err), bad);
    EXPECT(rec_call_end(call, &err), bad);
    EXPECT(rec_feed_open(call, REC_LEG_LOCAL, &format, &new_feed, &err), bad);

    EXPECT(rec_feed_set_format(feed, &format, &err), bad);
    EXPECT(rec_feed_payload(feed, 96, &format, &err), bad);
    EXPECT(rec_feed_write(feed, bytes, 160), bad);
    EXPECT(rec_feed_write_at(feed, 0, bytes, 160), bad);
    EXPECT(rec_feed_rtp(feed, bytes, sizeof bytes), bad);
    EXPECT(rec_feed_rtp_at(feed, 0, bytes, sizeof bytes), bad);
    EXPECT(rec_feed_wait(feed, 1000), bad);
    EXPECT(rec_feed_close(feed), bad);

    EXPECT(rec_unsubscribe(subscription), bad);

    CHECK(new_call.id == 7 && new_feed.id == 7 && new_subscription.id == 7 && snapshot == NULL);
    CHECK(strcmp(id.text, "untouched") == 0 && strcmp(text, "untouched") == 0 && statistics.live_calls == 0);
}

static void handles(struct fixture fixture, struct fixture stale)
{
    uint64_t before = live_counts(fixture.engine);
    every_function_with(0, 0, 0, 0);
    every_function_with(1, 1, 1, 1);
    every_function_with(UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    every_function_with(stale.engine.id, stale.call.id, stale.feed.id, stale.subscription.id);
    /* Handles of the wrong kind. */
    every_function_with(fixture.call.id, fixture.feed.id, fixture.subscription.id, fixture.engine.id);
    every_function_with(fixture.feed.id, fixture.subscription.id, fixture.engine.id, fixture.call.id);
    every_function_with(fixture.subscription.id, fixture.engine.id, fixture.call.id, fixture.feed.id);
    /* One bit is wrong. */
    for (int bit = 0; bit < 64; bit++) {
        uint64_t flip = UINT64_C(1) << bit;
        every_function_with(fixture.engine.id ^ flip, fixture.call.id ^ flip, fixture.feed.id ^ flip, fixture.subscription.id ^ flip);
    }
    CHECK(live_counts(fixture.engine) == before);
    OK(rec_feed_write(fixture.feed, "\0\0", 2)); /* the valid handles are still valid */
}

/* ---- names that look like paths ---------------------------------------------------------------------------- */

static void json_escape(char *out, size_t size, const char *text)
{
    size_t used = (size_t)snprintf(out, size, "{\"x\":\"");
    for (; *text != '\0' && used + 16 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == '"' || c == '\\')
            used += (size_t)snprintf(out + used, size - used, "\\u%04x", c);
        else
            out[used++] = (char)c;
    }
    snprintf(out + used, size - used, "\"}");
}

static unsigned files_below;

/* Every entry is a file or a directory, and its name is valid on every system. */
static void check_entry(void *root, const char *path, const char *name, enum entry_kind kind)
{
    CHECK(kind != ENTRY_OTHER);
    bool valid = strlen(name) <= 255 && (name[0] != '.' || (root != NULL && strcmp(name, ".callrec") == 0));
    for (const char *c = name; *c != '\0'; c++)
        valid = valid && (unsigned char)*c >= 0x20 && *c != 0x7f && *c != '\\';
    if (!CHECK(valid))
        fprintf(stderr, "... %s\n", path);
    if (kind == ENTRY_DIRECTORY)
        CHECK(each_entry(path, check_entry, NULL));
    else
        files_below += strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".wav") == 0;
}

static void count_entry(void *count, const char *path, const char *name, enum entry_kind kind)
{
    (void)path;
    (void)name;
    (void)kind;
    ++*(unsigned *)count;
}

static unsigned entries_in(const char *directory)
{
    unsigned count = 0;
    CHECK(each_entry(directory, count_entry, &count));
    return count;
}

static void names_that_look_like_paths(const char *base)
{
    static char name_of_300[301];
    static char umlauts_of_300[301];
    static const char *const names[] = {
        "../../x", "/etc/passwd", "a/b", "..", ".", "...", "CON", "con.wav", "NUL", "COM1.txt", name_of_300, umlauts_of_300, "a\x01" "b\n\r\t\x7f" "c", ".hidden", ".callrec",
        "..\\..\\x", "C:\\x", "C:x", "a:b*c?d\"e<f>g|h", " lead", "trail ", "trail.", "~", "$(touch x)", "%2e%2e%2f", "\xe2\x80\xae" "fdp", "{id}", "{date}/../x", "-rf",
        "\xef\xbc\x8e\xef\xbc\x8e\xef\xbc\x8f", "lpt9", "/", "//", "./", "../",
    };
    memset(name_of_300, 'n', 300);
    for (int i = 0; i < 300; i += 2)
        memcpy(umlauts_of_300 + i, "\xc3\xbc", 2);
    const char *outer = directory_in(base, "outer");
    char storage[5000];
    snprintf(storage, sizeof storage, "%s/a/b/storage", outer);
#ifndef _WIN32
    struct stat passwd, after;
    stat("/etc/passwd", &passwd);
#endif
    struct event_counts received = EVENT_COUNTS_INIT;
    rec_engine engine = open_engine(storage, SETTINGS("media.clock", "stream", "storage.durability", "process", "storage.name",
                                                      "{device}/{number}_{user}_{call_id}_{remote}_{ani}_{dnis}_{attr:x}"));
    rec_subscription subscription;
    MUST(rec_subscribe(engine, count_event, &received, NULL, &subscription, &err));
    unsigned started = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int where = 0; where <= 8; where++) { /* each field alone, then all fields */
            char attributes[4096];
            rec_call_info info = REC_INIT(rec_call_info);
            rec_start_options options = REC_INIT(rec_start_options);
            rec_call call;
            rec_id id;
            const char **fields[] = {&info.device_name, &info.directory_number, &info.username, &info.call_id, &info.remote_phone_number, &info.ani, &info.dnis};
            for (int k = 0; k < 7; k++)
                *fields[k] = where == k || where == 8 ? names[i] : "plain";
            json_escape(attributes, sizeof attributes, where >= 7 ? names[i] : "plain");
            info.attributes_json = attributes;
            options.call_id = info.call_id;
            MUST(rec_call_begin(engine, &info, &call, &err));
            OK(rec_start(engine, NULL, &options, &id, &err));
            OK(rec_call_end(call, &err));
            started++;
        }
    CHECK(wait_for_event(&received, REC_EVENT_FINISHED, started));
    OK(rec_close(engine, 30000, &err));
    CHECK(received.times[REC_EVENT_STARTED] == started && received.times[REC_EVENT_FAILED] == 0 && received.times[REC_EVENT_START_FAILED] == 0);

    /* No files beside the storage directory or above it. */
    char path[6000];
    CHECK(entries_in(outer) == 1);
    snprintf(path, sizeof path, "%s/a", outer);
    CHECK(entries_in(path) == 1);
    snprintf(path, sizeof path, "%s/a/b", outer);
    CHECK(entries_in(path) == 1);
#ifndef _WIN32
    CHECK(stat("/etc/passwd", &after) == 0 && after.st_mtime == passwd.st_mtime && after.st_size == passwd.st_size && after.st_ino == passwd.st_ino);
#endif
    files_below = 0;
    CHECK(each_entry(storage, check_entry, storage));
    CHECK(files_below == started);
}

/* Symbolic links in the storage directory are not followed. On Windows, only administrators may make one. */
#ifdef _WIN32
static void links(const char *base)
{
    (void)base;
}
#else
static void links(const char *base)
{
    const char *storage = directory_in(base, "links"), *outside = directory_in(base, "outside");
    char link[5000];
    struct event_counts received = EVENT_COUNTS_INIT;
    snprintf(link, sizeof link, "%s/SEP1", storage);
    CHECK(symlink(outside, link) == 0);
    rec_engine engine = open_engine(storage, SETTINGS("media.clock", "stream", "storage.name", "{device}/{number}"));
    rec_subscription subscription;
    rec_call call;
    rec_id id;
    MUST(rec_subscribe(engine, count_event, &received, NULL, &subscription, &err));
    MUST(begin_call(engine, "good", "SEP1", "101", NULL, &call));
    OK(start_on(engine, NULL, "SEP1", NULL, 0, &id));
    CHECK(wait_for_event(&received, REC_EVENT_START_FAILED, 1));
    OK(rec_close(engine, 10000, &err));
    CHECK(entries_in(outside) == 0);
    CHECK(received.times[REC_EVENT_STARTED] == 0 && received.times[REC_EVENT_FINISHED] == 0 && received.times[REC_EVENT_FAILED] == 0);
}
#endif

/* ---- calls inside a callback ---------------------------------------------------------------------------- */

static struct fixture own;
static struct fixture other;
static atomic_int progress;

/* Every function may be called here without a deadlock. */
static void call_everything(void *user_data, const rec_event *event)
{
    (void)user_data;
    if (event->kind != REC_EVENT_STARTED || atomic_fetch_add(&progress, 1) != 0)
        return;
    rec_error e = REC_INIT(rec_error);
    rec_statistics statistics = REC_INIT(rec_statistics);
    rec_snapshot *snapshot = NULL;
    rec_subscription second = {0};
    rec_id id;
    EXPECT(rec_close(own.engine, 5000, &e), REC_ERR_IN_CALLBACK);
    EXPECT(rec_close(own.engine, 0, NULL), REC_ERR_IN_CALLBACK);
    EXPECT(rec_adopt(own.engine, "elsewhere", 5000, NULL, &e), REC_ERR_IN_CALLBACK);
    EXPECT(rec_stats(own.engine, &statistics, &e), REC_OK);
    CHECK(statistics.live_recordings == 1); /* the engine is still open */
    EXPECT(rec_list(own.engine, NULL, NULL, &snapshot, &e), REC_OK);
    rec_snapshot_free(snapshot);
    EXPECT(rec_pause_by_id(own.engine, NULL, event->recording->id.text, &e), REC_OK);
    EXPECT(start_on(own.engine, NULL, "SEP1", NULL, REC_START_ADDITIONAL, &id), REC_OK);
    EXPECT(rec_stop_by_id(own.engine, NULL, id.text, &e), REC_OK);
    EXPECT(rec_feed_write(own.feed, "\0\0", 2), REC_OK);
    EXPECT(rec_subscribe(own.engine, count_event, &events, NULL, &second, &e), REC_OK);
    EXPECT(rec_unsubscribe(second), REC_OK);
    EXPECT(rec_set_log(own.engine, NULL, NULL, NULL, &e), REC_OK);
    EXPECT(rec_unsubscribe(own.subscription), REC_OK);
    EXPECT(rec_unsubscribe(own.subscription), REC_ERR_BAD_HANDLE);
    EXPECT(rec_close(other.engine, 10000, &e), REC_OK); /* a callback may close another engine */
    EXPECT(rec_call_end(own.call, &e), REC_OK);
    atomic_store(&progress, 2);
}

static void calls_inside_a_callback(const char *base)
{
    rec_id id;
    own = open_fixture(directory_in(base, "mine"));
    other = open_fixture(directory_in(base, "other"));
    OK(rec_unsubscribe(own.subscription));
    MUST(rec_subscribe(own.engine, call_everything, NULL, NULL, &own.subscription, &err));
    OK(start_on(own.engine, NULL, "SEP1", NULL, 0, &id));
    for (int i = 0; i < 2000 && atomic_load(&progress) != 2; i++)
        sleep_ms(10);
    CHECK(atomic_load(&progress) == 2);
    OK(rec_close(own.engine, 10000, &err));
}

/* ---- closing under load ---------------------------------------------------------------------- */

#define THREADS 6

static struct fixture busy;
static atomic_int turns[THREADS];

static void *write_until_closed(void *turn_count)
{
    static const int16_t packet[160];
    rec_status status = REC_OK;
    for (; status != REC_ERR_BAD_HANDLE; atomic_fetch_add((atomic_int *)turn_count, 1)) {
        status = rec_feed_write(busy.feed, packet, sizeof packet);
        CHECK(status == REC_OK || status == REC_ERR_OVERRUN || status == REC_ERR_BUSY || status == REC_ERR_BAD_HANDLE);
        if (status == REC_ERR_OVERRUN) {
            status = rec_feed_wait(busy.feed, 50);
            CHECK(status == REC_OK || status == REC_ERR_TIMEOUT || status == REC_ERR_BAD_HANDLE || status == REC_ERR_BUSY);
        }
    }
    return NULL;
}

static void *control_until_closed(void *turn_count)
{
    rec_status status = REC_OK;
    for (; status != REC_ERR_BAD_HANDLE; atomic_fetch_add((atomic_int *)turn_count, 1)) {
        rec_error e = REC_INIT(rec_error);
        rec_snapshot *snapshot = NULL;
        rec_start_options options = REC_INIT(rec_start_options);
        rec_call_info info = REC_INIT(rec_call_info);
        rec_call call;
        rec_id id;
        options.device_name = "SEP1";
        options.flags = REC_START_ADDITIONAL;
        info.device_name = "SEP1";
        status = rec_start(busy.engine, NULL, &options, &id, &e);
        CHECK(status == REC_OK || status == REC_ERR_NO_CALL || status == REC_ERR_UNAVAILABLE || status == REC_ERR_BAD_HANDLE);
        status = rec_call_begin(busy.engine, &info, &call, &e);
        CHECK(status == REC_OK || status == REC_ERR_UNAVAILABLE || status == REC_ERR_BAD_HANDLE);
        status = rec_stop_by_device(busy.engine, NULL, "SEP1", NULL, NULL, &e);
        CHECK(status == REC_OK || status == REC_ERR_NOT_LIVE || status == REC_ERR_UNAVAILABLE || status == REC_ERR_BAD_HANDLE);
        status = rec_list(busy.engine, NULL, NULL, &snapshot, &e);
        CHECK(status == REC_OK || status == REC_ERR_UNAVAILABLE || status == REC_ERR_BAD_HANDLE);
        rec_snapshot_free(snapshot);
        sleep_ms(1);
    }
    return NULL;
}

/* Waits until every thread has made ten turns. */
static bool wait_for_all_threads(void)
{
    for (int i = 0; i < THREADS; i++)
        for (int waited = 0; atomic_load(&turns[i]) < 10; waited++) {
            if (waited == 20000)
                return false;
            sleep_ms(1);
        }
    return true;
}

static void close_under_load(const char *base)
{
    for (int round = 0; round < 5; round++) {
        char name[32];
        pthread_t threads[THREADS];
        rec_id id;
        snprintf(name, sizeof name, "busy-%d", round);
        busy = open_fixture(directory_in(base, name));
        OK(start_on(busy.engine, NULL, "SEP1", NULL, 0, &id));
        for (int i = 0; i < THREADS; i++) {
            atomic_store(&turns[i], 0);
            CHECK(pthread_create(&threads[i], NULL, i < 3 ? write_until_closed : control_until_closed, &turns[i]) == 0);
        }
        CHECK(wait_for_all_threads());
        OK(rec_close(busy.engine, 30000, &err));
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        EXPECT(rec_close(busy.engine, 0, &err), REC_ERR_BAD_HANDLE);
    }
}

/* Every field of rec_error is written, on failure and on success. */
static void errors_are_written(struct fixture fixture)
{
    rec_error e;
    memset(&e, 0x5a, sizeof e);
    e.struct_size = sizeof e;
    EXPECT(rec_call_update((rec_call){0}, &(rec_call_info)REC_INIT(rec_call_info), &e), REC_ERR_BAD_HANDLE);
    CHECK(e.status == REC_ERR_BAD_HANDLE && e.reason == -1 && e.device_name[0] == '\0' && memchr(e.message, '\0', sizeof e.message) != NULL && e.message[0] != '\0');
    OK(rec_call_update(fixture.call, &(rec_call_info)REC_INIT(rec_call_info), &e));
    CHECK(e.status == REC_OK && e.reason == -1 && e.device_name[0] == '\0' && e.message[0] == '\0' && e.struct_size == sizeof e);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    struct fixture stale = open_fixture(directory_in(argv[1], "stale"));
    OK(rec_close(stale.engine, 10000, &err));
    struct fixture fixture = open_fixture(directory_in(argv[1], "fixture"));

    null_everywhere(fixture);
    errors_are_written(fixture);
    struct_sizes(fixture);
    strings(fixture);
    unknown_values(fixture);
    handles(fixture, stale);
    garbage(fixture);
    OK(rec_close(fixture.engine, 10000, &err));

    names_that_look_like_paths(argv[1]);
    links(argv[1]);
    calls_inside_a_callback(argv[1]);
    close_under_load(argv[1]);
    return check_summary("misuse");
}
