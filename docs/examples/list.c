/* Examples of the manual pages: lists of recordings. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;

void examples_of_list(void);
void examples_of_list(void)
{
{
/* rec_list */
rec_snapshot *snapshot = NULL;
rec_filter filter = REC_INIT(rec_filter);

filter.username = "anna";
if (rec_list(engine, NULL, &filter, &snapshot, NULL) == REC_OK) {
    for (size_t i = 0; i < rec_snapshot_count(snapshot); i++)
        printf("%s\n", rec_snapshot_get(snapshot, i)->id.text);
    rec_snapshot_free(snapshot);
}
/* end */
}
{
/* rec_get */
rec_snapshot *snapshot = NULL;
const char *id = "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7";

if (rec_get(engine, NULL, id, &snapshot, NULL) == REC_OK) {
    printf("state %d\n", (int)rec_snapshot_get(snapshot, 0)->state);
    rec_snapshot_free(snapshot);
}
/* end */
}
{
/* rec_snapshot_count */
rec_snapshot *snapshot = NULL;
rec_filter filter = REC_INIT(rec_filter);

filter.username = "anna";
if (rec_list(engine, NULL, &filter, &snapshot, NULL) == REC_OK) {
    printf("%zu recordings\n", rec_snapshot_count(snapshot));
    rec_snapshot_free(snapshot);
}
/* end */
}
{
/* rec_snapshot_get */
rec_snapshot *snapshot = NULL;
rec_filter filter = REC_INIT(rec_filter);

filter.username = "anna";
if (rec_list(engine, NULL, &filter, &snapshot, NULL) == REC_OK) {
    const rec_recording *first = rec_snapshot_get(snapshot, 0);
    if (first != NULL)
        printf("%s: %s\n", first->id.text, first->call_id);
    rec_snapshot_free(snapshot); /* and with it everything that first points to */
}
/* end */
}
{
/* rec_snapshot_json */
rec_snapshot *snapshot = NULL;
rec_filter filter = REC_INIT(rec_filter);

filter.username = "anna";
if (rec_list(engine, NULL, &filter, &snapshot, NULL) == REC_OK) {
    printf("%s\n", rec_snapshot_json(snapshot));
    rec_snapshot_free(snapshot);
}
/* end */
}
{
/* rec_snapshot_free */
rec_snapshot *snapshot = NULL;
rec_filter filter = REC_INIT(rec_filter);

filter.username = "anna";
if (rec_list(engine, NULL, &filter, &snapshot, NULL) == REC_OK) {
    size_t count = rec_snapshot_count(snapshot);
    rec_snapshot_free(snapshot);
    printf("%zu recordings\n", count);
}
/* end */
}
}
