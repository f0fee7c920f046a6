/* The pipe. What the two systems have in common comes first. */
#define _POSIX_C_SOURCE 200809L
#include "control_pipe.h"

#include "../portable.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLIENT_MS = 5000 }; /* a client that is silent for this long is disconnected, so that others are served */

/* One end of a connection. */
struct connection;

/* Reads at most `size` bytes. Returns 0 at the end, after a time-out, and when the pipe is closed. */
static size_t connection_read(struct connection *connection, char *bytes, size_t size);

static bool connection_write(struct connection *connection, const char *bytes, size_t size);

/* Answers the lines of one client until it leaves. */
static void serve(struct connection *connection, command_fn command, void *user_data, char *answer)
{
    char text[COMMAND_SIZE];
    size_t used = 0, got;
    while (used < sizeof text - 1 && (got = connection_read(connection, text + used, sizeof text - 1 - used)) > 0) {
        used += got;
        for (char *end; (end = memchr(text, '\n', used)) != NULL;) {
            size_t line = (size_t)(end - text) + 1;
            *end = '\0';
            if (end > text && end[-1] == '\r')
                end[-1] = '\0';
            command(user_data, text, answer, ANSWER_SIZE - 1);
            size_t size = strlen(answer);
            answer[size] = '\n';
            if (!connection_write(connection, answer, size + 1))
                return;
            used -= line;
            memmove(text, text + line, used);
        }
    }
}

static bool exchange(struct connection *connection, const char *command, char *answer, size_t size)
{
    char line[COMMAND_SIZE];
    size_t used = 0, got;
    int length = snprintf(line, sizeof line, "%s\n", command);
    if (length < 0 || (size_t)length >= sizeof line || !connection_write(connection, line, (size_t)length))
        return false;
    while (used < size - 1 && (got = connection_read(connection, answer + used, size - 1 - used)) > 0) {
        used += got;
        char *end = memchr(answer, '\n', used);
        if (end != NULL) {
            *end = '\0';
            return true;
        }
    }
    return false;
}

#ifdef _WIN32

struct connection {
    HANDLE pipe;
    HANDLE ending; /* NULL in a client */
    OVERLAPPED overlapped;
};

struct control_pipe {
    struct connection connection;
    command_fn command;
    void *user_data;
    char *answer;
    thread_handle thread;
};

/* Waits for an operation that has begun. Returns how many bytes it moved, or 0. */
static size_t finish(struct connection *connection, BOOL is_done, DWORD wait_ms, bool *is_ended)
{
    DWORD moved = 0;
    HANDLE handles[2] = {connection->overlapped.hEvent, connection->ending};
    *is_ended = is_done || GetLastError() == ERROR_PIPE_CONNECTED;
    if (!*is_ended && GetLastError() == ERROR_IO_PENDING) {
        *is_ended = WaitForMultipleObjects(connection->ending != NULL ? 2 : 1, handles, FALSE, wait_ms) == WAIT_OBJECT_0;
        if (!*is_ended)
            CancelIo(connection->pipe);
    }
    /* Also waits until a cancelled operation no longer uses the buffer. */
    return GetOverlappedResult(connection->pipe, &connection->overlapped, &moved, TRUE) ? moved : 0;
}

static size_t connection_read(struct connection *connection, char *bytes, size_t size)
{
    bool is_ended;
    BOOL is_done = ReadFile(connection->pipe, bytes, (DWORD)size, NULL, &connection->overlapped);
    if (!is_done && GetLastError() != ERROR_IO_PENDING)
        return 0;
    return finish(connection, is_done, CLIENT_MS, &is_ended);
}

static bool connection_write(struct connection *connection, const char *bytes, size_t size)
{
    while (size > 0) {
        bool is_ended;
        BOOL is_done = WriteFile(connection->pipe, bytes, (DWORD)size, NULL, &connection->overlapped);
        if (!is_done && GetLastError() != ERROR_IO_PENDING)
            return false;
        size_t moved = finish(connection, is_done, CLIENT_MS, &is_ended);
        if (moved == 0)
            return false;
        bytes += moved;
        size -= moved;
    }
    return true;
}

static thread_result THREAD_CALL serve_clients(void *argument)
{
    struct control_pipe *pipe = argument;
    struct connection *connection = &pipe->connection;
    while (WaitForSingleObject(connection->ending, 0) != WAIT_OBJECT_0) {
        bool is_connected;
        BOOL is_done = ConnectNamedPipe(connection->pipe, &connection->overlapped);
        DWORD why = GetLastError();
        if (!is_done && why == ERROR_PIPE_CONNECTED)
            is_connected = true;
        else if (!is_done && why != ERROR_IO_PENDING) {
            is_connected = false;
            Sleep(10); /* the last client has not left yet */
        } else
            finish(connection, is_done, INFINITE, &is_connected);
        if (is_connected)
            serve(connection, pipe->command, pipe->user_data, pipe->answer);
        DisconnectNamedPipe(connection->pipe);
    }
    return THREAD_END;
}

/* The system's default rights apply: the account of the process, administrators and the system may send commands. */
struct control_pipe *control_pipe_open(const char *path, command_fn command, void *user_data)
{
    struct control_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->command = command;
    pipe->user_data = user_data;
    pipe->answer = malloc(ANSWER_SIZE);
    pipe->connection.ending = CreateEventW(NULL, TRUE, FALSE, NULL);
    pipe->connection.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    pipe->connection.pipe = CreateNamedPipeA(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                             PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, ANSWER_SIZE, COMMAND_SIZE, 0, NULL);
    if (pipe->connection.pipe != INVALID_HANDLE_VALUE && pipe->answer != NULL && thread_start(&pipe->thread, serve_clients, pipe))
        return pipe;
    if (pipe->connection.pipe != INVALID_HANDLE_VALUE)
        CloseHandle(pipe->connection.pipe);
    CloseHandle(pipe->connection.ending);
    CloseHandle(pipe->connection.overlapped.hEvent);
    free(pipe->answer);
    free(pipe);
    return NULL;
}

void control_pipe_close(struct control_pipe *pipe)
{
    if (pipe == NULL)
        return;
    SetEvent(pipe->connection.ending);
    thread_join(pipe->thread);
    CloseHandle(pipe->connection.pipe);
    CloseHandle(pipe->connection.ending);
    CloseHandle(pipe->connection.overlapped.hEvent);
    free(pipe->answer);
    free(pipe);
}

bool control_pipe_send(const char *path, const char *command, char *answer, size_t size)
{
    struct connection connection = {.pipe = INVALID_HANDLE_VALUE};
    int64_t end = monotonic_ms() + CLIENT_MS;
    do { /* while another client is served, the pipe is busy */
        connection.pipe = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
        if (connection.pipe == INVALID_HANDLE_VALUE && GetLastError() != ERROR_PIPE_BUSY)
            return false;
        if (connection.pipe == INVALID_HANDLE_VALUE)
            Sleep(10);
    } while (connection.pipe == INVALID_HANDLE_VALUE && monotonic_ms() < end);
    if (connection.pipe == INVALID_HANDLE_VALUE)
        return false;
    connection.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    bool is_answered = exchange(&connection, command, answer, size);
    CloseHandle(connection.overlapped.hEvent);
    CloseHandle(connection.pipe);
    return is_answered;
}

#else

#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

struct connection {
    int fd, ending; /* `ending` is readable when the pipe is closed; -1 in a client */
};

struct control_pipe {
    char *path;
    int listener, ending[2];
    command_fn command;
    void *user_data;
    char *answer;
    thread_handle thread;
};

static size_t connection_read(struct connection *connection, char *bytes, size_t size)
{
    struct pollfd waits[2] = {{.fd = connection->fd, .events = POLLIN}, {.fd = connection->ending, .events = POLLIN}};
    if (poll(waits, 2, CLIENT_MS) <= 0 || waits[1].revents != 0)
        return 0;
    ssize_t got = read(connection->fd, bytes, size);
    return got > 0 ? (size_t)got : 0;
}

static bool connection_write(struct connection *connection, const char *bytes, size_t size)
{
    while (size > 0) {
        struct pollfd wait = {.fd = connection->fd, .events = POLLOUT};
        if (poll(&wait, 1, CLIENT_MS) <= 0)
            return false;
        ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static thread_result THREAD_CALL serve_clients(void *argument)
{
    struct control_pipe *pipe = argument;
    for (;;) {
        struct pollfd waits[2] = {{.fd = pipe->listener, .events = POLLIN}, {.fd = pipe->ending[0], .events = POLLIN}};
        if (poll(waits, 2, -1) <= 0)
            continue;
        if (waits[1].revents != 0)
            return THREAD_END;
        struct connection connection = {.fd = accept(pipe->listener, NULL, NULL), .ending = pipe->ending[0]};
        if (connection.fd < 0)
            continue;
        serve(&connection, pipe->command, pipe->user_data, pipe->answer);
        close(connection.fd);
    }
}

static bool name_of(const char *path, struct sockaddr_un *name)
{
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    return (size_t)snprintf(name->sun_path, sizeof name->sun_path, "%s", path) < sizeof name->sun_path;
}

/* Only the user of the process may send commands. */
static bool listen_at(struct control_pipe *pipe, const char *path)
{
    struct sockaddr_un name;
    char answer[256];
    if (!name_of(path, &name) || control_pipe_send(path, "", answer, sizeof answer))
        return false; /* another process answers there */
    pipe->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (pipe->listener < 0)
        return false;
    unlink(path);
    mode_t before = umask(0177);
    bool is_bound = bind(pipe->listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(pipe->listener, 16) == 0;
    umask(before);
    return is_bound;
}

static void free_pipe(struct control_pipe *pipe)
{
    int fds[] = {pipe->listener, pipe->ending[0], pipe->ending[1]};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(pipe->path);
    free(pipe->answer);
    free(pipe);
}

struct control_pipe *control_pipe_open(const char *path, command_fn command, void *user_data)
{
    struct control_pipe *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->listener = made->ending[0] = made->ending[1] = -1;
    made->command = command;
    made->user_data = user_data;
    made->path = strdup(path);
    made->answer = malloc(ANSWER_SIZE);
    if (made->path != NULL && made->answer != NULL && pipe(made->ending) == 0 && listen_at(made, path) && thread_start(&made->thread, serve_clients, made))
        return made;
    free_pipe(made);
    return NULL;
}

void control_pipe_close(struct control_pipe *pipe)
{
    if (pipe == NULL)
        return;
    if (write(pipe->ending[1], "", 1) != 1)
        return; /* cannot happen: the pipe of the process is empty */
    thread_join(pipe->thread);
    unlink(pipe->path);
    free_pipe(pipe);
}

bool control_pipe_send(const char *path, const char *command, char *answer, size_t size)
{
    struct sockaddr_un name;
    struct connection connection = {.fd = -1, .ending = -1};
    if (!name_of(path, &name) || (connection.fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0)
        return false;
    bool is_answered = connect(connection.fd, (struct sockaddr *)&name, sizeof name) == 0 && exchange(&connection, command, answer, size);
    close(connection.fd);
    return is_answered;
}

#endif
