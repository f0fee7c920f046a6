/* The first use of a thread-local variable with a destructor makes the C library allocate memory for the
 * destructor, and the C library aborts the process if there is none. So callrec registers a destructor
 * only while it starts a thread, which it does in rec_open and, unless memory is short, in rec_close.
 *
 *   thread_locals DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "check.h"

#include <dlfcn.h>

enum { PACKETS = 400, BYTES = 320 };

static struct event_counts events = EVENT_COUNTS_INIT;

/* Destructors that were registered, in all and while none may be. */
static unsigned registered, forbidden;
static bool is_forbidden;

/* Replaces the function of the C library. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library)
{
    static int (*real)(void (*)(void *), void *, void *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "__cxa_thread_atexit_impl");
    __atomic_add_fetch(&registered, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&is_forbidden, __ATOMIC_SEQ_CST))
        __atomic_add_fetch(&forbidden, 1, __ATOMIC_SEQ_CST);
    return real(destroy, object, library);
}

static void feed(rec_call call, int32_t leg, int32_t codec)
{
    const unsigned char packet[BYTES] = {0};
    rec_feed feed;
    rec_status status = open_feed(call, leg, codec, &feed);
    if (status == REC_ERR_UNSUPPORTED)
        return;
    MUST(status);
    for (unsigned n = 0; n < PACKETS; n++) {
        while ((status = rec_feed_write(feed, packet, sizeof packet)) == REC_ERR_OVERRUN)
            OK(rec_feed_wait(feed, 20000));
        CHECK(status == REC_OK);
    }
    OK(rec_feed_close(feed));
}

/* Records a call. Returns false if this build has not the format. */
static bool record(rec_engine engine, const char *format, int32_t codec)
{
    rec_call call;
    MUST(begin_call(engine, format, format, NULL, "user1", &call));
    rec_start_options options = REC_INIT(rec_start_options);
    options.call_id = format;
    options.format = format;
    rec_id id;
    rec_status status = rec_start(engine, NULL, &options, &id, &err);
    if (status == REC_OK) {
        feed(call, REC_LEG_LOCAL, codec);
        OK(rec_pause_by_id(engine, NULL, id.text, &err));
        OK(rec_resume_by_id(engine, NULL, id.text, &err));
        feed(call, REC_LEG_REMOTE, REC_CODEC_PCM16);
        rec_snapshot *snapshot = NULL;
        OK(rec_list(engine, NULL, NULL, &snapshot, &err));
        rec_snapshot_free(snapshot);
        OK(rec_stop_by_id(engine, NULL, id.text, &err));
    } else {
        EXPECT(status, REC_ERR_UNSUPPORTED);
    }
    OK(rec_call_end(call, &err));
    return status == REC_OK;
}

struct recorder {
    rec_engine engine;
    unsigned recorded;
};

static void *record_all(void *of)
{
    static const char *const formats[] = {"wav", "au", "flac", "opus", "wav-ulaw"};
    static const int32_t codecs[] = {REC_CODEC_PCMU, REC_CODEC_PCMA, REC_CODEC_G722, REC_CODEC_OPUS, REC_CODEC_PCM16};
    struct recorder *recorder = of;
    for (unsigned n = 0; n < sizeof formats / sizeof *formats; n++)
        recorder->recorded += record(recorder->engine, formats[n], codecs[n]);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    rec_subscription subscription;
    struct recorder recorder = {open_engine(argv[1], SETTINGS("media.clock", "stream")), 0};
    MUST(rec_subscribe(recorder.engine, count_event, &events, note_freed, &subscription, &err));
    CHECK(registered > 0);
    __atomic_store_n(&is_forbidden, true, __ATOMIC_SEQ_CST);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, record_all, &recorder) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(recorder.recorded >= 3);
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, recorder.recorded));
    __atomic_store_n(&is_forbidden, false, __ATOMIC_SEQ_CST);
    MUST(rec_close(recorder.engine, 60000, &err));
    if (!CHECK(forbidden == 0))
        fprintf(stderr, "%u of %u destructors\n", forbidden, registered);
    return check_summary("thread_locals");
}
