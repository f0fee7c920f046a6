/* What a recording holds, around pauses, privacy, holds and stops, in stream time, and its events.
 *
 *   audio DIRECTORY */
#undef NDEBUG
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "check.h"

enum { PACKET = 160, PACKETS = 25, PHASES = 16 };

static struct event_counts events = EVENT_COUNTS_INIT;

/* The call, and the engine's recordings of it. */
static rec_engine engine;
static rec_call call;
static rec_feed feeds[2];

static void write_packet(rec_feed feed, int16_t value)
{
    int16_t samples[PACKET];
    rec_status status;
    for (int i = 0; i < PACKET; i++)
        samples[i] = value;
    while ((status = rec_feed_write(feed, samples, sizeof samples)) == REC_ERR_OVERRUN)
        rec_feed_wait(feed, 1000);
    OK(status);
}

/* Half a second of each party. Every phase has samples of its own: 1000 times its number, and of the remote
 * party the negative ones. */
static void speak(int phase)
{
    for (int n = 0; n < PACKETS; n++) {
        write_packet(feeds[0], (int16_t)(1000 * phase));
        write_packet(feeds[1], (int16_t)(-1000 * phase));
    }
}

static void change_state(int32_t state)
{
    rec_call_info change = REC_INIT(rec_call_info);
    change.state = state;
    OK(rec_call_update(call, &change, &err));
}

static rec_id start(void)
{
    rec_id id = {0};
    MUST(start_on(engine, NULL, "SEP1", "101", 0, &id));
    return id;
}

static uint32_t number(const uint8_t *at, int size)
{
    uint32_t value = 0;
    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

/* Counts the samples of each phase in a WAV file of two channels of 16 bits. */
static void count_samples(const char *path, unsigned counts[2][PHASES])
{
    static uint8_t data[4 << 20];
    memset(counts, 0, sizeof(unsigned[2][PHASES]));
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(data, 1, sizeof data, file), at = 12;
    if (!CHECK(size > 44 && memcmp(data, "RIFF", 4) == 0))
        exit(1);
    fclose(file);
    while (at + 8 < size && memcmp(data + at, "data", 4) != 0)
        at += 8 + number(data + at + 4, 4);
    size_t end = at + 8 + number(data + at + 4, 4);
    CHECK(end <= size && (end - at - 8) % 4 == 0);
    for (at += 8; at < end && at + 4 <= size; at += 4)
        for (int leg = 0; leg < 2; leg++) {
            int value = (int16_t)number(data + at + 2 * leg, 2) * (leg == 0 ? 1 : -1);
            if (CHECK(value % 1000 == 0 && value >= 0 && value < 1000 * PHASES))
                counts[leg][value / 1000]++;
        }
}

/* A recording holds the phases of `kept`, and nothing of any other. */
static void check_phases(const char *path, const char *kept)
{
    unsigned counts[2][PHASES];
    count_samples(path, counts);
    for (int leg = 0; leg < 2; leg++)
        for (int phase = 1; phase < PHASES; phase++) {
            unsigned expected = strchr(kept, 'a' + phase - 1) != NULL ? PACKET * PACKETS : 0;
            if (!CHECK(counts[leg][phase] == expected))
                fprintf(stderr, "leg %d, phase %d: %u samples\n", leg, phase, counts[leg][phase]);
        }
}

/* The path of the recording that has finished as the nth. */
static const char *finished(unsigned nth)
{
    static char path[4096];
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, nth));
    pthread_mutex_lock(&events.lock);
    snprintf(path, sizeof path, "%s", events.path);
    pthread_mutex_unlock(&events.lock);
    return path;
}

int main(int argc, char **argv)
{
    rec_subscription subscription;
    rec_counts counts = REC_INIT(rec_counts);
    if (argc != 2)
        return 2;
    engine = open_engine(argv[1], SETTINGS("media.clock", "stream", "calls.hold_audio", "silence"));
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, "call-1", "SEP1", "101", "ben", &call));
    MUST(open_feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, &feeds[0]));
    MUST(open_feed(call, REC_LEG_REMOTE, REC_CODEC_PCM16, &feeds[1]));

    speak(1); /* nobody records */
    rec_id id = start();
    speak(2);
    OK(rec_pause_by_device(engine, NULL, "SEP1", "101", &counts, &err));
    CHECK(counts.changed == 1);
    EXPECT(rec_pause_by_id(engine, NULL, id.text, &err), REC_ERR_ALREADY_PAUSED);
    speak(3);
    OK(rec_resume_by_call(engine, NULL, "call-1", &counts, &err));
    speak(4);
    OK(rec_call_private(call, 1, &err));
    speak(5);
    OK(rec_call_private(call, 0, &err));
    speak(6);
    change_state(REC_CALL_HELD);
    speak(7);
    change_state(REC_CALL_CONNECTED);
    speak(8);
    OK(rec_stop_by_id(engine, NULL, id.text, &err));
    EXPECT(rec_stop_by_id(engine, NULL, id.text, &err), REC_ERR_NOT_LIVE);
    speak(9);
    check_phases(finished(1), "bdfh");

    start();
    speak(10);
    OK(rec_call_end(call, &err));
    check_phases(finished(2), "j");
    EXPECT(start_on(engine, NULL, "SEP1", "101", 0, &id), REC_ERR_NO_CALL);
    OK(rec_close(engine, 20000, &err));
    CHECK(events.in_order && events.times[REC_EVENT_STARTED] == 2 && events.times[REC_EVENT_FINISHED] == 2);
    CHECK(events.times[REC_EVENT_PAUSED] == 2 && events.times[REC_EVENT_RESUMED] == 2 && events.times[REC_EVENT_LOSS] == 0);
    return check_summary("audio");
}
