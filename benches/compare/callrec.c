/* callrec through its C ABI: two feeds a call, into which each leg's RTP packets go as they came. */
#include "callrec_engine.h"

#include <stdlib.h>

struct recording {
    rec_call call;
    rec_feed feeds[2];
};

static rec_engine engine;
static const struct job *work;

static void begin_lean(const struct job *job)
{
    work = job;
    engine = engine_open_for(job, "process", "none");
}

static void begin_defaults(const struct job *job)
{
    work = job;
    engine = engine_open_for(job, NULL, NULL);
}

static void *open_call(int call, const char *path)
{
    struct recording *recording = malloc(sizeof *recording);
    (void)path; /* it follows from the directory and `storage.name` */
    if (!recording)
        fail("callrec: no memory");
    recording->call = engine_begin_call(engine, call, recording->feeds);
    engine_start(engine, call, work->format);
    return recording;
}

/* In real time, audio is never refused. As fast as possible, a full ring is waited for. */
static void feed_leg(rec_feed feed, const uint8_t *packet)
{
    rec_status status;
    while ((status = rec_feed_rtp(feed, packet, PACKET)) == REC_ERR_OVERRUN && !work->is_paced) {
        if ((status = rec_feed_wait(feed, 60000)) != REC_OK)
            break;
    }
    if (status != REC_OK)
        fail("rec_feed_rtp: %s", rec_status_text(status));
}

static void feed(void *handle, const uint8_t *local, const uint8_t *remote)
{
    struct recording *recording = handle;
    feed_leg(recording->feeds[LOCAL], local);
    feed_leg(recording->feeds[REMOTE], remote);
}

static void end_call(void *handle)
{
    struct recording *recording = handle;
    engine_end_call(recording->call);
    free(recording);
}

static void end(void)
{
    engine_close(engine);
}

/* With `durability=process` and without a digest, as the others are. */
const struct recorder callrec_recorder = {
    .name = "callrec",
    .extension = "wav",
    .keeps_mulaw = true,
    .has_own_clock = true,
    .writes_plainly = true,
    .begin = begin_lean,
    .open = open_call,
    .feed = feed,
    .close = end_call,
    .end = end,
    .read = wav_read,
};

/* As it is without any setting: each file is synced before it is published, and has a SHA-256. */
const struct recorder callrec_defaults_recorder = {
    .name = "callrec-defaults",
    .extension = "wav",
    .keeps_mulaw = true,
    .has_own_clock = true,
    .writes_plainly = true,
    .begin = begin_defaults,
    .open = open_call,
    .feed = feed,
    .close = end_call,
    .end = end,
    .read = wav_read,
};
