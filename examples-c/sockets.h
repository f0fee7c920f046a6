/* UDP sockets on POSIX systems and on Windows (MinGW-w64). Include it before the system's headers. */
#ifndef SOCKETS_H
#define SOCKETS_H

#ifdef _WIN32

#include <winsock2.h>
#include <ws2tcpip.h>

typedef SOCKET socket_handle;
#define poll WSAPoll
#define close_socket closesocket

static inline int is_socket(socket_handle handle)
{
    return handle != INVALID_SOCKET;
}

/* To be called before the first socket is made. */
static inline void sockets_begin(void)
{
    WSADATA about;
    WSAStartup(MAKEWORD(2, 2), &about);
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int socket_handle;
#define close_socket close

static inline int is_socket(socket_handle handle)
{
    return handle >= 0;
}

static inline void sockets_begin(void)
{
}

#endif

#endif
