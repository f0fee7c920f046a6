/* A disk that refuses writes for a while. Each recording has one end over all engines. An engine that
 * could store the end and not rename the file reports the path of the unfinished file; the next engine
 * finishes it, and repeats the event with the flag REPEATED and the same end.
 *
 *   refusing_disk DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "check.h"

#include <sys/resource.h>

enum { PATIENCE_MS = 20000, ENDS = 4 };
/* µ-law in packets of 20 ms. */
enum { PACKET_MS = 20, PACKETS = 200 };

/* The terminal events of this program. */
struct ends {
    struct event_counts events;
    unsigned count;
    struct end {
        int32_t kind, state, end_reason;
        rec_status error;
        uint32_t flags;
        uint64_t duration_ms, lost_ms;
        char path[4096];
    } of[ENDS];
};

static void record_end(void *user_data, const rec_event *event)
{
    struct ends *ends = user_data;
    if ((event->kind == REC_EVENT_FAILED || event->kind == REC_EVENT_FINISHED) && CHECK(ends->count < ENDS)) {
        const rec_recording *recording = event->recording;
        struct end *end = &ends->of[ends->count++];
        *end = (struct end){event->kind, recording->state, recording->end_reason, recording->error, event->flags, recording->duration_ms, recording->lost_ms, ""};
        snprintf(end->path, sizeof end->path, "%s", recording->path);
    }
    count_event(&ends->events, event);
}

/* Waits for a terminal event of either kind. */
static bool wait_for_end(struct ends *ends)
{
    uint64_t limit = now_ms() + PATIENCE_MS;
    unsigned count = 0;
    while (count == 0 && now_ms() < limit) {
        pthread_mutex_lock(&ends->events.lock);
        count = ends->events.times[REC_EVENT_FAILED] + ends->events.times[REC_EVENT_FINISHED];
        pthread_mutex_unlock(&ends->events.lock);
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

/* Waits while the earlier engine still locks the directory. */
static rec_engine open_and_subscribe(const char *directory, struct ends *ends)
{
    rec_engine engine = {0};
    rec_subscription subscription;
    rec_config *config = settings_for(directory);
    uint64_t limit = now_ms() + PATIENCE_MS;
    while (rec_open(config, &engine, &err) == REC_ERR_UNAVAILABLE && now_ms() < limit)
        sleep_ms(10);
    OK(rec_subscribe(engine, record_end, ends, NULL, &subscription, &err));
    rec_config_free(config);
    return engine;
}

static void set_disk_writable(bool writable)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = writable ? limit.rlim_max : 0;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void write_packets(rec_feed feed, unsigned packets)
{
    static const unsigned char packet[160] = {1, 2, 3};
    while (packets > 0) {
        rec_status status = rec_feed_write(feed, packet, sizeof packet);
        if (status == REC_OK)
            packets--;
        else if (status != REC_ERR_OVERRUN || !OK(rec_feed_wait(feed, PATIENCE_MS)))
            return;
    }
}

/* Makes a recording, during which the disk begins to refuse writes. */
static rec_engine record_until_refused(const char *directory, struct ends *ends)
{
    rec_call call;
    rec_feed feed;
    rec_id id;
    rec_start_options options = REC_INIT(rec_start_options);
    rec_statistics statistics = REC_INIT(rec_statistics);
    uint64_t limit = now_ms() + PATIENCE_MS;
    rec_engine engine = open_and_subscribe(directory, ends);
    options.call_id = "call";
    options.format = "wav-ulaw";
    options.layout = REC_LAYOUT_LOCAL;
    MUST(begin_call(engine, "call", NULL, NULL, NULL, &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, &feed));
    MUST(rec_start(engine, NULL, &options, &id, &err));
    write_packets(feed, PACKETS);
    do
        OK(rec_stats(engine, &statistics, &err));
    while (statistics.bytes_out < 4000 && now_ms() < limit);
    set_disk_writable(false);
    write_packets(feed, PACKETS);
    do
        OK(rec_stats(engine, &statistics, &err));
    while (statistics.live_recordings > 0 && now_ms() < limit);
    CHECK(statistics.live_recordings == 0);
    OK(rec_call_end(call, &err));
    return engine;
}

static bool is_unfinished(const char *path)
{
    static const char suffix[] = ".part";
    size_t length = strlen(path);
    return length >= sizeof suffix && strcmp(path + length - (sizeof suffix - 1), suffix) == 0;
}

static bool is_same_end(const struct end *a, const struct end *b)
{
    return a->kind == b->kind && a->state == b->state && a->end_reason == b->end_reason && a->error == b->error && a->duration_ms == b->duration_ms && a->lost_ms == b->lost_ms;
}

/* The disk accepts writes again while the engine is open. */
static void writable_before_close(const char *directory)
{
    static struct ends ends = {.events = EVENT_COUNTS_INIT};
    rec_engine engine = record_until_refused(directory, &ends);
    set_disk_writable(true);
    CHECK(wait_for_event(&ends.events, REC_EVENT_FAILED, 1));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(ends.count == 1 && ends.of[0].flags == 0);
    /* The disk may begin to accept writes just before the end is stored. */
    unsigned expected = is_unfinished(ends.of[0].path) ? 2 : 1;
    engine = open_and_subscribe(directory, &ends);
    CHECK(wait_for_event(&ends.events, REC_EVENT_FAILED, expected));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(ends.count == expected);
    const struct end *last = &ends.of[expected - 1];
    CHECK(last->flags == (expected == 2 ? REC_EVENT_FLAG_REPEATED : 0));
    CHECK(is_same_end(last, &ends.of[0]));
    CHECK(ends.of[0].state == REC_STATE_FAILED && ends.of[0].end_reason == REC_END_WRITE_ERROR);
    EXPECT(ends.of[0].error, REC_ERR_IO);
    /* Audio that was written before the disk refused is in the file, or reported as lost. */
    uint64_t recorded_ms = ends.of[0].duration_ms, lost_ms = ends.of[0].lost_ms;
    CHECK(lost_ms > 0 && recorded_ms + lost_ms >= PACKETS * PACKET_MS);
    CHECK(recorded_ms + lost_ms <= 2 * PACKETS * PACKET_MS);
    OK(rec_verify(last->path, &err));
}

/* The engine closes before that. It cannot store an end, so it reports none. */
static void writable_after_close(const char *directory)
{
    static struct ends ends = {.events = EVENT_COUNTS_INIT};
    rec_engine engine = record_until_refused(directory, &ends);
    EXPECT(rec_close(engine, 100, &err), REC_ERR_TIMEOUT);
    CHECK(ends.count == 0);
    set_disk_writable(true);
    engine = open_and_subscribe(directory, &ends);
    CHECK(wait_for_end(&ends));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(ends.count == 1);
    OK(rec_verify(ends.of[0].path, &err));
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    writable_before_close(directory_in(arguments[1], "in-time"));
    writable_after_close(directory_in(arguments[1], "too-late"));
    return check_summary("refusing_disk");
}
