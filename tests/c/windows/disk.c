/* Files, paths and the disk of Windows.
 *
 *   disk record DIRECTORY     records three seconds, and ends the process without a word
 *   disk recover DIRECTORY    finds what "record" has left
 *   disk paths DIRECTORY      long paths, separators, and digests
 *   disk shared DIRECTORY     another process reads the audio while a recording ends
 *   disk held DIRECTORY       another process reads the live manifest during a call, and as the recording ends
 *   disk deleted DIRECTORY    another process reads the files of a recording that is deleted
 *   disk linked DIRECTORY     what "record" has left gets a second name
 *   disk names DIRECTORY      a name that another file has
 *   disk renamed DIRECTORY    a disk without hard links
 *   disk identified DIRECTORY a disk whose files cannot be moved without replacing another one
 *   disk kept_open DIRECTORY  files that others hold for a moment
 *   disk space DIRECTORY      the free space, and too little of it
 *   disk full DIRECTORY       a directory of few megabytes, which fills up
 *   disk ticks DIRECTORY      the lateness of the worker's ticks */
#undef NDEBUG
#include <callrec.h>

#include "../check.h"
#include "imports.h"

enum { PACKET = 160 };

static struct event_counts events = EVENT_COUNTS_INIT;
static char failure[1024];

static void on_event(void *user_data, const rec_event *event)
{
    if (event->kind != REC_EVENT_DELETED)
        count_event(user_data, event);
    if (event->kind == REC_EVENT_FINISHED)
        printf("%s %u\n", event->recording->path, (unsigned)event->recording->duration_ms);
    fflush(stdout);
}

/* Opens an engine, whose events are counted. */
static rec_engine opened(const char *directory, const char *const *settings)
{
    rec_engine engine = open_engine(directory, settings);
    rec_subscription subscription;
    MUST(rec_subscribe(engine, on_event, &events, NULL, &subscription, &err));
    return engine;
}

struct recorded {
    rec_call call;
    rec_feed feed;
    rec_id id;
};

static struct recorded begin(rec_engine engine, const char *device)
{
    struct recorded it;
    MUST(begin_call(engine, device, device, "101", NULL, &it.call));
    MUST(open_feed(it.call, REC_LEG_LOCAL, REC_CODEC_PCMU, &it.feed));
    MUST(start_on(engine, NULL, device, "101", 0, &it.id));
    return it;
}

/* Feeds as a telephone does: a packet each 20 ms. */
static void speak(rec_feed feed, int packets)
{
    uint8_t packet[PACKET];
    uint64_t begun = now_ms();
    for (int n = 0; n < packets; n++) {
        memset(packet, n % 100, sizeof packet);
        OK(rec_feed_write(feed, packet, sizeof packet));
        uint64_t due = begun + 20 * (uint64_t)(n + 1), now = now_ms();
        if (due > now)
            sleep_ms((long)(due - now));
    }
}

static void end(rec_engine engine, struct recorded it)
{
    OK(rec_call_end(it.call, &err));
    OK(rec_close(engine, 20000, &err));
}

static void record(const char *directory)
{
    struct recorded it = begin(opened(directory, NULL), "SEP1");
    speak(it.feed, 150);
    TerminateProcess(GetCurrentProcess(), 9);
}

static void recover(const char *directory)
{
    rec_engine engine = opened(directory, NULL);
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    OK(rec_close(engine, 20000, &err));
}

static void paths(const char *base)
{
    /* Two components of 140 characters, and separators of both kinds. */
    char directory[1024], part[141];
    memset(part, 'd', 140);
    part[140] = '\0';
    snprintf(directory, sizeof directory, "%s/%s\\%s/recs_\xc3\xbc\xe2\x82\xac", base, part, part);
    rec_engine engine = opened(directory, SETTINGS("storage.name", "{device}/{date}/{number}", "storage.digest", "sha256"));
    struct recorded it = begin(engine, "CON");
    speak(it.feed, 25);
    end(engine, it);
    CHECK(events.times[REC_EVENT_FINISHED] == 1 && strlen(events.path) > 300);
    CHECK(strchr(events.path, '/') == NULL && strstr(events.path, "\\_CON\\") != NULL);
    OK(rec_verify(events.path, &err));
    wchar_t *wide = wide_path(events.path, "");
    FILE *audio = _wfopen(wide, L"rb");
    char riff[4];
    CHECK(audio != NULL && fread(riff, 1, 4, audio) == 4 && memcmp(riff, "RIFF", 4) == 0);
}

static void note_part(void *found, const char *path, const char *name, enum entry_kind kind)
{
    if (kind == ENTRY_FILE && strstr(name, ".part") != NULL)
        snprintf(found, 4096, "%s", path);
}

/* The growing audio of the one recording of a directory. */
static void find_part(const char *directory, char part[4096])
{
    part[0] = '\0';
    for (int i = 0; i < 500 && part[0] == '\0'; i++) {
        each_entry(directory, note_part, part);
        sleep_ms(10);
    }
    CHECK(part[0] != '\0');
}

static void shared(const char *directory)
{
    char part[4096];
    rec_engine engine = opened(directory, NULL);
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 25);
    find_part(directory, part);
    /* As a virus scanner does: nobody may rename or remove the file meanwhile. */
    wchar_t *wide = wide_path(part, "");
    HANDLE reader = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(reader != INVALID_HANDLE_VALUE && MoveFileExW(wide, L"elsewhere.wav", 0) == 0);
    OK(rec_call_end(it.call, &err));
    sleep_ms(700);
    CHECK(events.times[REC_EVENT_FINISHED] == 0 && events.times[REC_EVENT_FAILED] == 0);
    CloseHandle(reader);
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    OK(rec_close(engine, 20000, &err));
}

static void on_log(void *text, int32_t level, const char *message)
{
    if (level <= REC_LOG_WARNING)
        snprintf(text, sizeof failure, "%s", message);
}

/* Opens a file as a virus scanner or an editor does. */
static HANDLE hold(const char *path, DWORD share)
{
    HANDLE reader = CreateFileW(wide_path(path, ""), GENERIC_READ, share, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(reader != INVALID_HANDLE_VALUE);
    return reader;
}

/* Waits until callrec has reported what it cannot do. */
static bool wait_for_log(const char *part)
{
    for (int i = 0; i < 2000 && strstr(failure, part) == NULL; i++)
        sleep_ms(10);
    return strstr(failure, part) != NULL;
}

static void live_manifest(const char *directory, rec_id id, char path[4096])
{
    snprintf(path, 4096, "%s\\.callrec\\%s.json", directory, id.text);
}

/* The recording goes on while its live manifest cannot be replaced. The pause is reported when it is stored. */
static void hold_while_paused(const char *directory, DWORD share)
{
    char path[4096];
    failure[0] = '\0';
    rec_engine engine = opened(directory, NULL);
    MUST(rec_set_log(engine, on_log, failure, NULL, &err));
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 10);
    unsigned paused = events.times[REC_EVENT_PAUSED];
    live_manifest(directory, it.id, path);
    HANDLE reader = hold(path, share);
    OK(rec_pause_by_id(engine, NULL, it.id.text, &err));
    CHECK(wait_for_log("another process"));
    speak(it.feed, 10);
    CHECK(events.times[REC_EVENT_PAUSED] == paused);
    CloseHandle(reader);
    CHECK(wait_for_event(&events, REC_EVENT_PAUSED, paused + 1));
    OK(rec_resume_by_id(engine, NULL, it.id.text, &err));
    speak(it.feed, 10);
    end(engine, it);
}

/* It is held until after the end. */
static void hold_at_the_end(const char *directory, DWORD share)
{
    char path[4096];
    unsigned finished = events.times[REC_EVENT_FINISHED];
    rec_engine engine = opened(directory, NULL);
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 10);
    live_manifest(directory, it.id, path);
    HANDLE reader = hold(path, share);
    OK(rec_pause_by_id(engine, NULL, it.id.text, &err));
    OK(rec_call_end(it.call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, finished + 1));
    CloseHandle(reader);
    OK(rec_close(engine, 20000, &err));
}

static void held(const char *directory)
{
    static const DWORD shares[] = {FILE_SHARE_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE};
    for (size_t n = 0; n < sizeof shares / sizeof *shares; n++) {
        hold_while_paused(directory, shares[n]);
        hold_at_the_end(directory, shares[n]);
    }
    CHECK(events.times[REC_EVENT_FINISHED] == 6 && events.times[REC_EVENT_FAILED] == 0);
}

static void *close_soon(void *reader)
{
    sleep_ms(500);
    CloseHandle(reader);
    return NULL;
}

/* A deletion waits for a scanner, but not for long. */
static void deleted(const char *directory)
{
    rec_engine engine = opened(directory, SETTINGS("storage.durability", "power"));
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 10);
    OK(rec_call_end(it.call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    HANDLE reader = hold(events.path, FILE_SHARE_READ);
    EXPECT(rec_delete(engine, NULL, it.id.text, &err), REC_ERR_IO);
    pthread_t closer;
    CHECK(pthread_create(&closer, NULL, close_soon, reader) == 0);
    OK(rec_delete(engine, NULL, it.id.text, &err));
    pthread_join(closer, NULL);
    CHECK(GetFileAttributesW(wide_path(events.path, "")) == INVALID_FILE_ATTRIBUTES);
    OK(rec_close(engine, 20000, &err));
}

/* A file with a second name may be a link to anything, so recovery does not write to it. */
static void linked(const char *directory)
{
    char part[4096];
    find_part(directory, part);
    wchar_t *wide = wide_path(part, ""), *second = wide_path(directory, "\\second.name");
    CHECK(CreateHardLinkW(second, wide, NULL) != 0);
    rec_engine engine = opened(directory, NULL);
    MUST(rec_set_log(engine, on_log, failure, NULL, &err));
    for (int i = 0; i < 500 && failure[0] == '\0'; i++)
        sleep_ms(10);
    OK(rec_close(engine, 20000, &err));
    CHECK(events.times[REC_EVENT_FINISHED] == 0);
    printf("%s\n", failure);
}

/* The file that has the name of the recording is still another program's. */
static void check_taken(const char *directory)
{
    char text[8] = "";
    FILE *other = _wfopen(wide_path(directory, "\\SEP1.wav"), L"rb");
    CHECK(other != NULL && fread(text, 1, sizeof text, other) == 4 && strcmp(text, "mine") == 0);
}

/* The audio is moved to its name, and takes nobody else's. */
static void names(const char *directory)
{
    wchar_t *taken = wide_path(directory, "\\SEP1.wav");
    FILE *other = _wfopen(taken, L"wb");
    CHECK(other != NULL && fputs("mine", other) >= 0 && fclose(other) == 0);
    rec_engine engine = opened(directory, SETTINGS("storage.name", "{device}"));
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 5);
    end(engine, it);
    CHECK(events.times[REC_EVENT_FINISHED] == 1 && strstr(events.path, "\\SEP1-2.wav") != NULL);
    check_taken(directory);
}

static unsigned links;

static BOOL WINAPI refuse_link(LPCWSTR name, LPCWSTR existing, LPSECURITY_ATTRIBUTES attributes)
{
    (void)name, (void)existing, (void)attributes;
    links++;
    SetLastError(ERROR_CANNOT_MAKE);
    return FALSE;
}

/* A rename publishes a recording. It neither needs a hard link nor tries one. */
static void renamed(const char *directory)
{
    CHECK(replace_import(GetModuleHandleW(L"callrec.dll"), "CreateHardLinkW", (ULONG_PTR)refuse_link));
    names(directory);
    CHECK(links == 0);
}

/* Another program takes the first name in this moment. */
static BOOL WINAPI refuse_exclusive_move(LPCWSTR from, LPCWSTR to, DWORD flags)
{
    if ((flags & MOVEFILE_REPLACE_EXISTING) != 0)
        return MoveFileExW(from, to, flags);
    FILE *other = wcsstr(to, L"\\SEP1.wav") != NULL ? _wfopen(to, L"wb") : NULL;
    if (other != NULL)
        CHECK(fputs("mine", other) >= 0 && fclose(other) == 0);
    SetLastError(ERROR_NOT_SUPPORTED);
    return FALSE;
}

/* A hard link publishes a recording, unless its name is that of another file by then. */
static void identified(const char *directory)
{
    CHECK(replace_import(GetModuleHandleW(L"callrec.dll"), "MoveFileExW", (ULONG_PTR)refuse_exclusive_move));
    rec_engine engine = opened(directory, SETTINGS("storage.name", "{device}"));
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 5);
    OK(rec_call_end(it.call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1) && strstr(events.path, "\\SEP1-2.wav") != NULL);
    check_taken(directory);
    OK(rec_close(engine, 20000, &err));
}

static unsigned refused;

static BOOL WINAPI delete_later(LPCWSTR path)
{
    if (refused == 3)
        return DeleteFileW(path);
    refused++;
    SetLastError(ERROR_SHARING_VIOLATION);
    return FALSE;
}

/* A recording is deleted although a virus scanner holds its files for a moment. */
static void kept_open(const char *directory)
{
    rec_engine engine = opened(directory, NULL);
    struct recorded it = begin(engine, "SEP1");
    speak(it.feed, 5);
    OK(rec_call_end(it.call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FINISHED, 1));
    CHECK(replace_import(GetModuleHandleW(L"callrec.dll"), "DeleteFileW", (ULONG_PTR)delete_later));
    OK(rec_delete(engine, NULL, it.id.text, &err));
    CHECK(refused == 3);
    OK(rec_close(engine, 20000, &err));
}

static void space(const char *directory)
{
    ULARGE_INTEGER available;
    rec_statistics statistics = REC_INIT(rec_statistics);
    rec_call call;
    rec_id id;
    rec_engine engine = opened(directory, SETTINGS("storage.min_free_bytes", "1000000000000000"));
    OK(rec_stats(engine, &statistics, &err));
    CHECK(GetDiskFreeSpaceExA(directory, &available, NULL, NULL) != 0);
    /* Other programs write meanwhile. */
    double ratio = (double)statistics.free_bytes / (double)available.QuadPart;
    CHECK(ratio > 0.5 && ratio < 2);
    MUST(begin_call(engine, "1", "SEP1", "101", NULL, &call));
    EXPECT(start_on(engine, NULL, "SEP1", "101", 0, &id), REC_ERR_NO_SPACE);
    CHECK(wait_for_event(&events, REC_EVENT_DISK_LOW, 1));
    OK(rec_close(engine, 20000, &err));
}

static void full(const char *directory)
{
    rec_engine engine = opened(directory, SETTINGS("storage.min_free_bytes", "0", "media.clock", "stream", "media.reorder_ms", "0"));
    struct recorded it = begin(engine, "SEP1");
    uint8_t packet[800] = {0};
    /* 10 minutes are 5 MB of each leg. */
    for (int n = 0; n < 6000; n++) {
        rec_status status;
        while ((status = rec_feed_write(it.feed, packet, sizeof packet)) == REC_ERR_OVERRUN)
            rec_feed_wait(it.feed, 1000);
        if (!OK(status))
            break;
    }
    OK(rec_call_end(it.call, &err));
    CHECK(wait_for_event(&events, REC_EVENT_FAILED, 1));
    rec_close(engine, 20000, &err);
    printf("failed %u, finished %u\n", events.times[REC_EVENT_FAILED], events.times[REC_EVENT_FINISHED]);
}

/* The timer of Windows ends waits at multiples of 15.6 ms, which delays each tick, but not the next one. */
static void ticks(const char *directory)
{
    rec_engine engine = opened(directory, NULL);
    struct recorded it = begin(engine, "SEP1");
    rec_statistics statistics = REC_INIT(rec_statistics);
    speak(it.feed, 150);
    for (int i = 0; i < 100 && statistics.frames_in < 150; i++) {
        OK(rec_stats(engine, &statistics, &err));
        sleep_ms(10);
    }
    CHECK(statistics.frames_in == 150 && statistics.frames_lost == 0);
    end(engine, it);
    printf("lag %u us\n", (unsigned)statistics.worker_lag_us);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const char *directory);
    } modes[] = {{"record", record}, {"recover", recover}, {"paths", paths}, {"shared", shared}, {"held", held}, {"deleted", deleted}, {"linked", linked}, {"names", names}, {"renamed", renamed}, {"identified", identified}, {"kept_open", kept_open}, {"space", space}, {"full", full}, {"ticks", ticks}};
    for (size_t n = 0; argc == 3 && n < sizeof modes / sizeof *modes; n++)
        if (strcmp(argv[1], modes[n].name) == 0) {
            modes[n].run(argv[2]);
            return check_summary(argv[1]);
        }
    fprintf(stderr, "usage: %s MODE DIRECTORY\n", argv[0]);
    return 2;
}
