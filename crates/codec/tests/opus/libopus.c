/* Encodes and decodes with libopus.
 *
 * libopus KIND SAMPLES: writes records to the standard output, numbers in native byte order:
 *   int32 what      0: a packet, 1: the packet before the next one is lost, and recovered from it
 *   int32 bytes     of the packet (the next one if what is 1), and then the bytes
 *   int32 frames    of libopus' output, and then int16 samples, mixed down
 */
#include <math.h>
#include <opus/opus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 48000
#define FRAME 960

static uint32_t state = 7;

static double random_value(void)
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 24) * 2 - 1;
}

/* Syllables of vowels and hisses at both ears. The last second of four is silent. */
static void speak(int16_t *pcm, long from, int frames, int channels, int pauses)
{
    for (int n = 0; n < frames; n++) {
        double t = (double)(from + n) / RATE;
        double syllable = fmod(t, 0.25) / 0.25, pitch = 110 + 40 * sin(2.1 * t);
        double loudness = sin(M_PI * syllable) * (pauses && fmod(t, 4) > 2 ? 0 : 1);
        double value = 0;
        int hisses = (int)(t / 0.25) % 5 == 3;
        for (int k = 1; k <= 30 && !hisses; k++) {
            double hz = k * pitch, formant = 500 + 300 * sin(3.3 * t), other = 1700 + 500 * sin(1.7 * t);
            double gain = exp(-pow((hz - formant) / 200, 2)) + 0.4 * exp(-pow((hz - other) / 300, 2));
            value += gain * sin(2 * M_PI * (k * 110 * t - k * 40 / (2.1 * 2 * M_PI) * cos(2.1 * t) * 2 * M_PI));
        }
        value = hisses ? 0.3 * random_value() : value;
        for (int c = 0; c < channels; c++) {
            double part = c == 0 ? 1 : 0.4 + 0.3 * sin(t);
            pcm[n * channels + c] = (int16_t)(6000 * loudness * part * value + random_value());
        }
    }
}

static void put(int32_t value)
{
    fwrite(&value, sizeof value, 1, stdout);
}

static void record(int what, const uint8_t *packet, int bytes, const int16_t *pcm, int frames, int channels)
{
    put(what);
    put(bytes);
    fwrite(packet, 1, bytes, stdout);
    put(frames);
    for (int n = 0; n < frames; n++) {
        int sum = 0;
        for (int c = 0; c < channels; c++)
            sum += pcm[n * channels + c];
        int16_t mixed = (int16_t)(sum / channels);
        fwrite(&mixed, sizeof mixed, 1, stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const char *kind = argv[1];
    int is = 0, count = atoi(argv[2]);
    int stereo = strncmp(kind, "stereo", 6) == 0, channels = stereo ? 2 : 1;
    int music = strstr(kind, "music") != NULL, loss = strstr(kind, "loss") != NULL;
    int late = strstr(kind, "late") != NULL;
    int dtx = strstr(kind, "dtx") != NULL, switches = strstr(kind, "switching") != NULL;
    OpusEncoder *encoder = opus_encoder_create(RATE, channels, music ? OPUS_APPLICATION_AUDIO : OPUS_APPLICATION_VOIP, &is);
    OpusDecoder *decoder = opus_decoder_create(RATE, channels, &is);
    if (encoder == NULL || decoder == NULL)
        return 1;
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(music ? 64000 : stereo ? 32000 : strstr(kind, "wide") ? 16000 : 24000));
    if (strstr(kind, "wide"))
        opus_encoder_ctl(encoder, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND));
    opus_encoder_ctl(encoder, OPUS_SET_DTX(dtx));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(loss));
    opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(loss ? 15 : 0));
    int was_lost = 0;
    for (int n = 0; n < count; n++) {
        static const int rates[] = {64000, 12000, 20000, 96000, 32000, 16000, 40000};
        int16_t pcm[FRAME * 2], out[FRAME * 2];
        uint8_t packet[1500];
        if (switches && n % 25 == 0) {
            opus_encoder_ctl(encoder, OPUS_SET_BITRATE(rates[n / 25 % 7]));
            opus_encoder_ctl(encoder, OPUS_SET_FORCE_CHANNELS(stereo && n / 25 % 3 != 1 ? 2 : 1));
        }
        if (late)
            opus_encoder_ctl(encoder, OPUS_SET_FORCE_CHANNELS(n < 50 ? 1 : 2));
        speak(pcm, (long)n * FRAME, FRAME, channels, dtx);
        int bytes = opus_encode(encoder, pcm, FRAME, packet, sizeof packet);
        if (bytes < 1)
            return 1;
        int is_lost = loss && n > 5 && n % 9 == 4;
        if (was_lost && !is_lost) {
            int frames = opus_decode(decoder, packet, bytes, out, FRAME, 1);
            record(1, packet, bytes, out, frames, channels);
        }
        if (!is_lost) {
            int frames = opus_decode(decoder, packet, bytes, out, FRAME, 0);
            record(0, packet, bytes, out, frames, channels);
        }
        was_lost = is_lost;
    }
    opus_encoder_destroy(encoder);
    opus_decoder_destroy(decoder);
    return 0;
}
