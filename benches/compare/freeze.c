/* A disk that stands still, for LD_PRELOAD: while it is frozen, every call of a program or of its libraries
 * that changes a file waits, and then goes on. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t frozen_until_ns;

/* Called by the driver; on the clock that only goes forward. */
void freeze_disk(uint64_t until_ns)
{
    atomic_store(&frozen_until_ns, until_ns);
}

/* Standard streams, pipes and sockets are no disk. */
static void wait_for_disk(int file)
{
    uint64_t until_ns = atomic_load(&frozen_until_ns);
    struct stat status;
    if (until_ns == 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

/* Defines `name` so that it waits and then calls the function of that name behind this library. */
#define WAITING(result, name, parameters, arguments)                       \
    result name parameters                                                 \
    {                                                                      \
        static result(*_Atomic behind) parameters;                         \
        if (!atomic_load(&behind))                                         \
            atomic_store(&behind, (result(*) parameters)find(#name));      \
        wait_for_disk(file);                                               \
        return atomic_load(&behind) arguments;                             \
    }

static void *find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

WAITING(ssize_t, write, (int file, const void *bytes, size_t size), (file, bytes, size))
WAITING(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at))
WAITING(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at))
WAITING(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
WAITING(ssize_t, pwritev, (int file, const struct iovec *parts, int count, off_t at), (file, parts, count, at))
WAITING(ssize_t, pwritev64, (int file, const struct iovec *parts, int count, off64_t at), (file, parts, count, at))
WAITING(int, fsync, (int file), (file))
WAITING(int, fdatasync, (int file), (file))
WAITING(int, ftruncate, (int file, off_t size), (file, size))
WAITING(int, ftruncate64, (int file, off64_t size), (file, size))
WAITING(int, fallocate, (int file, int mode, off_t from, off_t size), (file, mode, from, size))
WAITING(int, fallocate64, (int file, int mode, off64_t from, off64_t size), (file, mode, from, size))
