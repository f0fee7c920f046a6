/* What differs between Windows and the other systems, as far as the examples need it: sockets, threads, a lock, clocks.
 * Include it before the system's headers. */
#ifndef PORTABLE_H
#define PORTABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <process.h>

typedef SOCKET socket_handle;
typedef WSAPOLLFD poll_entry;
typedef SRWLOCK lock_type;
typedef HANDLE thread_handle;
typedef unsigned thread_result;
#define NO_SOCKET INVALID_SOCKET
#define THREAD_CALL __stdcall
#define THREAD_END 0

static inline void lock_init(lock_type *lock) { InitializeSRWLock(lock); }
static inline void lock_take(lock_type *lock) { AcquireSRWLockExclusive(lock); }
static inline void lock_release(lock_type *lock) { ReleaseSRWLockExclusive(lock); }

static inline bool thread_start(thread_handle *thread, thread_result(THREAD_CALL *run)(void *), void *argument)
{
    *thread = (HANDLE)_beginthreadex(NULL, 0, run, argument, 0, NULL);
    return *thread != NULL;
}

static inline void thread_join(thread_handle thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static inline bool sockets_start(void)
{
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

static inline void socket_close(socket_handle socket) { closesocket(socket); }
static inline int socket_poll(poll_entry *entries, size_t count, int timeout_ms) { return WSAPoll(entries, (ULONG)count, timeout_ms); }
static inline bool socket_unblock(socket_handle socket) { return ioctlsocket(socket, FIONBIO, &(u_long){1}) == 0; }
static inline int64_t monotonic_ms(void) { return (int64_t)GetTickCount64(); }
static inline void sleep_ms(unsigned ms) { Sleep(ms); }

/* Unix time. */
static inline int64_t wall_ms(void)
{
    FILETIME time;
    GetSystemTimeAsFileTime(&time);
    return (int64_t)(((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) / 10000) - INT64_C(11644473600000);
}

#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef int socket_handle;
typedef struct pollfd poll_entry;
typedef pthread_mutex_t lock_type;
typedef pthread_t thread_handle;
typedef void *thread_result;
#define NO_SOCKET (-1)
#define THREAD_CALL
#define THREAD_END NULL

static inline void lock_init(lock_type *lock) { pthread_mutex_init(lock, NULL); }
static inline void lock_take(lock_type *lock) { pthread_mutex_lock(lock); }
static inline void lock_release(lock_type *lock) { pthread_mutex_unlock(lock); }

static inline bool thread_start(thread_handle *thread, thread_result (*run)(void *), void *argument)
{
    return pthread_create(thread, NULL, run, argument) == 0;
}

static inline void thread_join(thread_handle thread) { pthread_join(thread, NULL); }
static inline bool sockets_start(void) { return true; }
static inline void socket_close(socket_handle socket) { close(socket); }
static inline int socket_poll(poll_entry *entries, size_t count, int timeout_ms) { return poll(entries, (nfds_t)count, timeout_ms); }
static inline bool socket_unblock(socket_handle socket) { return fcntl(socket, F_SETFL, O_NONBLOCK) == 0; }

static inline int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}
#endif

/* Binds a UDP socket that does not block. Port 0 means any port. */
static inline socket_handle udp_open(const char *address, uint16_t port)
{
    struct sockaddr_in name;
    socket_handle made = socket(AF_INET, SOCK_DGRAM, 0);
    if (made == NO_SOCKET)
        return NO_SOCKET;
    memset(&name, 0, sizeof name);
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    if (inet_pton(AF_INET, address, &name.sin_addr) == 1 && bind(made, (struct sockaddr *)&name, sizeof name) == 0 && socket_unblock(made))
        return made;
    socket_close(made);
    return NO_SOCKET;
}

#endif
