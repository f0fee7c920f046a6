/* The bridge without its source of messages: the engine, the calls, the RTP ports, the pipe and the gateway. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "bridge_config.h"

struct bridge;

/* Receives log lines, and the events of recordings as JSON with level 0. Any thread. */
struct bridge_output {
    notice_fn notice;
    void *user_data;
};

/* On failure, writes a message. */
struct bridge *bridge_open(const struct bridge_config *config, const struct bridge_output *output, char *message, size_t size);

struct call_logic *bridge_calls(struct bridge *bridge);

rec_engine bridge_engine(struct bridge *bridge);

/* Carries out a command of the pipe:
 *
 *   start DEVICE    stop DEVICE    pause DEVICE    resume DEVICE    ports DEVICE    list
 *
 * DEVICE is a device name or a directory number. The answer begins with "ok" or "error". Any thread. */
void bridge_command(struct bridge *bridge, const char *command, char *answer, size_t size);

/* Ends all calls and finishes their recordings. Returns false if some could not be finished in time. */
bool bridge_close(struct bridge *bridge);

#endif
