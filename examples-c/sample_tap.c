/* The audio of a call in a host that hands out samples: see sample_tap.h. */
#include "sample_tap.h"

#include <stdbool.h>

/* A write may have 2,048 bytes in every format. */
enum { BLOCK = 1024 };

static bool is_valid(int32_t leg, unsigned channels) { return (leg == REC_LEG_LOCAL || leg == REC_LEG_REMOTE) && channels > 0; }

static rec_feed_format format_of(uint32_t sample_rate)
{
    rec_feed_format format = REC_INIT(rec_feed_format);
    format.codec = REC_CODEC_PCM16;
    format.sample_rate = sample_rate;
    return format;
}

rec_status sample_tap_open(struct sample_tap *tap, rec_call call, uint32_t sample_rate, rec_error *error)
{
    rec_feed_format format = format_of(sample_rate);
    *tap = (struct sample_tap){.sample_rates = {sample_rate, sample_rate}};
    rec_status status = rec_feed_open(call, REC_LEG_LOCAL, &format, &tap->feeds[REC_LEG_LOCAL], error);
    if (status == REC_OK)
        status = rec_feed_open(call, REC_LEG_REMOTE, &format, &tap->feeds[REC_LEG_REMOTE], error);
    if (status != REC_OK)
        sample_tap_close(tap);
    return status;
}

/* The frames of a block as one channel. */
static const int16_t *mono(const int16_t *samples, unsigned channels, size_t frames, int16_t *block)
{
    if (samples != NULL && channels == 1)
        return samples;
    for (size_t frame = 0; frame < frames; frame++) {
        int32_t sum = 0;
        for (unsigned channel = 0; samples != NULL && channel < channels; channel++)
            sum += samples[frame * channels + channel];
        block[frame] = (int16_t)(sum / (int32_t)channels);
    }
    return block;
}

rec_status sample_tap_write(struct sample_tap *tap, int32_t leg, uint32_t sample_rate, unsigned channels, const int16_t *samples, size_t frames)
{
    if (!is_valid(leg, channels))
        return REC_ERR_INVALID_ARGUMENT;
    if (sample_rate != tap->sample_rates[leg]) { /* the host has changed the codec */
        rec_feed_format format = format_of(sample_rate);
        rec_status status = rec_feed_set_format(tap->feeds[leg], &format, NULL);
        if (status != REC_OK)
            return status;
        tap->sample_rates[leg] = sample_rate;
    }
    while (frames > 0) {
        int16_t block[BLOCK];
        size_t count = frames < BLOCK ? frames : BLOCK;
        rec_status status = rec_feed_write(tap->feeds[leg], mono(samples, channels, count, block), count * sizeof block[0]);
        if (status != REC_OK)
            return status;
        samples = samples == NULL ? NULL : samples + count * channels;
        frames -= count;
    }
    return REC_OK;
}

void sample_tap_close(struct sample_tap *tap)
{
    rec_feed_close(tap->feeds[REC_LEG_LOCAL]);
    rec_feed_close(tap->feeds[REC_LEG_REMOTE]);
}
