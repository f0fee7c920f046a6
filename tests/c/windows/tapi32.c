/* A tapi32.dll whose lines play a script: the messages of examples-c/tapi/call_message.h become those of TAPI. Only what
 * the bridge calls is there.
 *
 *   tapi_script.txt   in the current directory: the script. What comes before "go" is there from the beginning: the lines,
 *                     and calls that exist already. "until FILE" waits until there is such a file; "reinit" asks the
 *                     application to start anew; "refuse LINE" lets a line not be opened, until "allow LINE".
 *   tapi_log.txt      there, too: gets a line for each request of the application */
#define TAPI_CURRENT_VERSION 0x00020002
#include "call_message.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapi.h>

enum { LINES = 128, CALLS = 64, MESSAGES = 1024, TEXTS = 4096, EXTENSION = 0x000B0000 };

struct scripted_line {
    bool exists, is_open, is_refused;
    char name[160];
};

struct scripted_call {
    HCALL handle; /* 0: free */
    DWORD line;
    DWORD state, mode;
    bool is_known; /* the application has a handle */
    bool is_transfer;
    struct call_parties parties;
};

static CRITICAL_SECTION lock; /* all that follows */
static struct scripted_line lines[LINES];
static struct scripted_call calls[CALLS];
static LINEMESSAGE messages[MESSAGES];
static size_t first_message, message_count;
static HANDLE event, script_thread;
static FILE *script;
static bool is_playing, is_ending;
static LONG next_request;

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
    (void)instance, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        InitializeCriticalSection(&lock);
    return TRUE;
}

static void write_log(const char *text)
{
    FILE *log = fopen("tapi_log.txt", "a");
    if (log != NULL) {
        fprintf(log, "%s\n", text);
        fclose(log);
    }
}

/* With the lock held. */
static void queue(DWORD device, DWORD id, DWORD_PTR instance, DWORD_PTR first, DWORD_PTR second, DWORD_PTR third)
{
    if (!is_playing || message_count == MESSAGES)
        return;
    messages[(first_message + message_count++) % MESSAGES] = (LINEMESSAGE){device, id, instance, first, second, third};
    SetEvent(event);
}

static struct scripted_call *call_of(uint64_t handle, DWORD line)
{
    struct scripted_call *unused = NULL;
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].handle == (HCALL)handle)
            return &calls[i];
        if (calls[i].handle == 0 && unused == NULL)
            unused = &calls[i];
    }
    if (unused != NULL && line < LINES)
        *unused = (struct scripted_call){.handle = (HCALL)handle, .line = line};
    return line < LINES ? unused : NULL;
}

static HLINE handle_of(DWORD line) { return 1000 + line; }

static void play_state(struct scripted_call *call, const struct call_message *message)
{
    static const DWORD states[] = {0, LINECALLSTATE_IDLE, LINECALLSTATE_OFFERING, LINECALLSTATE_RINGBACK, LINECALLSTATE_CONNECTED,
                                   LINECALLSTATE_CONNECTED, LINECALLSTATE_ONHOLD, LINECALLSTATE_CONFERENCED, LINECALLSTATE_DISCONNECTED};
    call->state = states[message->state];
    call->mode = message->state == STATE_INACTIVE ? LINECONNECTEDMODE_INACTIVE : 0;
    call->is_transfer = message->is_transfer;
    queue(call->handle, LINE_CALLSTATE, call->line, call->state, message->state == STATE_CONFERENCED ? (DWORD)message->parent : call->mode, 0);
}

static void play_message(const struct call_message *message)
{
    static const DWORD sessions[] = {13, 14, 28}; /* SLDSMT_RECORDING_STARTED, _ENDED, _FAILED */
    if (message->line >= LINES)
        return;
    if (message->kind == LINE_OPENED) {
        lines[message->line].exists = true;
        snprintf(lines[message->line].name, sizeof lines->name, "Cisco Line: [%s] (%s)", message->device, message->number);
        queue(0, LINE_CREATE, 0, message->line, 0, 0);
        return;
    }
    if (message->kind == LINE_CLOSED) {
        lines[message->line].is_open = false;
        queue(handle_of(message->line), LINE_CLOSE, message->line, 0, 0, 0);
        return;
    }
    struct scripted_call *call = call_of(message->call, message->line);
    if (call == NULL)
        return;
    if (!call->is_known && is_playing) {
        call->is_known = true;
        queue(handle_of(call->line), LINE_APPNEWCALL, call->line, 0, call->handle, LINECALLPRIVILEGE_MONITOR);
    }
    if (message->kind == CALL_STATE)
        play_state(call, message);
    if (message->kind == CALL_INFO) {
        call->parties = message->parties;
        queue(call->handle, LINE_CALLINFO, call->line, LINECALLINFOSTATE_CONNECTEDID, 0, 0);
    }
    if (message->kind >= SESSION_STARTED) /* the upper bytes of dwParam1 have other contents */
        queue(call->handle, LINE_DEVSPECIFIC, call->line, 0x00070400 | sessions[message->kind - SESSION_STARTED], 0, 0);
}

/* What is not a message of call_message.h. Returns whether it is such a command. */
static bool play_command(const char *text)
{
    unsigned line;
    char verb[8];
    if (strcmp(text, "reinit") == 0) {
        queue(0, LINE_LINEDEVSTATE, 0, LINEDEVSTATE_REINIT, 0, 0);
        return true;
    }
    if (sscanf(text, "%7s %u", verb, &line) != 2 || line >= LINES || (strcmp(verb, "refuse") != 0 && strcmp(verb, "allow") != 0))
        return false;
    lines[line].is_refused = strcmp(verb, "refuse") == 0;
    return true;
}

/* Plays the script up to "go" or its end. Returns at "until", too, if the file does not exist yet: `pending` names it. */
static bool play(char *pending, size_t size)
{
    char text[512];
    while (fgets(text, sizeof text, script) != NULL) {
        struct call_message message = {0};
        text[strcspn(text, "\r\n")] = '\0';
        if (text[0] == '\0' || text[0] == '#')
            continue;
        if (strcmp(text, "go") == 0)
            return true;
        if (strncmp(text, "until ", 6) == 0) {
            snprintf(pending, size, "%s", text + 6);
            return false;
        }
        EnterCriticalSection(&lock);
        const char *problem = play_command(text) ? NULL : call_message_read(text, &message);
        if (problem == NULL && message.kind != 0)
            play_message(&message);
        LeaveCriticalSection(&lock);
        if (problem != NULL)
            write_log(problem);
    }
    return true;
}

static DWORD WINAPI play_all(void *unused)
{
    char pending[512] = "";
    (void)unused;
    while (!is_ending) {
        if (pending[0] != '\0' && GetFileAttributesA(pending) == INVALID_FILE_ATTRIBUTES) {
            Sleep(5);
            continue;
        }
        pending[0] = '\0';
        if (play(pending, sizeof pending))
            return 0;
    }
    return 0;
}

LONG WINAPI lineInitializeExW(LPHLINEAPP app, HINSTANCE instance, LINECALLBACK callback, LPCWSTR name, LPDWORD count, LPDWORD version,
                              LPLINEINITIALIZEEXPARAMS parameters)
{
    char unused[512];
    (void)instance, (void)callback, (void)name;
    if (*version < 0x00020000 || parameters->dwOptions != LINEINITIALIZEEXOPTION_USEEVENT)
        return (LONG)LINEERR_INCOMPATIBLEAPIVERSION;
    *version = TAPI_CURRENT_VERSION;
    *app = 1;
    *count = 0;
    if (event == NULL) {
        event = CreateEventW(NULL, TRUE, FALSE, NULL);
        script = fopen("tapi_script.txt", "r");
        if (script != NULL)
            play(unused, sizeof unused);
    }
    for (DWORD i = 0; i < LINES; i++)
        if (lines[i].exists)
            *count = i + 1;
    parameters->Handles.hEvent = event;
    write_log("initialised");
    return 0;
}

LONG WINAPI lineShutdown(HLINEAPP app)
{
    (void)app;
    EnterCriticalSection(&lock);
    for (size_t i = 0; i < LINES; i++)
        lines[i].is_open = false;
    for (size_t i = 0; i < CALLS; i++)
        calls[i].is_known = false;
    message_count = 0;
    LeaveCriticalSection(&lock);
    write_log("shut down");
    return 0;
}

LONG WINAPI lineNegotiateAPIVersion(HLINEAPP app, DWORD line, DWORD low, DWORD high, LPDWORD version, LPLINEEXTENSIONID extension)
{
    (void)app, (void)low, (void)extension;
    *version = high;
    return line < LINES && lines[line].exists ? 0 : (LONG)LINEERR_BADDEVICEID;
}

LONG WINAPI lineNegotiateExtVersion(HLINEAPP app, DWORD line, DWORD api_version, DWORD low, DWORD high, LPDWORD version)
{
    (void)app, (void)line, (void)api_version;
    *version = EXTENSION;
    return low <= EXTENSION && EXTENSION <= high ? 0 : (LONG)LINEERR_INCOMPATIBLEEXTVERSION;
}

/* Appends a text to a structure that has `*used` bytes. Returns its size, or 0. */
static DWORD append_text(void *structure, DWORD total, DWORD *used, const char *text, DWORD *offset)
{
    WCHAR wide[512];
    DWORD bytes = (DWORD)MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, 512) * (DWORD)sizeof *wide;
    if (text[0] == '\0')
        return 0;
    if (*used + bytes <= total)
        memcpy((char *)structure + *used, wide, bytes);
    *offset = *used;
    *used += bytes;
    return bytes;
}

LONG WINAPI lineGetDevCapsW(HLINEAPP app, DWORD line, DWORD version, DWORD extension, LPLINEDEVCAPS caps)
{
    DWORD used = sizeof *caps, total = caps->dwTotalSize;
    (void)app, (void)version, (void)extension;
    memset(caps, 0, sizeof *caps);
    caps->dwTotalSize = total;
    caps->dwLineNameSize = append_text(caps, total, &used, lines[line].name, &caps->dwLineNameOffset);
    caps->dwNeededSize = used;
    return 0;
}

LONG WINAPI lineGetAddressCapsW(HLINEAPP app, DWORD line, DWORD address, DWORD version, DWORD extension, LPLINEADDRESSCAPS caps)
{
    (void)app, (void)line, (void)address, (void)version, (void)extension, (void)caps;
    return (LONG)LINEERR_OPERATIONUNAVAIL;
}

LONG WINAPI lineOpenW(HLINEAPP app, DWORD line, LPHLINE handle, DWORD version, DWORD extension, DWORD_PTR instance, DWORD privileges, DWORD media,
                      LPLINECALLPARAMS const parameters)
{
    char text[64];
    (void)app, (void)version, (void)instance, (void)media, (void)parameters;
    snprintf(text, sizeof text, "open %lu privileges %lu extension 0x%08lx", (unsigned long)line, (unsigned long)privileges, (unsigned long)extension);
    write_log(text);
    EnterCriticalSection(&lock);
    bool is_refused = lines[line].is_refused;
    lines[line].is_open = !is_refused;
    *handle = handle_of(line);
    if (!is_playing && script != NULL) {
        is_playing = true;
        script_thread = CreateThread(NULL, 0, play_all, NULL, 0, NULL);
    }
    LeaveCriticalSection(&lock);
    return is_refused ? (LONG)LINEERR_RESOURCEUNAVAIL : 0;
}

LONG WINAPI lineSetStatusMessages(HLINE line, DWORD states, DWORD addresses)
{
    (void)line, (void)states, (void)addresses;
    return 0;
}

LONG WINAPI lineDevSpecific(HLINE line, DWORD address, HCALL call, LPVOID parameters, DWORD size)
{
    const DWORD *values = parameters;
    char text[128];
    (void)address;
    snprintf(text, sizeof text, "request %lu of %lu bytes on line %lu, call %lu: %lu", (unsigned long)values[0], (unsigned long)size,
             (unsigned long)(line - handle_of(0)), (unsigned long)call, (unsigned long)values[1]);
    write_log(text);
    EnterCriticalSection(&lock);
    LONG request = ++next_request;
    queue(0, LINE_REPLY, 0, (DWORD_PTR)request, 0, 0);
    LeaveCriticalSection(&lock);
    return request;
}

LONG WINAPI lineGetNewCalls(HLINE line, DWORD address, DWORD select, LPLINECALLLIST list)
{
    HCALL *found = (HCALL *)((char *)list + sizeof *list);
    DWORD capacity = (list->dwTotalSize - (DWORD)sizeof *list) / (DWORD)sizeof *found;
    (void)address, (void)select;
    EnterCriticalSection(&lock);
    list->dwCallsNumEntries = 0;
    list->dwCallsOffset = sizeof *list;
    for (size_t i = 0; i < CALLS && list->dwCallsNumEntries < capacity; i++)
        if (calls[i].handle != 0 && !calls[i].is_known && calls[i].state != LINECALLSTATE_IDLE && handle_of(calls[i].line) == line) {
            calls[i].is_known = true;
            found[list->dwCallsNumEntries++] = calls[i].handle;
        }
    LeaveCriticalSection(&lock);
    list->dwNeededSize = list->dwUsedSize = (DWORD)sizeof *list + list->dwCallsNumEntries * (DWORD)sizeof *found;
    return 0;
}

LONG WINAPI lineGetCallStatus(HCALL handle, LPLINECALLSTATUS status)
{
    EnterCriticalSection(&lock);
    struct scripted_call *call = call_of(handle, LINES);
    if (call != NULL) {
        status->dwCallState = call->state;
        status->dwCallStateMode = call->mode;
        status->dwNeededSize = status->dwUsedSize = sizeof *status;
    }
    LeaveCriticalSection(&lock);
    return call != NULL ? 0 : (LONG)LINEERR_INVALCALLHANDLE;
}

static void fill_info(const struct scripted_call *call, LINECALLINFO *info)
{
    DWORD used = sizeof *info, total = info->dwTotalSize;
    const struct call_parties *parties = &call->parties;
    memset(info, 0, sizeof *info);
    info->dwTotalSize = total;
    info->dwLineDeviceID = call->line;
    info->hLine = handle_of(call->line);
    info->dwCallID = (DWORD)parties->id;
    info->dwRelatedCallID = (DWORD)parties->related;
    info->dwOrigin = parties->is_outgoing ? LINECALLORIGIN_OUTBOUND : LINECALLORIGIN_INBOUND;
    info->dwReason = parties->is_transfer || call->is_transfer ? LINECALLREASON_TRANSFER : LINECALLREASON_DIRECT;
    info->dwCallerIDSize = append_text(info, total, &used, parties->caller, &info->dwCallerIDOffset);
    info->dwCallerIDNameSize = append_text(info, total, &used, parties->caller_name, &info->dwCallerIDNameOffset);
    info->dwCalledIDSize = append_text(info, total, &used, parties->called, &info->dwCalledIDOffset);
    info->dwCalledIDNameSize = append_text(info, total, &used, parties->called_name, &info->dwCalledIDNameOffset);
    info->dwConnectedIDSize = append_text(info, total, &used, parties->connected, &info->dwConnectedIDOffset);
    info->dwConnectedIDNameSize = append_text(info, total, &used, parties->connected_name, &info->dwConnectedIDNameOffset);
    info->dwRedirectingIDSize = append_text(info, total, &used, parties->redirecting, &info->dwRedirectingIDOffset);
    info->dwNeededSize = used + TEXTS; /* more than the first attempt has, as with Cisco's extensions */
    info->dwUsedSize = used;
}

LONG WINAPI lineGetCallInfoW(HCALL handle, LPLINECALLINFO info)
{
    EnterCriticalSection(&lock);
    struct scripted_call *call = call_of(handle, LINES);
    if (call != NULL)
        fill_info(call, info);
    LeaveCriticalSection(&lock);
    return call != NULL ? 0 : (LONG)LINEERR_INVALCALLHANDLE;
}

LONG WINAPI lineDeallocateCall(HCALL handle)
{
    EnterCriticalSection(&lock);
    struct scripted_call *call = call_of(handle, LINES);
    if (call != NULL)
        call->handle = 0;
    LeaveCriticalSection(&lock);
    return 0;
}

LONG WINAPI lineGetMessage(HLINEAPP app, LPLINEMESSAGE message, DWORD timeout)
{
    bool is_there;
    (void)app, (void)timeout;
    EnterCriticalSection(&lock);
    is_there = message_count > 0;
    if (is_there) {
        *message = messages[first_message];
        first_message = (first_message + 1) % MESSAGES;
        message_count--;
    }
    if (message_count == 0)
        ResetEvent(event);
    LeaveCriticalSection(&lock);
    return is_there ? 0 : (LONG)LINEERR_OPERATIONFAILED;
}
