/* The library's effect on the process of its host: threads, signals, descriptors, process attributes.
 *
 *   host_process CHECK DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "host_process.h"

#include <dlfcn.h>
#include <limits.h>
#include <locale.h>
#include <sys/resource.h>

extern char **environ;

/* ---- threads ------------------------------------------------------------------------ */

static bool is_named(int thread)
{
    char name[64];
    return !task_line(thread, "comm", "", name, sizeof name) || strncmp(name, "callrec-", 8) == 0;
}

static void threads_are_named(const char *directory)
{
    static struct load load;
    CHECK(other_threads(NULL, NULL) == 0);
    load_begin(&load, directory, NULL);
    /* A new thread needs a moment to name itself. */
    uint64_t limit = now_ms() + PATIENCE_MS;
    bool named = false;
    while (!named && now_ms() < limit) {
        named = true;
        other_threads(is_named, &named);
    }
    CHECK(named);
    for (unsigned rounds = 0, before = load.short_call_count; load.short_call_count < before + 20; rounds++) {
        named = true;
        CHECK(other_threads(is_named, &named) >= 6 && named);
    }
    load_end(&load);
    CHECK(all_threads_end());
}

/* Signals that cannot be blocked, that a thread causes itself, or that libc uses. */
static bool is_excluded_signal(int signal)
{
    switch (signal) {
    case SIGKILL: case SIGSTOP: case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: return true;
    default: return signal == 32 || signal == 33;
    }
}

static bool blocks_all(int thread)
{
    char line[256];
    if (!task_line(thread, "status", "SigBlk:", line, sizeof line))
        return true;
    unsigned long long blocked = strtoull(line, NULL, 16);
    for (int signal = 1; signal <= 64; signal++) {
        if (!is_excluded_signal(signal) && !(blocked >> (signal - 1) & 1)) {
            char name[64] = "?";
            task_line(thread, "comm", "", name, sizeof name);
            fprintf(stderr, "signal %d is not blocked in %s", signal, name);
            return false;
        }
    }
    return true;
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int signal = 1; signal <= 64; signal++)
        if (sigismember(a, signal) != sigismember(b, signal))
            return false;
    return true;
}

static rec_status authenticate_anyone(void *user_data, const rec_credentials *credentials, rec_identity *identity)
{
    (void)user_data;
    (void)credentials;
    identity->level = 10;
    return REC_OK;
}

/* Sends requests from the host's thread, which start the threads of the gateway. */
static void handle_requests(rec_engine engine, rec_gateway *gateway)
{
    static const char *const targets[] = {"/fw/Apps/Recorder/WebAPI/LiveRecordings", "/fw/Apps/Recorder/WebAPI/Recordings"};
    rec_error error = REC_INIT(rec_error);
    rec_gateway_options options = REC_INIT(rec_gateway_options);
    options.flags = REC_GATEWAY_NO_SOCKET;
    options.authenticate = authenticate_anyone;
    rec_status status = rec_gateway_start(engine, &options, gateway, &error);
    if (status == REC_ERR_UNSUPPORTED)
        return;
    CHECK(status == REC_OK);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        rec_http_request request = REC_INIT(rec_http_request);
        rec_http_response *response = NULL;
        request.method = "GET";
        request.target = targets[i];
        request.headers = "Authorization: Basic YTpi\r\n";
        CHECK(rec_http_handle(*gateway, &request, &response, &error) == REC_OK);
        CHECK(rec_http_response_status(response) == 200);
        rec_http_response_free(response);
    }
}

static void signals_are_blocked(const char *directory)
{
    static struct load load;
    rec_gateway gateway;
    sigset_t own, now;
    sigemptyset(&own);
    sigaddset(&own, SIGUSR2);
    sigaddset(&own, SIGSEGV);
    sigaddset(&own, SIGRTMIN + 3);
    pthread_sigmask(SIG_SETMASK, &own, NULL);
    load_begin(&load, directory, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CHECK(same_mask(&own, &now));
    handle_requests(load.engine, &gateway);
    for (unsigned before = load.short_call_count; load.short_call_count < before + 20;) {
        bool blocked = true;
        CHECK(other_threads(blocks_all, &blocked) > 0 && blocked);
        if (!blocked)
            break;
    }
    load_end(&load);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CHECK(same_mask(&own, &now));
}

static atomic_uint delivered_signals, stray_signals;

static void on_signal(int signal)
{
    (void)signal;
    if (!is_host_thread(thread_id()))
        stray_signals++;
    delivered_signals++;
}

/* Sends each signal after the previous one was delivered. */
static void *send_signals(void *argument)
{
    const sigset_t *all = argument;
    register_host_thread();
    pthread_sigmask(SIG_BLOCK, all, NULL);
    for (unsigned sent = 0; sent < 2000; sent++) {
        static const int kinds[] = {SIGTERM, SIGUSR1, SIGXFSZ, SIGPIPE, SIGCHLD};
        unsigned before = delivered_signals;
        uint64_t limit = now_ms() + PATIENCE_MS;
        kill(getpid(), kinds[sent % 5]);
        while (delivered_signals == before && now_ms() < limit)
            sched_yield();
        if (!CHECK(delivered_signals == before + 1))
            break;
    }
    return NULL;
}

static void signals_land_in_the_host(const char *directory)
{
    static struct load load;
    sigset_t all;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&all);
    for (size_t i = 0; i < 5; i++) {
        int signal = (const int[]){SIGTERM, SIGUSR1, SIGXFSZ, SIGPIPE, SIGCHLD}[i];
        sigaction(signal, &action, NULL);
        sigaddset(&all, signal);
    }
    load_begin(&load, directory, NULL);
    pthread_t sender;
    pthread_create(&sender, NULL, send_signals, &all);
    pthread_join(sender, NULL);
    load_end(&load);
    CHECK(delivered_signals == 2000 && stray_signals == 0);
    /* A signal that every thread of the host blocks stays pending. */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    load_begin(&load, directory_in(directory, "again"), NULL);
    kill(getpid(), SIGTERM);
    for (unsigned before = load.short_call_count; load.short_call_count < before + 3;)
        sched_yield();
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGTERM) == 1 && delivered_signals == 2000);
    load_end(&load);
    signal(SIGTERM, SIG_IGN);
}

/* ---- descriptors ---------------------------------------------------------------------- */

enum { MAX_DESCRIPTORS = 1024 };

/* Marks the open descriptors, except the one that is used to list them. */
static unsigned descriptors(bool open[MAX_DESCRIPTORS])
{
    unsigned count = 0;
    memset(open, 0, MAX_DESCRIPTORS * sizeof open[0]);
    DIR *all = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(all) || fd >= MAX_DESCRIPTORS)
            continue;
        open[fd] = true;
        count++;
    }
    closedir(all);
    return count;
}

/* Prints the descriptors that an executed program has inherited: "0 1 2 ". */
static void list_descriptors(void)
{
    bool open[MAX_DESCRIPTORS];
    descriptors(open);
    for (int fd = 0; fd < MAX_DESCRIPTORS; fd++)
        if (open[fd])
            dprintf(1, "%d ", fd);
}

static void list_inherited(char *list, size_t size)
{
    int ends[2];
    list[0] = '\0';
    if (!CHECK(pipe2(ends, O_CLOEXEC) == 0))
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execl("/proc/self/exe", "host_process", "list-descriptors", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length + 1 < size && (got = read(ends[0], list + length, size - length - 1)) > 0;)
        length += (size_t)got;
    list[length] = '\0';
    close(ends[0]);
    EXPECT_CHILD_SUCCESS(child);
}

static bool closes_on_exec(int fd)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(path, "re");
    unsigned long flags = O_CLOEXEC; /* if it has been closed */
    while (info != NULL && fgets(line, sizeof line, info) != NULL)
        if (strncmp(line, "flags:", 6) == 0)
            flags = strtoul(line + 6, NULL, 8);
    if (info != NULL)
        fclose(info);
    return flags & O_CLOEXEC;
}

static void descriptors_close_on_exec(const char *directory)
{
    static struct load load;
    static bool before[MAX_DESCRIPTORS], now[MAX_DESCRIPTORS];
    char first[4096], later[4096];
    unsigned at_first = descriptors(before);
    list_inherited(first, sizeof first);
    CHECK(first[0] != '\0');
    /* One file stays open. Every other block opens, appends and closes. */
    load_begin(&load, directory, SETTINGS("storage.max_open_files", "1"));
    unsigned seen = 0;
    for (unsigned rounds = 0; rounds < 2000; rounds++) {
        descriptors(now);
        for (int fd = 0; fd < MAX_DESCRIPTORS; fd++) {
            if (!now[fd] || before[fd])
                continue;
            seen++;
            CHECK(closes_on_exec(fd));
        }
    }
    CHECK(seen > 3 * 2000); /* the directory, its control directory, the lock */
    for (unsigned runs = 0; runs < 50; runs++) {
        list_inherited(later, sizeof later);
        if (!CHECK(strcmp(first, later) == 0))
            break;
    }
    load_end(&load);
    CHECK(descriptors(now) == at_first);
}

/* ---- process attributes -------------------------------------------------- */

static atomic_uint exit_handlers;

/* Replaces libc's function, to count the exit handlers. */
int __cxa_atexit(void (*function)(void *), void *argument, void *library);
int __cxa_atexit(void (*function)(void *), void *argument, void *library)
{
    int (*real)(void (*)(void *), void *, void *);
    void *found = dlsym(RTLD_NEXT, "__cxa_atexit");
    memcpy(&real, &found, sizeof real);
    exit_handlers++;
    return real(function, argument, library);
}

int on_exit(void (*function)(int, void *), void *argument)
{
    (void)function, (void)argument;
    exit_handlers++;
    return 0;
}

struct process_state {
    char directory[PATH_MAX], umask[64], locale[256], environment[65536];
    struct rlimit limits[RLIMIT_NLIMITS];
    struct sigaction actions[65];
    sigset_t mask;
    stack_t stack;
    int priority, policy;
    unsigned exit_handlers;
    void *environ;
};

static void read_process_state(struct process_state *process)
{
    memset(process, 0, sizeof *process);
    CHECK(getcwd(process->directory, sizeof process->directory) != NULL);
    CHECK(task_line(thread_id(), "status", "Umask:", process->umask, sizeof process->umask));
    snprintf(process->locale, sizeof process->locale, "%s", setlocale(LC_ALL, NULL));
    size_t used = 0;
    for (char **each = environ; *each != NULL && used < sizeof process->environment; each++)
        used += (size_t)snprintf(process->environment + used, sizeof process->environment - used, "%s\n", *each);
    for (int limit = 0; limit < RLIMIT_NLIMITS; limit++)
        getrlimit((__rlimit_resource_t)limit, &process->limits[limit]);
    for (int signal = 1; signal <= 64; signal++)
        sigaction(signal, NULL, &process->actions[signal]);
    pthread_sigmask(SIG_SETMASK, NULL, &process->mask);
    sigaltstack(NULL, &process->stack);
    process->priority = getpriority(PRIO_PROCESS, 0);
    process->policy = sched_getscheduler(0);
    process->exit_handlers = exit_handlers;
    process->environ = environ;
}

static void compare(const struct process_state *before, const struct process_state *now)
{
    CHECK(strcmp(before->directory, now->directory) == 0);
    CHECK(strcmp(before->umask, now->umask) == 0);
    CHECK(strcmp(before->locale, now->locale) == 0);
    CHECK(strcmp(before->environment, now->environment) == 0 && before->environ == now->environ);
    CHECK(memcmp(before->limits, now->limits, sizeof before->limits) == 0);
    for (int signal = 1; signal <= 64; signal++) {
        const struct sigaction *was = &before->actions[signal], *is = &now->actions[signal];
        if (!CHECK(was->sa_handler == is->sa_handler && was->sa_flags == is->sa_flags))
            fprintf(stderr, "signal %d\n", signal);
    }
    CHECK(same_mask(&before->mask, &now->mask));
    CHECK(before->stack.ss_sp == now->stack.ss_sp && before->stack.ss_flags == now->stack.ss_flags);
    CHECK(before->priority == now->priority && before->policy == now->policy);
    CHECK(before->exit_handlers == now->exit_handlers);
}

static void do_nothing(void) {}

static void the_process_is_left_as_it_was(const char *directory)
{
    static struct load load;
    static struct process_state before, now;
    setlocale(LC_ALL, "C.UTF-8");
    umask(027);
    atexit(do_nothing);
    CHECK(exit_handlers >= 1); /* exit handlers are counted */
    read_process_state(&before);
    load_begin(&load, directory, NULL);
    read_process_state(&now);
    compare(&before, &now);
    /* Also after errors. */
    rec_snapshot *snapshot = NULL;
    EXPECT(rec_stop_by_id(load.engine, NULL, "no id", &err), REC_ERR_INVALID_ID);
    EXPECT(rec_get(load.engine, NULL, "00000000-0000-0000-0000-000000000000", &snapshot, &err), REC_ERR_NOT_LIVE);
    EXPECT(rec_verify("/nowhere.wav", &err), REC_ERR_IO);
    load_end(&load);
    read_process_state(&now);
    compare(&before, &now);
    char path[4200];
    struct stat found;
    snprintf(path, sizeof path, "%s/line-0.wav", directory);
    CHECK(stat(path, &found) == 0 && (found.st_mode & 0777) == 0640);
}

/* exit() runs while the engine is open and threads write to it. */
static void the_host_may_exit_at_any_time(const char *directory)
{
    for (unsigned round = 0; round < 10; round++) {
        static struct load load;
        char name[32];
        snprintf(name, sizeof name, "exit-%u", round);
        const char *storage = directory_in(directory, name);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            failures = 0;
            load_begin(&load, storage, NULL);
            exit(failures);
        }
        EXPECT_CHILD_SUCCESS(child);
        struct event_counts events = EVENT_COUNTS_INIT;
        rec_subscription subscription;
        rec_config *config = load_config(storage, NULL);
        rec_engine engine;
        MUST(rec_open(config, &engine, &err));
        rec_config_free(config);
        MUST(rec_subscribe(engine, count_line_event, &events, NULL, &subscription, &err));
        CHECK(wait_for_event(&events, REC_EVENT_FINISHED, LINES));
        OK(rec_close(engine, PATIENCE_MS, &err));
        for (unsigned n = 0; n < LINES; n++) {
            snprintf(name, sizeof name, "line-%u", n);
            CHECK(has_whole_audio(storage, name, n, UINT64_MAX));
        }
    }
}

/* ---- limits and directories ---------------------------------------------------------------- */

static void write_packets(rec_feed feed, unsigned line, uint64_t from, uint64_t to)
{
    unsigned char packet[160];
    while (from < to) {
        for (unsigned i = 0; i < sizeof packet; i++)
            packet[i] = line_byte(line, from + i);
        rec_status status = rec_feed_write(feed, packet, sizeof packet);
        if (status == REC_OK)
            from += sizeof packet;
        else if (status == REC_ERR_OVERRUN)
            OK(rec_feed_wait(feed, PATIENCE_MS));
        else if (!OK(status))
            return;
    }
}

struct failed_recording {
    struct event_counts events;
    char path[4096];
    int32_t end_reason;
    rec_status error;
};

static void note_failure(void *user_data, const rec_event *event)
{
    struct failed_recording *failed = user_data;
    if (event->kind == REC_EVENT_FAILED) {
        snprintf(failed->path, sizeof failed->path, "%s", event->recording->path);
        failed->end_reason = event->recording->end_reason;
        failed->error = event->recording->error;
    }
    count_event(&failed->events, event);
}

/* By default, SIGXFSZ would end the process. */
static void a_file_size_limit_fails_one_recording(const char *directory)
{
    enum { LIMIT = 400000 };
    struct failed_recording failed = {.events = EVENT_COUNTS_INIT};
    struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = RLIM_INFINITY};
    rec_call calls[3];
    rec_feed feeds[3];
    rec_engine engine;
    rec_subscription subscription;
    rec_config *config = load_config(directory, NULL);
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    MUST(rec_subscribe(engine, note_failure, &failed, NULL, &subscription, &err));
    if (!CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0))
        return;
    begin_line(engine, "small", &calls[0], &feeds[0]);
    begin_line(engine, "large", &calls[1], &feeds[1]);
    write_packets(feeds[0], 0, 0, 80000);
    write_packets(feeds[1], 1, 0, 640000);
    CHECK(wait_for_event(&failed.events, REC_EVENT_FAILED, 1)); /* while its call is live */
    CHECK(failed.end_reason == REC_END_WRITE_ERROR);
    EXPECT(failed.error, REC_ERR_IO);
    CHECK(strstr(failed.path, "/large.wav") != NULL);
    CHECK(has_whole_audio(directory, "large", 1, UINT64_MAX));
    size_t recorded = 0;
    free(wav_data(failed.path, &recorded));
    CHECK(recorded > LIMIT / 2 && recorded <= LIMIT);
    OK(rec_verify(failed.path, &err));
    /* The other recording, the call whose recording failed, and new calls continue. */
    write_packets(feeds[1], 1, 640000, 800000);
    write_packets(feeds[0], 0, 80000, 160000);
    begin_line(engine, "new", &calls[2], &feeds[2]);
    write_packets(feeds[2], 2, 0, 160000);
    for (unsigned n = 0; n < 3; n++)
        OK(rec_call_end(calls[n], &err));
    OK(rec_close(engine, PATIENCE_MS, &err));
    CHECK(has_whole_audio(directory, "small", 0, 160000) && has_whole_audio(directory, "new", 2, 160000));
    CHECK(failed.events.times[REC_EVENT_FINISHED] == 2 && failed.events.times[REC_EVENT_FAILED] == 1);
}

/* Opens an engine with a relative directory, and changes the current directory. */
static void open_and_change_directory(struct load *load, const char *directory, char base[PATH_MAX])
{
    CHECK(realpath(directory, base) != NULL && chdir(base) == 0);
    load_begin(load, "relative/place", SETTINGS("storage.max_open_files", "1"));
    CHECK(chdir("/") == 0);
    unsigned before = load->short_call_count;
    uint64_t limit = now_ms() + PATIENCE_MS;
    while (load->short_call_count < before + 10 && now_ms() < limit)
        sched_yield();
    CHECK(load->short_call_count >= before + 10);
}

static void the_host_may_change_its_directory(const char *directory)
{
    static struct load load;
    char base[PATH_MAX];
    open_and_change_directory(&load, directory, base);
    snprintf(load.directory, sizeof load.directory, "%s/relative/place", base);
    load_end(&load);
    CHECK(access("/relative", F_OK) != 0);
}

/* Paths in events are absolute. */
static void paths_are_true_after_a_change_of_directory(const char *directory)
{
    static struct load load;
    char base[PATH_MAX], path[PATH_MAX];
    open_and_change_directory(&load, directory, base);
    pthread_mutex_lock(&load.events.lock);
    snprintf(path, sizeof path, "%s", load.events.path);
    pthread_mutex_unlock(&load.events.lock);
    if (!CHECK(access(path, R_OK) == 0))
        fprintf(stderr, "the event has the path \"%s\"\n", path);
    load_stop(&load);
    OK(rec_close(load.engine, PATIENCE_MS, &err));
}

static const struct named_check checks[] = {
    {"threads-are-named", threads_are_named},
    {"signals-are-blocked", signals_are_blocked},
    {"signals-land-in-the-host", signals_land_in_the_host},
    {"descriptors-close-on-exec", descriptors_close_on_exec},
    {"the-process-is-left-as-it-was", the_process_is_left_as_it_was},
    {"the-host-may-exit-at-any-time", the_host_may_exit_at_any_time},
    {"a-file-size-limit-fails-one-recording", a_file_size_limit_fails_one_recording},
    {"the-host-may-change-its-directory", the_host_may_change_its_directory},
    {"paths-are-true-after-a-change-of-directory", paths_are_true_after_a_change_of_directory},
};

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "list-descriptors") == 0) {
        list_descriptors();
        return 0;
    }
    return run_named(checks, (int)(sizeof checks / sizeof checks[0]), arguments);
}
