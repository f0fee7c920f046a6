/* pjmedia's WAV writer port, with its own size of buffer. */
#include "compare.h"

#include <pjlib.h>
#include <pjmedia.h>
#include <pjmedia/wav_port.h>

struct recording {
    pj_pool_t *pool;
    pjmedia_port *port;
    pj_uint64_t timestamp;
};

static pj_caching_pool pools;
static unsigned option;

static void begin(const struct job *job)
{
    pj_log_set_level(0); /* its log would go among the results */
    if (pj_init() != PJ_SUCCESS)
        fail("pjmedia does not begin");
    pj_caching_pool_init(&pools, NULL, 64 << 20);
    option = job->format == PCM16 ? PJMEDIA_FILE_WRITE_PCM : PJMEDIA_FILE_WRITE_ULAW;
}

static void *open_file(int call, const char *path)
{
    pj_pool_t *pool = pj_pool_create(&pools.factory, "recording", 1000, 1000, NULL);
    struct recording *recording = pj_pool_zalloc(pool, sizeof *recording);
    (void)call;
    recording->pool = pool;
    if (pjmedia_wav_writer_port_create(pool, path, SAMPLE_RATE, 2, 2 * SAMPLES, 16, option, 0, &recording->port)
        != PJ_SUCCESS)
        fail("pjmedia: %s cannot be opened", path);
    return recording;
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    struct recording *recording = handle;
    int16_t samples[2 * SAMPLES];
    pjmedia_frame frame = {.type = PJMEDIA_FRAME_TYPE_AUDIO, .buf = samples, .size = sizeof samples};
    decode_stereo(local, remote, samples);
    frame.timestamp.u64 = recording->timestamp;
    recording->timestamp += SAMPLES;
    if (pjmedia_port_put_frame(recording->port, &frame) != PJ_SUCCESS)
        fail("pjmedia: the samples were not taken");
}

static void close_file(void *handle)
{
    struct recording *recording = handle;
    if (pjmedia_port_destroy(recording->port) != PJ_SUCCESS)
        fail("pjmedia: a file could not be closed");
    pj_pool_release(recording->pool);
}

static void end(void)
{
    pj_caching_pool_destroy(&pools);
    pj_shutdown();
}

const struct recorder pjmedia_recorder = {
    .name = "pjmedia",
    .extension = "wav",
    .keeps_mulaw = true,
    .begin = begin,
    .open = open_file,
    .feed = feed,
    .close = close_file,
    .end = end,
    .read = wav_read,
};
