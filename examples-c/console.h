/* Prints the output of record_call.c: a line for each event, a table of the live
 * recording, the list of checks, and the path of the file. With --json, each line is a
 * JSON object instead. Every function may be called from any thread. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <callrec.h>

#include <stdbool.h>

/* Prints the heading. Call it once, before the other functions. */
void console_begin(bool json, const char *directory);

void console_event(const rec_event *event);

/* Shows the live recording. On a terminal, it updates a table in place; in a file or a
 * pipe, it prints a line. `level_dbfs` contains the RMS levels of the local and the remote
 * party. */
void console_live(const rec_recording *live, const double level_dbfs[2]);

/* Returns whether the next console_live() is due: every 200 ms on a terminal, otherwise
 * every 2 s. */
bool console_live_is_due(void);

/* Prints PASS or FAIL and what was checked. Returns `passed`. */
bool console_check(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the path of the recording, as the last line. */
void console_end(const char *path);

#endif
