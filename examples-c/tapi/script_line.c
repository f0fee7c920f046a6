/* Scripted lines. */
#define _POSIX_C_SOURCE 200809L
#include "script_line.h"

#include "../portable.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000, ANSWERS = 4096 };

struct script {
    struct bridge *bridge;
    int64_t passed_ms; /* what `wait` has added to the clock */
    lock_type lock;    /* stdout, and the members below */
    unsigned begun, finished, forks, stops;
};

static int64_t now_of(const struct script *script) { return monotonic_ms() + script->passed_ms; }

static void on_fork(void *user_data, uint32_t line, uint64_t call, bool on)
{
    struct script *script = user_data;
    lock_take(&script->lock);
    script->forks += on;
    script->stops += !on;
    printf("fork %u %llu %s\n", (unsigned)line, (unsigned long long)call, on ? "on" : "off");
    fflush(stdout);
    lock_release(&script->lock);
}

static void on_event(void *user_data, const rec_event *event)
{
    struct script *script = user_data;
    lock_take(&script->lock);
    if (event->kind == REC_EVENT_STARTED)
        script->begun++;
    if (event->kind == REC_EVENT_FINISHED || event->kind == REC_EVENT_FAILED) {
        script->finished++;
        printf("finished %s\n", event->recording->path);
        fflush(stdout);
    }
    lock_release(&script->lock);
}

static unsigned count_of(struct script *script, const unsigned *count)
{
    lock_take(&script->lock);
    unsigned now = *count;
    lock_release(&script->lock);
    return now;
}

static bool find_report(struct script *script, const char *device, struct call_report *found)
{
    static struct call_report reports[256];
    size_t count = call_logic_report(bridge_calls(script->bridge), reports, sizeof reports / sizeof *reports);
    for (size_t i = 0; i < count && i < sizeof reports / sizeof *reports; i++)
        if (strcmp(reports[i].device, device) == 0) {
            *found = reports[i];
            return true;
        }
    return false;
}

static unsigned live_recordings(struct script *script)
{
    rec_snapshot *live = NULL;
    unsigned count = 0;
    if (rec_list(bridge_engine(script->bridge), NULL, NULL, &live, NULL) == REC_OK)
        count = (unsigned)rec_snapshot_count(live);
    rec_snapshot_free(live);
    return count;
}

/* What is there now, as a text to compare. */
static void current(struct script *script, const char *what, const char *device, char *text, size_t size)
{
    static const char *const states[] = {"", "connected", "held", "alerting"};
    struct call_report report;
    rec_statistics statistics = REC_INIT(rec_statistics);
    unsigned number = 0;
    if (strcmp(what, "calls") == 0 && rec_stats(bridge_engine(script->bridge), &statistics, NULL) == REC_OK)
        number = (unsigned)statistics.live_calls;
    else if (strcmp(what, "recordings") == 0)
        number = live_recordings(script);
    else if (strcmp(what, "begun") == 0)
        number = count_of(script, &script->begun);
    else if (strcmp(what, "finished") == 0)
        number = count_of(script, &script->finished);
    else if (strcmp(what, "forks") == 0)
        number = count_of(script, &script->forks);
    else if (strcmp(what, "stops") == 0)
        number = count_of(script, &script->stops);
    else {
        const char *word = "none";
        if (find_report(script, device, &report))
            word = strcmp(what, "remote") == 0 ? report.remote : states[report.state];
        snprintf(text, size, "%s", word);
        return;
    }
    snprintf(text, size, "%u", number);
}

/* "calls 1" or "state SEP1 held". */
static bool expect(struct script *script, const char *expectation, char *answer, size_t size)
{
    char what[16] = "", first[DEVICE_SIZE] = "", second[NUMBER_SIZE] = "", found[NUMBER_SIZE] = "";
    int64_t end = monotonic_ms() + PATIENCE_MS;
    int words = sscanf(expectation, "%15s %63s %63s", what, first, second);
    const char *expected = words == 3 ? second : first;
    for (;;) {
        current(script, what, first, found, sizeof found);
        if (strcmp(found, expected) == 0)
            break;
        if (words < 2 || monotonic_ms() >= end) {
            snprintf(answer, size, "error expected %s, and found %s", expectation, found);
            return false;
        }
        sleep_ms(2);
    }
    snprintf(answer, size, "ok");
    return true;
}

static bool carry_out(struct script *script, const char *text, char *answer, size_t size)
{
    static const char *const commands[] = {"start ", "stop ", "pause ", "resume ", "ports ", "list"};
    struct call_message message;
    if (strncmp(text, "expect ", 7) == 0)
        return expect(script, text + 7, answer, size);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strncmp(text, commands[i], strlen(commands[i])) == 0) {
            bridge_command(script->bridge, text, answer, size);
            return strncmp(answer, "ok", 2) == 0;
        }
    snprintf(answer, size, "ok");
    if (strncmp(text, "wait ", 5) == 0) {
        script->passed_ms += strtoll(text + 5, NULL, 10);
        return true;
    }
    const char *problem = call_message_read(text, &message);
    if (problem != NULL) {
        snprintf(answer, size, "error %s", problem);
        return false;
    }
    call_logic_message(bridge_calls(script->bridge), &message, now_of(script));
    return true;
}

bool script_run(struct bridge *bridge, const struct bridge_config *config, FILE *input, bool ends_at_error)
{
    char text[1024], answer[ANSWERS];
    unsigned number = 0;
    bool is_right = true;
    struct script script = {.bridge = bridge};
    rec_subscription subscription;
    lock_init(&script.lock);
    if (rec_subscribe(bridge_engine(bridge), on_event, &script, NULL, &subscription, NULL) != REC_OK)
        return false;
    if (config->asks_for_forks)
        call_logic_set_fork(bridge_calls(bridge), on_fork, &script);
    while ((is_right || !ends_at_error) && fgets(text, sizeof text, input) != NULL) {
        number++;
        text[strcspn(text, "\r\n")] = '\0';
        if (text[0] == '\0' || text[0] == '#')
            continue;
        bool is_done = carry_out(&script, text, answer, sizeof answer);
        call_logic_tick(bridge_calls(bridge), now_of(&script));
        lock_take(&script.lock);
        if (is_done || !ends_at_error)
            printf("%s\n", answer);
        else
            printf("error line %u, \"%s\": %s\n", number, text, answer);
        fflush(stdout);
        lock_release(&script.lock);
        is_right = is_right && is_done;
    }
    call_logic_set_fork(bridge_calls(bridge), NULL, NULL);
    rec_unsubscribe(subscription);
    return is_right;
}
