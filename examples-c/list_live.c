/* Records three calls and lists the live recordings: all of them, filtered, and as a caller
 * with few rights sees them.
 *
 *   list_live [--json] DIRECTORY
 *
 * With --json, it prints each list as a JSON array. */
#include <callrec.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_error error = REC_INIT(rec_error);
static bool is_json;

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

static void record_a_call(rec_engine engine, const char *device, const char *number, const char *username, const char *remote)
{
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_call call;
    rec_id id;
    info.device_name = device;
    info.directory_number = number;
    info.username = username;
    info.remote_phone_number = remote;
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin");
    options.device_name = device;
    options.directory_number = number;
    must(rec_start(engine, NULL, &options, &id, &error), "rec_start"); /* no audio yet, so it records silence */
}

/* A snapshot shows the recordings at one moment. It holds no lock, and does not change
 * until it is freed. */
static void print(rec_engine engine, const char *title, const rec_caller *caller, const rec_filter *filter)
{
    rec_snapshot *snapshot = NULL;
    rec_status status = rec_list(engine, caller, filter, &snapshot, &error);
    if (status != REC_OK) { /* then there is no snapshot to free */
        fprintf(is_json ? stderr : stdout, "%s: %s: %s\n", title, rec_status_text(status), error.message);
        return;
    }
    if (is_json)
        printf("%s\n", rec_snapshot_json(snapshot));
    else
        printf("%s: %zu\n", title, rec_snapshot_count(snapshot));
    for (size_t i = 0; !is_json && i < rec_snapshot_count(snapshot); i++) {
        const rec_recording *live = rec_snapshot_get(snapshot, i);
        printf("  %s  line %s of %s, %s%s\n", live->id.text, live->directory_number, live->username, live->remote_phone_number,
               live->state == REC_STATE_PAUSED ? ", paused" : "");
    }
    rec_snapshot_free(snapshot);
}

int main(int argc, char **argv)
{
    is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (argc != 2 + is_json) {
        fprintf(stderr, "usage: %s [--json] DIRECTORY\n", argv[0]);
        return 2;
    }
    rec_config *config = NULL;
    rec_engine engine;
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", argv[argc - 1], &error), "storage.directory");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);

    record_a_call(engine, "SEP000000000001", "101", "user1", "+1555123456");
    record_a_call(engine, "SEP000000000002", "102", "user2", "+1555123457");
    record_a_call(engine, "SEP000000000003", "103", "user1", "+1555123458");
    must(rec_pause_by_device(engine, NULL, "SEP000000000003", NULL, NULL, &error), "rec_pause_by_device");

    rec_filter number = REC_INIT(rec_filter), user = REC_INIT(rec_filter), both = REC_INIT(rec_filter), none = REC_INIT(rec_filter);
    number.directory_number = "102";
    user.username = "user1";
    both.username = "user1";
    both.device_name = "SEP000000000003"; /* a recording must match every given field */
    none.directory_number = "999";
    print(engine, "all", NULL, NULL);
    print(engine, "number 102", NULL, &number);
    print(engine, "user1", NULL, &user);
    print(engine, "user1 on SEP000000000003", NULL, &both);
    print(engine, "number 999", NULL, &none); /* an empty list is not an error */

    /* A NULL caller is the host itself, which may do everything. A caller below level 10 may
     * list only their own recordings, and must filter by their own username. */
    rec_caller user1 = REC_INIT(rec_caller);
    user1.level = REC_LEVEL_BASE;
    user1.username = "user1";
    print(engine, "all, requested by user1", &user1, NULL);
    print(engine, "user1, requested by user1", &user1, &user);

    must(rec_close(engine, 10000, &error), "rec_close"); /* finishes the live recordings */
    return 0;
}
