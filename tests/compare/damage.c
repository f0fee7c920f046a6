/* For LD_PRELOAD: the disk takes every large write, and keeps one byte of it wrong. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

ssize_t write(int file, const void *bytes, size_t size)
{
    static char damaged[1 << 20];
    ssize_t (*behind)(int, const void *, size_t);
    *(void **)&behind = dlsym(RTLD_NEXT, "write");
    if (size < 1000 || size > sizeof damaged)
        return behind(file, bytes, size);
    memcpy(damaged, bytes, size);
    damaged[size / 2] ^= 1;
    return behind(file, damaged, size);
}
