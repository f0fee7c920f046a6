/* Eight threads start, stop, pause, resume, discard, list and hang up on the same few lines.
 * Afterwards the results, the events and the files must agree.
 *
 *   stress DIRECTORY SECONDS */
#undef NDEBUG
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "check.h"

#include <stdatomic.h>

enum { THREADS = 8, LINES = 3, STARTS = 1 << 17, OUTSTANDING = 200 };

struct entry {
    char id[37];
    int32_t end_reason; /* of the terminal event */
};

/* The results of the threads, and the events. */
static struct entry started[STARTS], stopped[STARTS], ended[STARTS], discarded[STARTS];
static atomic_uint starts, stops_by_id, discards, terminals, stops_by_device, discards_by_call;
static atomic_uint reported_started, reported_start_failed, reported_failed, reported_paused, reported_resumed, pauses, resumes, hangups, lists;
static atomic_bool stop;

static rec_engine engine;
static rec_call calls[LINES];
static pthread_mutex_t call_locks[LINES];
static const char *const devices[LINES] = {"SEP000000000001", "SEP000000000002", "SEP000000000003"};
static const char *const numbers[LINES] = {"101", "102", "103"};

static pthread_mutex_t entries_lock = PTHREAD_MUTEX_INITIALIZER;

static void append(struct entry *entries, atomic_uint *used, const char *id, int32_t end_reason)
{
    pthread_mutex_lock(&entries_lock);
    if (*used >= STARTS)
        abort();
    memcpy(entries[*used].id, id, 37);
    entries[*used].end_reason = end_reason;
    ++*used;
    pthread_mutex_unlock(&entries_lock);
}

static void on_event(void *user_data, const rec_event *event)
{
    (void)user_data;
    switch (event->kind) {
    case REC_EVENT_STARTED: reported_started++; break;
    case REC_EVENT_PAUSED: reported_paused++; break;
    case REC_EVENT_RESUMED: reported_resumed++; break;
    case REC_EVENT_START_FAILED: reported_start_failed++; break;
    case REC_EVENT_FAILED: reported_failed++; /* fall through */
    case REC_EVENT_FINISHED: append(ended, &terminals, event->recording->id.text, event->recording->end_reason); break;
    default: break;
    }
}

static unsigned rng(unsigned *seed, unsigned sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % sides;
}

/* Copies the id of a recent recording, so that several threads use it. */
static bool recent(unsigned *seed, char id[37])
{
    pthread_mutex_lock(&entries_lock);
    unsigned count = starts;
    if (count > 0)
        memcpy(id, started[count - 1 - rng(seed, count < 4 ? count : 4)].id, 37);
    pthread_mutex_unlock(&entries_lock);
    return count > 0;
}

static void hang_up(int line)
{
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    info.device_name = devices[line];
    info.directory_number = numbers[line];
    info.call_id = numbers[line];
    pthread_mutex_lock(&call_locks[line]);
    CHECK(rec_call_end(calls[line], &error) == REC_OK);
    CHECK(rec_call_begin(engine, &info, &calls[line], &error) == REC_OK);
    pthread_mutex_unlock(&call_locks[line]);
    hangups++;
}

static void list(const char *number)
{
    rec_error error = REC_INIT(rec_error);
    rec_filter filter = REC_INIT(rec_filter);
    rec_snapshot *snapshot = NULL;
    filter.directory_number = number;
    if (!CHECK(rec_list(engine, NULL, &filter, &snapshot, &error) == REC_OK))
        return;
    for (size_t i = 0; i < rec_snapshot_count(snapshot); i++) {
        const rec_recording *live = rec_snapshot_get(snapshot, i);
        CHECK(live->state == REC_STATE_RECORDING || live->state == REC_STATE_PAUSED);
        CHECK(number == NULL || strcmp(live->directory_number, number) == 0);
    }
    CHECK(rec_snapshot_json(snapshot)[0] == '[');
    rec_snapshot_free(snapshot);
    lists++;
}

static bool is_ok_or_one_of(rec_status got, rec_status a, rec_status b, rec_status c)
{
    if (got != REC_OK && got != a && got != b && got != c)
        fprintf(stderr, "status %d: %s\n", got, rec_status_text(got));
    return got == REC_OK || got == a || got == b || got == c;
}

static void act(unsigned *seed)
{
    rec_error error = REC_INIT(rec_error);
    rec_counts counts = REC_INIT(rec_counts);
    int line = (int)rng(seed, LINES);
    char id[37];
    rec_status status;
    switch (rng(seed, 16)) {
    case 0: case 1: case 2: case 3: {
        rec_start_options options = REC_INIT(rec_start_options);
        rec_id fresh;
        if (atomic_load(&starts) - atomic_load(&terminals) > OUTSTANDING)
            return; /* lets the disk catch up */
        options.device_name = devices[line];
        options.flags = rng(seed, 3) == 0 ? REC_START_ADDITIONAL : 0;
        status = rec_start(engine, NULL, &options, &fresh, &error);
        CHECK(is_ok_or_one_of(status, REC_ERR_ALREADY_RECORDING, REC_ERR_NO_CALL, REC_OK));
        if (status == REC_OK)
            append(started, &starts, fresh.text, 0);
        break;
    }
    case 4: case 5: case 6:
        if (!recent(seed, id))
            return;
        status = rec_stop_by_id(engine, NULL, id, &error);
        CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_OK, REC_OK));
        if (status == REC_OK)
            append(stopped, &stops_by_id, id, REC_END_STOPPED);
        break;
    case 7: case 8:
        status = rec_stop_by_device(engine, NULL, devices[line], numbers[line], &counts, &error);
        CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_OK, REC_OK));
        stops_by_device += counts.changed;
        break;
    case 9:
        status = rec_pause_by_device(engine, NULL, devices[line], NULL, &counts, &error);
        CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_ERR_ALREADY_PAUSED, REC_OK));
        pauses += counts.changed;
        break;
    case 10:
        status = rec_resume_by_call(engine, NULL, numbers[line], &counts, &error);
        CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_ERR_NOT_PAUSED, REC_ERR_NO_CALL));
        resumes += counts.changed;
        break;
    case 11:
        if (recent(seed, id)) {
            status = rec_pause_by_id(engine, NULL, id, &error);
            CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_ERR_ALREADY_PAUSED, REC_OK));
            pauses += status == REC_OK;
        }
        break;
    case 12:
        if (recent(seed, id)) {
            status = rec_discard_by_id(engine, NULL, id, &error);
            CHECK(is_ok_or_one_of(status, REC_ERR_NOT_LIVE, REC_OK, REC_OK));
            if (status == REC_OK)
                append(discarded, &discards, id, REC_END_DISCARDED);
        }
        break;
    case 13:
        list(numbers[line]);
        break;
    case 14:
        list(NULL);
        break;
    default:
        if (rng(seed, 8) == 0)
            hang_up(line);
        else if (rng(seed, 4) == 0) {
            status = rec_discard_by_call(engine, NULL, numbers[line], NULL, &counts, &error);
            CHECK(is_ok_or_one_of(status, REC_ERR_NO_CALL, REC_OK, REC_OK));
            discards_by_call += counts.changed;
        }
    }
}

static void *control(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument * 7919;
    while (!atomic_load(&stop)) {
        act(&seed);
        if (rng(&seed, 4) == 0)
            sleep_ms(1);
    }
    return NULL;
}

/* Writes audio to one line all the time. */
static void *write_audio(void *argument)
{
    int line = (int)(uintptr_t)argument;
    static const int16_t packet[160] = {1000, -1000};
    rec_error error = REC_INIT(rec_error);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_feed feed = {0};
    format.codec = REC_CODEC_PCM16;
    while (!atomic_load(&stop)) {
        if (rec_feed_write(feed, packet, sizeof packet) == REC_ERR_BAD_HANDLE) { /* no feed yet, or its call has ended */
            pthread_mutex_lock(&call_locks[line]);
            CHECK(rec_feed_open(calls[line], REC_LEG_LOCAL, &format, &feed, &error) == REC_OK);
            pthread_mutex_unlock(&call_locks[line]);
        }
        sleep_ms(20);
    }
    return NULL;
}

/* ---- the checks ------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static struct entry *find(struct entry *entries, unsigned used, const char *id)
{
    struct entry key;
    memcpy(key.id, id, 37);
    return bsearch(&key, entries, used, sizeof *entries, by_id);
}

struct file_count {
    const char *ending;
    unsigned count;
};

static void count_file(void *data, const char *path, const char *name, enum entry_kind kind)
{
    struct file_count *files = data;
    size_t length = strlen(name), end = strlen(files->ending);
    (void)path;
    (void)kind;
    files->count += length > end && strcmp(name + length - end, files->ending) == 0;
}

static unsigned count_files(const char *directory, const char *ending)
{
    struct file_count files = {ending, 0};
    CHECK(each_entry(directory, count_file, &files));
    return files.count;
}

static void check_counts(const char *directory)
{
    unsigned reasons[REC_END_DISCARDED + 1] = {0};
    char hidden[4096];
    qsort(started, starts, sizeof *started, by_id);
    qsort(ended, terminals, sizeof *ended, by_id);
    qsort(stopped, stops_by_id, sizeof *stopped, by_id);
    qsort(discarded, discards, sizeof *discarded, by_id);

    /* Each successful start has exactly one terminal event. */
    CHECK(starts == terminals && reported_started == starts && reported_start_failed == 0 && reported_failed == 0);
    for (unsigned i = 0; i < starts && i < terminals; i++)
        CHECK(strcmp(started[i].id, ended[i].id) == 0);
    for (unsigned i = 0; i < terminals; i++)
        if (CHECK(ended[i].end_reason > 0 && ended[i].end_reason <= REC_END_DISCARDED))
            reasons[ended[i].end_reason]++;

    /* Each recording is stopped by id at most once, and then has that end reason. */
    for (unsigned i = 0; i < stops_by_id; i++) {
        struct entry *entry = find(ended, terminals, stopped[i].id);
        CHECK(i == 0 || strcmp(stopped[i].id, stopped[i - 1].id) != 0);
        CHECK(entry != NULL && entry->end_reason == REC_END_STOPPED);
        CHECK(find(discarded, discards, stopped[i].id) == NULL);
    }
    for (unsigned i = 0; i < discards; i++) {
        struct entry *entry = find(ended, terminals, discarded[i].id);
        CHECK(i == 0 || strcmp(discarded[i].id, discarded[i - 1].id) != 0);
        CHECK(entry != NULL && entry->end_reason == REC_END_DISCARDED);
    }
    CHECK(reasons[REC_END_STOPPED] == stops_by_id + stops_by_device);
    CHECK(reasons[REC_END_DISCARDED] == discards + discards_by_call);
    CHECK(reasons[REC_END_STOPPED] + reasons[REC_END_DISCARDED] + reasons[REC_END_CALL_ENDED] == starts);

    /* The files agree. */
    unsigned published = terminals - reasons[REC_END_DISCARDED];
    snprintf(hidden, sizeof hidden, "%s/.callrec", directory);
    unsigned files = count_files(directory, ".wav"), parts = count_files(directory, ".part"), open = count_files(hidden, ".json");
    CHECK(files == published && parts == 0 && open == 0);
    /* Every successful pause and resume was reported, also for discarded recordings. */
    CHECK(reported_paused == pauses && reported_resumed == resumes);
    printf("%u starts; stopped: %u by id, %u by line; discarded: %u + %u; ended with %u hang-ups: %u; %u pauses (%u reported), %u resumes (%u reported), %u lists; %u files of %u, %u parts, %u unsettled\n",
           starts, stops_by_id, stops_by_device, discards, discards_by_call, hangups, reasons[REC_END_CALL_ENDED], pauses, reported_paused, resumes, reported_resumed, lists,
           files, published, parts, open);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s DIRECTORY SECONDS\n", argv[0]);
        return 2;
    }
    engine = open_engine(argv[1], SETTINGS("storage.durability", "process"));
    rec_subscription subscription;
    MUST(rec_subscribe(engine, on_event, NULL, NULL, &subscription, &err));
    for (int line = 0; line < LINES; line++) {
        pthread_mutex_init(&call_locks[line], NULL);
        MUST(begin_call(engine, numbers[line], devices[line], numbers[line], NULL, &calls[line]));
    }

    pthread_t threads[THREADS + LINES];
    for (int i = 0; i < THREADS + LINES; i++) {
        void *argument = (void *)(uintptr_t)(i < THREADS ? i + 1 : i - THREADS);
        if (pthread_create(&threads[i], NULL, i < THREADS ? control : write_audio, argument) != 0)
            return 1;
    }
    sleep_ms(atol(argv[2]) * 1000);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS + LINES; i++)
        pthread_join(threads[i], NULL);

    for (int line = 0; line < LINES; line++)
        OK(rec_call_end(calls[line], &err));
    rec_snapshot *snapshot = NULL;
    rec_statistics statistics = REC_INIT(rec_statistics);
    OK(rec_list(engine, NULL, NULL, &snapshot, &err));
    CHECK(rec_snapshot_count(snapshot) == 0 && strcmp(rec_snapshot_json(snapshot), "[]") == 0);
    rec_snapshot_free(snapshot);
    OK(rec_stats(engine, &statistics, &err));
    CHECK(statistics.live_calls == 0 && statistics.live_recordings == 0);
    for (int i = 0; i < 6000 && atomic_load(&terminals) < atomic_load(&starts); i++)
        sleep_ms(10);
    OK(rec_stats(engine, &statistics, &err));
    CHECK(statistics.finishing_recordings == 0 && statistics.backlog_bytes == 0);
    OK(rec_close(engine, 30000, &err));
    check_counts(argv[1]);
    return check_summary("stress");
}
