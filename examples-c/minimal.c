/* The smallest program that records a call: two seconds of a tone. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <time.h>

#define TRY(call) if ((call) != REC_OK) return fprintf(stderr, "%s: %s\n", #call, error.message), 1

static void on_event(void *user_data, const rec_event *event)
{
    (void)user_data;
    printf("%s\n", event->json); /* first "started", then "finished" with the name of the file */
}

int main(void)
{
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_engine engine; rec_subscription subscription; rec_call call; rec_feed feed; rec_id id;
    info.directory_number = options.directory_number = "101"; /* the line of the call, and the line to record */
    format.codec = REC_CODEC_PCM16;                           /* 8000 Hz by default */
    TRY(rec_open(NULL, &engine, &error)); /* NULL: the default configuration, which records into ./recordings */
    TRY(rec_subscribe(engine, on_event, NULL, NULL, &subscription, &error));
    TRY(rec_call_begin(engine, &info, &call, &error));
    TRY(rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &error));
    TRY(rec_start(engine, NULL, &options, &id, &error));
    for (int packet = 0; packet < 100; packet++) { /* your media thread: 20 ms of audio at a time */
        int16_t samples[160];
        for (int i = 0; i < 160; i++) samples[i] = i / 10 % 2 ? 8000 : -8000;
        rec_feed_write(feed, samples, sizeof samples); /* never waits */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    TRY(rec_stop_by_device(engine, NULL, NULL, "101", NULL, &error));
    TRY(rec_close(engine, 5000, &error)); /* returns when the file is finished and every event has been delivered */
    return 0;
}
