/* A host that has no more memory: neither it nor callrec is given any. Nothing of that may
 * end the process; control answers REC_ERR_LIMIT; what is recorded goes on; and once there is
 * memory again, all works as before.
 *
 * In the mode "pieces" there are small pieces of memory, and no large one.
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

static struct piece *hoard;
static struct rlimit before;

/* Takes all pieces of at least so many bytes that the process is given, and lets it have no
 * more. */
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
        for (struct piece *piece; (piece = malloc(size)) != NULL; hoard = piece)
            piece->next = hoard;
}

static void exhaust(void)
{
    exhaust_from(16);
}

static void relieve(void)
{
    CHECK(setrlimit(RLIMIT_AS, &before) == 0);
    while (hoard != NULL) {
        struct piece *next = hoard->next;
        free(hoard);
        hoard = next;
    }
}

/* As `exhaust`, but every other one of many small pieces is given back before: a thread of
 * callrec's own that asks for a small one is never refused, and so nothing runs short. */
static void fragment(void)
{
    static void *pieces[SMALL + MEDIUM];
    for (unsigned n = 0; n < SMALL + MEDIUM; n++)
        pieces[n] = malloc(n < SMALL ? 64 + n % 16 * 128 : 66000);
    for (unsigned n = 0; n < SMALL + MEDIUM; n += 2)
        free(pieces[n]);
    exhaust_from(67000);
}

/* ---- what is told ------------------------------------------------------------ */

struct end {
    char id[37], path[2048];
    int32_t kind, reason;
    uint64_t lost_ms;
};

static struct end ends[CALLS + MORE + 8];
static unsigned ended;
static struct told told = TOLD_INIT;

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
    tell(user_data, event);
}

/* After the close: nothing is told any more. */
static const struct end *end_of(const rec_id *id)
{
    for (unsigned n = 0; n < ended; n++)
        if (strcmp(ends[n].id, id->text) == 0)
            return &ends[n];
    return NULL;
}

/* ---- calls ------------------------------------------------------------------- */

struct talk {
    rec_call call;
    rec_feed feed;
    rec_id id;
    unsigned samples; /* that callrec has taken */
};

static rec_status begin(rec_engine engine, struct talk *talk, unsigned number)
{
    char call_id[32];
    snprintf(call_id, sizeof call_id, "call-%u", number);
    memset(talk, 0, sizeof *talk);
    rec_status status = begin_call(engine, call_id, NULL, "101", "user1", &talk->call);
    if (status != REC_OK)
        return status;
    status = open_feed(talk->call, REC_LEG_LOCAL, REC_CODEC_PCM16, &talk->feed);
    if (status != REC_OK)
        return status;
    rec_start_options options = REC_INIT(rec_start_options);
    options.call_id = call_id;
    options.layout = REC_LAYOUT_LOCAL;
    return rec_start(engine, NULL, &options, &talk->id, &err);
}

static bool is_ok_or_limit(rec_status status)
{
    return status == REC_OK || status == REC_ERR_LIMIT;
}

/* Stream time: what is refused has not been taken, and is not counted. */
static void say(struct talk *talk, bool has_to)
{
    int16_t speech[SAMPLES];
    for (unsigned n = 0; n < SAMPLES; n++)
        speech[n] = 1234;
    rec_status status = rec_feed_write(talk->feed, speech, sizeof speech);
    while (status == REC_ERR_OVERRUN && has_to) {
        CHECK(rec_feed_wait(talk->feed, 20000) == REC_OK);
        status = rec_feed_write(talk->feed, speech, sizeof speech);
    }
    CHECK(status == REC_OK || (status == REC_ERR_OVERRUN && !has_to));
    talk->samples += status == REC_OK ? SAMPLES : 0;
}

/* Until callrec has noticed that there is memory again. */
static void begin_again(rec_engine engine, struct talk *talk)
{
    uint64_t since = now_ms();
    rec_status status;
    while ((status = begin(engine, talk, 9999)) == REC_ERR_LIMIT && now_ms() - since < 20000) {
        if (talk->call.id != 0)
            OK(rec_call_end(talk->call, &err));
        sleep_ms(5);
    }
    MUST(status);
}

/* The file has all samples that were taken. */
static void check_whole(const struct talk *talk)
{
    const struct end *end = end_of(&talk->id);
    if (!CHECK(end != NULL && end->kind == REC_EVENT_FINISHED) || !CHECK(end->lost_ms == 0))
        return;
    FILE *file = fopen(end->path, "rb");
    if (!CHECK(file != NULL))
        return;
    unsigned heard = 0;
    for (int16_t sample; fread(&sample, sizeof sample, 1, file) == 1;)
        heard += sample == 1234;
    fclose(file);
    if (!CHECK(heard == talk->samples))
        fprintf(stderr, "%s: %u of %u samples\n", end->path, heard, talk->samples);
}

/* ---- while there is none ----------------------------------------------------- */

static struct talk more[MORE];
static unsigned begun;

/* One more call. What was begun of it stays, and is ended by closing. */
static bool try_another(rec_engine engine)
{
    if (begun == MORE)
        return true;
    rec_status status = begin(engine, &more[begun], begun + 100);
    CHECK(is_ok_or_limit(status));
    if (more[begun].call.id != 0)
        begun++;
    return status == REC_OK;
}

static void look(rec_engine engine)
{
    rec_snapshot *snapshot = NULL;
    CHECK(is_ok_or_limit(rec_list(engine, NULL, NULL, &snapshot, &err)));
    rec_snapshot_free(snapshot);
    rec_statistics statistics = REC_INIT(rec_statistics);
    OK(rec_stats(engine, &statistics, &err));
}

/* What only gives back, or protects, is never refused. */
static void end_some(rec_engine engine, struct talk *talks)
{
    OK(rec_pause_by_id(engine, NULL, talks[0].id.text, &err));
    OK(rec_resume_by_id(engine, NULL, talks[0].id.text, &err));
    OK(rec_call_private(talks[0].call, 1, &err));
    OK(rec_call_private(talks[0].call, 0, &err));
    OK(rec_stop_by_id(engine, NULL, talks[1].id.text, &err));
    OK(rec_discard_by_id(engine, NULL, talks[2].id.text, &err));
    OK(rec_call_end(talks[3].call, &err));
    OK(rec_feed_close(talks[4].feed));
}

static void check_all(rec_engine engine, struct talk *talks)
{
    struct talk last;
    begin_again(engine, &last);
    for (unsigned round = 0; round < ROUNDS; round++)
        say(&last, true);
    MUST(rec_close(engine, 60000, &err));
    check_whole(&last);
    for (unsigned n = 0; talks != NULL && n < CALLS; n++) {
        if (n != 2)
            check_whole(&talks[n]);
        else if (CHECK(end_of(&talks[n].id) != NULL))
            CHECK(end_of(&talks[n].id)->reason == REC_END_DISCARDED);
    }
}

static rec_engine open_told(const char *directory)
{
    /* What a leg has said, and what waits for the other leg, takes little memory then. */
    const char *const *settings = SETTINGS("media.clock", "stream", "media.leg_wait_ms", "100", "storage.min_free_bytes", "0");
    rec_engine engine = open_engine(directory, settings);
    rec_subscription subscription;
    MUST(rec_subscribe(engine, on_event, &told, tell_freed, &subscription, &err));
    return engine;
}

static void live(const char *directory)
{
    static struct talk talks[CALLS];
    rec_engine engine = open_told(directory);
    for (unsigned n = 0; n < CALLS; n++)
        MUST(begin(engine, &talks[n], n));
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned n = 0; n < CALLS; n++)
            say(&talks[n], true);
    CHECK(await(&told, REC_EVENT_STARTED, CALLS));
    exhaust();
    bool refused = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < CALLS; n++)
            say(&talks[n], false);
        refused = !try_another(engine) || refused;
        look(engine);
        sleep_ms(10);
    }
    CHECK(refused);
    end_some(engine, talks);
    relieve();
    say(&talks[0], true);
    check_all(engine, talks);
}

/* There is none before the first call. */
static void first_calls(const char *directory)
{
    rec_engine engine = open_told(directory);
    exhaust();
    bool refused = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        refused = !try_another(engine) || refused;
        look(engine);
    }
    CHECK(refused);
    relieve();
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
    relieve();
    for (uint64_t since = now_ms(); rec_config_new(&config) == REC_ERR_LIMIT && now_ms() - since < 20000;)
        sleep_ms(5);
    rec_config_free(config);
    engine = open_told(directory);
    check_all(engine, NULL);
}

/* Until it is refused what needs a table that is larger than there is memory for. */
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
    CHECK(status == REC_ERR_LIMIT);
}

/* All recordings of one user, of which there are many. */
static void list_many(rec_engine engine)
{
    rec_filter filter = REC_INIT(rec_filter);
    filter.username = "user1";
    rec_snapshot *snapshot = NULL;
    CHECK(is_ok_or_limit(rec_list(engine, NULL, &filter, &snapshot, &err)));
    rec_snapshot_free(snapshot);
}

/* Opens feeds until there is no memory for one more. One that cannot be opened or changed
 * leaves the older one as it was. */
static void widen(const rec_call *calls, const struct talk *talk)
{
    rec_feed_format wide = REC_INIT(rec_feed_format);
    wide.codec = REC_CODEC_PCM16;
    wide.sample_rate = 48000;
    rec_feed feed;
    rec_status status = REC_OK;
    for (unsigned n = 0; status == REC_OK && n < MANY; n++)
        status = rec_feed_open(calls[n], REC_LEG_LOCAL, &wide, &feed, &err);
    CHECK(status == REC_ERR_LIMIT);
    EXPECT(rec_feed_open(talk->call, REC_LEG_LOCAL, &wide, &feed, &err), REC_ERR_LIMIT);
    EXPECT(rec_feed_set_format(talk->feed, &wide, &err), REC_ERR_LIMIT);
    const int16_t silence[SAMPLES] = {0};
    CHECK(rec_feed_write(talk->feed, silence, sizeof silence) == REC_OK);
}

/* What is recorded is written and published, and more calls begin, although no table and no
 * buffer can grow. */
static void in_pieces(const char *directory)
{
    static rec_call calls[MANY];
    static struct talk talk, last;
    rec_engine engine = open_told(directory);
    MUST(begin(engine, &talk, 0));
    say(&talk, true);
    for (unsigned n = 0; n < MANY; n++) {
        char call_id[32];
        snprintf(call_id, sizeof call_id, "many-%u", n);
        MUST(begin_call(engine, call_id, NULL, "102", NULL, &calls[n]));
    }
    CHECK(await(&told, REC_EVENT_STARTED, 1));
    fragment();
    set_lines(engine);
    rename_users(calls);
    for (unsigned n = 0; n < MORE; n++)
        try_another(engine);
    CHECK(begun > 0);
    for (unsigned n = 0; n < LONG; n++)
        say(&talk, true);
    OK(rec_stop_by_id(engine, NULL, talk.id.text, &err));
    CHECK(await(&told, REC_EVENT_FINISHED, 1));
    list_many(engine);
    widen(calls, &talk);
    relieve();
    begin_again(engine, &last);
    MUST(rec_close(engine, 60000, &err));
    check_whole(&talk);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const char *mode = argv[2];
    /* Otherwise each thread has memory of its own in store. */
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
