#include "callrec_engine.h"

static rec_error error = REC_INIT(rec_error);

static void must(rec_status status, const char *what)
{
    if (status != REC_OK)
        fail("%s: %s: %s", what, rec_status_text(status), error.message);
}

static void set(rec_config *config, const char *key, const char *value)
{
    must(rec_config_set(config, key, value, &error), key);
}

enum { DEFAULT_BACKLOG_S = 15, SECOND_BYTES = 2 * SAMPLE_RATE * sizeof(int16_t) };

static void set_number(rec_config *config, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    set(config, key, text);
}

/* The default backlog is enough for a freeze of 10 s. */
static void set_backlog(rec_config *config, const struct job *job)
{
    uint64_t backlog_s = (uint64_t)job->freeze_s + 10;
    if (backlog_s <= DEFAULT_BACKLOG_S + 5)
        return;
    set_number(config, "storage.backlog_ms", backlog_s * 1000);
    set_number(config, "storage.backlog_bytes", backlog_s * (uint64_t)job->calls * SECOND_BYTES);
}

static rec_config *configuration(const char *directory, bool is_real_time, const char *durability, const char *digest)
{
    rec_config *config;
    must(rec_config_new(&config), "rec_config_new");
    set(config, "storage.directory", directory);
    set(config, "storage.name", "{call_id}");
    set(config, "media.clock", is_real_time ? "real" : "stream");
    if (durability)
        set(config, "storage.durability", durability);
    if (digest)
        set(config, "storage.digest", digest);
    return config;
}

static rec_engine opened(rec_config *config)
{
    rec_engine engine;
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    return engine;
}

rec_engine engine_open(const char *directory, bool is_real_time, const char *durability, const char *digest)
{
    return opened(configuration(directory, is_real_time, durability, digest));
}

rec_engine engine_open_for(const struct job *job, const char *durability, const char *digest)
{
    rec_config *config = configuration(job->directory, job->is_paced, durability, digest);
    set_backlog(config, job);
    return opened(config);
}

static void call_id(char out[32], int call)
{
    snprintf(out, 32, "call-%05d", call);
}

rec_call engine_begin_call(rec_engine engine, int call, rec_feed feeds[2])
{
    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_call begun;
    char id[32];
    call_id(id, call);
    info.call_id = info.device_name = id;
    info.directory_number = id + 5;
    info.username = "user";
    format.codec = REC_CODEC_PCMU;
    must(rec_call_begin(engine, &info, &begun, &error), "rec_call_begin");
    must(rec_feed_open(begun, REC_LEG_LOCAL, &format, &feeds[LOCAL], &error), "rec_feed_open");
    must(rec_feed_open(begun, REC_LEG_REMOTE, &format, &feeds[REMOTE], &error), "rec_feed_open");
    return begun;
}

void engine_start(rec_engine engine, int call, enum format format)
{
    rec_start_options options = REC_INIT(rec_start_options);
    rec_id recording;
    char id[32];
    call_id(id, call);
    options.call_id = id;
    options.format = format == PCM16 ? "wav" : "wav-ulaw";
    must(rec_start(engine, NULL, &options, &recording, &error), "rec_start");
}

void engine_stop(rec_engine engine, int call)
{
    char id[32];
    call_id(id, call);
    must(rec_stop_by_call(engine, NULL, id, NULL, NULL, &error), "rec_stop_by_call");
}

void engine_end_call(rec_call call)
{
    must(rec_call_end(call, &error), "rec_call_end");
}

void engine_close(rec_engine engine)
{
    must(rec_close(engine, 120000, &error), "rec_close");
}
