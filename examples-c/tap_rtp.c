/* Records the RTP packets that arrive on two UDP ports, one for each direction. Cisco phones,
 * for example, can send copies of both directions to such a program.
 *
 *   tap_rtp DIRECTORY PORT_LOCAL PORT_REMOTE SECONDS
 *
 * The program ends after SECONDS, or at SIGINT or SIGTERM; with SECONDS 0 only a signal
 * ends it. The last line on stdout is the path of the recording. To try it:
 *
 *   ./tap_rtp /tmp/recordings 5004 5006 10 &
 *   ffmpeg -re -f lavfi -i sine=440 -ar 8000 -ac 1 -c:a pcm_mulaw -f rtp rtp://127.0.0.1:5004 */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "portable.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
    (void)number;
    is_ending = 1;
}

static rec_error error = REC_INIT(rec_error);

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

static void on_event(void *user_data, const rec_event *event)
{
    char *path = user_data;
    if (event->kind == REC_EVENT_STARTED)
        fprintf(stderr, "started %s\n", event->recording->id.text);
    if (event->kind == REC_EVENT_FINISHED) {
        fprintf(stderr, "finished %s: %.1f s, %" PRIu64 " ms lost\n", event->recording->id.text, (double)event->recording->duration_ms / 1000,
                event->recording->lost_ms);
        snprintf(path, 4096, "%s", event->recording->path);
    }
}

static socket_handle udp_socket(const char *port)
{
    socket_handle handle = udp_open("0.0.0.0", (uint16_t)atoi(port));
    if (handle == NO_SOCKET) {
        perror(port);
        exit(1);
    }
    return handle;
}

int main(int argc, char **argv)
{
    static char path[4096];
    if (argc != 5) {
        fprintf(stderr, "usage: %s DIRECTORY PORT_LOCAL PORT_REMOTE SECONDS\n", argv[0]);
        return 2;
    }
    /* callrec's threads block all signals, so these are delivered to this thread. */
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    sockets_start();

    rec_config *config = NULL;
    rec_engine engine;
    rec_subscription subscription;
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", argv[1], &error), "storage.directory");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    must(rec_subscribe(engine, on_event, path, NULL, &subscription, &error), "rec_subscribe");

    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_call call;
    rec_feed feeds[2];
    rec_id id;
    info.device_name = options.device_name = "tap";
    format.codec = REC_CODEC_PCMU; /* RTP payload types 0 (mu-law) and 8 (A-law) are accepted, whichever is given here */
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin");
    must(rec_feed_open(call, REC_LEG_LOCAL, &format, &feeds[0], &error), "rec_feed_open");
    must(rec_feed_open(call, REC_LEG_REMOTE, &format, &feeds[1], &error), "rec_feed_open");
    poll_entry sockets[2] = {{.fd = udp_socket(argv[2]), .events = POLLIN}, {.fd = udp_socket(argv[3]), .events = POLLIN}};
    must(rec_start(engine, NULL, &options, &id, &error), "rec_start");

    uint64_t packets[2] = {0, 0};
    int64_t end = monotonic_ms() + (int64_t)atoi(argv[4]) * 1000;
    while (!is_ending) {
        int64_t left = end - monotonic_ms();
        if (atoi(argv[4]) == 0 || left > 100)
            left = 100; /* A signal that arrives just before poll() does not interrupt it. */
        if (left <= 0)
            break;
        if (socket_poll(sockets, 2, (int)left) < 0 && errno != EINTR) {
            perror("socket_poll");
            break;
        }
        for (int leg = 0; leg < 2; leg++) {
            uint8_t packet[2048];
            int size;
            if ((sockets[leg].revents & POLLIN) && (size = (int)recv(sockets[leg].fd, (void *)packet, sizeof packet, 0)) >= 0) {
                packets[leg]++;
                /* Pass in every packet. callrec ignores and counts packets that are not RTP
                 * or have an unknown payload type. */
                rec_feed_rtp(feeds[leg], packet, (size_t)size);
            }
            sockets[leg].revents = 0;
        }
    }

    must(rec_stop_by_id(engine, NULL, id.text, &error), "rec_stop_by_id");
    rec_statistics statistics = REC_INIT(rec_statistics);
    must(rec_stats(engine, &statistics, &error), "rec_stats");
    must(rec_close(engine, 10000, &error), "rec_close");
    fprintf(stderr, "received %" PRIu64 " + %" PRIu64 " packets, of which %" PRIu64 " were not audio\n", packets[0], packets[1], statistics.frames_ignored);
    printf("%s\n", path);
    return path[0] != '\0' ? 0 : 1;
}
