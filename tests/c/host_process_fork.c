/* The library in a process that forks, and in its children.
 *
 *   host_process_fork CHECK DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "host_process.h"

#include <limits.h>

#define FORKED(call) EXPECT(call, REC_ERR_FORKED)

/* Every function with an engine fails with REC_ERR_FORKED in a child. */
static void engine_is_the_parents(rec_engine engine)
{
    const char *id = "01234567-89ab-cdef-0123-456789abcdef";
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_line_info line = REC_INIT(rec_line_info);
    rec_statistics statistics = REC_INIT(rec_statistics);
    rec_counts counts = REC_INIT(rec_counts);
    rec_snapshot *snapshot = NULL;
    rec_subscription subscription;
    rec_gateway gateway;
    rec_call call;
    rec_id new_id;
    struct event_counts events = EVENT_COUNTS_INIT;
    options.call_id = "line-0";
    line.directory_number = "1";
    FORKED(rec_call_begin(engine, &info, &call, &err));
    FORKED(rec_stop_by_id(engine, NULL, id, &err));
    FORKED(rec_discard_by_id(engine, NULL, id, &err));
    FORKED(rec_pause_by_id(engine, NULL, id, &err));
    FORKED(rec_resume_by_id(engine, NULL, id, &err));
    FORKED(rec_stop_by_device(engine, NULL, NULL, "1", &counts, &err));
    FORKED(rec_discard_by_device(engine, NULL, NULL, "1", &counts, &err));
    FORKED(rec_pause_by_device(engine, NULL, NULL, "1", &counts, &err));
    FORKED(rec_resume_by_device(engine, NULL, NULL, "1", &counts, &err));
    FORKED(rec_stop_by_call(engine, NULL, "line-0", NULL, &counts, &err));
    FORKED(rec_discard_by_call(engine, NULL, "line-0", NULL, &counts, &err));
    FORKED(rec_pause_by_call(engine, NULL, "line-0", &counts, &err));
    FORKED(rec_resume_by_call(engine, NULL, "line-0", &counts, &err));
    FORKED(rec_stats(engine, &statistics, &err));
    FORKED(rec_set_log(engine, NULL, NULL, NULL, &err));
    FORKED(rec_subscribe(engine, count_event, &events, note_freed, &subscription, &err));
    CHECK(events.freed == 0);
    FORKED(rec_line_set(engine, &line, &err));
    FORKED(rec_line_remove(engine, &line, &err));
    FORKED(rec_list(engine, NULL, NULL, &snapshot, &err));
    FORKED(rec_get(engine, NULL, id, &snapshot, &err));
    FORKED(rec_start(engine, NULL, &options, &new_id, &err));
    FORKED(rec_gateway_start(engine, NULL, &gateway, &err));
    FORKED(rec_adopt(engine, ".", 1000, NULL, &err));
    FORKED(rec_close(engine, 1000, &err));
    FORKED(rec_close(engine, 1000, &err)); /* the child cannot close it */
}

static void call_and_feed_are_the_parents(rec_call call, rec_feed feed)
{
    static const unsigned char packet[172] = {0x80};
    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_feed opened;
    rec_id id;
    char text[1024];
    format.codec = REC_CODEC_PCMU;
    FORKED(rec_feed_write(feed, packet, 160));
    FORKED(rec_feed_write_at(feed, 0, packet, 160));
    FORKED(rec_feed_rtp(feed, packet, sizeof packet));
    FORKED(rec_feed_rtp_at(feed, 0, packet, sizeof packet));
    FORKED(rec_feed_wait(feed, 1000));
    FORKED(rec_feed_set_format(feed, &format, &err));
    FORKED(rec_feed_payload(feed, 96, &format, &err));
    FORKED(rec_feed_close(feed));
    FORKED(rec_feed_open(call, REC_LEG_REMOTE, &format, &opened, &err));
    FORKED(rec_call_start(call, NULL, &options, &id, &err));
    FORKED(rec_call_stop(call, NULL, NULL, &err));
    FORKED(rec_call_pause(call, NULL, NULL, &err));
    FORKED(rec_call_resume(call, NULL, NULL, &err));
    FORKED(rec_call_update(call, &info, &err));
    FORKED(rec_call_id(call, text, sizeof text, &err));
    FORKED(rec_call_end(call, &err));
}

/* Snapshots and configurations work in a child. Invalid handles stay invalid. */
static void plain_memory_is_shared(rec_snapshot *snapshot, rec_config *config)
{
    CHECK(rec_snapshot_count(snapshot) == LINES);
    for (size_t i = 0; i < LINES; i++) {
        const rec_recording *recording = rec_snapshot_get(snapshot, i);
        CHECK(recording != NULL && strncmp(recording->call_id, "line-", 5) == 0);
    }
    CHECK(rec_snapshot_json(snapshot)[0] == '[');
    rec_snapshot_free(snapshot);
    OK(rec_config_set(config, "storage.flush_ms", "200", &err));
    EXPECT(rec_config_set(config, "no.such", "200", &err), REC_ERR_CONFIG);
    CHECK(strcmp(rec_version(), REC_VERSION_STRING) == 0 && rec_status_text(REC_ERR_FORKED)[0] != '\0');
    EXPECT(rec_feed_close((rec_feed){0}), REC_ERR_BAD_HANDLE);
    EXPECT(rec_close((rec_engine){0}, 0, &err), REC_ERR_BAD_HANDLE);
}

/* Makes one recording with a new engine. */
static void record_one(const char *directory, uint64_t bytes)
{
    unsigned char packet[160];
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    rec_subscription subscription;
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_config *config = load_config(directory, NULL);
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    MUST(rec_subscribe(engine, count_event, &events, note_freed, &subscription, &err));
    begin_line(engine, "own", &call, &feed);
    for (uint64_t at = 0; at < bytes;) {
        for (unsigned i = 0; i < sizeof packet; i++)
            packet[i] = line_byte(9, at + i);
        rec_status status = rec_feed_write(feed, packet, sizeof packet);
        if (status == REC_OK)
            at += sizeof packet;
        else if (status != REC_ERR_OVERRUN || !OK(rec_feed_wait(feed, PATIENCE_MS)))
            break;
    }
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(events.times[REC_EVENT_STARTED] == 1 && events.times[REC_EVENT_FINISHED] == 1 && events.freed == 1);
    CHECK(has_whole_audio(directory, "own", 9, bytes));
    CHECK(all_threads_end());
}

static pid_t fork_child(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        memset(host_threads, 0, sizeof host_threads);
        host_thread_count = 0;
        register_host_thread();
    }
    return child;
}

static void handles_are_the_parents(const char *directory)
{
    static struct load load;
    const char *own = directory_in(directory, "own");
    load_begin(&load, directory_in(directory, "parent"), NULL);
    /* Only the recordings of the lines stay live. */
    load_stop(&load);
    rec_snapshot *snapshot = NULL;
    rec_config *config = NULL;
    MUST(rec_config_new(&config));
    MUST(rec_list(load.engine, NULL, NULL, &snapshot, &err));
    pid_t child = fork_child();
    if (child == 0) {
        call_and_feed_are_the_parents(load.lines[0].call, load.lines[0].feed);
        FORKED(rec_unsubscribe(load.subscription));
        engine_is_the_parents(load.engine);
        plain_memory_is_shared(snapshot, config);
        record_one(own, 16000);
        /* The handles of the parent stay invalid after the child has used its own engine. */
        call_and_feed_are_the_parents(load.lines[1].call, load.lines[1].feed);
        FORKED(rec_unsubscribe(load.subscription));
        engine_is_the_parents(load.engine);
        _exit(failures > 0);
    }
    EXPECT_CHILD_SUCCESS(child);
    rec_config_free(config);
    CHECK(rec_snapshot_count(snapshot) == LINES);
    rec_snapshot_free(snapshot);
    /* The parent is not affected. */
    for (unsigned n = 0; n < LINES; n++) {
        unsigned char packet[160];
        for (unsigned i = 0; i < sizeof packet; i++)
            packet[i] = line_byte(n, load.lines[n].written + i);
        while (rec_feed_write(load.lines[n].feed, packet, sizeof packet) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(load.lines[n].feed, PATIENCE_MS));
        load.lines[n].written += sizeof packet;
    }
    load.stop = false;
    for (unsigned n = 0; n < LINES; n++)
        pthread_create(&load.lines[n].thread, NULL, feed_line, &load.lines[n]);
    pthread_create(&load.short_calls, NULL, begin_and_end, &load);
    load_end(&load);
}

/* Three generations of children record at the same time. */
static void children_of_children(const char *directory)
{
    static struct load load;
    const char *first = directory_in(directory, "first"), *second = directory_in(directory, "second"), *third = directory_in(directory, "third");
    load_begin(&load, directory_in(directory, "parent"), NULL);
    pid_t child = fork_child();
    if (child == 0) {
        static struct load own;
        load_begin(&own, first, NULL);
        pid_t grandchild = fork_child();
        if (grandchild == 0) {
            call_and_feed_are_the_parents(load.lines[0].call, load.lines[0].feed);
            call_and_feed_are_the_parents(own.lines[0].call, own.lines[0].feed);
            engine_is_the_parents(own.engine);
            record_one(second, 16000);
            pid_t last = fork_child();
            if (last == 0) {
                record_one(third, 16000);
                _exit(failures > 0);
            }
            EXPECT_CHILD_SUCCESS(last);
            _exit(failures > 0);
        }
        EXPECT_CHILD_SUCCESS(grandchild);
        load_end(&own);
        _exit(failures > 0);
    }
    EXPECT_CHILD_SUCCESS(child);
    load_end(&load);
}

static rec_status open_in(const char *directory, rec_engine *engine)
{
    rec_config *config = load_config(directory, NULL);
    rec_status status = rec_open(config, engine, &err);
    rec_config_free(config);
    return status;
}

/* Runs one check of this program in a new process. */
static pid_t another_process(const char *what, const char *directory)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "host_process_fork", what, directory, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void check_locked(const char *directory)
{
    rec_engine engine;
    EXPECT(open_in(directory, &engine), REC_ERR_UNAVAILABLE);
}

/* Opens the directory of an ended process, and waits until the recordings of the lines are recovered. */
static void check_recovered(const char *directory)
{
    rec_engine engine;
    rec_subscription subscription;
    struct event_counts events = EVENT_COUNTS_INIT;
    if (!OK(open_in(directory, &engine)))
        return;
    MUST(rec_subscribe(engine, count_line_event, &events, NULL, &subscription, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, LINES));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(has_whole_audio(directory, "line-0", 0, UINT64_MAX));
}

/* A backup within the host may do this. Closing the file would release a POSIX record lock. */
static void reads_the_lock_file(const char *directory)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.callrec/lock", directory);
    int file = open(path, O_RDWR | O_CLOEXEC);
    CHECK(file >= 0 && close(file) == 0);
}

static void the_lock_stays_with_the_parent(const char *directory)
{
    static struct load load;
    const char *storage = directory_in(directory, "held");
    load_begin(&load, storage, NULL);
    for (unsigned round = 0; round < 3; round++) {
        pid_t child = fork_child();
        if (child == 0) {
            rec_engine engine;
            EXPECT(open_in(storage, &engine), REC_ERR_UNAVAILABLE);
            if (round == 1) /* closing the inherited descriptors does not release the lock */
                syscall(SYS_close_range, 3, ~0u, 0);
            EXPECT(open_in(storage, &engine), REC_ERR_UNAVAILABLE);
            if (round == 2)
                exit(failures > 0);
            _exit(failures > 0);
        }
        EXPECT_CHILD_SUCCESS(child);
        reads_the_lock_file(storage);
        EXPECT_CHILD_SUCCESS(another_process("is-held", storage));
        rec_engine again;
        EXPECT(open_in(storage, &again), REC_ERR_UNAVAILABLE); /* the parent cannot open it twice, either */
        EXPECT_CHILD_SUCCESS(another_process("is-held", storage));
    }
    pid_t idle = fork_child();
    if (idle == 0)
        for (;;)
            pause();
    load_end(&load);
    /* Once the parent has closed the engine, others can open the directory, even with live children. */
    EXPECT_CHILD_SUCCESS(another_process("is-free-again", storage));
    kill(idle, SIGKILL);
    waitpid(idle, NULL, 0);
    pid_t child = fork_child();
    if (child == 0) {
        rec_engine engine;
        OK(open_in(storage, &engine));
        OK(rec_close(engine, PATIENCE_MS, &err));
        _exit(failures > 0);
    }
    EXPECT_CHILD_SUCCESS(child);
}

static void the_lock_dies_with_the_parent(const char *directory)
{
    const char *storage = directory_in(directory, "held");
    int ready[2];
    pid_t grandchild = 0;
    if (!CHECK(pipe(ready) == 0))
        return;
    pid_t parent = fork_child();
    if (parent == 0) {
        static struct load load;
        unsigned before;
        load_begin(&load, storage, NULL);
        pid_t child = fork_child();
        if (child == 0) {
            for (;;)
                pause();
        }
        for (before = load.short_call_count; load.short_call_count < before + 3;)
            sched_yield();
        rec_statistics statistics = REC_INIT(rec_statistics);
        do /* until some audio is on the disk */
            OK(rec_stats(load.engine, &statistics, &err));
        while (statistics.bytes_out < 20000);
        if (write(ready[1], &child, sizeof child) == sizeof child)
            for (;;)
                pause();
        _exit(1);
    }
    struct pollfd ready_event = {.fd = ready[0], .events = POLLIN};
    bool is_ready = CHECK(poll(&ready_event, 1, PATIENCE_MS) == 1 && read(ready[0], &grandchild, sizeof grandchild) == sizeof grandchild);
    if (is_ready) {
        reads_the_lock_file(storage);
        EXPECT_CHILD_SUCCESS(another_process("is-held", storage));
    }
    kill(parent, SIGKILL);
    CHECK(waitpid(parent, NULL, 0) == parent);
    if (is_ready) {
        CHECK(kill(grandchild, 0) == 0); /* the grandchild is alive, with the inherited descriptors */
        EXPECT_CHILD_SUCCESS(another_process("is-free", storage));
        CHECK(kill(grandchild, 0) == 0);
        kill(grandchild, SIGKILL);
    }
    close(ready[0]);
    close(ready[1]);
}

/* A child never blocks on a lock that a thread of the parent held at the fork. */
static void forks_in_a_loop(const char *directory)
{
    static struct load load;
    load_begin(&load, directory_in(directory, "parent"), NULL);
    for (unsigned round = 0; round < 200; round++) {
        char name[32];
        snprintf(name, sizeof name, "child-%u", round);
        const char *own = directory_in(directory, name);
        pid_t child = fork_child();
        if (child == 0) {
            rec_snapshot *snapshot = NULL;
            FORKED(rec_feed_write(load.lines[0].feed, name, sizeof name));
            FORKED(rec_list(load.engine, NULL, NULL, &snapshot, &err));
            FORKED(rec_call_end(load.lines[1].call, &err));
            FORKED(rec_unsubscribe(load.subscription));
            if (round % 2 == 0)
                record_one(own, 3200);
            else if (round % 8 == 1)
                exit(failures > 0);
            FORKED(rec_close(load.engine, 1000, &err));
            _exit(failures > 0);
        }
        if (!EXPECT_CHILD_SUCCESS(child)) {
            fprintf(stderr, "in round %u\n", round);
            break;
        }
    }
    load_end(&load);
}

static const struct named_check checks[] = {
    {"handles-are-the-parents", handles_are_the_parents},
    {"children-of-children", children_of_children},
    {"the-lock-stays-with-the-parent", the_lock_stays_with_the_parent},
    {"the-lock-dies-with-the-parent", the_lock_dies_with_the_parent},
    {"forks-in-a-loop", forks_in_a_loop},
};

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "is-held") == 0) {
        check_locked(arguments[2]);
        return failures > 0;
    }
    if (count == 3 && strcmp(arguments[1], "is-free-again") == 0) {
        rec_engine engine;
        if (OK(open_in(arguments[2], &engine)))
            OK(rec_close(engine, PATIENCE_MS, &err));
        return failures > 0;
    }
    if (count == 3 && strcmp(arguments[1], "is-free") == 0) {
        check_recovered(arguments[2]);
        return failures > 0;
    }
    return run_named(checks, (int)(sizeof checks / sizeof checks[0]), arguments);
}
