/* Examples of the manual pages: recordings of all nodes of a cluster. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;

void examples_of_cluster(void);
void examples_of_cluster(void)
{
{
/* rec_adopt */
uint32_t recordings = 0;
rec_error error = REC_INIT(rec_error);
rec_status status = rec_adopt(engine, "/mnt/shared/node-2", 60000, &recordings, &error);

if (status == REC_OK)
    printf("%u recordings of the dead node have their ends\n", (unsigned)recordings);
else if (status == REC_ERR_TIMEOUT)
    printf("not complete yet: call it again\n");
else
    fprintf(stderr, "%s\n", error.message);
/* end */
}
{
/* rec_cluster_list */
rec_snapshot *snapshot = NULL;
rec_error error = REC_INIT(rec_error);

if (rec_cluster_list(engine, NULL, NULL, 1000, &snapshot, &error) == REC_OK) {
    for (size_t i = 0; i < rec_snapshot_count(snapshot); i++) {
        const rec_recording *recording = rec_snapshot_get(snapshot, i);
        printf("%s on %s%s\n", recording->id.text, recording->node,
            recording->unreachable ? ", which is unreachable" : "");
    }
    rec_snapshot_free(snapshot);
} else {
    fprintf(stderr, "%s\n", error.message);
}
/* end */
}
{
/* rec_snapshot_cursor */
char cursor[80] = "";

do {
    rec_snapshot *page = NULL;
    rec_filter filter = REC_INIT(rec_filter);

    filter.limit = 100;
    filter.cursor = cursor;
    if (rec_cluster_list(engine, NULL, &filter, 1000, &page, NULL) != REC_OK)
        break;
    printf("%s\n", rec_snapshot_json(page));
    snprintf(cursor, sizeof cursor, "%s", rec_snapshot_cursor(page));
    rec_snapshot_free(page);
} while (cursor[0] != '\0');
/* end */
}
{
/* rec_cluster_get */
rec_snapshot *snapshot = NULL;
const char *id = "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7";

if (rec_cluster_get(engine, NULL, id, 1000, &snapshot, NULL) == REC_OK) {
    printf("on the node %s\n", rec_snapshot_get(snapshot, 0)->node);
    rec_snapshot_free(snapshot);
}
/* end */
}
{
/* rec_cluster_control_by_id */
rec_error error = REC_INIT(rec_error);
const char *id = "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7";

if (rec_cluster_control_by_id(engine, NULL, REC_CONTROL_STOP, id, 2000, &error) != REC_OK)
    fprintf(stderr, "not stopped: %s\n", error.message);
/* end */
}
{
/* rec_cluster_control_by_device */
rec_error error = REC_INIT(rec_error);
rec_status status = rec_cluster_control_by_device(engine, NULL, REC_CONTROL_PAUSE, "SEP001122334455", NULL, 2000, NULL,
    &error);

if (status != REC_OK)
    fprintf(stderr, "not paused: %s\n", error.message);
/* end */
}
{
/* rec_cluster_control_by_call */
rec_error error = REC_INIT(rec_error);
rec_status status = rec_cluster_control_by_call(engine, NULL, REC_CONTROL_RESUME, "call-4711", NULL, 2000, NULL, &error);

if (status != REC_OK)
    fprintf(stderr, "not resumed: %s\n", error.message);
/* end */
}
}
