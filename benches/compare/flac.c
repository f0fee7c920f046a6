/* libFLAC at its default level. It compresses, so it does more than the floor. */
#include "compare.h"

#include <FLAC/stream_decoder.h>
#include <FLAC/stream_encoder.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct recording {
    FLAC__StreamEncoder *encoder;
    int file;
};

static void begin(const struct job *job)
{
    (void)job;
}

static FLAC__StreamEncoderWriteStatus on_write(const FLAC__StreamEncoder *encoder, const FLAC__byte bytes[],
                                               size_t size, uint32_t samples, uint32_t frame, void *handle)
{
    struct recording *recording = handle;
    (void)encoder, (void)samples, (void)frame;
    return write(recording->file, bytes, size) == (ssize_t)size ? FLAC__STREAM_ENCODER_WRITE_STATUS_OK
                                                                : FLAC__STREAM_ENCODER_WRITE_STATUS_FATAL_ERROR;
}

static FLAC__StreamEncoderSeekStatus on_seek(const FLAC__StreamEncoder *encoder, FLAC__uint64 offset, void *handle)
{
    struct recording *recording = handle;
    (void)encoder;
    return lseek(recording->file, (off_t)offset, SEEK_SET) < 0 ? FLAC__STREAM_ENCODER_SEEK_STATUS_ERROR
                                                               : FLAC__STREAM_ENCODER_SEEK_STATUS_OK;
}

static FLAC__StreamEncoderTellStatus on_tell(const FLAC__StreamEncoder *encoder, FLAC__uint64 *offset, void *handle)
{
    struct recording *recording = handle;
    (void)encoder;
    *offset = (FLAC__uint64)lseek(recording->file, 0, SEEK_CUR);
    return FLAC__STREAM_ENCODER_TELL_STATUS_OK;
}

static void *open_file(int call, const char *path)
{
    struct recording *recording = malloc(sizeof *recording);
    (void)call;
    if (!recording || !(recording->encoder = FLAC__stream_encoder_new()))
        fail("libFLAC: no memory");
    if ((recording->file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644)) < 0)
        fail("libFLAC: %s cannot be opened", path);
    FLAC__stream_encoder_set_channels(recording->encoder, 2);
    FLAC__stream_encoder_set_bits_per_sample(recording->encoder, 16);
    FLAC__stream_encoder_set_sample_rate(recording->encoder, SAMPLE_RATE);
    if (FLAC__stream_encoder_init_stream(recording->encoder, on_write, on_seek, on_tell, NULL, recording)
        != FLAC__STREAM_ENCODER_INIT_STATUS_OK)
        fail("libFLAC: the encoder does not begin");
    return recording;
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    struct recording *recording = handle;
    int16_t samples[2 * SAMPLES];
    FLAC__int32 wide[2 * SAMPLES];
    decode_stereo(local, remote, samples);
    for (int sample = 0; sample < 2 * SAMPLES; sample++)
        wide[sample] = samples[sample];
    if (!FLAC__stream_encoder_process_interleaved(recording->encoder, wide, SAMPLES))
        fail("libFLAC: the samples were not taken");
}

static void close_file(void *handle)
{
    struct recording *recording = handle;
    if (!FLAC__stream_encoder_finish(recording->encoder))
        fail("libFLAC: a file could not be finished");
    FLAC__stream_encoder_delete(recording->encoder);
    close(recording->file);
    free(recording);
}

static void end(void)
{
}

static FLAC__StreamDecoderWriteStatus on_decoded(const FLAC__StreamDecoder *decoder, const FLAC__Frame *frame,
                                                 const FLAC__int32 *const channels[], void *handle)
{
    struct audio *audio = handle;
    size_t size = frame->header.blocksize;
    (void)decoder;
    audio->samples = realloc(audio->samples, (audio->frames + size) * 4);
    if (!audio->samples)
        fail("no memory for the audio");
    for (size_t sample = 0; sample < size; sample++) {
        audio->samples[2 * (audio->frames + sample)] = (int16_t)channels[0][sample];
        audio->samples[2 * (audio->frames + sample) + 1] = (int16_t)channels[1][sample];
    }
    audio->frames += size;
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void on_error(const FLAC__StreamDecoder *decoder, FLAC__StreamDecoderErrorStatus status, void *handle)
{
    (void)decoder, (void)handle;
    fail("libFLAC: a file is damaged: %s", FLAC__StreamDecoderErrorStatusString[status]);
}

static struct audio read_file(const char *path, enum format format)
{
    struct audio audio = {0};
    FLAC__StreamDecoder *decoder = FLAC__stream_decoder_new();
    (void)format;
    if (FLAC__stream_decoder_init_file(decoder, path, on_decoded, NULL, on_error, &audio)
            != FLAC__STREAM_DECODER_INIT_STATUS_OK
        || !FLAC__stream_decoder_process_until_end_of_stream(decoder))
        fail("%s cannot be decoded", path);
    FLAC__stream_decoder_delete(decoder);
    return audio;
}

const struct recorder flac_recorder = {
    .name = "libFLAC",
    .extension = "flac",
    .writes_plainly = true,
    .begin = begin,
    .open = open_file,
    .feed = feed,
    .close = close_file,
    .end = end,
    .read = read_file,
};
