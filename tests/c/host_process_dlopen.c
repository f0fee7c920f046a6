/* The library as a plug-in: it is loaded, used and unloaded repeatedly.
 *
 *   host_process_dlopen DIRECTORY LIBRARY */
#undef NDEBUG
#define _GNU_SOURCE
#include <callrec.h>

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: FAILED: %s\n", __FILE__, __LINE__, #condition), exit(1)))

/* The functions that this program uses. */
struct library {
    void *handle;
    rec_status (*config_new)(rec_config **);
    rec_status (*config_set)(rec_config *, const char *, const char *, rec_error *);
    void (*config_free)(rec_config *);
    rec_status (*open)(const rec_config *, rec_engine *, rec_error *);
    rec_status (*close)(rec_engine, uint32_t, rec_error *);
    rec_status (*call_begin)(rec_engine, const rec_call_info *, rec_call *, rec_error *);
    rec_status (*feed_open)(rec_call, int32_t, const rec_feed_format *, rec_feed *, rec_error *);
    rec_status (*feed_write)(rec_feed, const void *, size_t);
    rec_status (*start)(rec_engine, const rec_caller *, const rec_start_options *, rec_id *, rec_error *);
    const char *(*version)(void);
};

static void find(const struct library *library, const char *name, void *function)
{
    void *found = dlsym(library->handle, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static struct library load(const char *path)
{
    struct library library = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    CHECK(library.handle != NULL);
    find(&library, "rec_config_new", &library.config_new);
    find(&library, "rec_config_set", &library.config_set);
    find(&library, "rec_config_free", &library.config_free);
    find(&library, "rec_open", &library.open);
    find(&library, "rec_close", &library.close);
    find(&library, "rec_call_begin", &library.call_begin);
    find(&library, "rec_feed_open", &library.feed_open);
    find(&library, "rec_feed_write", &library.feed_write);
    find(&library, "rec_start", &library.start);
    find(&library, "rec_version", &library.version);
    return library;
}

static rec_engine opened(const struct library *library, const char *directory)
{
    rec_config *config = NULL;
    rec_engine engine;
    rec_error error = REC_INIT(rec_error);
    CHECK(library->config_new(&config) == REC_OK);
    CHECK(library->config_set(config, "storage.directory", directory, &error) == REC_OK);
    CHECK(library->config_set(config, "storage.durability", "process", &error) == REC_OK);
    CHECK(library->open(config, &engine, &error) == REC_OK);
    library->config_free(config);
    return engine;
}

static void record(const struct library *library, rec_engine engine)
{
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_feed_format format = REC_INIT(rec_feed_format);
    unsigned char silence[160] = {0};
    rec_call call;
    rec_feed feed;
    rec_id id;
    info.call_id = options.call_id = "c";
    format.codec = REC_CODEC_PCMU;
    CHECK(library->call_begin(engine, &info, &call, &error) == REC_OK);
    CHECK(library->feed_open(call, REC_LEG_LOCAL, &format, &feed, &error) == REC_OK);
    CHECK(library->start(engine, NULL, &options, &id, &error) == REC_OK);
    CHECK(library->feed_write(feed, silence, sizeof silence) == REC_OK);
}

/* The number of entries of a directory. */
static unsigned entries(const char *directory)
{
    unsigned count = 0;
    DIR *all = opendir(directory);
    while (readdir(all) != NULL)
        count++;
    closedir(all);
    return count;
}

struct user {
    const char *directory, *path;
    pthread_barrier_t used, unloaded;
};

/* This thread ends after the library was unloaded, with the thread-local data of the library. */
static void *outlives_the_library(void *argument)
{
    struct user *user = argument;
    struct library library = load(user->path);
    rec_error error = REC_INIT(rec_error);
    rec_engine engine = opened(&library, user->directory);
    record(&library, engine);
    CHECK(library.close(engine, 10000, &error) == REC_OK);
    CHECK(dlclose(library.handle) == 0);
    pthread_barrier_wait(&user->used);
    pthread_barrier_wait(&user->unloaded);
    return NULL;
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    const char *directory = arguments[1], *path = arguments[2];
    rec_error error = REC_INIT(rec_error);
    unsigned descriptors = entries("/proc/self/fd");
    for (unsigned round = 0; round < 40; round++) {
        struct library library = load(path);
        CHECK(strcmp(library.version(), REC_VERSION_STRING) == 0);
        if (round % 4 != 0) {
            rec_engine engine = opened(&library, directory);
            record(&library, engine);
            CHECK(library.close(engine, 10000, &error) == REC_OK);
        }
        CHECK(dlclose(library.handle) == 0);
        CHECK(entries("/proc/self/fd") == descriptors);
    }
    for (unsigned round = 0; round < 10; round++) {
        struct user user = {.directory = directory, .path = path};
        pthread_t thread;
        pthread_barrier_init(&user.used, NULL, 2);
        pthread_barrier_init(&user.unloaded, NULL, 2);
        pthread_create(&thread, NULL, outlives_the_library, &user);
        pthread_barrier_wait(&user.used);
        struct library library = load(path);
        CHECK(dlclose(library.handle) == 0);
        pthread_barrier_wait(&user.unloaded);
        pthread_join(thread, NULL);
    }
    /* Unloaded while an engine is open: its threads continue, and the handle stays valid. */
    struct library library = load(path);
    rec_engine engine = opened(&library, directory);
    record(&library, engine);
    CHECK(dlclose(library.handle) == 0);
    library = load(path);
    CHECK(library.close(engine, 10000, &error) == REC_OK);
    CHECK(dlclose(library.handle) == 0);
    return 0;
}
