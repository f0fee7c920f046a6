/* Whether the files hold what was fed, so that no recorder is called fast that loses audio. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>

/* How much silence a recorder with a clock of its own may add, beyond the time that the opening took. */
static const double SILENCE_S = 0.5;

static const uint64_t CHECKSUM_BEGIN = 14695981039346656037u;

/* FNV-1a of 64 bits. */
static void add(uint64_t *checksum, int16_t sample)
{
    *checksum = (*checksum ^ (uint16_t)sample) * 1099511628211u;
}

static int16_t fed(int leg, int call, long frame)
{
    return mulaw_to_linear[speech_payload(leg, call, frame / SAMPLES)[frame % SAMPLES]];
}

/* Compares one channel, sample by sample, and adds what the file holds to the checksum. */
static bool is_exact(const struct audio *audio, int leg, int call, long frames, long silence, uint64_t *checksum)
{
    const int16_t *samples = audio->samples + leg;
    long length = (long)audio->frames, lead = 0;
    bool is_same = true;
    if (length < frames || length - frames > silence)
        return false;
    while (lead < length - frames && samples[2 * lead] == 0)
        lead++;
    for (long frame = 0; frame < frames; frame++) {
        int16_t sample = samples[2 * (lead + frame)];
        is_same = is_same && sample == fed(leg, call, frame);
        add(checksum, sample);
    }
    for (long frame = lead + frames; frame < length; frame++)
        is_same = is_same && samples[2 * frame] == 0;
    return is_same;
}

/* The length is exact and the waveform much like what was fed: a correlation of at least 0.7. */
static bool is_alike(const struct audio *audio, int leg, int call, long frames)
{
    double both = 0, here = 1, there = 1;
    if ((long)audio->frames != frames)
        return false;
    for (long frame = 0; frame < frames; frame++) {
        double got = audio->samples[2 * frame + leg], wanted = fed(leg, call, frame);
        both += got * wanted;
        here += got * got;
        there += wanted * wanted;
    }
    /* A leg that hardly speaks has no waveform that a codec would keep. */
    return there / (double)frames < 250000 || both / sqrt(here * there) >= 0.7;
}

void call_path(char out[PATH_SIZE], const struct recorder *recorder, const struct job *job, int call)
{
    int length = snprintf(out, PATH_SIZE, "%s/call-%05d.%s", job->directory, call, recorder->extension);
    if (length >= PATH_SIZE)
        fail("%s is too long", job->directory);
}

int verify(const struct recorder *recorder, const struct job *job, double opening_s, uint64_t *checksum)
{
    long frames = (long)job->seconds * SAMPLE_RATE;
    bool adds_silence = recorder->has_own_clock && job->is_paced;
    long silence = adds_silence ? (long)((opening_s + SILENCE_S) * SAMPLE_RATE) : 0;
    int wrong = 0;
    *checksum = CHECKSUM_BEGIN;
    for (int call = 0; call < job->calls; call++) {
        char path[PATH_SIZE];
        bool is_right = true;
        call_path(path, recorder, job, call);
        struct audio audio = recorder->read(path, job->format);
        for (int leg = 0; leg < 2; leg++) {
            bool leg_is_right = recorder->is_lossy ? is_alike(&audio, leg, call, frames)
                                                   : is_exact(&audio, leg, call, frames, silence, checksum);
            is_right = is_right && leg_is_right;
        }
        if (!is_right && wrong++ == 0)
            fprintf(stderr, "%s: %zu frames, %ld were fed, or other samples\n", path, audio.frames, frames);
        free(audio.samples);
    }
    return wrong;
}
