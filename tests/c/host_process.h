/* Helpers of the programs that check the library's effect on its process: an engine under load, and
 * facts about the process that do not come from the library. Include after <callrec.h>. */
#ifndef HOST_PROCESS_H
#define HOST_PROCESS_H

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PATIENCE_MS = 20000 };

/* ---- the host's own threads ------------------------------------------------------ */

static atomic_int host_threads[64];
static atomic_uint host_thread_count;

static inline int thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

static inline void register_host_thread(void)
{
    unsigned at = host_thread_count++;
    if (at < 64)
        host_threads[at] = thread_id();
}

static inline bool is_host_thread(int thread)
{
    for (unsigned i = 0; i < 64; i++)
        if (host_threads[i] == thread)
            return true;
    return false;
}

/* ---- an engine under load -------------------------------------------------------- */

enum { LINES = 3 };

struct line {
    struct load *load;
    unsigned number;
    rec_call call;
    rec_feed feed;
    uint64_t written;
    pthread_t thread;
};

/* Each line has one recording, "line-N.wav", and a thread that writes its audio. One more thread begins
 * and ends short recordings. */
struct load {
    char directory[8192];
    rec_engine engine;
    struct event_counts events;
    rec_subscription subscription;
    struct line lines[LINES];
    pthread_t short_calls;
    atomic_uint short_call_count;
    atomic_bool stop;
};

/* Counts only the events of the recordings "line-N". */
static inline void count_line_event(void *user_data, const rec_event *event)
{
    if (event->recording != NULL && strncmp(event->recording->call_id, "line-", 5) == 0)
        count_event(user_data, event);
}

static inline unsigned char line_byte(unsigned line, uint64_t at)
{
    return (unsigned char)(at * 31 + at / 251 + line * 77);
}

static void *feed_line(void *argument)
{
    struct line *line = argument;
    unsigned char packet[160];
    register_host_thread();
    while (!line->load->stop) {
        for (unsigned i = 0; i < sizeof packet; i++)
            packet[i] = line_byte(line->number, line->written + i);
        rec_status status = rec_feed_write(line->feed, packet, sizeof packet);
        if (status == REC_OK) {
            line->written += sizeof packet;
            sleep_ms(1); /* 20 times as fast as real time */
        } else if (!CHECK(status == REC_ERR_OVERRUN)) {
            break;
        } else {
            status = rec_feed_wait(line->feed, PATIENCE_MS);
            CHECK(status == REC_OK);
        }
    }
    return NULL;
}

static void *begin_and_end(void *argument)
{
    struct load *load = argument;
    rec_error error = REC_INIT(rec_error);
    register_host_thread();
    while (!load->stop) {
        char name[32];
        rec_call call;
        rec_id id;
        rec_call_info info = REC_INIT(rec_call_info);
        rec_start_options options = REC_INIT(rec_start_options);
        snprintf(name, sizeof name, "short-%u", load->short_call_count);
        info.call_id = options.call_id = name;
        if (!CHECK(rec_call_begin(load->engine, &info, &call, &error) == REC_OK))
            break;
        CHECK(rec_start(load->engine, NULL, &options, &id, &error) == REC_OK);
        wait_for_event(&load->events, REC_EVENT_STARTED, LINES + load->short_call_count + 1);
        CHECK(rec_call_end(call, &error) == REC_OK);
        wait_for_event(&load->events, REC_EVENT_FINISHED, load->short_call_count + 1);
        load->short_call_count++;
    }
    return NULL;
}

static inline rec_config *load_config(const char *directory, const char *const *settings)
{
    rec_config *config = NULL;
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    MUST(rec_config_set(config, "storage.name", "{call_id}", &err));
    MUST(rec_config_set(config, "storage.durability", "process", &err));
    MUST(rec_config_set(config, "storage.flush_ms", "100", &err));
    MUST(rec_config_set(config, "media.clock", "stream", &err));
    for (; settings != NULL && settings[0] != NULL; settings += 2)
        MUST(rec_config_set(config, settings[0], settings[1], &err));
    return config;
}

/* Begins the call `name`, whose local leg is recorded as "<name>.wav". */
static inline void begin_line(rec_engine engine, const char *name, rec_call *call, rec_feed *feed)
{
    rec_id id;
    rec_start_options options = REC_INIT(rec_start_options);
    options.call_id = name;
    options.format = "wav-ulaw";
    options.layout = REC_LAYOUT_LOCAL;
    MUST(begin_call(engine, name, NULL, NULL, NULL, call));
    MUST(open_feed(*call, REC_LEG_LOCAL, REC_CODEC_PCMU, feed));
    MUST(rec_start(engine, NULL, &options, &id, &err));
}

static inline void load_begin(struct load *load, const char *directory, const char *const *settings)
{
    static const struct event_counts none = EVENT_COUNTS_INIT;
    snprintf(load->directory, sizeof load->directory, "%s", directory);
    load->events = none;
    load->short_call_count = 0;
    load->stop = false;
    rec_config *config = load_config(directory, settings);
    MUST(rec_open(config, &load->engine, &err));
    rec_config_free(config);
    MUST(rec_subscribe(load->engine, count_event, &load->events, NULL, &load->subscription, &err));
    for (unsigned n = 0; n < LINES; n++) {
        struct line *line = &load->lines[n];
        char name[32];
        snprintf(name, sizeof name, "line-%u", n);
        *line = (struct line){.load = load, .number = n};
        begin_line(load->engine, name, &line->call, &line->feed);
    }
    CHECK(wait_for_event(&load->events, REC_EVENT_STARTED, LINES));
    for (unsigned n = 0; n < LINES; n++)
        pthread_create(&load->lines[n].thread, NULL, feed_line, &load->lines[n]);
    pthread_create(&load->short_calls, NULL, begin_and_end, load);
    CHECK(wait_for_event(&load->events, REC_EVENT_FINISHED, 3)); /* three short recordings have ended */
}

/* The G.711 bytes of a WAV file, or NULL if it is not a WAV file. */
static inline unsigned char *wav_data(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    unsigned char *all = malloc(length + 1);
    bool read = fread(all, 1, length, file) == length;
    fclose(file);
    for (size_t at = 12; read && at + 8 <= length;) {
        size_t bytes = all[at + 4] | (size_t)all[at + 5] << 8 | (size_t)all[at + 6] << 16 | (size_t)all[at + 7] << 24;
        if (memcmp(all + at, "data", 4) == 0 && at + 8 + bytes <= length) {
            memmove(all, all + at + 8, bytes);
            *size = bytes;
            return all;
        }
        at += 8 + bytes + (bytes & 1);
    }
    free(all);
    return NULL;
}

/* Whether "<directory>/<name>.wav" has the audio that was written to the line: exactly `bytes` bytes of
 * it, or any length if `bytes` is UINT64_MAX. */
static inline bool has_whole_audio(const char *directory, const char *name, unsigned line, uint64_t bytes)
{
    char path[9000];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s.wav", directory, name);
    unsigned char *data = wav_data(path, &size);
    bool whole = data != NULL && (bytes == UINT64_MAX || size == bytes);
    for (size_t i = 0; whole && i < size; i++)
        whole = data[i] == line_byte(line, i);
    if (!whole)
        fprintf(stderr, "%s: %zu bytes of %" PRIu64 "\n", path, size, bytes);
    free(data);
    return whole;
}

static inline void load_stop(struct load *load)
{
    load->stop = true;
    for (unsigned n = 0; n < LINES; n++)
        pthread_join(load->lines[n].thread, NULL);
    pthread_join(load->short_calls, NULL);
}

/* Checks that the files have all audio that was written. */
static inline void load_end(struct load *load)
{
    load_stop(load);
    OK(rec_close(load->engine, PATIENCE_MS, &err));
    CHECK(load->events.times[REC_EVENT_FINISHED] == LINES + load->short_call_count);
    CHECK(load->events.times[REC_EVENT_FAILED] == 0 && load->events.times[REC_EVENT_LOSS] == 0);
    for (unsigned n = 0; n < LINES; n++) {
        char name[32];
        snprintf(name, sizeof name, "line-%u", n);
        CHECK(load->lines[n].written > 0);
        CHECK(has_whole_audio(load->directory, name, n, load->lines[n].written));
    }
}

/* ---- facts about the process -------------------------------------------------------- */

/* Copies the first line of /proc/self/task/<thread>/<file> that begins with `key`, without the key.
 * Returns false if the thread has ended. */
static inline bool task_line(int thread, const char *file, const char *key, char *line, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, file);
    FILE *from = fopen(path, "re");
    bool found = false;
    while (from != NULL && !found && fgets(line, (int)size, from) != NULL)
        found = strncmp(line, key, strlen(key)) == 0;
    if (from != NULL)
        fclose(from);
    if (found)
        memmove(line, line + strlen(key), strlen(line + strlen(key)) + 1);
    return found;
}

/* Counts the threads that are not the host's. Sets `all_well` to false if `check_thread` fails for one. */
static inline unsigned other_threads(bool (*check_thread)(int thread), bool *all_well)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        int thread = atoi(entry->d_name);
        if (thread == 0 || is_host_thread(thread))
            continue;
        count++;
        if (check_thread != NULL && !check_thread(thread))
            *all_well = false;
    }
    closedir(tasks);
    return count;
}

/* Waits, because a joined thread may still be listed for a moment. */
static inline bool all_threads_end(void)
{
    uint64_t limit = now_ms() + PATIENCE_MS;
    while (other_threads(NULL, NULL) > 0) {
        if (now_ms() > limit)
            return false;
        sched_yield();
    }
    return true;
}

/* Waits for a child. Kills it and returns false if it does not end in time. */
static inline bool wait_for_child(pid_t child, int timeout_ms, int *status)
{
    int handle = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    bool in_time = CHECK(handle >= 0);
    uint64_t limit = now_ms() + (uint64_t)timeout_ms;
    while (in_time && poll(&ended, 1, 100) < 1)
        in_time = now_ms() < limit;
    close(handle);
    if (!in_time)
        kill(child, SIGKILL);
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
    return in_time;
}

/* The child ends in time, with status 0. */
#define EXPECT_CHILD_SUCCESS(child) expect_child_success(__FILE__, __LINE__, child)

static inline bool expect_child_success(const char *file, int line, pid_t child)
{
    int status = -1;
    if (!wait_for_child(child, PATIENCE_MS, &status))
        return check_failed(file, line, "a child does not end");
    return check(file, line, "the child ends with 0", WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- one program, many checks ------------------------------------------------------ */

struct named_check {
    const char *name;
    void (*run)(const char *directory);
};

/* PROGRAM CHECK DIRECTORY */
static inline int run_named(const struct named_check *checks, int count, char **arguments)
{
    register_host_thread();
    for (int i = 0; i < count; i++) {
        if (arguments[1] != NULL && arguments[2] != NULL && strcmp(checks[i].name, arguments[1]) == 0) {
            checks[i].run(arguments[2]);
            return check_summary(arguments[1]);
        }
    }
    fprintf(stderr, "no such check\n");
    return 2;
}

#endif
