/* libsndfile, on the calling thread: 16-bit samples, or mu-law bytes as they came. */
#include "compare.h"

#include <sndfile.h>

static enum format format;

static void begin(const struct job *job)
{
    format = job->format;
}

static void *open_file(int call, const char *path)
{
    SF_INFO info = {
        .samplerate = SAMPLE_RATE,
        .channels = 2,
        .format = SF_FORMAT_WAV | (format == PCM16 ? SF_FORMAT_PCM_16 : SF_FORMAT_ULAW),
    };
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    (void)call;
    if (!file)
        fail("libsndfile: %s: %s", path, sf_strerror(NULL));
    return file;
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    bool is_written;
    if (format == PCM16) {
        int16_t samples[2 * SAMPLES];
        decode_stereo(local, remote, samples);
        is_written = sf_writef_short(handle, samples, SAMPLES) == SAMPLES;
    } else {
        uint8_t bytes[2 * SAMPLES];
        interleave(local, remote, bytes);
        is_written = sf_write_raw(handle, bytes, sizeof bytes) == sizeof bytes;
    }
    if (!is_written)
        fail("libsndfile: %s", sf_strerror(handle));
}

static void close_file(void *handle)
{
    if (sf_close(handle) != 0)
        fail("libsndfile: a file could not be closed");
}

static void end(void)
{
}

const struct recorder sndfile_recorder = {
    .name = "libsndfile",
    .extension = "wav",
    .keeps_mulaw = true,
    .writes_plainly = true,
    .begin = begin,
    .open = open_file,
    .feed = feed,
    .close = close_file,
    .end = end,
    .read = wav_read,
};
