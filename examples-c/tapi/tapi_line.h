/* The lines of TAPI, as a source of messages for the bridge. */
#ifndef TAPI_LINE_H
#define TAPI_LINE_H

#include "bridge.h"

#include <winsock2.h> /* before windows.h */

#include <windows.h>

struct tapi_lines;

/* Initialises TAPI 2.2, and opens the lines that the configuration covers. On failure, writes a message. */
struct tapi_lines *tapi_lines_open(const struct bridge_config *config, struct bridge *bridge, const struct bridge_output *output, char *message, size_t size);

/* Passes on messages until the event `ending` is set. */
void tapi_lines_run(struct tapi_lines *lines, HANDLE ending);

void tapi_lines_close(struct tapi_lines *lines);

#endif
