/* The calls are recorded at once, packet by packet in turn, paced or as fast as the recorder takes them. */
#include "compare.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t PACKET_NS = 20000000;
static const uint64_t FREEZE_AFTER_NS = 2000000000;

/* What a run has shown. */
struct result {
    struct cpu cpu;
    double wall_s, opening_s, round_ms;
    long kib;
};

/* Freezes the disk by the library that was loaded ahead of libc's functions. */
static void freeze_until(uint64_t ns)
{
    void (*freeze)(uint64_t);
    *(void **)&freeze = dlsym(RTLD_DEFAULT, "freeze_disk");
    if (!freeze)
        fail("the disk cannot be frozen: run this mode by make, which loads freeze.so");
    freeze(ns);
}

static void feed_round(const struct recorder *recorder, const struct job *job, void **open, long packet,
                       bool is_timed)
{
    uint8_t local[PACKET], remote[PACKET];
    for (int call = 0; call < job->calls; call++) {
        speech_packet(LOCAL, call, packet, local);
        speech_packet(REMOTE, call, packet, remote);
        if (is_timed) {
            uint64_t before = now_ns();
            recorder->feed(open[call], local, remote);
            latency_note(now_ns() - before);
        } else {
            recorder->feed(open[call], local, remote);
        }
    }
}

/* Latencies are noted in `latency` and `frozen` alone: reading the clock for each packet costs CPU. In
 * `frozen`, they are noted from the moment of the freeze on. */
static double feed_all(const struct recorder *recorder, const struct job *job, void **open, const char *mode)
{
    bool is_frozen = strcmp(mode, "frozen") == 0, is_timed = strcmp(mode, "latency") == 0;
    uint64_t begin = now_ns(), longest = 0;
    for (long packet = 0; packet < (long)job->seconds * PACKETS_PER_SECOND; packet++) {
        if (job->is_paced)
            sleep_until(begin + (uint64_t)packet * PACKET_NS);
        uint64_t round = now_ns();
        if (is_frozen && !is_timed && round - begin >= FREEZE_AFTER_NS) {
            is_timed = true;
            freeze_until(round + (uint64_t)job->freeze_s * 1000000000);
        }
        feed_round(recorder, job, open, packet, is_timed);
        uint64_t took = now_ns() - round;
        longest = took > longest ? took : longest;
    }
    return (double)longest / 1e6;
}

static struct result run(const struct recorder *recorder, const struct job *job, const char *mode)
{
    struct result result;
    void **open = calloc((size_t)job->calls, sizeof *open);
    long kib_before = resident_kib();
    struct cpu cpu_before = cpu_used();
    uint64_t begin = now_ns();
    recorder->begin(job);
    for (int call = 0; call < job->calls; call++) {
        char path[PATH_SIZE];
        call_path(path, recorder, job, call);
        open[call] = recorder->open(call, path);
    }
    result.opening_s = (double)(now_ns() - begin) / 1e9;
    result.round_ms = feed_all(recorder, job, open, mode);
    result.kib = resident_kib() - kib_before;
    for (int call = 0; call < job->calls; call++)
        recorder->close(open[call]);
    recorder->end();
    result.wall_s = (double)(now_ns() - begin) / 1e9;
    struct cpu cpu_after = cpu_used();
    result.cpu.user_us = cpu_after.user_us - cpu_before.user_us;
    result.cpu.system_us = cpu_after.system_us - cpu_before.system_us;
    free(open);
    return result;
}

/* Gives the space back, and with it what the disk has not yet taken. The files are removed after all runs:
 * some file systems create files slowly for a while after many were removed. */
static void empty_files(const struct recorder *recorder, const struct job *job)
{
    for (int call = 0; call < job->calls; call++) {
        char path[PATH_SIZE];
        call_path(path, recorder, job, call);
        if (truncate(path, 0) != 0)
            fail("%s cannot be emptied", path);
    }
}

void measure_recorder(const struct recorder *recorder, const struct job *job, const char *mode, int repetition)
{
    uint64_t checksum;
    struct result result = run(recorder, job, mode);
    int wrong = verify(recorder, job, result.opening_s, &checksum);
    double call_seconds = (double)job->calls * job->seconds;
    empty_files(recorder, job);
    printf("%s\t%s\t%s\t%d\t%d\t%d", mode, job->format == PCM16 ? "PCM16" : "mu-law", recorder->name, job->calls,
           job->seconds, repetition);
    printf("\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f", (result.cpu.user_us + result.cpu.system_us) / call_seconds,
           result.cpu.user_us / call_seconds, result.cpu.system_us / call_seconds, result.wall_s,
           (double)result.kib / job->calls);
    if (latency_max_us() > 0)
        printf("\t%.2f\t%.2f\t%.2f\t%.1f", latency_us(0.5), latency_us(0.99), latency_us(0.999), latency_max_us());
    else
        printf("\t-\t-\t-\t-");
    printf("\t%.2f\t%s", result.round_ms, wrong == 0 ? "verified" : "WRONG");
    if (recorder->is_lossy)
        printf("\t-\n");
    else
        printf("\t%016" PRIx64 "\n", checksum);
    if (wrong != 0)
        fail("%s, %s: %d of %d files do not hold what was fed", recorder->name, mode, wrong, job->calls);
}
