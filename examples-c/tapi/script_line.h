/* A source of messages that reads them from a text, in place of a telephone system. */
#ifndef SCRIPT_LINE_H
#define SCRIPT_LINE_H

#include "bridge.h"

#include <stdio.h>

/* Carries out the lines of a script: the messages of call_message.h, the commands of the pipe, and
 *
 *   wait MS                    lets this much time pass for the calls, without waiting
 *   expect calls N             waits until there are N live calls
 *   expect recordings N        … N live recordings
 *   expect begun N             … N recordings have begun since the script began
 *   expect finished N          … N have ended
 *   expect forks N             … devices were asked N times for copies
 *   expect stops N             … devices were asked N times to end them
 *   expect state DEVICE connected|held|alerting|none
 *   expect remote DEVICE NUMBER
 *
 * Each line is answered with a line that begins with "ok" or "error" on stdout. A fork request is printed as
 * "fork LINE CALL on|off", and a finished recording as "finished PATH". With `ends_at_error`, the first error ends the
 * script. Returns whether there was none. */
bool script_run(struct bridge *bridge, const struct bridge_config *config, FILE *script, bool ends_at_error);

#endif
