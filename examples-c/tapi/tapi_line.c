/* TAPI's messages, as the neutral ones of call_message.h. One thread receives them. */
#include "tapi_line.h"

#include "cisco.h"
#include "../portable.h"
#include "tapi_call.h"

#include <stdio.h>

enum { TICK_MS = 100, REPLY_MS = 1000, REOPEN_MS = 5000, LOWEST_VERSION = 0x00020000 };

struct tapi_line {
    bool is_wanted, is_open;
    bool is_refused; /* the last attempt to open it failed */
    HLINE handle;
    DWORD version, extension_version;
    char device[DEVICE_SIZE], number[NUMBER_SIZE];
};

/* A handle, and the line that it belongs to. TAPI gives no information about a call that has just ended. */
struct known_call {
    HCALL handle;
    DWORD device_id;
    DWORD reason; /* LINECALLREASON_, before the call ended */
};

/* A lineDevSpecific without a reply yet. TAPI may write to the parameters until then. */
struct request {
    struct request *next;
    LONG id;
    DWORD device_id;
    HCALL call;
    bool is_for_copies;
    DWORD parameters[3];
};

struct tapi_lines {
    const struct bridge_config *config;
    struct bridge *bridge;
    struct bridge_output output;
    HLINEAPP app;
    HANDLE event; /* set while messages wait; TAPI's own */
    struct tapi_line *lines; /* by device id */
    DWORD line_count;
    struct known_call *calls;
    size_t call_count;
    int64_t reopen_ms;
    bool must_restart; /* LINEDEVSTATE_REINIT */
    bool is_down;      /* the last attempt to start anew failed */
    lock_type lock;    /* the requests, and the array `lines` */
    struct request *requests;
};

static void report(struct tapi_lines *lines, int32_t level, const char *what, const char *line, LONG result)
{
    char text[256];
    snprintf(text, sizeof text, "%s %s: 0x%08lx", what, line, (unsigned long)result);
    lines->output.notice(lines->output.user_data, level, text);
}

static LINECALLINFO *get_call_info(HCALL call)
{
    LINECALLINFO *info = NULL;
    GET_STRUCTURE(LINECALLINFO, info, lineGetCallInfoW(call, info));
    return info;
}

static LINEDEVCAPS *get_capabilities(struct tapi_lines *lines, DWORD device_id, const struct tapi_line *line)
{
    LINEDEVCAPS *capabilities = NULL;
    GET_STRUCTURE(LINEDEVCAPS, capabilities, lineGetDevCapsW(lines->app, device_id, line->version, line->extension_version, capabilities));
    return capabilities;
}

static void pass_on(struct tapi_lines *lines, const struct call_message *message)
{
    call_logic_message(bridge_calls(lines->bridge), message, monotonic_ms());
}

static struct known_call *find_call(struct tapi_lines *lines, HCALL handle)
{
    for (size_t i = 0; i < lines->call_count; i++)
        if (lines->calls[i].handle == handle)
            return &lines->calls[i];
    return NULL;
}

/* Says that a handle means a new call. */
static void add_call(struct tapi_lines *lines, HCALL handle, DWORD device_id)
{
    struct known_call *known = find_call(lines, handle);
    if (known == NULL) {
        struct known_call *grown = realloc(lines->calls, (lines->call_count + 1) * sizeof *grown);
        if (grown == NULL)
            return;
        lines->calls = grown;
        known = &grown[lines->call_count++];
    }
    *known = (struct known_call){.handle = handle, .device_id = device_id};
    pass_on(lines, &(struct call_message){.kind = CALL_NEW, .line = device_id, .call = (uint64_t)handle});
}

/* Passes on what TAPI knows of a call. Returns the reason of the call, or 0. */
static DWORD send_info(struct tapi_lines *lines, HCALL call, bool is_ended)
{
    LINECALLINFO *info = get_call_info(call);
    DWORD reason = 0;
    if (info == NULL)
        return 0;
    if (find_call(lines, call) == NULL)
        add_call(lines, call, info->dwLineDeviceID);
    struct known_call *known = find_call(lines, call);
    if (!is_ended && known != NULL) {
        known->reason = info->dwReason;
        struct call_message message = {.kind = CALL_INFO, .line = info->dwLineDeviceID, .call = (uint64_t)call};
        tapi_parties(info, &message.parties);
        pass_on(lines, &message);
    }
    reason = info->dwReason;
    free(info);
    return reason;
}

static void take_state(struct tapi_lines *lines, HCALL call, DWORD state, DWORD_PTR detail)
{
    struct call_message message = {.kind = CALL_STATE, .call = (uint64_t)call, .state = tapi_state(state, (DWORD)detail)};
    bool is_ended = message.state == STATE_IDLE;
    DWORD reason = send_info(lines, call, is_ended);
    struct known_call *known = find_call(lines, call);
    if (known == NULL || message.state == 0)
        return;
    message.line = known->device_id;
    /* A call that came by a transfer has this reason all the time. */
    message.is_transfer = is_ended && reason == LINECALLREASON_TRANSFER && known->reason != reason;
    if (message.state == STATE_CONFERENCED)
        message.parent = (uint64_t)detail;
    pass_on(lines, &message);
    if (is_ended) {
        lines->call_count--;
        *known = lines->calls[lines->call_count];
        lineDeallocateCall(call);
    }
}

/* The calls that were there before the line was opened. */
static void take_existing_calls(struct tapi_lines *lines, DWORD device_id)
{
    LINECALLLIST *list = NULL;
    GET_STRUCTURE(LINECALLLIST, list, lineGetNewCalls(lines->lines[device_id].handle, 0, LINECALLSELECT_LINE, list));
    const HCALL *calls = list != NULL ? (const HCALL *)((const char *)list + list->dwCallsOffset) : NULL;
    for (DWORD i = 0; list != NULL && i < list->dwCallsNumEntries; i++) {
        LINECALLSTATUS *status = NULL;
        add_call(lines, calls[i], device_id);
        GET_STRUCTURE(LINECALLSTATUS, status, lineGetCallStatus(calls[i], status));
        if (status != NULL)
            take_state(lines, calls[i], status->dwCallState, status->dwCallStateMode);
        free(status);
    }
    free(list);
}

/* "Cisco Line: [SEP001122334401] (1001)" names the device and the number. Other names are the device, and the number is the
 * address of the line. */
static void read_name(struct tapi_lines *lines, DWORD device_id, struct tapi_line *line, const char *name)
{
    const char *device = strchr(name, '['), *number = strchr(name, '(');
    size_t device_size = device != NULL ? strcspn(device + 1, "]") : 0, number_size = number != NULL ? strcspn(number + 1, ")") : 0;
    if (device_size > 0 && device_size < DEVICE_SIZE && number_size > 0 && number_size < NUMBER_SIZE) {
        snprintf(line->device, sizeof line->device, "%.*s", (int)device_size, device + 1);
        snprintf(line->number, sizeof line->number, "%.*s", (int)number_size, number + 1);
        return;
    }
    LINEADDRESSCAPS *address = NULL;
    GET_STRUCTURE(LINEADDRESSCAPS, address, lineGetAddressCapsW(lines->app, device_id, 0, line->version, line->extension_version, address));
    snprintf(line->device, sizeof line->device, "%.*s", DEVICE_SIZE - 1, name);
    for (char *at = line->device; *at != '\0'; at++)
        if (*at == ' ') /* the commands of the pipe have no other separator */
            *at = '_';
    if (address != NULL)
        tapi_text(address, address->dwAddressOffset, address->dwAddressSize, line->number, sizeof line->number);
    free(address);
}

/* Negotiates the versions, and finds out the names. */
static void examine_line(struct tapi_lines *lines, DWORD device_id)
{
    struct tapi_line *line = &lines->lines[device_id];
    LINEEXTENSIONID extension;
    char name[TEXT_SIZE];
    *line = (struct tapi_line){0};
    if (lineNegotiateAPIVersion(lines->app, device_id, LOWEST_VERSION, TAPI_CURRENT_VERSION, &line->version, &extension) != 0)
        return;
    if (lineNegotiateExtVersion(lines->app, device_id, line->version, CISCO_LOWEST_VERSION, CISCO_HIGHEST_VERSION, &line->extension_version) != 0)
        line->extension_version = 0;
    LINEDEVCAPS *capabilities = get_capabilities(lines, device_id, line);
    if (capabilities == NULL)
        return;
    tapi_text(capabilities, capabilities->dwLineNameOffset, capabilities->dwLineNameSize, name, sizeof name);
    free(capabilities);
    read_name(lines, device_id, line, name);
    line->is_wanted = bridge_config_opens(lines->config, line->device, line->number);
}

/* Begins a lineDevSpecific with a message of Cisco's. With the lock held, so that the reply does not overtake its request. */
static void request(struct tapi_lines *lines, DWORD device_id, HCALL call, bool is_for_copies, const DWORD *parameters, DWORD count)
{
    bool is_open = device_id < lines->line_count && lines->lines[device_id].is_open;
    struct request *made = is_open ? malloc(sizeof *made) : NULL;
    if (made == NULL)
        return;
    *made = (struct request){.next = lines->requests, .device_id = device_id, .call = call, .is_for_copies = is_for_copies};
    memcpy(made->parameters, parameters, count * sizeof *parameters);
    made->id = lineDevSpecific(lines->lines[device_id].handle, 0, call, made->parameters, count * (DWORD)sizeof *parameters);
    if (made->id > 0) {
        lines->requests = made;
        return;
    }
    if (made->id < 0)
        report(lines, REC_LOG_WARNING, "lineDevSpecific on", lines->lines[device_id].device, made->id);
    free(made);
}

static void open_line(struct tapi_lines *lines, DWORD device_id)
{
    struct tapi_line *line = &lines->lines[device_id];
    static const DWORD status_messages[] = {SLDST_SET_STATUS_MESSAGES, DEVSPECIFIC_IDLE_TRANSFER_REASON};
    /* A provider may refuse the requests of a mere monitor. */
    DWORD privileges = lines->config->asks_for_forks ? LINECALLPRIVILEGE_OWNER | LINECALLPRIVILEGE_MONITOR : LINECALLPRIVILEGE_MONITOR;
    LONG result = lineOpenW(lines->app, device_id, &line->handle, line->version, line->extension_version, device_id, privileges, LINEMEDIAMODE_INTERACTIVEVOICE, NULL);
    if (result != 0) { /* thousands of lines may be tried again for hours */
        if (!line->is_refused)
            report(lines, REC_LOG_WARNING, "lineOpen of", line->device, result);
        line->is_refused = true;
        return;
    }
    line->is_open = true;
    line->is_refused = false;
    lineSetStatusMessages(line->handle, LINEDEVSTATE_REINIT | LINEDEVSTATE_OUTOFSERVICE | LINEDEVSTATE_INSERVICE, 0);
    lock_take(&lines->lock);
    if (line->extension_version != 0)
        request(lines, device_id, 0, false, status_messages, 2);
    lock_release(&lines->lock);
    struct call_message message = {.kind = LINE_OPENED, .line = device_id};
    memcpy(message.device, line->device, sizeof message.device);
    memcpy(message.number, line->number, sizeof message.number);
    pass_on(lines, &message);
    report(lines, REC_LOG_INFO, "open line", line->device, 0);
    take_existing_calls(lines, device_id);
}

static void open_missing(struct tapi_lines *lines)
{
    for (DWORD id = 0; id < lines->line_count; id++)
        if (lines->lines[id].is_wanted && !lines->lines[id].is_open)
            open_line(lines, id);
    lines->reopen_ms = monotonic_ms() + REOPEN_MS;
}

/* TAPI has closed a line, for example because the connection to the telephone system is lost. */
static void take_close(struct tapi_lines *lines, HLINE handle)
{
    for (DWORD id = 0; id < lines->line_count; id++) {
        if (!lines->lines[id].is_open || lines->lines[id].handle != handle)
            continue;
        lines->lines[id].is_open = false;
        report(lines, REC_LOG_WARNING, "closed line", lines->lines[id].device, 0);
        pass_on(lines, &(struct call_message){.kind = LINE_CLOSED, .line = id});
        for (size_t i = lines->call_count; i-- > 0;)
            if (lines->calls[i].device_id == id) {
                lines->call_count--;
                lines->calls[i] = lines->calls[lines->call_count];
            }
    }
}

static void take_new_device(struct tapi_lines *lines, DWORD device_id)
{
    lock_take(&lines->lock);
    struct tapi_line *grown = device_id >= lines->line_count ? realloc(lines->lines, (device_id + 1) * sizeof *grown) : lines->lines;
    if (grown != NULL) {
        lines->lines = grown;
        for (; lines->line_count <= device_id; lines->line_count++)
            grown[lines->line_count] = (struct tapi_line){0};
    }
    lock_release(&lines->lock);
    if (grown == NULL || grown[device_id].is_open)
        return;
    examine_line(lines, device_id);
    if (grown[device_id].is_wanted)
        open_line(lines, device_id);
}

static void take_device_specific(struct tapi_lines *lines, HCALL call, DWORD type)
{
    const struct known_call *known = find_call(lines, call);
    struct call_message message = {.call = (uint64_t)call};
    if (type == SLDSMT_RECORDING_STARTED)
        message.kind = SESSION_STARTED;
    else if (type == SLDSMT_RECORDING_ENDED)
        message.kind = SESSION_ENDED;
    else if (type == SLDSMT_RECORDING_FAILED)
        message.kind = SESSION_FAILED;
    if (known == NULL || message.kind == 0)
        return;
    message.line = known->device_id;
    pass_on(lines, &message);
}

/* The result of a lineDevSpecific. */
static void take_reply(struct tapi_lines *lines, LONG id, LONG result)
{
    struct request found = {0};
    lock_take(&lines->lock);
    for (struct request **at = &lines->requests; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id) {
            struct request *made = *at;
            found = *made;
            *at = made->next;
            free(made);
            break;
        }
    lock_release(&lines->lock);
    if (found.id == 0 || result == 0)
        return;
    report(lines, REC_LOG_WARNING, "lineDevSpecific on", lines->lines[found.device_id].device, result);
    if (found.is_for_copies)
        pass_on(lines, &(struct call_message){.kind = SESSION_FAILED, .line = found.device_id, .call = (uint64_t)found.call});
}

static void take_message(struct tapi_lines *lines, const LINEMESSAGE *message)
{
    switch (message->dwMessageID) {
    case LINE_APPNEWCALL:
        add_call(lines, (HCALL)message->dwParam2, (DWORD)message->dwCallbackInstance);
        send_info(lines, (HCALL)message->dwParam2, false);
        break;
    case LINE_CALLSTATE:
        take_state(lines, (HCALL)message->hDevice, (DWORD)message->dwParam1, message->dwParam2);
        break;
    case LINE_CALLINFO:
        send_info(lines, (HCALL)message->hDevice, false);
        break;
    case LINE_DEVSPECIFIC:
        take_device_specific(lines, (HCALL)message->hDevice, (DWORD)message->dwParam1 & 0xff);
        break;
    case LINE_REPLY:
        take_reply(lines, (LONG)message->dwParam1, (LONG)message->dwParam2);
        break;
    case LINE_CLOSE:
        take_close(lines, (HLINE)message->hDevice);
        break;
    case LINE_CREATE:
        take_new_device(lines, (DWORD)message->dwParam1);
        break;
    case LINE_LINEDEVSTATE:
        lines->must_restart |= (message->dwParam1 & LINEDEVSTATE_REINIT) != 0;
        break;
    default:
        break;
    }
}

/* Asks for copies, or ends them. The reply comes as LINE_REPLY. */
static void ask_fork(void *user_data, uint32_t line, uint64_t call, bool on)
{
    static const DWORD start[] = {SLDST_START_CALL_RECORDING, PlayToneDirection_NoLocalOrRemote, RecordingInvocationType_SilentRecording};
    static const DWORD stop[] = {SLDST_STOP_CALL_RECORDING, RecordingInvocationType_SilentRecording};
    struct tapi_lines *lines = user_data;
    lock_take(&lines->lock);
    request(lines, line, (HCALL)call, on, on ? start : stop, on ? 3 : 2);
    lock_release(&lines->lock);
}

static bool initialise(struct tapi_lines *lines, char *message, size_t size)
{
    LINEINITIALIZEEXPARAMS parameters = {.dwTotalSize = sizeof parameters, .dwOptions = LINEINITIALIZEEXOPTION_USEEVENT};
    DWORD version = TAPI_CURRENT_VERSION, count = 0;
    LONG result = lineInitializeExW(&lines->app, GetModuleHandleW(NULL), NULL, L"callrec bridge", &count, &version, &parameters);
    if (result != 0) {
        snprintf(message, size, "lineInitializeEx: 0x%08lx", (unsigned long)result);
        return false;
    }
    lines->event = parameters.Handles.hEvent;
    struct tapi_line *made = calloc(count + 1, sizeof *made);
    lock_take(&lines->lock);
    lines->line_count = made != NULL ? count : 0;
    lines->lines = made;
    lock_release(&lines->lock);
    for (DWORD id = 0; id < lines->line_count; id++)
        examine_line(lines, id);
    open_missing(lines);
    return true;
}

static bool has_request(struct tapi_lines *lines)
{
    lock_take(&lines->lock);
    bool has_one = lines->requests != NULL;
    lock_release(&lines->lock);
    return has_one;
}

/* Waits a moment for the replies. A provider may forget the requests of a line that is closed. */
static void finish_requests(struct tapi_lines *lines)
{
    int64_t end = monotonic_ms() + REPLY_MS;
    LINEMESSAGE message;
    while (lines->event != NULL && has_request(lines) && monotonic_ms() < end) {
        WaitForSingleObject(lines->event, TICK_MS);
        while (lineGetMessage(lines->app, &message, 0) == 0)
            if (message.dwMessageID == LINE_REPLY)
                take_reply(lines, (LONG)message.dwParam1, (LONG)message.dwParam2);
    }
}

static void shut_down(struct tapi_lines *lines)
{
    for (DWORD id = 0; id < lines->line_count; id++)
        if (lines->lines[id].is_open)
            pass_on(lines, &(struct call_message){.kind = LINE_CLOSED, .line = id});
    finish_requests(lines);
    lock_take(&lines->lock);
    lineShutdown(lines->app); /* closes all lines */
    free(lines->lines);
    lines->lines = NULL;
    lines->line_count = 0;
    while (lines->requests != NULL) {
        struct request *made = lines->requests;
        lines->requests = made->next;
        free(made);
    }
    lock_release(&lines->lock);
    lines->call_count = 0;
}

struct tapi_lines *tapi_lines_open(const struct bridge_config *config, struct bridge *bridge, const struct bridge_output *output, char *message, size_t size)
{
    struct tapi_lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return NULL;
    lines->config = config;
    lines->bridge = bridge;
    lines->output = *output;
    lock_init(&lines->lock);
    if (!initialise(lines, message, size)) {
        free(lines);
        return NULL;
    }
    if (config->asks_for_forks)
        call_logic_set_fork(bridge_calls(bridge), ask_fork, lines);
    return lines;
}

/* TAPI asks for a new start when its devices have changed. */
static void restart(struct tapi_lines *lines)
{
    char message[256];
    shut_down(lines);
    bool is_up = initialise(lines, message, sizeof message);
    if (!is_up && !lines->is_down)
        lines->output.notice(lines->output.user_data, REC_LOG_ERROR, message);
    lines->is_down = lines->must_restart = !is_up; /* tried again with the next tick */
    if (!is_up) {
        lines->event = NULL;
        Sleep(TICK_MS);
    }
}

void tapi_lines_run(struct tapi_lines *lines, HANDLE ending)
{
    for (;;) {
        HANDLE handles[2] = {ending, lines->event};
        LINEMESSAGE message;
        if (WaitForMultipleObjects(lines->event != NULL ? 2 : 1, handles, FALSE, TICK_MS) == WAIT_OBJECT_0)
            return;
        while (lines->event != NULL && lineGetMessage(lines->app, &message, 0) == 0)
            take_message(lines, &message);
        if (lines->must_restart)
            restart(lines);
        if (monotonic_ms() >= lines->reopen_ms)
            open_missing(lines);
        call_logic_tick(bridge_calls(lines->bridge), monotonic_ms());
    }
}

/* The requests for copies end with the lines, so that no device goes on sending them. */
void tapi_lines_close(struct tapi_lines *lines)
{
    shut_down(lines);
    call_logic_set_fork(bridge_calls(lines->bridge), NULL, NULL);
    free(lines->calls);
    free(lines);
}
