/* Encodes raw audio from a file with libFLAC, as benches/flac.rs does with callrec's encoder. Prints
 * the CPU time of the fastest of several runs in nanoseconds, and the bytes of the frames. */
#include <FLAC/stream_encoder.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t written;

static FLAC__StreamEncoderWriteStatus on_write(const FLAC__StreamEncoder *encoder, const FLAC__byte bytes[],
                                               size_t size, uint32_t samples, uint32_t frame, void *data)
{
    (void)encoder, (void)bytes, (void)frame, (void)data;
    if (samples > 0)
        written += size;
    return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    uint32_t rate = (uint32_t)atoi(argv[2]), channels = (uint32_t)atoi(argv[3]), level = (uint32_t)atoi(argv[4]);
    FILE *file = fopen(argv[1], "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return 2;
    size_t count = (size_t)ftell(file) / 2;
    int16_t *narrow = malloc(count * 2);
    FLAC__int32 *samples = malloc(count * sizeof *samples);
    rewind(file);
    if (!narrow || !samples || fread(narrow, 2, count, file) != count)
        return 2;
    for (size_t at = 0; at < count; at++)
        samples[at] = narrow[at];
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < atoi(argv[5]); run++) {
        FLAC__StreamEncoder *encoder = FLAC__stream_encoder_new();
        FLAC__stream_encoder_set_channels(encoder, channels);
        FLAC__stream_encoder_set_bits_per_sample(encoder, 16);
        FLAC__stream_encoder_set_sample_rate(encoder, rate);
        FLAC__stream_encoder_set_compression_level(encoder, level);
        FLAC__stream_encoder_set_blocksize(encoder, 4096);
        written = 0;
        if (FLAC__stream_encoder_init_stream(encoder, on_write, NULL, NULL, NULL, NULL)
            != FLAC__STREAM_ENCODER_INIT_STATUS_OK)
            return 1;
        uint64_t begin = cpu_ns();
        if (!FLAC__stream_encoder_process_interleaved(encoder, samples, (uint32_t)(count / channels))
            || !FLAC__stream_encoder_finish(encoder))
            return 1;
        uint64_t used = cpu_ns() - begin;
        best = used < best ? used : best;
        FLAC__stream_encoder_delete(encoder);
    }
    printf("%llu %llu\n", (unsigned long long)best, (unsigned long long)written);
    return 0;
}
