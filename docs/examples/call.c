/* Examples of the manual pages: calls and lines. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;
static rec_call call;

void examples_of_call(void);
void examples_of_call(void)
{
{
/* rec_call_begin */
rec_error error = REC_INIT(rec_error);
rec_call_info info = REC_INIT(rec_call_info);

info.call_id = "call-1";
info.device_name = "SEP123456789ABC";
info.direction = REC_DIRECTION_INCOMING;
info.remote_phone_number = "+4930123456";
if (rec_call_begin(engine, &info, &call, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_call_update */
rec_call_info change = REC_INIT(rec_call_info);

/* The call is transferred to another line. Its recordings go on. */
change.device_name = "SEPCBA987654321";
change.username = "ben";
rec_call_update(call, &change, NULL);
/* end */
}
{
/* rec_call_private */
rec_call_private(call, 1, NULL); /* nothing of the call is recorded from here */
/* ... a card number is read out ... */
rec_call_private(call, 0, NULL); /* to here */
/* end */
}
{
/* rec_call_end */
rec_error error = REC_INIT(rec_error);

/* Ends the call's recordings, and closes its feeds. */
if (rec_call_end(call, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_call_id */
char id[64];

/* For a call that was begun without an id. */
if (rec_call_id(call, id, sizeof id, NULL) == REC_OK)
    printf("call %s\n", id);
/* end */
}
{
/* rec_line_set */
rec_line_info line = REC_INIT(rec_line_info);

/* Every call of this line is recorded, and only the host may stop that. */
line.device_name = "SEP123456789ABC";
line.flags = REC_LINE_AUTOMATIC | REC_LINE_MANDATORY;
rec_line_set(engine, &line, NULL);
/* end */
}
{
/* rec_line_remove */
rec_line_info line = REC_INIT(rec_line_info);

line.device_name = "SEP123456789ABC";
rec_line_remove(engine, &line, NULL);
/* end */
}
{
/* rec_call_start */
rec_error error = REC_INIT(rec_error);
rec_start_options options = REC_INIT(rec_start_options);
rec_id id;

/* No search for the call: it is the one with this handle. */
if (rec_call_start(call, NULL, &options, &id, &error) == REC_OK)
    printf("recording %s\n", id.text);
/* end */
}
{
/* rec_call_stop */
rec_counts counts = REC_INIT(rec_counts);

/* Every live recording of this call. */
if (rec_call_stop(call, NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_call_discard */
rec_counts counts = REC_INIT(rec_counts);

/* Their audio is deleted. */
if (rec_call_discard(call, NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_call_pause */
rec_counts counts = REC_INIT(rec_counts);

/* What is said from now on is not kept. */
if (rec_call_pause(call, NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_call_resume */
rec_counts counts = REC_INIT(rec_counts);

/* They record again. */
if (rec_call_resume(call, NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_call_parties */
rec_error error = REC_INIT(rec_error);

/* A conference arrives mixed on one leg. A third party joins it. */
if (rec_call_parties(call, REC_LEG_REMOTE,
                     "[{\"name\": \"Ada\", \"number\": \"+49301\"},"
                     " {\"name\": \"Ben\", \"number\": \"+49302\"}]", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
}
