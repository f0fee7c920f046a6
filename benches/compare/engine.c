/* What only an engine has: wake-ups while it has little to do, the memory of one more call, and how fast it
 * starts and publishes. */
#include "callrec_engine.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { IN_FLIGHT = 500, FED_PACKETS = 10 };

static void print(const char *mode, const char *what, int calls, int seconds, double value, const char *unit)
{
    printf("%s\t%s\tcallrec\t%d\t%d\t%.1f\t%s\n", mode, what, calls, seconds, value, unit);
}

static void feed_all(const struct job *job, int calls, rec_feed (*feeds)[2], long from)
{
    uint64_t begin = now_ns();
    for (long packet = 0; packet < (long)job->seconds * PACKETS_PER_SECOND; packet++) {
        uint8_t bytes[PACKET];
        sleep_until(begin + (uint64_t)packet * 20000000);
        for (int call = 0; call < calls; call++) {
            for (int leg = 0; leg < 2; leg++) {
                speech_packet(leg, call, from + packet, bytes);
                if (rec_feed_rtp(feeds[call][leg], bytes, sizeof bytes) != REC_OK)
                    fail("a packet was refused");
            }
        }
    }
}

/* Wake-ups of the engine's threads, without the feeding thread's own. */
static void watch(const struct job *job, int calls, rec_feed (*feeds)[2], const char *what)
{
    uint64_t before = wake_ups_of_others(), begin = now_ns();
    struct cpu cpu_before = cpu_used();
    feed_all(job, calls, feeds, 0);
    double seconds = (double)(now_ns() - begin) / 1e9;
    struct cpu cpu = cpu_used();
    print("idle", what, calls, job->seconds, ((double)wake_ups_of_others() - (double)before) / seconds, "wake-ups/s");
    if (calls > 0)
        print("idle", what, calls, job->seconds,
              (cpu.user_us + cpu.system_us - cpu_before.user_us - cpu_before.system_us) / (calls * seconds),
              "us/call-second");
}

void measure_idle(const struct job *job)
{
    rec_engine engine = engine_open(job->directory, true, "process", "none");
    rec_feed(*feeds)[2] = calloc((size_t)job->calls, sizeof *feeds);
    sleep_until(now_ns() + 1000000000); /* what the opening begins is over */
    watch(job, 0, feeds, "no call");
    for (int call = 0; call < job->calls; call++)
        engine_begin_call(engine, call, feeds[call]);
    watch(job, job->calls, feeds, "not recorded");
    engine_close(engine);
    free(feeds);
}

/* How much the process grows by the second half of the calls, so that what all calls share does not count. */
void measure_memory(const struct job *job)
{
    static const char *const names[] = {"PCM16", "mu-law"};
    for (int format = PCM16; format <= MULAW; format++) {
        char directory[PATH_SIZE + 16];
        snprintf(directory, sizeof directory, "%s/%s", job->directory, names[format]);
        rec_engine engine = engine_open(directory, true, "process", "none");
        rec_feed(*feeds)[2] = calloc((size_t)job->calls, sizeof *feeds);
        long kib[2];
        int begun = 0;
        for (int half = 0; half < 2; half++) {
            for (; begun < (half + 1) * job->calls / 2; begun++) {
                engine_begin_call(engine, begun, feeds[begun]);
                engine_start(engine, begun, (enum format)format);
            }
            feed_all(job, begun, feeds, (long)half * job->seconds * PACKETS_PER_SECOND);
            kib[half] = resident_kib();
        }
        engine_close(engine);
        free(feeds);
        print("memory", names[format], job->calls, job->seconds,
              (double)(kib[1] - kib[0]) / (job->calls - job->calls / 2), "KiB/call more");
    }
}

static atomic_int finished, failed;

static void on_event(void *user_data, const rec_event *event)
{
    (void)user_data;
    if (event->kind == REC_EVENT_FINISHED)
        atomic_fetch_add(&finished, 1);
    else if (event->kind == REC_EVENT_FAILED || event->kind == REC_EVENT_START_FAILED)
        atomic_fetch_add(&failed, 1);
}

/* A call begins, is recorded for ten packets that come at once, and ends; at most 500 wait for their files. */
void measure_publish(const struct job *job)
{
    static const char *const durabilities[] = {"process", "finish"};
    for (int which = 0; which < 2; which++) {
        char directory[PATH_SIZE + 16];
        rec_subscription subscription;
        uint8_t bytes[PACKET];
        snprintf(directory, sizeof directory, "%s/%s", job->directory, durabilities[which]);
        rec_engine engine = engine_open(directory, true, durabilities[which], NULL);
        atomic_store(&finished, 0);
        atomic_store(&failed, 0);
        if (rec_subscribe(engine, on_event, NULL, NULL, &subscription, NULL) != REC_OK)
            fail("rec_subscribe");
        uint64_t begin = now_ns();
        int count = 0;
        while (now_ns() - begin < (uint64_t)job->seconds * 1000000000) {
            if (count - atomic_load(&finished) - atomic_load(&failed) >= IN_FLIGHT) {
                sleep_until(now_ns() + 1000000);
                continue;
            }
            rec_feed feeds[2];
            rec_call call = engine_begin_call(engine, count, feeds);
            engine_start(engine, count, PCM16);
            for (int packet = 0; packet < 2 * FED_PACKETS; packet++) {
                speech_packet(packet % 2, count, packet / 2, bytes);
                rec_feed_rtp(feeds[packet % 2], bytes, sizeof bytes);
            }
            engine_stop(engine, count);
            engine_end_call(call);
            count++;
        }
        while (atomic_load(&finished) + atomic_load(&failed) < count)
            sleep_until(now_ns() + 1000000);
        double seconds = (double)(now_ns() - begin) / 1e9;
        engine_close(engine);
        if (atomic_load(&failed) != 0)
            fail("%d recordings failed", atomic_load(&failed));
        print("publish", durabilities[which], count, job->seconds, count / seconds, "recordings/s");
    }
}
