/* A disk that takes nothing for a while: each recording has one end over all opens, told again
 * only as REPEATED and in the same words.
 *
 *   one_story DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "check.h"

#include <sys/resource.h>

enum { PATIENCE_MS = 20000, ENDS = 4 };
/* µ-law in frames of 20 ms. */
enum { FRAME_MS = 20, FRAMES = 200 };

/* All ends that are told in this program. */
struct ends {
    struct told told;
    unsigned count;
    struct end {
        int32_t kind, state, end_reason;
        rec_status error;
        uint32_t flags;
        uint64_t duration_ms, lost_ms;
        char path[4096];
    } of[ENDS];
};

static void hear(void *user_data, const rec_event *event)
{
    struct ends *ends = user_data;
    if ((event->kind == REC_EVENT_FAILED || event->kind == REC_EVENT_FINISHED) && CHECK(ends->count < ENDS)) {
        const rec_recording *told = event->recording;
        struct end *end = &ends->of[ends->count++];
        *end = (struct end){event->kind, told->state, told->end_reason, told->error, event->flags, told->duration_ms, told->lost_ms, ""};
        snprintf(end->path, sizeof end->path, "%s", told->path);
    }
    tell(&ends->told, event);
}

/* Waits until the one end has been told, whichever it is. */
static bool await_end(struct ends *ends)
{
    uint64_t limit = now_ms() + PATIENCE_MS;
    unsigned count = 0;
    while (count == 0 && now_ms() < limit) {
        pthread_mutex_lock(&ends->told.lock);
        count = ends->told.times[REC_EVENT_FAILED] + ends->told.times[REC_EVENT_FINISHED];
        pthread_mutex_unlock(&ends->told.lock);
        sleep_ms(2);
    }
    return count > 0;
}

static rec_config *settings_for(const char *directory)
{
    rec_config *config = NULL;
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    MUST(rec_config_set(config, "storage.name", "{call_id}", &err));
    MUST(rec_config_set(config, "storage.min_free_bytes", "0", &err));
    MUST(rec_config_set(config, "storage.flush_ms", "100", &err));
    MUST(rec_config_set(config, "media.clock", "stream", &err));
    return config;
}

/* Waits while the engine of before still lets go of the directory. */
static rec_engine open_and_hear(const char *directory, struct ends *ends)
{
    rec_engine engine = {0};
    rec_subscription subscription;
    rec_config *config = settings_for(directory);
    uint64_t limit = now_ms() + PATIENCE_MS;
    while (rec_open(config, &engine, &err) == REC_ERR_UNAVAILABLE && now_ms() < limit)
        sleep_ms(10);
    OK(rec_subscribe(engine, hear, ends, NULL, &subscription, &err));
    rec_config_free(config);
    return engine;
}

static void disk_takes(bool anything)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = anything ? limit.rlim_max : 0;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void hand_in(rec_feed feed, unsigned frames)
{
    static const unsigned char frame[160] = {1, 2, 3};
    while (frames > 0) {
        rec_status status = rec_feed_write(feed, frame, sizeof frame);
        if (status == REC_OK)
            frames--;
        else if (status != REC_ERR_OVERRUN || !OK(rec_feed_wait(feed, PATIENCE_MS)))
            return;
    }
}

/* A recording that the disk refuses from somewhere in its middle on. */
static rec_engine refused(const char *directory, struct ends *ends)
{
    rec_call call;
    rec_feed feed;
    rec_id id;
    rec_start_options options = REC_INIT(rec_start_options);
    rec_statistics statistics = REC_INIT(rec_statistics);
    uint64_t limit = now_ms() + PATIENCE_MS;
    rec_engine engine = open_and_hear(directory, ends);
    options.call_id = "call";
    options.format = "wav-ulaw";
    options.layout = REC_LAYOUT_LOCAL;
    MUST(begin_call(engine, "call", NULL, NULL, NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, &feed));
    MUST(rec_start(engine, NULL, &options, &id, &err));
    hand_in(feed, FRAMES);
    do
        OK(rec_stats(engine, &statistics, &err));
    while (statistics.bytes_out < 4000 && now_ms() < limit);
    disk_takes(false);
    hand_in(feed, FRAMES);
    do
        OK(rec_stats(engine, &statistics, &err));
    while (statistics.live_recordings > 0 && now_ms() < limit);
    CHECK(statistics.live_recordings == 0);
    OK(rec_call_end(call, &err));
    return engine;
}

/* The disk takes something again while the engine lives. */
static void mended_in_time(const char *directory)
{
    static struct ends ends = {.told = TOLD_INIT};
    rec_engine engine = refused(directory, &ends);
    disk_takes(true);
    CHECK(await(&ends.told, REC_EVENT_FAILED, 1));
    OK(rec_close(engine, PATIENCE_MS, &err));
    engine = open_and_hear(directory, &ends);
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(ends.count == 1 && ends.of[0].flags == 0);
    CHECK(ends.of[0].state == REC_STATE_FAILED && ends.of[0].end_reason == REC_END_WRITE_ERROR);
    EXPECT(ends.of[0].error, REC_ERR_IO);
    /* All that was handed in before the disk refused is in the file, or told as lost. */
    uint64_t kept_ms = ends.of[0].duration_ms, lost_ms = ends.of[0].lost_ms;
    CHECK(lost_ms > 0 && kept_ms + lost_ms >= FRAMES * FRAME_MS);
    CHECK(kept_ms + lost_ms <= 2 * FRAMES * FRAME_MS);
    OK(rec_verify(ends.of[0].path, &err));
}

/* The engine closes before that. It cannot write down an end, so it tells none. */
static void mended_too_late(const char *directory)
{
    static struct ends ends = {.told = TOLD_INIT};
    rec_engine engine = refused(directory, &ends);
    EXPECT(rec_close(engine, 100, &err), REC_ERR_TIMEOUT);
    CHECK(ends.count == 0);
    disk_takes(true);
    engine = open_and_hear(directory, &ends);
    CHECK(await_end(&ends));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(ends.count == 1);
    OK(rec_verify(ends.of[0].path, &err));
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    mended_in_time(directory_in(arguments[1], "in-time"));
    mended_too_late(directory_in(arguments[1], "too-late"));
    return check_summary("one_story");
}
