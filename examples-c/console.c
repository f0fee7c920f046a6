#define _POSIX_C_SOURCE 200809L
#include "console.h"

#include "conversation.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 10, TERMINAL_MS = 200, PIPE_MS = 2000 };

/* callrec's event thread and the main thread print at the same time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_json, is_terminal, has_table, has_checks;
static uint64_t began_ns, shown_ns;
static uint64_t lost_ms; /* of the latest event */

static double elapsed_s(void)
{
    return (double)(monotonic_ns() - began_ns) / 1e9;
}

/* On a terminal the table is at the bottom of the screen. A new line takes its place, and
 * the next console_live() draws the table again below that line. */
static void erase_table(void)
{
    if (has_table)
        fputs("\033[2A\033[J", stdout); /* up two lines, clear to the end of the screen */
    has_table = false;
}

void console_begin(bool json, const char *directory)
{
    is_json = json;
    is_terminal = isatty(STDOUT_FILENO) && !json;
    began_ns = shown_ns = monotonic_ns();
    if (!is_json)
        printf("callrec %s records a call of 14 seconds into %s\n\n", rec_version(), directory);
    fflush(stdout);
}

/* ---- events ------------------------------------------------------------------ */

static void print_details(const rec_event *event)
{
    const rec_recording *recording = event->recording;
    switch (event->kind) {
    case REC_EVENT_STARTED:
        printf("line %s, %s with %s %s (%s)", recording->directory_number, recording->username, recording->remote_first_name,
               recording->remote_last_name, recording->remote_phone_number);
        break;
    case REC_EVENT_PAUSED:
        printf("a card number is read out");
        break;
    case REC_EVENT_LOSS:
        printf("%" PRIu64 " ms, by the network", recording->lost_ms - lost_ms);
        break;
    case REC_EVENT_RESUMED:
        printf("the card number is complete");
        break;
    case REC_EVENT_FINISHED:
        printf("lasted %.1f s, paused for %.1f s, lost %" PRIu64 " ms", (double)recording->duration_ms / 1000, (double)recording->paused_ms / 1000,
               recording->lost_ms);
        break;
    default:
        break;
    }
    lost_ms = recording->lost_ms;
}

static const char *name_of(int32_t kind)
{
    switch (kind) {
    case REC_EVENT_STARTED: return "started";
    case REC_EVENT_PAUSED: return "paused";
    case REC_EVENT_RESUMED: return "resumed";
    case REC_EVENT_LOSS: return "loss";
    case REC_EVENT_FINISHED: return "finished";
    case REC_EVENT_FAILED: return "failed";
    default: return "other"; /* this program causes no other event */
    }
}

void console_event(const rec_event *event)
{
    pthread_mutex_lock(&lock);
    erase_table();
    if (is_json) {
        printf("%s\n", event->json);
    } else {
        printf("%5.1f s  %-9s  %.8s  ", elapsed_s(), name_of(event->kind), event->recording != NULL ? event->recording->id.text : "");
        if (event->recording != NULL)
            print_details(event);
        putchar('\n');
    }
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

/* ---- the live table ---------------------------------------------------------- */

/* The bar is empty at -60 dBFS and below, and full at 0 dBFS. */
static const char *bar(double dbfs, char text[BAR + 1])
{
    int filled = (int)((dbfs + 60) / 60 * BAR + 0.5);
    filled = filled < 0 ? 0 : filled > BAR ? BAR : filled;
    memset(text, '-', BAR);
    memset(text, '#', (size_t)filled);
    text[BAR] = '\0';
    return text;
}

bool console_live_is_due(void)
{
    pthread_mutex_lock(&lock);
    uint64_t interval_ms = is_terminal ? TERMINAL_MS : PIPE_MS;
    bool is_due = monotonic_ns() - shown_ns >= interval_ms * 1000000;
    pthread_mutex_unlock(&lock);
    return is_due;
}

void console_live(const rec_recording *live, const double level_dbfs[2])
{
    char local[BAR + 1], remote[BAR + 1];
    const char *state = live->state == REC_STATE_PAUSED ? "paused" : "recording";
    bar(level_dbfs[0], local);
    bar(level_dbfs[1], remote);
    pthread_mutex_lock(&lock);
    erase_table();
    if (is_json) {
        printf("{\"live\":{\"id\":\"%s\",\"state\":\"%s\",\"durationMs\":%" PRIu64 ",\"localDbfs\":%.1f,\"remoteDbfs\":%.1f}}\n", live->id.text, state,
               live->duration_ms, level_dbfs[0], level_dbfs[1]);
    } else if (is_terminal) {
        printf("  elapsed  state      recording  local party            remote party\n");
        printf("%7.1f s  %-9s  %.8s   [%s] %3.0f dBFS  [%s] %3.0f dBFS\n", elapsed_s(), state, live->id.text, local, level_dbfs[0], remote, level_dbfs[1]);
        has_table = true;
    } else {
        printf("%5.1f s  %-9s  %.8s  local [%s] %3.0f dBFS, remote [%s] %3.0f dBFS\n", elapsed_s(), state, live->id.text, local, level_dbfs[0], remote,
               level_dbfs[1]);
    }
    fflush(stdout);
    shown_ns = monotonic_ns();
    pthread_mutex_unlock(&lock);
}

/* ---- the checks ---------------------------------------------------------------- */

bool console_check(bool passed, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    erase_table();
    if (is_json) {
        printf("{\"check\":\"%s\",\"passed\":%s}\n", text, passed ? "true" : "false");
    } else {
        printf("%s%s  %s\n", has_checks ? "" : "\nChecks\n", passed ? "PASS" : "FAIL", text);
        has_checks = true;
    }
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    return passed;
}

void console_end(const char *path)
{
    printf(is_json ? "{\"path\":\"%s\"}\n" : "\n%s\n", path);
}
