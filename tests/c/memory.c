/* The process runs out of memory. It must not end; control functions return REC_ERR_LIMIT; recordings
 * continue; and everything works again once there is memory.
 *
 * In the mode "pieces" small allocations succeed and large ones fail.
 *
 *   memory DIRECTORY MODE    opening | before | live | own-arenas | pieces */
#undef NDEBUG
#define _DEFAULT_SOURCE
#include <callrec.h>

#include "check.h"

#include <malloc.h>
#include <sys/resource.h>

enum { CALLS = 8, MORE = 400, ROUNDS = 150, SAMPLES = 160 };
enum { MANY = 2047, SMALL = 40000, MEDIUM = 600, LONG = 5000 };

/* ---- memory ------------------------------------------------------------------ */

struct piece {
    struct piece *next;
};

static struct piece *taken_pieces;
static struct rlimit before;

/* Limits the memory of the process, and allocates all of it that is available in pieces of at least
 * `least` bytes. */
static void exhaust_from(size_t least)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (!CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1))
        exit(1);
    fclose(file);
    CHECK(getrlimit(RLIMIT_AS, &before) == 0);
    struct rlimit limit = before;
    limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + 65536;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    for (size_t size = 1 << 20; size >= least; size = size > least && size / 2 < least ? least : size / 2)
        for (struct piece *piece; (piece = malloc(size)) != NULL; taken_pieces = piece)
            piece->next = taken_pieces;
}

static void exhaust(void)
{
    exhaust_from(16);
}

static void release_memory(void)
{
    CHECK(setrlimit(RLIMIT_AS, &before) == 0);
    while (taken_pieces != NULL) {
        struct piece *next = taken_pieces->next;
        free(taken_pieces);
        taken_pieces = next;
    }
}

/* Like `exhaust`, but frees every other one of many small pieces first, so that small allocations of
 * callrec's threads succeed. */
static void fragment(void)
{
    static void *pieces[SMALL + MEDIUM];
    for (unsigned n = 0; n < SMALL + MEDIUM; n++)
        pieces[n] = malloc(n < SMALL ? 64 + n % 16 * 128 : 66000);
    for (unsigned n = 0; n < SMALL + MEDIUM; n += 2)
        free(pieces[n]);
    exhaust_from(67000);
}

/* ---- events ------------------------------------------------------------ */

struct end {
    char id[37], path[2048];
    int32_t kind, reason;
    uint64_t lost_ms;
};

static struct end ends[CALLS + MORE + 8];
static unsigned ended;
static struct event_counts events = EVENT_COUNTS_INIT;

static void on_event(void *user_data, const rec_event *event)
{
    if (event->kind == REC_EVENT_FINISHED || event->kind == REC_EVENT_FAILED) {
        struct end *end = &ends[ended++];
        memcpy(end->id, event->recording->id.text, 37);
        snprintf(end->path, sizeof end->path, "%s", event->recording->path);
        end->kind = event->kind;
        end->reason = event->recording->end_reason;
        end->lost_ms = event->recording->lost_ms;
    }
    count_event(user_data, event);
}

/* Call this only after rec_close: no lock protects `ends`. */
static const struct end *end_of(const rec_id *id)
{
    for (unsigned n = 0; n < ended; n++)
        if (strcmp(ends[n].id, id->text) == 0)
            return &ends[n];
    return NULL;
}

/* ---- calls ------------------------------------------------------------------- */

struct recorded_call {
    rec_call call;
    rec_feed feed;
    rec_id id;
    unsigned samples; /* that callrec has accepted */
};

static rec_status begin(rec_engine engine, struct recorded_call *recorded_call, unsigned number)
{
    char call_id[32];
    snprintf(call_id, sizeof call_id, "call-%u", number);
    memset(recorded_call, 0, sizeof *recorded_call);
    rec_status status = begin_call(engine, call_id, NULL, "101", "user1", &recorded_call->call);
    if (status != REC_OK)
        return status;
    status = open_feed(recorded_call->call, REC_LEG_LOCAL, REC_CODEC_PCM16, &recorded_call->feed);
    if (status != REC_OK)
        return status;
    rec_start_options options = REC_INIT(rec_start_options);
    options.call_id = call_id;
    options.layout = REC_LAYOUT_LOCAL;
    return rec_start(engine, NULL, &options, &recorded_call->id, &err);
}

static bool is_ok_or_limit(rec_status status)
{
    return status == REC_OK || status == REC_ERR_LIMIT;
}

/* In stream time a refused packet is not lost. It is not counted here. */
static void write_packet(struct recorded_call *recorded_call, bool must_accept)
{
    int16_t speech[SAMPLES];
    for (unsigned n = 0; n < SAMPLES; n++)
        speech[n] = 1234;
    rec_status status = rec_feed_write(recorded_call->feed, speech, sizeof speech);
    while (status == REC_ERR_OVERRUN && must_accept) {
        CHECK(rec_feed_wait(recorded_call->feed, 20000) == REC_OK);
        status = rec_feed_write(recorded_call->feed, speech, sizeof speech);
    }
    CHECK(status == REC_OK || (status == REC_ERR_OVERRUN && !must_accept));
    recorded_call->samples += status == REC_OK ? SAMPLES : 0;
}

/* Retries until callrec has memory again. */
static void begin_again(rec_engine engine, struct recorded_call *recorded_call)
{
    uint64_t since = now_ms();
    rec_status status;
    while ((status = begin(engine, recorded_call, 9999)) == REC_ERR_LIMIT && now_ms() - since < 20000) {
        if (recorded_call->call.id != 0)
            OK(rec_call_end(recorded_call->call, &err));
        sleep_ms(5);
    }
    MUST(status);
}

/* Checks that the file has every accepted sample. */
static void check_file(const struct recorded_call *recorded_call)
{
    const struct end *end = end_of(&recorded_call->id);
    if (!CHECK(end != NULL && end->kind == REC_EVENT_FINISHED) || !CHECK(end->lost_ms == 0))
        return;
    FILE *file = fopen(end->path, "rb");
    if (!CHECK(file != NULL))
        return;
    unsigned found = 0;
    for (int16_t sample; fread(&sample, sizeof sample, 1, file) == 1;)
        found += sample == 1234;
    fclose(file);
    if (!CHECK(found == recorded_call->samples))
        fprintf(stderr, "%s: %u of %u samples\n", end->path, found, recorded_call->samples);
}

/* ---- without memory ----------------------------------------------------- */

static struct recorded_call more[MORE];
static unsigned more_count;

/* Tries to record one more call. A call without a recording stays until the engine closes. */
static bool try_another(rec_engine engine)
{
    if (more_count == MORE)
        return true;
    rec_status status = begin(engine, &more[more_count], more_count + 100);
    CHECK(is_ok_or_limit(status));
    if (more[more_count].call.id != 0)
        more_count++;
    return status == REC_OK;
}

static void check_queries(rec_engine engine)
{
    rec_snapshot *snapshot = NULL;
    CHECK(is_ok_or_limit(rec_list(engine, NULL, NULL, &snapshot, &err)));
    rec_snapshot_free(snapshot);
    rec_statistics statistics = REC_INIT(rec_statistics);
    OK(rec_stats(engine, &statistics, &err));
}

/* Functions that release something, or protect privacy, are not refused. */
static void end_some(rec_engine engine, struct recorded_call *calls)
{
    OK(rec_pause_by_id(engine, NULL, calls[0].id.text, &err));
    OK(rec_resume_by_id(engine, NULL, calls[0].id.text, &err));
    OK(rec_call_private(calls[0].call, 1, &err));
    OK(rec_call_private(calls[0].call, 0, &err));
    OK(rec_stop_by_id(engine, NULL, calls[1].id.text, &err));
    OK(rec_discard_by_id(engine, NULL, calls[2].id.text, &err));
    OK(rec_call_end(calls[3].call, &err));
    OK(rec_feed_close(calls[4].feed));
}

static void check_all(rec_engine engine, struct recorded_call *calls)
{
    struct recorded_call last;
    begin_again(engine, &last);
    for (unsigned round = 0; round < ROUNDS; round++)
        write_packet(&last, true);
    MUST(rec_close(engine, 60000, &err));
    check_file(&last);
    for (unsigned n = 0; calls != NULL && n < CALLS; n++) {
        if (n != 2)
            check_file(&calls[n]);
        else if (CHECK(end_of(&calls[n].id) != NULL))
            CHECK(end_of(&calls[n].id)->reason == REC_END_DISCARDED);
    }
}

static rec_engine open_and_subscribe(const char *directory)
{
    /* With a short wait for the other leg, pending audio needs little memory. */
    const char *const *settings = SETTINGS("media.clock", "stream", "media.leg_wait_ms", "100", "storage.min_free_bytes", "0");
    rec_engine engine = open_engine(directory, settings);
    rec_subscription subscription;
    MUST(rec_subscribe(engine, on_event, &events, note_freed, &subscription, &err));
    return engine;
}

static void live(const char *directory)
{
    static struct recorded_call calls[CALLS];
    rec_engine engine = open_and_subscribe(directory);
    for (unsigned n = 0; n < CALLS; n++)
        MUST(begin(engine, &calls[n], n));
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned n = 0; n < CALLS; n++)
            write_packet(&calls[n], true);
    CHECK(wait_for_event(&events, REC_EVENT_STARTED, CALLS));
    exhaust();
    bool refused = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < CALLS; n++)
            write_packet(&calls[n], false);
        refused = !try_another(engine) || refused;
        check_queries(engine);
        sleep_ms(10);
    }
    CHECK(refused);
    end_some(engine, calls);
    release_memory();
    write_packet(&calls[0], true);
    check_all(engine, calls);
}

/* Memory runs out before the first call. */
static void first_calls(const char *directory)
{
    rec_engine engine = open_and_subscribe(directory);
    exhaust();
    bool refused = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        refused = !try_another(engine) || refused;
        check_queries(engine);
    }
    CHECK(refused);
    release_memory();
    check_all(engine, NULL);
}

static void opening(const char *directory)
{
    exhaust();
    rec_config *config = NULL;
    rec_engine engine = {0};
    rec_status status = rec_config_new(&config);
    CHECK(is_ok_or_limit(status));
    if (status == REC_OK)
        CHECK(is_ok_or_limit(rec_config_set(config, "storage.directory", directory, &err)));
    EXPECT(rec_open(config, &engine, &err), REC_ERR_LIMIT);
    rec_config_free(config);
    release_memory();
    for (uint64_t since = now_ms(); rec_config_new(&config) == REC_ERR_LIMIT && now_ms() - since < 20000;)
        sleep_ms(5);
    rec_config_free(config);
    engine = open_and_subscribe(directory);
    check_all(engine, NULL);
}

/* Adds lines until their table would need more memory than there is. */
static void set_lines(rec_engine engine)
{
    rec_status status = REC_OK;
    for (unsigned n = 0; status == REC_OK && n < 100000; n++) {
        char device[32];
        snprintf(device, sizeof device, "line-%u", n);
        rec_line_info line = REC_INIT(rec_line_info);
        line.device_name = device;
        status = rec_line_set(engine, &line, &err);
    }
    CHECK(status == REC_ERR_LIMIT);
}

/* The table of users consists of small parts, which may still grow. */
static void rename_users(const rec_call *calls)
{
    rec_status status = REC_OK;
    for (unsigned n = 0; status == REC_OK && n < MANY; n++) {
        char username[32];
        snprintf(username, sizeof username, "user-%u", n);
        rec_call_info update = REC_INIT(rec_call_info);
        update.username = username;
        status = rec_call_update(calls[n], &update, &err);
    }
    CHECK(is_ok_or_limit(status));
}

/* Lists the many recordings of one user. */
static void list_many(rec_engine engine)
{
    rec_filter filter = REC_INIT(rec_filter);
    filter.username = "user1";
    rec_snapshot *snapshot = NULL;
    CHECK(is_ok_or_limit(rec_list(engine, NULL, &filter, &snapshot, &err)));
    rec_snapshot_free(snapshot);
}

/* Opens feeds until memory runs out. A feed that cannot be opened or changed leaves the earlier feed
 * unchanged. */
static void open_wide_feeds(const rec_call *calls, const struct recorded_call *recorded_call)
{
    rec_feed_format wide = REC_INIT(rec_feed_format);
    wide.codec = REC_CODEC_PCM16;
    wide.sample_rate = 48000;
    rec_feed feed;
    rec_status status = REC_OK;
    for (unsigned n = 0; status == REC_OK && n < MANY; n++)
        status = rec_feed_open(calls[n], REC_LEG_LOCAL, &wide, &feed, &err);
    CHECK(status == REC_ERR_LIMIT);
    EXPECT(rec_feed_open(recorded_call->call, REC_LEG_LOCAL, &wide, &feed, &err), REC_ERR_LIMIT);
    EXPECT(rec_feed_set_format(recorded_call->feed, &wide, &err), REC_ERR_LIMIT);
    const int16_t silence[SAMPLES] = {0};
    CHECK(rec_feed_write(recorded_call->feed, silence, sizeof silence) == REC_OK);
}

/* No large table and no buffer can grow. Recordings are still written and published, and more calls begin. */
static void in_pieces(const char *directory)
{
    static rec_call calls[MANY];
    static struct recorded_call recorded_call, last;
    rec_engine engine = open_and_subscribe(directory);
    MUST(begin(engine, &recorded_call, 0));
    write_packet(&recorded_call, true);
    for (unsigned n = 0; n < MANY; n++) {
        char call_id[32];
        snprintf(call_id, sizeof call_id, "many-%u", n);
        MUST(begin_call(engine, call_id, NULL, "102", NULL, &calls[n]));
    }
    CHECK(wait_for_event(&events, REC_EVENT_STARTED, 1));
    fragment();
    set_lines(engine);
    rename_users(calls);
    for (unsigned n = 0; n < MORE; n++)
        try_another(engine);
    CHECK(more_count > 0);
    for (unsigned n = 0; n < LONG; n++)
        write_packet(&recorded_call, true);
    OK(rec_stop_by_id(engine, NULL, recorded_call.id.text, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    list_many(engine);
    open_wide_feeds(calls, &recorded_call);
    release_memory();
    begin_again(engine, &last);
    MUST(rec_close(engine, 60000, &err));
    check_file(&recorded_call);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const char *mode = argv[2];
    /* Otherwise each thread keeps a reserve of its own. */
    if (strcmp(mode, "own-arenas") != 0)
        mallopt(M_ARENA_MAX, 1);
    if (strcmp(mode, "opening") == 0)
        opening(argv[1]);
    else if (strcmp(mode, "before") == 0)
        first_calls(argv[1]);
    else if (strcmp(mode, "pieces") == 0)
        in_pieces(argv[1]);
    else
        live(argv[1]);
    return check_summary(mode);
}
