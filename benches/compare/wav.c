/* WAV files: the header that the floor writes, and a reader for the check of what was written. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT_PCM = 1, FORMAT_MULAW = 7, FORMAT_EXTENSIBLE = 0xfffe };

static void put(uint8_t **at, uint32_t value, int bytes)
{
    for (int byte = 0; byte < bytes; byte++)
        *(*at)++ = (uint8_t)(value >> 8 * byte);
}

static void put_name(uint8_t **at, const char *name)
{
    memcpy(*at, name, 4);
    *at += 4;
}

static uint32_t get(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int byte = 0; byte < bytes; byte++)
        value |= (uint32_t)at[byte] << 8 * byte;
    return value;
}

/* Returns the length of the header: 44 bytes, or 58 for mu-law, which needs a "fact" chunk. */
size_t wav_header(uint8_t header[64], enum format format, uint32_t data_bytes)
{
    uint8_t *at = header;
    uint32_t frame_bytes = format == PCM16 ? 4 : 2;
    put_name(&at, "RIFF");
    put(&at, data_bytes + (format == PCM16 ? 36 : 50), 4);
    put_name(&at, "WAVE");
    put_name(&at, "fmt ");
    put(&at, format == PCM16 ? 16 : 18, 4);
    put(&at, format == PCM16 ? FORMAT_PCM : FORMAT_MULAW, 2);
    put(&at, 2, 2);
    put(&at, SAMPLE_RATE, 4);
    put(&at, SAMPLE_RATE * frame_bytes, 4);
    put(&at, frame_bytes, 2);
    put(&at, frame_bytes * 4, 2);
    if (format == MULAW) {
        put(&at, 0, 2);
        put_name(&at, "fact");
        put(&at, 4, 4);
        put(&at, data_bytes / frame_bytes, 4);
    }
    put_name(&at, "data");
    put(&at, data_bytes, 4);
    return (size_t)(at - header);
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail("%s is not there", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        fail("%s cannot be read", path);
    fclose(file);
    return bytes;
}

static struct audio decode(const uint8_t *data, size_t size, enum format format)
{
    struct audio audio = {.frames = size / (format == PCM16 ? 4 : 2)};
    audio.samples = malloc(audio.frames * 4 + 1);
    if (!audio.samples)
        fail("no memory for the audio");
    for (size_t sample = 0; sample < audio.frames * 2; sample++)
        audio.samples[sample] = format == PCM16 ? (int16_t)get(data + 2 * sample, 2) : mulaw_to_linear[data[sample]];
    return audio;
}

/* Fails unless the file is stereo at 8 kHz in the format that was asked for. */
struct audio wav_read(const char *path, enum format format)
{
    size_t size, at = 12;
    uint8_t *bytes = read_whole(path, &size);
    bool is_right_format = false;
    if (size < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
        fail("%s is not a WAV file", path);
    while (at + 8 <= size) {
        const uint8_t *content = bytes + at + 8;
        size_t length = get(bytes + at + 4, 4);
        if (length > size - at - 8)
            fail("%s: a chunk is longer than the file", path);
        if (memcmp(bytes + at, "fmt ", 4) == 0 && length >= 16) {
            uint32_t tag = get(content, 2);
            if (tag == FORMAT_EXTENSIBLE && length >= 26)
                tag = get(content + 24, 2);
            is_right_format = tag == (format == PCM16 ? FORMAT_PCM : FORMAT_MULAW) && get(content + 2, 2) == 2
                              && get(content + 4, 4) == SAMPLE_RATE
                              && get(content + 14, 2) == (format == PCM16 ? 16 : 8);
        }
        if (memcmp(bytes + at, "data", 4) == 0) {
            if (!is_right_format)
                fail("%s has another format than was asked for", path);
            struct audio audio = decode(content, length, format);
            free(bytes);
            return audio;
        }
        at += 8 + length + length % 2;
    }
    fail("%s has no audio", path);
}
