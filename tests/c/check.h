/* Helpers of the C tests. Include after <callrec.h>. */
#ifndef CHECK_H
#define CHECK_H

#include "directories.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static rec_error err = REC_INIT(rec_error);

/* A failed check does not end the program, so that one run shows every failure. */
static int failures;
static pthread_mutex_t failures_lock = PTHREAD_MUTEX_INITIALIZER;

static inline bool check_failed(const char *file, int line, const char *what)
{
    pthread_mutex_lock(&failures_lock);
    failures++;
    fprintf(stderr, "%s:%d: FAILED: %s\n", file, line, what);
    pthread_mutex_unlock(&failures_lock);
    return false;
}

static inline bool check(const char *file, int line, const char *what, bool holds)
{
    return holds || check_failed(file, line, what);
}

#define CHECK(condition) check(__FILE__, __LINE__, #condition, (condition))

static inline bool check_status(const char *file, int line, const char *what, rec_status got, rec_status expected)
{
    if (got == expected)
        return true;
    char text[2048];
    snprintf(text, sizeof text, "%s: %d (%s) instead of %d (%s); message: %.500s", what, got, rec_status_text(got), expected, rec_status_text(expected), err.message);
    return check_failed(file, line, text);
}

#define EXPECT(call, expected) check_status(__FILE__, __LINE__, #call, (call), (expected))
#define OK(call) EXPECT(call, REC_OK)
/* Ends the program after a failure. */
#define MUST(call) do { if (!OK(call)) { fprintf(stderr, "giving up\n"); exit(1); } } while (0)

static inline int check_summary(const char *name)
{
    fprintf(stderr, "%s: %s (%d failures)\n", name, failures == 0 ? "passed" : "FAILED", failures);
    return failures == 0 ? 0 : 1;
}

static inline uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Creates the directory "<base>/<name>". The returned path stays valid for 63 further calls. */
static inline const char *directory_in(const char *base, const char *name)
{
    static char paths[64][4096];
    static int used;
    char *path = paths[used++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    make_directory(path);
    return path;
}

/* Opens an engine. `settings` are keys and values, ended by NULL, or NULL. */
static inline rec_engine open_engine(const char *directory, const char *const *settings)
{
    rec_config *config = NULL;
    rec_engine engine = {0};
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    for (; settings != NULL && settings[0] != NULL; settings += 2)
        MUST(rec_config_set(config, settings[0], settings[1], &err));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    return engine;
}

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL, NULL})

static inline rec_status begin_call(rec_engine engine, const char *call_id, const char *device, const char *number, const char *username, rec_call *call)
{
    rec_call_info info = REC_INIT(rec_call_info);
    info.call_id = call_id;
    info.device_name = device;
    info.directory_number = number;
    info.username = username;
    return rec_call_begin(engine, &info, call, &err);
}

static inline rec_status open_feed(rec_call call, int32_t leg, int32_t codec, rec_feed *feed)
{
    rec_feed_format format = REC_INIT(rec_feed_format);
    format.codec = codec;
    return rec_feed_open(call, leg, &format, feed, &err);
}

static inline rec_status start_on(rec_engine engine, const rec_caller *caller, const char *device, const char *number, uint32_t flags, rec_id *id)
{
    rec_start_options options = REC_INIT(rec_start_options);
    options.device_name = device;
    options.directory_number = number;
    options.flags = flags;
    return rec_start(engine, caller, &options, id, &err);
}

/* ---- events ------------------------------------------------------------------ */

/* The test of the header compares the last kind. */
enum { KINDS = REC_EVENT_NODE_LOST + 1 };

/* The events that a subscription has received. */
struct event_counts {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned times[KINDS];
    unsigned repeated, freed;
    uint64_t sequence;
    bool in_order;
    char path[4096];
};

#define EVENT_COUNTS_INIT {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .in_order = true}

static inline void count_event(void *user_data, const rec_event *event)
{
    struct event_counts *events = user_data;
    pthread_mutex_lock(&events->lock);
    events->in_order = events->in_order && event->sequence > events->sequence;
    events->sequence = event->sequence;
    if (CHECK(event->kind > 0 && event->kind < KINDS))
        events->times[event->kind]++;
    if (event->flags & REC_EVENT_FLAG_REPEATED)
        events->repeated++;
    if (event->kind == REC_EVENT_FINISHED)
        snprintf(events->path, sizeof events->path, "%s", event->recording->path);
    pthread_cond_broadcast(&events->changed);
    pthread_mutex_unlock(&events->lock);
}

static inline void note_freed(void *user_data)
{
    struct event_counts *events = user_data;
    pthread_mutex_lock(&events->lock);
    events->freed++;
    pthread_mutex_unlock(&events->lock);
}

/* Waits up to 20 s until an event has been received this many times. */
static inline bool wait_for_event(struct event_counts *events, int32_t kind, unsigned times)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    pthread_mutex_lock(&events->lock);
    int late = 0;
    while (events->times[kind] < times && late == 0)
        late = pthread_cond_timedwait(&events->changed, &events->lock, &limit);
    bool received = events->times[kind] >= times;
    pthread_mutex_unlock(&events->lock);
    return received;
}

#endif
