/* What one is told, and when.
 *
 *   events DIRECTORY
 *
 * Subscribes to everything, the life of calls included, lets happen what is easily made to happen, and prints each event's
 * number, kind and JSON. Exits 0 if every one of them came. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rec_error error = REC_INIT(rec_error);

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

static const char *const kinds[] = {"?", "STARTED", "PAUSED", "RESUMED", "FINISHED", "FAILED", "LOSS", "START_FAILED", "DISK_LOW", "CALL_IDLE",
                                    "MEDIA_IGNORED", "LEG_SILENT", "CALL_BEGAN", "CALL_UPDATED", "CALL_ENDED"};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct told {
    unsigned times[KINDS];
    uint64_t sequence;
};

/* Runs on the library's event thread, one event after the other: no lock is needed
 * for what only this function touches. While it does not return, later events
 * wait, but calls and recordings go on. `event` lives until it returns. */
static void on_event(void *user_data, const rec_event *event)
{
    struct told *told = user_data;
    unsigned kind = event->kind > 0 && event->kind < KINDS ? (unsigned)event->kind : 0; /* later versions know more kinds */
    if (told->sequence != 0 && event->sequence != told->sequence + 1)
        printf("a gap: this program was too slow, and missed some\n");
    told->sequence = event->sequence;
    told->times[kind]++;
    printf("%3" PRIu64 " %-12s %s\n", event->sequence, kinds[kind], event->json);
}

/* Called once, after the last event: the place to give up what belongs to it. */
static void no_more(void *user_data)
{
    (void)user_data;
    printf("    no more events\n");
}

/* One packet of 20 ms of mu-law silence */
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
    struct told told = {{0}, 0};
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    rec_config *config = NULL;
    rec_engine engine;
    rec_subscription subscription;
    rec_subscribe_options everything = REC_INIT(rec_subscribe_options);
    everything.flags = REC_SUBSCRIBE_CALLS; /* without it, or with rec_subscribe: recordings, and what is wrong */
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", argv[1], &error), "storage.directory");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    must(rec_subscribe_with(engine, &everything, on_event, &told, no_more, &subscription, &error), "rec_subscribe_with");

    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_call call;
    rec_feed feed;
    rec_id id;
    info.directory_number = "101";
    info.tag = 42; /* the host's own, handed back with each event of this call */
    format.codec = REC_CODEC_PCMU;
    options.directory_number = "101";
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin"); /* CALL_BEGAN */
    must(rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &error), "rec_feed_open");

    /* REC_OK means accepted; STARTED comes once the file is there */
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
    n += 5; /* five packets that never come: LOSS, once it is sure that they do not come late */
    while (n < 120)
        packet(feed, n++);
    rec_call_info transfer = REC_INIT(rec_call_info);
    transfer.username = "somebody.else";
    must(rec_call_update(call, &transfer, &error), "rec_call_update"); /* CALL_UPDATED */
    must(rec_call_end(call, &error), "rec_call_end"); /* CALL_ENDED; and FINISHED, because the call ended */

    must(rec_close(engine, 10000, &error), "rec_close"); /* every event has been told when it returns */

    for (int kind = REC_EVENT_STARTED; kind <= REC_EVENT_LOSS; kind++)
        if (kind != REC_EVENT_FAILED && told.times[kind] == 0) {
            fprintf(stderr, "%s never came\n", kinds[kind]);
            return 1;
        }
    for (int kind = REC_EVENT_CALL_BEGAN; kind <= REC_EVENT_CALL_ENDED; kind++)
        if (told.times[kind] != 1) {
            fprintf(stderr, "%s came %u times\n", kinds[kind], told.times[kind]);
            return 1;
        }
    return 0;
}
