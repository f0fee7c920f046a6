/* The steps of a callrec host, each of which ends the program if it fails. */
#ifndef CALLREC_ENGINE_H
#define CALLREC_ENGINE_H

#include "compare.h"

#include <callrec.h>

/* `durability` and `digest`: NULL for the default. */
rec_engine engine_open(const char *directory, bool is_real_time, const char *durability, const char *digest);
/* The same for a job, whose audio may have to wait until a frozen disk goes on. */
rec_engine engine_open_for(const struct job *job, const char *durability, const char *digest);
rec_call engine_begin_call(rec_engine engine, int call, rec_feed feeds[2]);
void engine_start(rec_engine engine, int call, enum format format);
void engine_stop(rec_engine engine, int call);
void engine_end_call(rec_call call);
void engine_close(rec_engine engine);

#endif
