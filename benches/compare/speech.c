/* A made-up conversation in mu-law: two voices that take turns, and low noise between them. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS = 120 * PACKETS_PER_SECOND, TURN = 3 * SAMPLE_RATE, STEP = 7919 };

int16_t mulaw_to_linear[256];
static uint8_t *payloads[2];

static int16_t decode(uint8_t coded)
{
    coded = (uint8_t)~coded;
    int magnitude = ((((coded & 15) << 3) + 132) << (coded >> 4 & 7)) - 132;
    return (int16_t)(coded & 128 ? -magnitude : magnitude);
}

static uint8_t encode(double sample)
{
    int magnitude = (int)fmin(fabs(sample), 32635) + 132;
    int exponent = 7;
    while (exponent > 0 && !(magnitude & 128 << exponent))
        exponent--;
    int coded = (sample < 0 ? 128 : 0) | exponent << 4 | (magnitude >> (exponent + 3) & 15);
    uint8_t byte = (uint8_t)~coded;
    /* No sample is exactly 0, so that silence that a recorder adds can be told from speech. */
    return (byte & 127) == 127 ? byte & 254 : byte;
}

static double noise(void)
{
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state / 2147483648.0 - 1;
}

/* Harmonics of a gliding pitch, four syllables a second, in every other turn. */
static void speak(int leg, uint8_t *out)
{
    double phase = 0;
    for (long at = 0; at < (long)PACKETS * SAMPLES; at++) {
        double seconds = (double)at / SAMPLE_RATE;
        double pitch = (leg == LOCAL ? 115 : 195) * (1 + 0.15 * sin(2.1 * seconds));
        phase = fmod(phase + 6.283185307 * pitch / SAMPLE_RATE, 6.283185307);
        double sample = 20 * noise();
        if (at / TURN % 2 == leg) {
            double loudness = 6000 * pow(sin(12.6 * seconds + leg), 2);
            for (int harmonic = 1; harmonic <= 8; harmonic++)
                sample += loudness / harmonic * sin(phase * harmonic) * (1 + 0.5 * sin(3.7 * seconds * harmonic));
            sample += 0.05 * loudness * noise();
        }
        out[at] = encode(sample);
    }
}

void speech_make(void)
{
    for (int coded = 0; coded < 256; coded++)
        mulaw_to_linear[coded] = decode((uint8_t)coded);
    for (int leg = 0; leg < 2; leg++) {
        payloads[leg] = malloc((size_t)PACKETS * SAMPLES);
        if (!payloads[leg])
            fail("no memory for the speech");
        speak(leg, payloads[leg]);
    }
}

const uint8_t *speech_payload(int leg, int call, long packet)
{
    return payloads[leg] + ((long)call * STEP + packet) % PACKETS * SAMPLES;
}

void speech_packet(int leg, int call, long packet, uint8_t out[PACKET])
{
    uint32_t timestamp = (uint32_t)packet * SAMPLES;
    uint32_t source = (uint32_t)call * 2 + (uint32_t)leg + 1;
    out[0] = 0x80; /* version 2 */
    out[1] = 0;    /* payload type of mu-law */
    out[2] = (uint8_t)(packet >> 8);
    out[3] = (uint8_t)packet;
    for (int byte = 0; byte < 4; byte++) {
        out[4 + byte] = (uint8_t)(timestamp >> (24 - 8 * byte));
        out[8 + byte] = (uint8_t)(source >> (24 - 8 * byte));
    }
    memcpy(out + HEADER, speech_payload(leg, call, packet), SAMPLES);
}

void decode_stereo(const uint8_t *local, const uint8_t *remote, int16_t out[2 * SAMPLES])
{
    for (int sample = 0; sample < SAMPLES; sample++) {
        out[2 * sample] = mulaw_to_linear[local[HEADER + sample]];
        out[2 * sample + 1] = mulaw_to_linear[remote[HEADER + sample]];
    }
}

void interleave(const uint8_t *local, const uint8_t *remote, uint8_t out[2 * SAMPLES])
{
    for (int sample = 0; sample < SAMPLES; sample++) {
        out[2 * sample] = local[HEADER + sample];
        out[2 * sample + 1] = remote[HEADER + sample];
    }
}
