/* The floor: the least that any recorder must do. It takes both packets, decodes or interleaves them, and
 * writes what has come once a second. It parses nothing, has no thread, and would lose what is not yet
 * written, and the header, with the process. */
#include "compare.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct recording {
    int file;
    size_t filled;
    uint32_t written;
    uint8_t block[];
};

static enum format format;
static size_t packet_bytes, block_bytes;

static void begin(const struct job *job)
{
    format = job->format;
    packet_bytes = format == PCM16 ? 4 * SAMPLES : 2 * SAMPLES;
    block_bytes = packet_bytes * PACKETS_PER_SECOND;
}

static void write_all(int file, const uint8_t *bytes, size_t size)
{
    if (write(file, bytes, size) != (ssize_t)size)
        fail("floor: the disk did not take %zu bytes", size);
}

static void *open_file(int call, const char *path)
{
    uint8_t header[64];
    struct recording *recording = malloc(sizeof *recording + block_bytes);
    (void)call;
    if (!recording)
        fail("floor: no memory");
    *recording = (struct recording){.file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644)};
    if (recording->file < 0)
        fail("floor: %s cannot be opened", path);
    write_all(recording->file, header, wav_header(header, format, 0));
    return recording;
}

static void flush(struct recording *recording)
{
    write_all(recording->file, recording->block, recording->filled);
    recording->written += (uint32_t)recording->filled;
    recording->filled = 0;
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    struct recording *recording = handle;
    uint8_t *place = recording->block + recording->filled;
    if (format == PCM16)
        decode_stereo(local, remote, (int16_t *)(void *)place);
    else
        interleave(local, remote, place);
    recording->filled += packet_bytes;
    if (recording->filled == block_bytes)
        flush(recording);
}

static void close_file(void *handle)
{
    struct recording *recording = handle;
    uint8_t header[64];
    flush(recording);
    size_t size = wav_header(header, format, recording->written);
    if (pwrite(recording->file, header, size, 0) != (ssize_t)size)
        fail("floor: the disk did not take the header");
    close(recording->file);
    free(recording);
}

static void end(void)
{
}

const struct recorder floor_recorder = {
    .name = "floor",
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
