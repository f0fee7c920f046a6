/* Examples of the manual pages: starting, stopping and pausing recordings. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;

void examples_of_control(void);
void examples_of_control(void)
{
{
/* rec_start */
rec_error error = REC_INIT(rec_error);
rec_start_options options = REC_INIT(rec_start_options);
rec_id id;

options.call_id = "call-1";
options.format = "flac;level=8";
options.layout = REC_LAYOUT_STEREO;
if (rec_start(engine, NULL, &options, &id, &error) == REC_OK)
    printf("recording %s\n", id.text);
else
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_call_keep */
rec_start_options options = REC_INIT(rec_start_options);
rec_id id;

/* The agent decides at the end of the call that it was worth keeping. */
options.call_id = "call-1";
rec_call_keep(engine, NULL, &options, &id, NULL);
/* end */
}
{
/* rec_stop_by_id */
rec_error error = REC_INIT(rec_error);

/* The host itself may stop any recording. */
if (rec_stop_by_id(engine, NULL, "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_stop_by_device */
rec_counts counts = REC_INIT(rec_counts);

/* The host itself may stop any recording. */
if (rec_stop_by_device(engine, NULL, "SEP123456789ABC", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_stop_by_call */
rec_counts counts = REC_INIT(rec_counts);

/* The host itself may stop any recording. */
if (rec_stop_by_call(engine, NULL, "call-1", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_discard_by_id */
rec_error error = REC_INIT(rec_error);

/* Its audio is deleted. */
if (rec_discard_by_id(engine, NULL, "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_discard_by_device */
rec_counts counts = REC_INIT(rec_counts);

/* Its audio is deleted. */
if (rec_discard_by_device(engine, NULL, "SEP123456789ABC", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_discard_by_call */
rec_counts counts = REC_INIT(rec_counts);

/* Its audio is deleted. */
if (rec_discard_by_call(engine, NULL, "call-1", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_pause_by_id */
rec_error error = REC_INIT(rec_error);

/* What is said from now on is not kept. */
if (rec_pause_by_id(engine, NULL, "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_pause_by_device */
rec_counts counts = REC_INIT(rec_counts);

/* What is said from now on is not kept. */
if (rec_pause_by_device(engine, NULL, "SEP123456789ABC", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_pause_by_call */
rec_counts counts = REC_INIT(rec_counts);

/* What is said from now on is not kept. */
if (rec_pause_by_call(engine, NULL, "call-1", &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_resume_by_id */
rec_error error = REC_INIT(rec_error);

/* It records again. */
if (rec_resume_by_id(engine, NULL, "f2192b3d-1d4a-4cbf-b031-ebad7584e0b7", &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_resume_by_device */
rec_counts counts = REC_INIT(rec_counts);

/* It records again. */
if (rec_resume_by_device(engine, NULL, "SEP123456789ABC", NULL, &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
{
/* rec_resume_by_call */
rec_counts counts = REC_INIT(rec_counts);

/* It records again. */
if (rec_resume_by_call(engine, NULL, "call-1", &counts, NULL) == REC_OK)
    printf("%u recordings\n", (unsigned)counts.changed);
/* end */
}
}
