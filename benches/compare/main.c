/* compare -m MODE -b RECORDER [-f pcm16|mulaw] [-n CALLS] [-s SECONDS] [-r REPETITION]
 *         [-z FREEZE_SECONDS] -d DIRECTORY
 * compare -l     prints which recorders were built
 * compare -L     prints which were left out, and why
 *
 * One run, and its line of results. DIRECTORY is empty and belongs to the run. run.sh calls this for each
 * recorder in turn. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void list(void)
{
    for (int at = 0; recorders[at]; at++)
        printf("%s\n", recorders[at]->name);
}

static void list_missing(void)
{
    for (int at = 0; missing[at]; at++)
        printf("%s\n", missing[at]);
}

static const struct recorder *find(const char *name)
{
    for (int at = 0; recorders[at]; at++) {
        if (strcmp(recorders[at]->name, name) == 0)
            return recorders[at];
    }
    fail("there is no recorder \"%s\"", name);
}

static int number(const char *text)
{
    int value = atoi(text);
    if (value < 1)
        fail("\"%s\" is not a number above 0", text);
    return value;
}

static enum format format_of(const char *text)
{
    if (strcmp(text, "pcm16") != 0 && strcmp(text, "mulaw") != 0)
        fail("\"%s\" is not a format: pcm16, mulaw", text);
    return strcmp(text, "pcm16") == 0 ? PCM16 : MULAW;
}

static void allow_many_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void run(const char *mode, const char *name, const struct job *job, int repetition)
{
    if (strcmp(mode, "idle") == 0) {
        measure_idle(job);
        return;
    }
    if (strcmp(mode, "memory") == 0) {
        measure_memory(job);
        return;
    }
    if (strcmp(mode, "publish") == 0) {
        measure_publish(job);
        return;
    }
    const struct recorder *recorder = find(name);
    if (job->format == MULAW && !recorder->keeps_mulaw)
        return;
    if (strcmp(mode, "frozen") == 0 && !recorder->writes_plainly) {
        fprintf(stderr, "%s writes in ways that freeze.so does not see; it is left out of \"frozen\"\n", name);
        return;
    }
    struct job bounded = *job;
    if (recorder->most_calls > 0 && job->calls > recorder->most_calls)
        bounded.calls = recorder->most_calls;
    measure_recorder(recorder, &bounded, mode, repetition);
}

int main(int count, char **arguments)
{
    struct job job = {.calls = 100, .seconds = 10, .format = PCM16, .freeze_s = 10};
    const char *mode = "", *name = "floor";
    int repetition = 1;
    for (int option; (option = getopt(count, arguments, "b:m:f:n:s:r:z:d:lL")) != -1;) {
        switch (option) {
        case 'b': name = optarg; break;
        case 'm': mode = optarg; break;
        case 'f': job.format = format_of(optarg); break;
        case 'n': job.calls = number(optarg); break;
        case 's': job.seconds = number(optarg); break;
        case 'r': repetition = number(optarg); break;
        case 'z': job.freeze_s = number(optarg); break;
        case 'd': job.directory = optarg; break;
        case 'l': list(); return 0;
        case 'L': list_missing(); return 0;
        default: return 2;
        }
    }
    static const char *const modes[] = {"fast", "paced", "latency", "frozen", "idle", "memory", "publish"};
    bool is_known = false;
    for (size_t at = 0; at < sizeof modes / sizeof *modes; at++)
        is_known = is_known || strcmp(mode, modes[at]) == 0;
    if (!is_known || !job.directory)
        fail("-m fast|paced|latency|frozen|idle|memory|publish and -d DIRECTORY are needed");
    job.is_paced = strcmp(mode, "fast") != 0;
    allow_many_files();
    speech_make();
    latency_clear();
    run(mode, name, &job, repetition);
    return 0;
}
