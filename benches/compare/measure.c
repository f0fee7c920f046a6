/* Clocks, CPU time, memory, wake-ups and latencies of this process. */
#include "compare.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void sleep_until(uint64_t ns)
{
    struct timespec until = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

struct cpu cpu_used(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (struct cpu){
        .user_us = (double)used.ru_utime.tv_sec * 1e6 + (double)used.ru_utime.tv_usec,
        .system_us = (double)used.ru_stime.tv_sec * 1e6 + (double)used.ru_stime.tv_usec,
    };
}

/* The sum of all lines of a file below /proc that begin with `key`; 0 if it is gone. */
static uint64_t proc_number(const char *path, const char *key)
{
    char line[256];
    uint64_t sum = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0)
            sum += strtoull(line + strlen(key), NULL, 10);
    }
    if (file)
        fclose(file);
    return sum;
}

long resident_kib(void)
{
    return (long)proc_number("/proc/self/status", "VmRSS:");
}

uint64_t wake_ups_of_others(void)
{
    uint64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        fail("/proc/self/task cannot be read");
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[512];
        if (task->d_name[0] == '.' || atol(task->d_name) == (long)gettid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        sum += proc_number(path, "voluntary_ctxt_switches:");
    }
    closedir(tasks);
    return sum;
}

/* Values below 128 are exact; above, a step is at most 1.6 % wide. */
enum { STEPS = 128, POWERS = 58 };
static uint64_t counts[POWERS * STEPS], noted, longest;

void latency_clear(void)
{
    memset(counts, 0, sizeof counts);
    noted = longest = 0;
}

void latency_note(uint64_t ns)
{
    int shift = ns < STEPS ? 0 : 57 - __builtin_clzll(ns);
    counts[(uint64_t)shift * STEPS + (ns >> shift)]++;
    noted++;
    if (ns > longest)
        longest = ns;
}

double latency_us(double share)
{
    uint64_t wanted = (uint64_t)((double)noted * share), seen = 0;
    for (uint64_t step = 0; step < POWERS * STEPS; step++) {
        seen += counts[step];
        if (seen > wanted)
            return (double)(step % STEPS << step / STEPS) / 1000;
    }
    return (double)longest / 1000;
}

double latency_max_us(void)
{
    return (double)longest / 1000;
}
