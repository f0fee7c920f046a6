/* libopus in Ogg files by libopusenc, at 24 kbit/s for speech. It compresses, so it does far more than the
 * floor. */
#include "compare.h"

#include <fcntl.h>
#include <opus.h>
#include <opusenc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BITS_PER_SECOND = 24000, OPUS_RATE = 48000, LONGEST_FRAME = SAMPLE_RATE * 120 / 1000 };

struct recording {
    OggOpusEnc *encoder;
    int file;
};

static OggOpusComments *comments;

static void begin(const struct job *job)
{
    (void)job;
    comments = ope_comments_create();
}

static int on_write(void *handle, const unsigned char *bytes, opus_int32 size)
{
    struct recording *recording = handle;
    return write(recording->file, bytes, (size_t)size) != size;
}

static int on_close(void *handle)
{
    struct recording *recording = handle;
    return close(recording->file);
}

static void *open_file(int call, const char *path)
{
    static const OpusEncCallbacks callbacks = {.write = on_write, .close = on_close};
    struct recording *recording = malloc(sizeof *recording);
    int error = OPE_OK;
    (void)call;
    if (!recording || (recording->file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644)) < 0)
        fail("libopusenc: %s cannot be opened", path);
    recording->encoder = ope_encoder_create_callbacks(&callbacks, recording, comments, SAMPLE_RATE, 2, 0, &error);
    if (!recording->encoder || ope_encoder_ctl(recording->encoder, OPUS_SET_BITRATE(BITS_PER_SECOND)) != OPE_OK
        || ope_encoder_ctl(recording->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) != OPE_OK)
        fail("libopusenc: %s", ope_strerror(error));
    return recording;
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    struct recording *recording = handle;
    int16_t samples[2 * SAMPLES];
    decode_stereo(local, remote, samples);
    if (ope_encoder_write(recording->encoder, samples, SAMPLES) != OPE_OK)
        fail("libopusenc: the samples were not taken");
}

static void close_file(void *handle)
{
    struct recording *recording = handle;
    if (ope_encoder_drain(recording->encoder) != OPE_OK)
        fail("libopusenc: a file could not be finished");
    ope_encoder_destroy(recording->encoder);
    free(recording);
}

static void end(void)
{
    ope_comments_destroy(comments);
}

/* What is collected while the pages of a file are read. */
struct reading {
    OpusDecoder *decoder;
    struct audio audio;
    long packets;  /* the first two are headers */
    long pre_skip; /* frames at 8 kHz that a decoder drops */
    int64_t last;  /* granule position: frames at 48 kHz, with those dropped */
};

static void decode(struct reading *reading, const uint8_t *packet, size_t size)
{
    if (reading->packets++ == 0)
        reading->pre_skip = (packet[10] | packet[11] << 8) / (OPUS_RATE / SAMPLE_RATE);
    if (reading->packets <= 2)
        return;
    struct audio *audio = &reading->audio;
    audio->samples = realloc(audio->samples, (audio->frames + LONGEST_FRAME) * 4);
    if (!audio->samples)
        fail("no memory for the audio");
    int frames = opus_decode(reading->decoder, packet, (opus_int32)size, audio->samples + 2 * audio->frames,
                             LONGEST_FRAME, 0);
    if (frames < 0)
        fail("libopus: a packet is damaged: %s", opus_strerror(frames));
    audio->frames += (size_t)frames;
}

/* Reads one Ogg page; packets may go on from page to page. Returns whether there was one. */
static bool read_page(FILE *file, struct reading *reading, uint8_t *packet, size_t *size)
{
    uint8_t header[27], lacing[255];
    if (fread(header, 1, sizeof header, file) != sizeof header)
        return false;
    if (memcmp(header, "OggS", 4) != 0 || fread(lacing, 1, header[26], file) != header[26])
        fail("a page of an Ogg file is damaged");
    for (int segment = 0; segment < header[26]; segment++) {
        if (fread(packet + *size, 1, lacing[segment], file) != lacing[segment] || (*size += lacing[segment]) > 65000)
            fail("a packet of an Ogg file is damaged");
        if (lacing[segment] < 255) {
            decode(reading, packet, *size);
            *size = 0;
        }
    }
    uint64_t position = 0;
    for (int byte = 7; byte >= 0; byte--)
        position = position << 8 | header[6 + byte];
    reading->last = (int64_t)position;
    return true;
}

static struct audio read_file(const char *path, enum format format)
{
    static uint8_t packet[65536];
    struct reading reading = {.decoder = opus_decoder_create(SAMPLE_RATE, 2, NULL)};
    FILE *file = fopen(path, "rb");
    size_t size = 0;
    (void)format;
    if (!file || !reading.decoder)
        fail("%s cannot be read", path);
    while (read_page(file, &reading, packet, &size))
        ;
    fclose(file);
    opus_decoder_destroy(reading.decoder);
    long frames = (long)(reading.last / (OPUS_RATE / SAMPLE_RATE)) - reading.pre_skip;
    if (frames < 0 || reading.pre_skip + frames > (long)reading.audio.frames)
        fail("%s is shorter than it says", path);
    memmove(reading.audio.samples, reading.audio.samples + 2 * reading.pre_skip, (size_t)frames * 4);
    reading.audio.frames = (size_t)frames;
    return reading.audio;
}

const struct recorder opus_recorder = {
    .name = "libopus",
    .extension = "opus",
    .is_lossy = true,
    .writes_plainly = true,
    .most_calls = 20,
    .begin = begin,
    .open = open_file,
    .feed = feed,
    .close = close_file,
    .end = end,
    .read = read_file,
};
