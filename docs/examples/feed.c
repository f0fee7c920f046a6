/* Examples of the manual pages: the audio of calls. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;
static rec_call call;
static rec_feed feed;
static rec_status create_codec_fails;
static void *create(void *user_data, uint32_t sample_rate, uint32_t channels, const char *fmtp)
{
    (void)user_data;
    (void)sample_rate;
    (void)channels;
    (void)fmtp;
    return &create_codec_fails;
}
static rec_status decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity, size_t *count)
{
    (void)state;
    (void)payload;
    (void)size;
    (void)samples;
    *count = capacity < 80 ? capacity : 80;
    return REC_OK;
}
static void destroy(void *state)
{
    (void)state;
}

void examples_of_feed(void);
void examples_of_feed(void)
{
{
/* rec_feed_open */
rec_error error = REC_INIT(rec_error);
rec_feed_format format = REC_INIT(rec_feed_format);

format.codec = REC_CODEC_PCMU; /* RTP: static payload types need no declaration */
if (rec_feed_open(call, REC_LEG_REMOTE, &format, &feed, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_feed_set_format */
rec_feed_format format = REC_INIT(rec_feed_format);

/* The samples of later writes have 16 kHz. */
format.codec = REC_CODEC_PCM16;
format.sample_rate = 16000;
rec_feed_set_format(feed, &format, NULL);
/* end */
}
{
/* rec_feed_payload */
rec_feed_format opus = REC_INIT(rec_feed_format);

opus.codec = REC_CODEC_OPUS;
opus.channels = 2;
rec_feed_payload(feed, 111, &opus, NULL);
/* end */
}
{
/* rec_feed_sdp */
rec_error error = REC_INIT(rec_error);

/* What the peer will send, as it was negotiated. */
if (rec_feed_sdp(feed, "m=audio 4000 RTP/AVP 111 0\r\n"
                       "a=rtpmap:111 opus/48000/2\r\n", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_feed_write */
int16_t samples[160]; /* 20 ms at 8000 Hz, from your media thread */

memset(samples, 0, sizeof samples);
if (rec_feed_write(feed, samples, sizeof samples) == REC_ERR_OVERRUN)
    fprintf(stderr, "20 ms were lost\n");
/* end */
}
{
/* rec_feed_write_at */
static uint64_t position; /* of your own sample clock */
int16_t samples[160];

memset(samples, 0, sizeof samples);
rec_feed_write_at(feed, position, samples, sizeof samples);
position += 160;
/* end */
}
{
/* rec_feed_rtp */
unsigned char packet[1500];
size_t size = 0; /* of a datagram that was just received */

if (rec_feed_rtp(feed, packet, size) == REC_ERR_OVERRUN)
    fprintf(stderr, "a packet was lost\n");
/* end */
}
{
/* rec_feed_rtp_at */
unsigned char packet[1500];
size_t size = 0;
uint32_t age_us = 2500; /* the packet waited that long in a queue of the host */

rec_feed_rtp_at(feed, age_us, packet, size);
/* end */
}
{
/* rec_feed_wait */
int16_t samples[160] = {0};

/* A voice bot that speaks faster than real time. Not for a media thread: it waits. */
while (rec_feed_write(feed, samples, sizeof samples) == REC_ERR_OVERRUN)
    if (rec_feed_wait(feed, 1000) != REC_OK)
        break;
/* end */
}
{
/* rec_feed_clear */
/* The caller interrupts the bot: what it has written ahead is not said. */
rec_error error = REC_INIT(rec_error);
if (rec_feed_clear(feed, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_feed_dtmf */
/* A digit arrived by SIP INFO. With media.dtmf=mask, its tone is not recorded. */
uint32_t duration_ms = 160;

rec_feed_dtmf(feed, duration_ms, NULL);
/* end */
}
{
/* rec_feed_close */
rec_feed_close(feed); /* the leg is silent until another feed is opened for it */
rec_feed_format format = REC_INIT(rec_feed_format);
format.codec = REC_CODEC_PCMA;
rec_feed_open(call, REC_LEG_REMOTE, &format, &feed, NULL);
/* end */
}
{
/* rec_codec_register */
rec_codec_ops ops = REC_INIT(rec_codec_ops);
int32_t codec;

/* G.729: frames of 10 bytes and 80 samples, decoded by your functions. */
ops.create = create;
ops.decode = decode;
ops.destroy = destroy;
ops.frame_bytes = 10;
ops.frame_samples = 80;
rec_codec_register(engine, "G729", &ops, &codec, NULL);
/* end */
}
}
