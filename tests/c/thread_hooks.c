/* The functions of rec_config_set_thread_hooks run at the beginning and at the end of each thread of an
 * engine, its codecs and its gateways, on the thread itself, in pairs.
 *
 *   thread_hooks DIRECTORY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include "check.h"

#include <dirent.h>
#include <sys/syscall.h>

enum { MOST = 256 };

struct noted {
    pid_t thread;
    char name[64];
    bool has_ended;
};

static struct noted noted[MOST];
static unsigned noted_count, pairs, freed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What PJLIB keeps for each thread that is registered with it. */
static _Thread_local unsigned registered;

/* Callbacks of the host that ran, by kind. */
static unsigned events, logins, decodes;
static bool all_registered = true;

static pid_t own_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static void on_start(void *user_data, const char *name)
{
    pthread_mutex_lock(&lock);
    CHECK(user_data == &noted);
    CHECK(registered == 0 && noted_count < MOST);
    registered++;
    struct noted *own = &noted[noted_count++ % MOST];
    own->thread = own_id();
    own->has_ended = false;
    snprintf(own->name, sizeof own->name, "%s", name);
    pthread_mutex_unlock(&lock);
}

static void on_end(void *user_data, const char *name)
{
    pthread_mutex_lock(&lock);
    CHECK(user_data == &noted);
    CHECK(registered == 1);
    registered--;
    bool is_found = false;
    for (unsigned i = 0; i < noted_count && !is_found; i++) {
        if (noted[i].thread == own_id() && !noted[i].has_ended) {
            CHECK(strcmp(noted[i].name, name) == 0);
            noted[i].has_ended = is_found = true;
        }
    }
    CHECK(is_found);
    pairs++;
    pthread_mutex_unlock(&lock);
}

static void note_data_freed(void *user_data)
{
    CHECK(user_data == &noted);
    __atomic_add_fetch(&freed, 1, __ATOMIC_SEQ_CST);
}

static void note_callback(unsigned *kind)
{
    pthread_mutex_lock(&lock);
    (*kind)++;
    all_registered = all_registered && registered == 1;
    pthread_mutex_unlock(&lock);
}

static unsigned count_of(const unsigned *kind)
{
    pthread_mutex_lock(&lock);
    unsigned count = *kind;
    pthread_mutex_unlock(&lock);
    return count;
}

static void on_event(void *user_data, const rec_event *event)
{
    (void)user_data, (void)event;
    note_callback(&events);
}

static rec_status authenticate(void *user_data, const rec_credentials *credentials, rec_identity *identity)
{
    (void)user_data;
    note_callback(&logins);
    identity->level = 10;
    snprintf(identity->username, sizeof identity->username, "%s", credentials->name);
    return REC_OK;
}

static void *codec_create(void *user_data, uint32_t sample_rate, uint32_t channels, const char *fmtp)
{
    (void)user_data, (void)sample_rate, (void)channels, (void)fmtp;
    note_callback(&decodes);
    return &decodes;
}

static rec_status codec_decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity, size_t *count)
{
    (void)state, (void)payload, (void)size, (void)capacity;
    note_callback(&decodes);
    memset(samples, 0, 160 * sizeof *samples);
    *count = 160;
    return REC_OK;
}

static void codec_destroy(void *state)
{
    (void)state;
    note_callback(&decodes);
}

static bool is_running(pid_t thread, const char *comm)
{
    bool is_noted = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < noted_count; i++)
        /* The system keeps 15 bytes of a name. */
        is_noted = is_noted || (noted[i].thread == thread && !noted[i].has_ended && strncmp(noted[i].name, comm, 15) == 0);
    pthread_mutex_unlock(&lock);
    return is_noted;
}

/* The threads of the library in this process, and whether `on_start` has run on each of them. */
static unsigned library_threads(bool *all_noted)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!CHECK(tasks != NULL))
        exit(1);
    *all_noted = true;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[512], comm[64] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(comm, sizeof comm, file) == NULL)
            comm[0] = '\0';
        fclose(file);
        comm[strcspn(comm, "\n")] = '\0';
        if (strncmp(comm, "callrec-", 8) != 0)
            continue;
        count++;
        *all_noted = *all_noted && is_running((pid_t)atoi(task->d_name), comm);
    }
    closedir(tasks);
    return count;
}

static bool was_noted(const char *name)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < noted_count; i++)
        found = found || strcmp(noted[i].name, name) == 0;
    pthread_mutex_unlock(&lock);
    return found;
}

#define UNTIL(condition) \
    do { \
        uint64_t limit = now_ms() + 20000; \
        while (!(condition) && now_ms() < limit) \
            sleep_ms(5); \
        CHECK(condition); \
    } while (0)

static rec_engine open_with_hooks(const char *directory)
{
    rec_config *config = NULL;
    rec_engine engine = {0};
    EXPECT(rec_config_set_thread_hooks(NULL, on_start, on_end, &noted, note_data_freed, &err), REC_ERR_INVALID_ARGUMENT);
    CHECK(freed == 0);
    MUST(rec_config_new(&config));
    MUST(rec_config_set(config, "storage.directory", directory, &err));
    MUST(rec_config_set(config, "storage.sidecar", "vcon", &err));
    /* Setting them again releases what was set before. */
    OK(rec_config_set_thread_hooks(config, on_start, NULL, &noted, note_data_freed, &err));
    OK(rec_config_set_thread_hooks(config, NULL, NULL, NULL, NULL, &err));
    CHECK(freed == 1);
    OK(rec_config_set_thread_hooks(config, on_start, on_end, &noted, note_data_freed, &err));
    MUST(rec_open(config, &engine, &err));
    rec_config_free(config);
    CHECK(freed == 1);
    return engine;
}

/* A call whose remote party is decoded by the host. */
static void record_call(rec_engine engine)
{
    rec_codec_ops ops = REC_INIT(rec_codec_ops);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_call call;
    rec_feed feed;
    rec_id id;
    ops.create = codec_create;
    ops.decode = codec_decode;
    ops.destroy = codec_destroy;
    OK(rec_codec_register(engine, "X-TEST", &ops, &format.codec, &err));
    MUST(begin_call(engine, NULL, "SEP1", "101", NULL, &call));
    MUST(open_feed(call, REC_LEG_REMOTE, REC_CODEC_PCM16, &feed));
    OK(rec_feed_payload(feed, 96, &format, &err));
    OK(start_on(engine, NULL, "SEP1", NULL, 0, &id));
    for (unsigned n = 0; n < 20; n++) {
        uint8_t packet[32] = {0x80, 96, 0, (uint8_t)n, 0, 0, (uint8_t)(n * 160 >> 8), (uint8_t)(n * 160), 0, 0, 0, 7};
        OK(rec_feed_rtp(feed, packet, sizeof packet));
    }
    UNTIL(count_of(&decodes) >= 2 && count_of(&events) >= 1);
}

/* Returns false in a build without the gateway. */
static bool log_in(rec_engine engine, rec_gateway *gateway)
{
    rec_gateway_options options = REC_INIT(rec_gateway_options);
    rec_http_request request = REC_INIT(rec_http_request);
    rec_http_response *response = NULL;
    options.authenticate = authenticate;
    options.flags = REC_GATEWAY_NO_SOCKET;
    if (rec_gateway_start(engine, &options, gateway, &err) == REC_ERR_UNSUPPORTED)
        return false;
    request.method = "GET";
    request.target = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
    request.headers = "Host: pbx\r\nAuthorization: Basic YTpi\r\n";
    OK(rec_http_handle(*gateway, &request, &response, &err));
    rec_http_response_free(response);
    UNTIL(count_of(&logins) == 1);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    rec_engine engine = open_with_hooks(argv[1]);
    rec_subscription subscription;
    rec_gateway gateway;
    bool all_noted = false;
    MUST(rec_subscribe(engine, on_event, NULL, NULL, &subscription, &err));
    record_call(engine);
    bool has_gateway = log_in(engine, &gateway);
    /* on_start may still be about to run on the newest thread. */
    UNTIL(library_threads(&all_noted) > 10 && all_noted);
    OK(rec_close(engine, 20000, &err));

    static const char *const expected[] = {"callrec-events", "callrec-media0", "callrec-write0", "callrec-encode0", "callrec-finish0", "callrec-recover",
                                           "callrec-space", "callrec-audit", "callrec-watch", "callrec-jobs", "callrec-codec0", "callrec-close"};
    static const char *const of_gateway[] = {"callrec-http", "callrec-auth", "callrec-archive"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!CHECK(was_noted(expected[i])))
            fprintf(stderr, "... %s\n", expected[i]);
    for (size_t i = 0; has_gateway && i < sizeof of_gateway / sizeof *of_gateway; i++)
        if (!CHECK(was_noted(of_gateway[i])))
            fprintf(stderr, "... %s\n", of_gateway[i]);
    pthread_mutex_lock(&lock);
    CHECK(pairs == noted_count); /* each thread has ended */
    CHECK(registered == 0 && all_registered);
    pthread_mutex_unlock(&lock);
    UNTIL(library_threads(&all_noted) == 0);
    UNTIL(__atomic_load_n(&freed, __ATOMIC_SEQ_CST) == 2);
    return check_summary("thread_hooks");
}
