/* What TAPI's structures say about a call. */
#ifndef TAPI_CALL_H
#define TAPI_CALL_H

#define TAPI_CURRENT_VERSION 0x00020002
#include "call_message.h"

#include <winsock2.h> /* before windows.h */

#include <windows.h>

#include <tapi.h>

#include <stdlib.h>

/* A text inside a structure of variable size, as UTF-8. */
void tapi_text(const void *structure, DWORD offset, DWORD bytes, char *into, size_t size);

/* A text as UTF-16. One that has no place in `size` units is cut between two characters. */
void tapi_wide(const char *text, WCHAR *into, size_t size);

void tapi_parties(const LINECALLINFO *info, struct call_parties *parties);

/* A LINECALLSTATE_ with its mode. 0: it says nothing. */
enum call_state tapi_state(DWORD state, DWORD mode);

/* A structure of TAPI that says itself how large it has to be. `get` fills it in. */
#define GET_STRUCTURE(type, made, get) \
    for (DWORD size_needed = sizeof(type) + 2048; made == NULL;) { \
        made = calloc(1, size_needed); \
        if (made == NULL) \
            break; \
        made->dwTotalSize = size_needed; \
        LONG got = get; \
        bool is_too_small = (got == 0 || got == (LONG)LINEERR_STRUCTURETOOSMALL) && made->dwNeededSize > size_needed; \
        size_needed = made->dwNeededSize; \
        if (got != 0 || is_too_small) { \
            free(made); \
            made = NULL; \
            if (!is_too_small) \
                break; \
        } \
    }

#endif
