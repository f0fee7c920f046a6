/* Writing a packet makes no system call. Threads write audio while seccomp forbids them every system
 * call, and survive.
 *
 *   host_process_seccomp CHECK DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "host_process.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

enum { CALLS = 30000, STATUSES = 32 };

/* A confined thread and its results. */
struct confined {
    rec_feed feed;
    bool makes_system_call; /* proves that the thread is confined */
    atomic_bool entered, survived;
    unsigned statuses[STATUSES]; /* counts, by -status */
    pthread_t thread;
};

/* Forbids system calls, except exit (the strict mode also allows read, write and sigreturn). Any other
 * call ends the thread. */
static bool confine(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0)
        return true;
    /* Strict mode is not available within a container that has a filter. */
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void note_status(struct confined *confined, rec_status status)
{
    confined->statuses[-status < STATUSES ? -status : STATUSES - 1]++;
}

static void *write_confined(void *argument)
{
    struct confined *confined = argument;
    static const unsigned char silence[4096];
    unsigned char packet[172] = {0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    register_host_thread();
    /* The first call of a function may make system calls in the dynamic linker. */
    note_status(confined, rec_feed_rtp((rec_feed){0}, packet, sizeof packet));
    note_status(confined, rec_feed_rtp_at((rec_feed){0}, 0, packet, sizeof packet));
    note_status(confined, rec_feed_write((rec_feed){0}, packet, 160));
    note_status(confined, rec_feed_write_at((rec_feed){0}, 0, packet, 160));
    memset(confined->statuses, 0, sizeof confined->statuses);
    confined->entered = confine();
    if (!confined->entered)
        return NULL;
    if (confined->makes_system_call)
        syscall(SYS_getppid);
    for (unsigned n = 0; n < CALLS; n++) {
        packet[2] = (unsigned char)(n >> 8), packet[3] = (unsigned char)n;
        uint32_t time = n * 160;
        for (int i = 0; i < 4; i++)
            packet[4 + i] = (unsigned char)(time >> (24 - 8 * i));
        note_status(confined, rec_feed_rtp(confined->feed, packet, sizeof packet));
        note_status(confined, rec_feed_rtp_at(confined->feed, 1000, packet, n % 20));
        note_status(confined, rec_feed_write(confined->feed, packet, 160));
        note_status(confined, rec_feed_write_at(confined->feed, (uint64_t)n * 320, packet, 160));
        note_status(confined, rec_feed_write(confined->feed, silence, sizeof silence));
        note_status(confined, rec_feed_write((rec_feed){confined->feed.id ^ 1u << 24}, packet, 160));
        for (volatile unsigned wait = 0; wait < 2000; wait++) /* gives the worker time without a system call */
            ;
    }
    confined->survived = true;
    for (;;)
        syscall(SYS_exit, 0);
}

/* Returns whether the thread survived; false also if the kernel cannot confine it. */
static bool run_confined(struct confined *confined, rec_feed feed)
{
    memset(confined, 0, sizeof *confined);
    confined->feed = feed;
    pthread_create(&confined->thread, NULL, write_confined, confined);
    pthread_join(confined->thread, NULL);
    CHECK(confined->entered);
    return confined->survived;
}

static void check_feed(const char *directory, const char *clock)
{
    static struct confined confined;
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    rec_config *config = load_config(directory, SETTINGS("media.clock", clock));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    begin_line(engine, "line", &call, &feed);
    CHECK(run_confined(&confined, feed));
    CHECK(confined.statuses[-REC_OK] > 100);
    CHECK(confined.statuses[-REC_ERR_OVERRUN] > 100);
    CHECK(confined.statuses[-REC_ERR_INVALID_ARGUMENT] == CALLS);
    CHECK(confined.statuses[-REC_ERR_BAD_HANDLE] == CALLS);
    OK(rec_feed_close(feed));
    CHECK(run_confined(&confined, feed)); /* a stale handle */
    CHECK(confined.statuses[-REC_ERR_BAD_HANDLE] >= CALLS * 5);
    OK(rec_close(engine, PATIENCE_MS, &err));
}

static void in_real_time(const char *directory)
{
    check_feed(directory, "real");
}

static void in_stream_time(const char *directory)
{
    check_feed(directory, "stream");
}

/* Writes 5 s of packets, more than the ring of a feed holds. */
static void *write_burst(void *argument)
{
    struct confined *confined = argument;
    unsigned char packet[172] = {0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    register_host_thread();
    note_status(confined, rec_feed_rtp((rec_feed){0}, packet, sizeof packet));
    memset(confined->statuses, 0, sizeof confined->statuses);
    confined->entered = confine();
    if (!confined->entered)
        return NULL;
    for (unsigned n = 0; n < 250; n++) {
        uint32_t time = n * 160;
        packet[3] = (unsigned char)n;
        for (int i = 0; i < 4; i++)
            packet[4 + i] = (unsigned char)(time >> (24 - 8 * i));
        note_status(confined, rec_feed_rtp(confined->feed, packet, sizeof packet));
    }
    confined->survived = true;
    for (;;)
        syscall(SYS_exit, 0);
}

static void a_burst(const char *directory)
{
    static struct confined confined[8];
    rec_call call[8];
    rec_engine engine;
    rec_config *config = load_config(directory, SETTINGS("media.clock", "real"));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    for (unsigned n = 0; n < 8; n++) {
        char name[16];
        snprintf(name, sizeof name, "line-%u", n);
        begin_line(engine, name, &call[n], &confined[n].feed);
    }
    for (unsigned n = 0; n < 8; n++)
        pthread_create(&confined[n].thread, NULL, write_burst, &confined[n]);
    for (unsigned n = 0; n < 8; n++) {
        pthread_join(confined[n].thread, NULL);
        CHECK(confined[n].survived && confined[n].statuses[-REC_OK] == 250);
    }
    OK(rec_close(engine, PATIENCE_MS, &err));
}

/* Other threads open, close, replace, control and use the feed at the same time. */
static void beside_everything_else(const char *directory)
{
    static struct load load;
    static struct confined confined[3];
    load_begin(&load, directory, NULL);
    load_stop(&load);
    for (unsigned n = 0; n < 3; n++) {
        confined[n].feed = load.lines[n].feed;
        pthread_create(&confined[n].thread, NULL, write_confined, &confined[n]);
    }
    for (unsigned round = 0; !confined[0].survived && round < 100000; round++) {
        rec_feed_format format = REC_INIT(rec_feed_format);
        rec_counts counts = REC_INIT(rec_counts);
        rec_feed other;
        format.codec = REC_CODEC_PCMU;
        rec_feed_write(load.lines[0].feed, "x", 1);
        OK(rec_feed_payload(load.lines[0].feed, 96, &format, &err));
        if (round < 300) {
            OK(rec_pause_by_call(load.engine, NULL, "line-0", &counts, &err));
            OK(rec_resume_by_call(load.engine, NULL, "line-0", &counts, &err));
        }
        if (round == 1000)
            OK(open_feed(load.lines[1].call, REC_LEG_LOCAL, REC_CODEC_PCMU, &other));
        if (round == 2000)
            OK(rec_call_end(load.lines[2].call, &err));
    }
    for (unsigned n = 0; n < 3; n++) {
        pthread_join(confined[n].thread, NULL);
        CHECK(confined[n].entered && confined[n].survived);
    }
    OK(rec_close(load.engine, PATIENCE_MS, &err));
}

/* A child detects a feed of its parent without a system call. */
static void in_a_forked_child(const char *directory)
{
    static struct confined confined;
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    rec_config *config = load_config(directory, NULL);
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    begin_line(engine, "line", &call, &feed);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        CHECK(run_confined(&confined, feed));
        CHECK(confined.statuses[-REC_ERR_FORKED] >= CALLS * 4);
        _exit(failures > 0);
    }
    EXPECT_CHILD_SUCCESS(child);
    OK(rec_close(engine, PATIENCE_MS, &err));
}

/* Shows that the other checks would detect a system call. */
static void a_system_call_ends_a_confined_thread(const char *directory)
{
    static struct confined confined = {.makes_system_call = true};
    (void)directory;
    pthread_create(&confined.thread, NULL, write_confined, &confined);
    pthread_join(confined.thread, NULL);
    CHECK(confined.entered && !confined.survived);
}

static const struct named_check checks[] = {
    {"a-system-call-ends-a-confined-thread", a_system_call_ends_a_confined_thread},
    {"in-real-time", in_real_time},
    {"in-stream-time", in_stream_time},
    {"a-burst", a_burst},
    {"beside-everything-else", beside_everything_else},
    {"in-a-forked-child", in_a_forked_child},
};

int main(int count, char **arguments)
{
    (void)count;
    return run_named(checks, (int)(sizeof checks / sizeof checks[0]), arguments);
}
