/* What record_call.c prints on stdout: a line for each event, a table of the live
 * recording, a list of checks, and the path of the file. With --json, each line is a
 * JSON object instead. Every function may be called from any thread. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <callrec.h>

#include <stdbool.h>

/* Prints the heading. Call it once, before all others. */
void console_begin(bool json, const char *directory);

void console_event(const rec_event *event);

/* Shows the live recording: on a terminal in place, at most five times a second;
 * in a file or a pipe as a line every two seconds. `level_dbfs` holds the RMS level
 * of the local and of the remote party. */
void console_live(const rec_recording *live, const double level_dbfs[2]);

/* Tells whether it is time for the next console_live(). */
bool console_live_is_due(void);

/* Prints PASS or FAIL and what was checked. Returns `passed`. */
bool console_check(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the path of the recording, as the last line. */
void console_end(const char *path);

#endif
