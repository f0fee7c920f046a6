/* Records a telephone conversation that arrives as RTP over UDP, and checks the file.
 *
 *   record_call [--json] CONVERSATION [DIRECTORY]
 *
 * One thread (conversation.c) plays the telephone network: it sends the audio of both
 * parties as G.711 RTP to two ports of this machine, with loss, reordering and jitter. The
 * main thread plays the PBX: it begins the call, passes the received packets to callrec,
 * pauses the recording while a card number is read out, and stops it. Then it checks the
 * file (wav_check.c). The last line on stdout is the path of the recording. The exit status
 * is 0 if every check passed. With --json, each line on stdout is a JSON object. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "portable.h"

#include "console.h"
#include "conversation.h"
#include "wav_check.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_error error = REC_INIT(rec_error);

/* This example exits at the first error. A PBX would log it and continue the call. */
static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

/* ---- events, on callrec's own thread ------------------------------------------ */

struct outcome {
    char path[4096];
    uint64_t lost_ms;
};

static void on_event(void *user_data, const rec_event *event)
{
    struct outcome *outcome = user_data;
    console_event(event);
    if (event->kind == REC_EVENT_FINISHED) {
        /* The event and its strings are valid only until this function returns, so copy them. */
        snprintf(outcome->path, sizeof outcome->path, "%s", event->recording->path);
        outcome->lost_ms = event->recording->lost_ms;
    }
}

/* ---- the call --------------------------------------------------------------- */

static rec_engine open_engine(const char *directory)
{
    rec_config *config = NULL;
    rec_engine engine;
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", directory, &error), "storage.directory");
    /* By default, callrec waits 60 ms for late packets. The sending thread may be delayed on a
     * busy machine, so this example allows 200 ms. */
    must(rec_config_set(config, "media.reorder_ms", "200", &error), "media.reorder_ms");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    return engine;
}

static rec_call begin_call(rec_engine engine)
{
    rec_call_info info = REC_INIT(rec_call_info);
    rec_call call;
    info.call_id = "7f1c2a90-card-payment";
    info.device_name = "SEP123456789ABC";
    info.directory_number = "101";
    info.username = "agent7";
    info.remote_first_name = "John";
    info.remote_last_name = "Doe";
    info.remote_phone_number = "+1555123456";
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin");
    return call;
}

static rec_feed open_feed(rec_call call, int32_t leg)
{
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_feed feed;
    format.codec = REC_CODEC_PCMU;
    must(rec_feed_open(call, leg, &format, &feed, &error), "rec_feed_open");
    return feed;
}

/* Shows the live recording, as rec_list() returns it. */
static void show_live(rec_engine engine, const double level_dbfs[2])
{
    rec_filter filter = REC_INIT(rec_filter);
    rec_snapshot *snapshot = NULL;
    filter.directory_number = "101";
    must(rec_list(engine, NULL, &filter, &snapshot, &error), "rec_list");
    if (rec_snapshot_count(snapshot) > 0)
        console_live(rec_snapshot_get(snapshot, 0), level_dbfs);
    rec_snapshot_free(snapshot);
}

/* ---- the network ------------------------------------------------------------- */

static socket_handle udp_socket(int *port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    socket_handle handle = udp_open("127.0.0.1", 0);
    if (handle == NO_SOCKET || getsockname(handle, (struct sockaddr *)&address, &size) != 0) {
        perror("UDP socket");
        exit(1);
    }
    *port = ntohs(address.sin_port);
    return handle;
}

/* One party's packets since the level was last shown. */
struct level {
    double power; /* sum over the samples */
    int samples;
};

static void level_add(struct level *level, const uint8_t *ulaw, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        double sample = decode_ulaw(ulaw[i]) / 32768.0;
        level->power += sample * sample;
    }
    level->samples += (int)samples;
}

/* Returns the RMS level since the previous call of this function, at least -99 dBFS. */
static double level_take(struct level *level)
{
    double power = level->samples > 0 ? level->power / level->samples : 0;
    *level = (struct level){0, 0};
    return power > 1e-9 ? 10 * log10(power) : -99;
}

/* Passes one packet to callrec. Returns its index in the conversation. */
static int receive(socket_handle from, rec_feed feed, struct level *level)
{
    uint8_t packet[1500];
    int size = (int)recv(from, (void *)packet, sizeof packet, 0);
    if (size < 12)
        return -1;
    /* This function never waits. If the ring is full, the packet is lost, and callrec counts
     * it. A media thread cannot do anything about it and continues. */
    rec_status status = rec_feed_rtp(feed, packet, (size_t)size);
    if (status != REC_OK)
        fprintf(stderr, "rec_feed_rtp: %s\n", rec_status_text(status));
    level_add(level, packet + 12, (size_t)size - 12);
    return (packet[2] << 8 | packet[3]) - 1000;
}

static const char *new_directory(void)
{
#ifdef _WIN32
    return "recordings";
#else
    static char path[] = "/tmp/callrec-XXXXXX";
    return mkdtemp(path);
#endif
}

static double since_ms(uint64_t ns)
{
    return (double)(monotonic_ns() - ns) / 1e6;
}

int main(int argc, char **argv)
{
    static struct conversation conversation;
    static struct outcome outcome;
    bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (argc < 2 + is_json || argc > 3 + is_json) {
        fprintf(stderr, "usage: %s [--json] CONVERSATION [DIRECTORY]\n", argv[0]);
        return 2;
    }
    const char *directory = argc == 3 + is_json ? argv[2 + is_json] : new_directory();
    if (directory == NULL || !conversation_load(&conversation, argv[1 + is_json]))
        return 1;
    console_begin(is_json, directory);
    sockets_start();

    rec_engine engine = open_engine(directory);
    rec_subscription subscription;
    must(rec_subscribe(engine, on_event, &outcome, NULL, &subscription, &error), "rec_subscribe");
    rec_call call = begin_call(engine);
    rec_feed feeds[2] = {open_feed(call, REC_LEG_LOCAL), open_feed(call, REC_LEG_REMOTE)};
    struct level levels[2] = {{0, 0}, {0, 0}};
    poll_entry sockets[2] = {{.fd = udp_socket(&conversation.port[0]), .events = POLLIN}, {.fd = udp_socket(&conversation.port[1]), .events = POLLIN}};

    rec_start_options options = REC_INIT(rec_start_options);
    rec_id id;
    options.device_name = "SEP123456789ABC";
    options.directory_number = "101";
    struct course course = {.length = {0, 0}};
    uint64_t asked = monotonic_ns();
    must(rec_start(engine, NULL, &options, &id, &error), "rec_start");
    uint64_t started = monotonic_ns();

    pthread_t network;
    conversation.began_ns = started;
    if (pthread_create(&network, NULL, conversation_send, &conversation) != 0)
        return 1;

    /* The call is over when no packet has arrived for 200 ms. */
    int last[2] = {-1, -1};
    enum { TALKING, PAUSED, RESUMED } progress = TALKING;
    while (socket_poll(sockets, 2, progress == RESUMED ? 200 : 5000) > 0) {
        for (int leg = 0; leg < 2; leg++) {
            if (!(sockets[leg].revents & POLLIN))
                continue;
            double before_ms = since_ms(started);
            int n = receive(sockets[leg].fd, feeds[leg], &levels[leg]);
            if (last[leg] < 0)
                course.arrived[leg] = (struct span){before_ms, since_ms(asked)};
            last[leg] = n > last[leg] ? n : last[leg];
        }
        if (console_live_is_due())
            show_live(engine, (double[2]){level_take(&levels[0]), level_take(&levels[1])});
        /* The order of the function calls decides what is recorded, not a clock: packets
         * passed in before the pause are recorded, packets passed in after it are not. */
        int both = last[0] < last[1] ? last[0] : last[1];
        if (progress == TALKING && both >= CARD_FROM - 1) {
            must(rec_pause_by_id(engine, NULL, id.text, &error), "rec_pause_by_id");
            course.paused_late_ns = late_ns(&conversation, CARD_FROM);
            progress = PAUSED;
        } else if (progress == PAUSED && both >= CARD_TO - 1) {
            must(rec_resume_by_id(engine, NULL, id.text, &error), "rec_resume_by_id");
            course.resumed_late_ns = late_ns(&conversation, CARD_TO);
            progress = RESUMED;
        }
    }
    pthread_join(network, NULL);

    course.length.from_ms = since_ms(started);
    must(rec_stop_by_device(engine, NULL, "SEP123456789ABC", "101", NULL, &error), "rec_stop_by_device");
    course.length.to_ms = since_ms(asked);
    must(rec_call_end(call, &error), "rec_call_end"); /* also closes its feeds */
    must(rec_close(engine, 10000, &error), "rec_close"); /* delivers every event before it returns */

    bool passed = check_wav(outcome.path, &conversation, &course);
    passed = check_lost(outcome.lost_ms, &course) && passed;
    passed = check_card_number_is_absent(directory, &conversation) && passed;
    console_end(outcome.path);
    return passed ? 0 : 1;
}
