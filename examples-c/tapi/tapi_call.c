/* Texts, parties and states. */
#include "tapi_call.h"

#include <string.h>

void tapi_text(const void *structure, DWORD offset, DWORD bytes, char *into, size_t size)
{
    const WCHAR *text = (const WCHAR *)((const char *)structure + offset);
    int length = (int)(bytes / sizeof *text), made;
    while (length > 0 && text[length - 1] == 0)
        length--;
    into[0] = '\0';
    do /* a text that is too long is cut between characters */
        made = length > 0 && offset != 0 ? WideCharToMultiByte(CP_UTF8, 0, text, length, into, (int)size - 1, NULL, NULL) : 0;
    while (made == 0 && length > 0 && offset != 0 && GetLastError() == ERROR_INSUFFICIENT_BUFFER && --length > 0);
    into[made] = '\0';
}

void tapi_wide(const char *text, WCHAR *into, size_t size)
{
    int length = (int)strlen(text), made;
    do {
        while (length > 0 && (text[length] & 0xc0) == 0x80) /* within a character */
            length--;
        made = length > 0 ? MultiByteToWideChar(CP_UTF8, 0, text, length, into, (int)size - 1) : 0;
    } while (made == 0 && length > 0 && GetLastError() == ERROR_INSUFFICIENT_BUFFER && --length > 0);
    if (made > 0 && IS_HIGH_SURROGATE(into[made - 1])) /* Wine fills the space with half a character */
        made--;
    into[made] = 0;
}

void tapi_parties(const LINECALLINFO *info, struct call_parties *parties)
{
    const DWORD transfers = LINECALLREASON_TRANSFER | LINECALLREASON_REDIRECT;
    parties->id = info->dwCallID;
    parties->related = info->dwRelatedCallID;
    parties->is_outgoing = info->dwOrigin == LINECALLORIGIN_OUTBOUND;
    parties->is_transfer = (info->dwReason & transfers) != 0;
    tapi_text(info, info->dwCallerIDOffset, info->dwCallerIDSize, parties->caller, NUMBER_SIZE);
    tapi_text(info, info->dwCallerIDNameOffset, info->dwCallerIDNameSize, parties->caller_name, NAME_SIZE);
    tapi_text(info, info->dwCalledIDOffset, info->dwCalledIDSize, parties->called, NUMBER_SIZE);
    tapi_text(info, info->dwCalledIDNameOffset, info->dwCalledIDNameSize, parties->called_name, NAME_SIZE);
    tapi_text(info, info->dwConnectedIDOffset, info->dwConnectedIDSize, parties->connected, NUMBER_SIZE);
    tapi_text(info, info->dwConnectedIDNameOffset, info->dwConnectedIDNameSize, parties->connected_name, NAME_SIZE);
    tapi_text(info, info->dwRedirectingIDOffset, info->dwRedirectingIDSize, parties->redirecting, NUMBER_SIZE);
}

enum call_state tapi_state(DWORD state, DWORD mode)
{
    switch (state) {
    case LINECALLSTATE_IDLE:
        return STATE_IDLE;
    case LINECALLSTATE_OFFERING:
    case LINECALLSTATE_ACCEPTED:
        return STATE_OFFERING;
    case LINECALLSTATE_DIALTONE:
    case LINECALLSTATE_DIALING:
    case LINECALLSTATE_PROCEEDING:
    case LINECALLSTATE_RINGBACK:
        return STATE_ALERTING;
    case LINECALLSTATE_CONNECTED:
        if ((mode & (LINECONNECTEDMODE_INACTIVE | LINECONNECTEDMODE_INACTIVEHELD)) != 0)
            return STATE_INACTIVE;
        return (mode & LINECONNECTEDMODE_ACTIVEHELD) != 0 ? STATE_HELD : STATE_CONNECTED;
    case LINECALLSTATE_ONHOLD:
    case LINECALLSTATE_ONHOLDPENDCONF:
    case LINECALLSTATE_ONHOLDPENDTRANSFER:
        return STATE_HELD;
    case LINECALLSTATE_CONFERENCED:
        return STATE_CONFERENCED;
    case LINECALLSTATE_DISCONNECTED:
    case LINECALLSTATE_BUSY:
        return STATE_DISCONNECTED;
    default:
        return 0;
    }
}
