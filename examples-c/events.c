/* Subscribes to all events, including events about calls, and causes most kinds of them. It
 * prints each event's number, time, kind, and recording or line.
 *
 *   events [--json] DIRECTORY
 *
 * With --json, it prints each event's JSON object instead. The exit status is 0 if every
 * expected event was delivered. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rec_error error = REC_INIT(rec_error);
static bool is_json;

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

static const char *const kinds[] = {"?", "STARTED", "PAUSED", "RESUMED", "FINISHED", "FAILED", "LOSS", "START_FAILED", "DISK_LOW", "CALL_IDLE",
                                    "MEDIA_IGNORED", "LEG_SILENT", "CALL_BEGAN", "CALL_UPDATED", "CALL_ENDED", "PAUSE_OVERDUE"};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct received {
    unsigned times[KINDS];
    uint64_t sequence;
};

/* callrec calls this function on its event thread, one event at a time, so data that only
 * this function uses needs no lock. Later events wait until it returns; calls and recordings
 * do not. `event` is valid until it returns. */
static void on_event(void *user_data, const rec_event *event)
{
    struct received *received = user_data;
    unsigned kind = event->kind > 0 && event->kind < KINDS ? (unsigned)event->kind : 0; /* later versions have more kinds */
    if (received->sequence != 0 && event->sequence != received->sequence + 1)
        fprintf(stderr, "events are missing: this program was too slow\n");
    received->sequence = event->sequence;
    received->times[kind]++;
    if (is_json) {
        printf("%s\n", event->json);
        return;
    }
    time_t seconds = (time_t)(event->time_ms / 1000);
    char text[32];
    strftime(text, sizeof text, "%H:%M:%S", localtime(&seconds));
    printf("%3" PRIu64 "  %s.%03d  %-13s  %s\n", event->sequence, text, (int)(event->time_ms % 1000), kinds[kind],
           event->recording != NULL ? event->recording->id.text : event->call != NULL ? event->call->directory_number : "");
}

/* callrec calls this function once, after the last event. A host frees `user_data` here. */
static void no_more(void *user_data)
{
    (void)user_data;
    if (!is_json)
        printf("     no more events\n");
}

/* Passes one packet to callrec: 20 ms of mu-law silence. */
static void packet(rec_feed feed, unsigned sequence)
{
    uint8_t bytes[172] = {0x80, 0, (uint8_t)(sequence >> 8), (uint8_t)sequence};
    uint32_t timestamp = sequence * 160;
    for (int i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
    memset(bytes + 12, 0xff, 160);
    must(rec_feed_rtp(feed, bytes, sizeof bytes), "rec_feed_rtp");
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

int main(int argc, char **argv)
{
    struct received received = {{0}, 0};
    is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (argc != 2 + is_json) {
        fprintf(stderr, "usage: %s [--json] DIRECTORY\n", argv[0]);
        return 2;
    }
    rec_config *config = NULL;
    rec_engine engine;
    rec_subscription subscription;
    rec_subscribe_options everything = REC_INIT(rec_subscribe_options);
    everything.flags = REC_SUBSCRIBE_CALLS; /* without this flag, no events about calls are delivered */
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", argv[argc - 1], &error), "storage.directory");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    must(rec_subscribe_with(engine, &everything, on_event, &received, no_more, &subscription, &error), "rec_subscribe_with");

    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_call call;
    rec_feed feed;
    rec_id id;
    info.directory_number = "101";
    info.tag = 42; /* any number of the host; each event of this call contains it */
    format.codec = REC_CODEC_PCMU;
    options.directory_number = "101";
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin"); /* CALL_BEGAN */
    must(rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &error), "rec_feed_open");

    /* REC_OK means accepted; STARTED follows when the file exists. */
    must(rec_start(engine, NULL, &options, &id, &error), "rec_start");
    unsigned n = 0;
    while (n < 20)
        packet(feed, n++);
    must(rec_pause_by_id(engine, NULL, id.text, &error), "rec_pause_by_id"); /* PAUSED */
    while (n < 25)
        packet(feed, n++);
    must(rec_resume_by_id(engine, NULL, id.text, &error), "rec_resume_by_id"); /* RESUMED */
    while (n < 40)
        packet(feed, n++);
    n += 5; /* five packets are lost; LOSS follows when they can no longer arrive in time */
    while (n < 120)
        packet(feed, n++);
    rec_call_info transfer = REC_INIT(rec_call_info);
    transfer.username = "somebody.else";
    must(rec_call_update(call, &transfer, &error), "rec_call_update"); /* CALL_UPDATED */
    must(rec_call_end(call, &error), "rec_call_end"); /* CALL_ENDED, and FINISHED because the end of a call stops its recordings */

    must(rec_close(engine, 10000, &error), "rec_close"); /* delivers every event before it returns */

    for (int kind = REC_EVENT_STARTED; kind <= REC_EVENT_LOSS; kind++)
        if (kind != REC_EVENT_FAILED && received.times[kind] == 0) {
            fprintf(stderr, "%s was not delivered\n", kinds[kind]);
            return 1;
        }
    for (int kind = REC_EVENT_CALL_BEGAN; kind <= REC_EVENT_CALL_ENDED; kind++)
        if (received.times[kind] != 1) {
            fprintf(stderr, "%s was delivered %u times, not once\n", kinds[kind], received.times[kind]);
            return 1;
        }
    return 0;
}
