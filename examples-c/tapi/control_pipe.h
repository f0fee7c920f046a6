/* A local pipe for commands: a named pipe on Windows, a Unix socket elsewhere. Each line that a client writes is answered
 * with one line. Clients are served one after the other. */
#ifndef CONTROL_PIPE_H
#define CONTROL_PIPE_H

#include <stdbool.h>
#include <stddef.h>

enum { COMMAND_SIZE = 1024, ANSWER_SIZE = 65536 };

/* Answers a command. Neither text has an end of line. */
typedef void (*command_fn)(void *user_data, const char *command, char *answer, size_t size);

struct control_pipe;

/* Returns NULL if the pipe cannot be made, for example because another process has it. */
struct control_pipe *control_pipe_open(const char *path, command_fn command, void *user_data);

void control_pipe_close(struct control_pipe *pipe);

/* For clients: sends one command, and waits for the answer. */
bool control_pipe_send(const char *path, const char *command, char *answer, size_t size);

#endif
