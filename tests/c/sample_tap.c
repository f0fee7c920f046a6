/* examples-c/sample_tap.c without a host: what a bridge, an audiohook or a media bug would pass in.
 *
 *   sample_tap DIRECTORY      the last line on stdout is the path of the recording */
#define _POSIX_C_SOURCE 200809L
#include "sample_tap.h"

#include "check.h"

static struct sample_tap tap;

/* Five writes of 200 ms. One of them is longer than what rec_feed_write accepts at 8000 Hz. */
static void write_second(int32_t leg, uint32_t sample_rate, unsigned channels, const int16_t *samples)
{
    for (int part = 0; part < 5; part++) {
        OK(sample_tap_write(&tap, leg, sample_rate, channels, samples, sample_rate / 5));
        OK(rec_feed_wait(tap.feeds[leg], 10000));
    }
}

static const int16_t *filled(int16_t left, int16_t right)
{
    static int16_t samples[2 * 3200];
    for (size_t i = 0; i < 2 * 3200; i += 2) {
        samples[i] = left;
        samples[i + 1] = right;
    }
    return samples;
}

int main(int argc, char **argv)
{
    struct event_counts events = EVENT_COUNTS_INIT;
    rec_engine engine = open_engine(argc > 1 ? argv[1] : ".", SETTINGS("media.clock", "stream"));
    rec_subscription subscription;
    rec_call call;
    rec_id id;
    MUST(rec_subscribe(engine, count_event, &events, NULL, &subscription, &err));
    MUST(begin_call(engine, "call", "phone", NULL, NULL, &call));
    MUST(sample_tap_open(&tap, call, 8000, &err));
    MUST(start_on(engine, NULL, "phone", NULL, 0, &id));

    write_second(REC_LEG_LOCAL, 8000, 1, filled(1000, 1000));
    write_second(REC_LEG_REMOTE, 8000, 2, filled(-600, -200)); /* mixed to -400 */
    write_second(REC_LEG_LOCAL, 8000, 1, NULL);                /* a silent frame of the host */
    write_second(REC_LEG_REMOTE, 8000, 2, NULL);
    write_second(REC_LEG_LOCAL, 8000, 1, filled(32767, 32767));
    write_second(REC_LEG_REMOTE, 16000, 1, filled(500, 500)); /* another codec */
    EXPECT(sample_tap_write(&tap, REC_LEG_MIXED, 8000, 1, filled(0, 0), 1), REC_ERR_INVALID_ARGUMENT);
    EXPECT(sample_tap_write(&tap, REC_LEG_LOCAL, 8000, 0, filled(0, 0), 1), REC_ERR_INVALID_ARGUMENT);
    EXPECT(sample_tap_write(&tap, REC_LEG_LOCAL, 7, 1, filled(0, 0), 1), REC_ERR_INVALID_ARGUMENT);
    OK(sample_tap_write(&tap, REC_LEG_LOCAL, 8000, 1, NULL, 0));

    OK(rec_call_end(call, &err)); /* the host's media thread may still run */
    EXPECT(sample_tap_write(&tap, REC_LEG_LOCAL, 8000, 1, filled(1, 1), 160), REC_ERR_BAD_HANDLE);
    sample_tap_close(&tap);
    EXPECT(sample_tap_open(&tap, call, 8000, &err), REC_ERR_BAD_HANDLE);
    OK(rec_close(engine, 20000, &err));
    printf("%s\n", events.path);
    return check_summary("sample_tap");
}
