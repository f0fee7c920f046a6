/* Examples of the manual pages: configuration, engine, events and files. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;
static void print_event(void *user_data, const rec_event *event)
{
    (void)user_data;
    printf("%s\n", event->json);
}
static void print_line(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    fprintf(stderr, "callrec [%d]: %s\n", (int)level, message);
}

static void register_thread(void *user_data, const char *name)
{
    (void)user_data;
    (void)name;
}

void examples_of_engine(void);
void examples_of_engine(void)
{
{
/* rec_config_new */
rec_config *config = NULL;

if (rec_config_new(&config) == REC_OK) {
    rec_config_set(config, "storage.directory", "/var/lib/callrec", NULL);
    rec_open(config, &engine, NULL);
    rec_config_free(config);
}
/* end */
}
{
/* rec_config_set */
rec_config *config = NULL;
rec_error error = REC_INIT(rec_error);

if (rec_config_new(&config) == REC_OK
    && rec_config_set(config, "recording.format", "flac", &error) != REC_OK)
    fprintf(stderr, "%s\n", error.message); /* names the key and the value */
rec_config_free(config);
/* end */
}
{
/* rec_config_load */
rec_config *config = NULL;
rec_error error = REC_INIT(rec_error);

/* {"storage": {"directory": "/var/lib/callrec"}, "recording.format": "flac"} */
if (rec_config_new(&config) == REC_OK
    && rec_config_load(config, "/etc/callrec.json", &error) != REC_OK)
    fprintf(stderr, "%s\n", error.message);
rec_config_free(config);
/* end */
}
{
/* rec_config_free */
rec_config *config = NULL;

rec_config_new(&config);
rec_open(config, &engine, NULL); /* copies the configuration */
rec_config_free(config);         /* so it can be freed at once */
/* end */
}
{
/* rec_open */
rec_error error = REC_INIT(rec_error);

/* Without a configuration: every key has its default, and the directory is ./recordings. */
if (rec_open(NULL, &engine, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_close */
rec_error error = REC_INIT(rec_error);

/* After a timeout, the next rec_open finishes what is left. */
if (rec_close(engine, 10000, &error) == REC_ERR_TIMEOUT)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_stats */
rec_statistics statistics = REC_INIT(rec_statistics);

if (rec_stats(engine, &statistics, NULL) == REC_OK)
    printf("%llu live recordings, %llu bytes free\n",
           (unsigned long long)statistics.live_recordings,
           (unsigned long long)statistics.free_bytes);
/* end */
}
{
/* rec_set_log */
/* static void print_line(void *user_data, int32_t level, const char *message)
 * {
 *     fprintf(stderr, "callrec [%d]: %s\n", (int)level, message);
 * } */
rec_set_log(engine, print_line, NULL, NULL, NULL);
/* end */
}
{
/* rec_subscribe */
rec_subscription subscription;
rec_error error = REC_INIT(rec_error);

/* static void print_event(void *user_data, const rec_event *event)
 * {
 *     printf("%s\n", event->json);
 * } */
if (rec_subscribe(engine, print_event, NULL, NULL, &subscription, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_subscribe_with */
rec_subscription subscription;
rec_subscribe_options options = REC_INIT(rec_subscribe_options);

options.flags = REC_SUBSCRIBE_CALLS; /* also when calls begin, change and end */
rec_subscribe_with(engine, &options, print_event, NULL, NULL, &subscription, NULL);
/* end */
}
{
/* rec_unsubscribe */
rec_subscription subscription;

if (rec_subscribe(engine, print_event, NULL, NULL, &subscription, NULL) == REC_OK) {
    /* ... */
    rec_unsubscribe(subscription); /* the callback is not running any more */
}
/* end */
}
{
/* rec_verify */
rec_error error = REC_INIT(rec_error);

if (rec_verify("/var/lib/callrec/call-1.wav", &error) != REC_OK)
    fprintf(stderr, "%s\n", error.message); /* says what differs */
/* end */
}
{
/* rec_audit_head */
rec_chain_head head = REC_INIT(rec_chain_head);

/* Kept elsewhere, it proves later that no line before it was changed or cut off. */
if (rec_audit_head(engine, &head, NULL) == REC_OK)
    printf("%llu %s\n", (unsigned long long)head.sequence, head.hash);
/* end */
}
{
/* rec_verify_audit */
rec_audit_report report = REC_INIT(rec_audit_report);
rec_error error = REC_INIT(rec_error);

if (rec_verify_audit("/var/lib/callrec", NULL, &report, &error) == REC_OK)
    printf("%llu lines are unchanged\n", (unsigned long long)report.sequence);
else
    fprintf(stderr, "%s\n", error.message);
/* end */
}
{
/* rec_version */
/* The library that runs may be newer than the header. */
printf("callrec %s, compiled with the header of %s\n",
       rec_version(), REC_VERSION_STRING);
/* end */
}
{
/* rec_version_number */
if (rec_version_number() < REC_VERSION_NUMBER)
    fprintf(stderr, "callrec %s is older than %s\n",
            rec_version(), REC_VERSION_STRING);
/* end */
}
{
/* rec_status_text */
rec_status status = rec_open(NULL, &engine, NULL);

if (status != REC_OK)
    fprintf(stderr, "callrec: %s\n", rec_status_text(status));
/* end */
}
{
/* rec_config_set_thread_hooks */
rec_config *config = NULL;

/* PJLIB must know each thread: register_thread calls pj_thread_register. */
rec_config_new(&config);
rec_config_set_thread_hooks(config, register_thread, NULL, NULL, NULL, NULL);
rec_open(config, &engine, NULL);
rec_config_free(config);
/* end */
}
{
/* rec_delete */
rec_error error = REC_INIT(rec_error);
const char *id = "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7";

if (rec_delete(engine, NULL, id, &error) == REC_ERR_HELD)
    fprintf(stderr, "the recording is held\n");
/* end */
}
{
/* rec_hold */
rec_error error = REC_INIT(rec_error);
const char *id = "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7";

/* Nothing deletes or discards the recording until the hold is released. */
if (rec_hold(engine, NULL, id, 1, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
}
