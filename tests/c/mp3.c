/* Records in MP3, in both layouts, and stops, discards and abandons recordings. The LAME library is
 * loaded at run time.
 *
 *   mp3 DIRECTORY */
#undef NDEBUG
#define _DEFAULT_SOURCE
#include <callrec.h>

#include "check.h"

enum { PATIENCE_MS = 20000, PACKETS = 150, SAMPLES = 160, RECORDINGS = 4 };

static void write_packets(rec_feed feed)
{
    int16_t packet[SAMPLES];
    for (unsigned at = 0; at < PACKETS; at++) {
        for (unsigned n = 0; n < SAMPLES; n++)
            packet[n] = (int16_t)((at * SAMPLES + n) * 997 % 8000);
        rec_status status;
        while ((status = rec_feed_write(feed, packet, sizeof packet)) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(feed, PATIENCE_MS));
        OK(status);
    }
}

static rec_id start(rec_engine engine, int32_t layout, const char *format)
{
    rec_start_options options = REC_INIT(rec_start_options);
    rec_id id = {{0}};
    options.call_id = "call";
    options.layout = layout;
    options.format = format;
    options.flags = REC_START_ADDITIONAL;
    MUST(rec_start(engine, NULL, &options, &id, &err));
    return id;
}

static void expect_file(const char *directory, rec_id id)
{
    char path[4096];
    unsigned char magic[3] = {0};
    snprintf(path, sizeof path, "%s/%s.mp3", directory, id.text);
    FILE *file = fopen(path, "rb");
    if (!CHECK(file != NULL))
        return;
    CHECK(fread(magic, 1, 3, file) == 3 && memcmp(magic, "ID3", 3) == 0);
    CHECK(fseek(file, 0, SEEK_END) == 0 && ftell(file) > 4096);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const char *directory = directory_in(argv[1], "mp3");
    rec_config *config = NULL;
    rec_engine engine;
    rec_call call;
    rec_feed feed;
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    MUST(rec_config_set(config, "storage.name", "{id}", &err));
    MUST(rec_config_set(config, "media.clock", "stream", &err));
    MUST(rec_config_set(config, "recording.format", "mp3", &err));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);

    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    info.call_id = "call";
    info.state = REC_CALL_CONNECTED;
    format.codec = REC_CODEC_PCM16;
    format.sample_rate = 8000;
    MUST(rec_call_begin(engine, &info, &call, &err));
    MUST(rec_feed_open(call, REC_LEG_LOCAL, &format, &feed, &err));
    rec_id ids[RECORDINGS] = {
        start(engine, REC_LAYOUT_MONO, "mp3"),
        start(engine, REC_LAYOUT_STEREO, "mp3;bitrate=48000"),
        start(engine, REC_LAYOUT_STEREO, "mp3"),
        start(engine, REC_LAYOUT_LOCAL, "mp3"),
    };
    write_packets(feed);
    OK(rec_stop_by_id(engine, NULL, ids[0].text, &err));
    OK(rec_discard_by_id(engine, NULL, ids[3].text, &err));
    OK(rec_call_end(call, &err));
    /* The other two end with the call. */
    MUST(rec_close(engine, PATIENCE_MS, &err));
    for (unsigned at = 0; at < 3; at++)
        expect_file(directory, ids[at]);
    return check_summary("mp3");
}
