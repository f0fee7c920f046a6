/* The engine and what serves it. */
#define _POSIX_C_SOURCE 200809L
#include "bridge.h"

#include "control_pipe.h"
#include "../portable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLOSE_MS = 20000 };

struct bridge {
    struct bridge_config config;
    struct bridge_output output;
    rec_engine engine;
    bool is_engine_open;
    rec_gateway gateway;
    bool is_gateway_open;
    struct rtp_ports *ports;
    struct call_logic *calls;
    struct control_pipe *pipe;
};

struct call_logic *bridge_calls(struct bridge *bridge) { return bridge->calls; }

rec_engine bridge_engine(struct bridge *bridge) { return bridge->engine; }

static void on_event(void *user_data, const rec_event *event)
{
    struct bridge *bridge = user_data;
    call_logic_event(bridge->calls, event, monotonic_ms());
    bridge->output.notice(bridge->output.user_data, 0, event->json);
}

static void on_log(void *user_data, int32_t level, const char *message)
{
    struct bridge *bridge = user_data;
    bridge->output.notice(bridge->output.user_data, level, message);
}

/* Takes the same time wherever the strings differ. */
static bool is_same_secret(const char *given, const char *known)
{
    size_t given_size = strlen(given), known_size = strlen(known);
    unsigned char differ = given_size != known_size;
    for (size_t i = 0; i < given_size; i++)
        differ |= (unsigned char)(given[i] ^ known[i % (known_size + 1)]);
    return !differ;
}

static rec_status authenticate(void *user_data, const rec_credentials *shown, rec_identity *identity)
{
    const struct bridge *bridge = user_data;
    for (size_t i = 0; i < bridge->config.user_count; i++) {
        const struct bridge_user *user = &bridge->config.users[i];
        if ((shown->scheme != REC_AUTH_BASIC && shown->scheme != REC_AUTH_TOKEN) || strcmp(shown->name, user->name) != 0)
            continue;
        if (!is_same_secret(shown->secret, user->password))
            return REC_ERR_UNAUTHENTICATED;
        identity->level = user->level;
        snprintf(identity->username, sizeof identity->username, "%.255s", user->name);
        return REC_OK;
    }
    return REC_ERR_UNAUTHENTICATED;
}

static rec_status open_gateway(struct bridge *bridge, rec_error *error)
{
    rec_gateway_options options = REC_INIT(rec_gateway_options);
    uint32_t port = 0;
    char text[TEXT_SIZE + 64];
    options.address = bridge->config.gateway_address;
    options.port = bridge->config.gateway_port;
    options.authenticate = authenticate;
    options.user_data = bridge;
    rec_status status = rec_gateway_start(bridge->engine, &options, &bridge->gateway, error);
    if (status != REC_OK)
        return status;
    bridge->is_gateway_open = true;
    status = rec_gateway_port(bridge->gateway, &port, error);
    snprintf(text, sizeof text, "the gateway listens on http://%s:%u", bridge->config.gateway_address, (unsigned)port);
    bridge->output.notice(bridge->output.user_data, REC_LOG_INFO, text);
    return status;
}

/* The recordings of a call, as a word for `list`. */
static const char *recording_word(const rec_snapshot *live, uint64_t tag)
{
    const char *word = "-";
    for (size_t i = 0; i < rec_snapshot_count(live); i++) {
        const rec_recording *recording = rec_snapshot_get(live, i);
        if (recording->call_tag == tag && (recording->state == REC_STATE_RECORDING || recording->state == REC_STATE_PAUSED))
            word = recording->state == REC_STATE_PAUSED ? "paused" : "recording";
    }
    return word;
}

static void list_calls(struct bridge *bridge, char *answer, size_t size)
{
    static const char *const states[] = {"", "connected", "held", "alerting"};
    rec_snapshot *live = NULL;
    size_t count = call_logic_report(bridge->calls, NULL, 0), used;
    struct call_report *reports = calloc(count + 1, sizeof *reports);
    if (reports == NULL || rec_list(bridge->engine, NULL, NULL, &live, NULL) != REC_OK) {
        snprintf(answer, size, "error the recordings cannot be listed");
        free(reports);
        return;
    }
    size_t now = call_logic_report(bridge->calls, reports, count);
    count = now < count ? now : count;
    used = (size_t)snprintf(answer, size, "ok %u", (unsigned)count);
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(answer + used, size - used, "; %s %s %s %s %s %u %u", reports[i].device, reports[i].number,
                                 reports[i].remote[0] != '\0' ? reports[i].remote : "-", states[reports[i].state],
                                 recording_word(live, reports[i].tag), reports[i].port[0], reports[i].port[1]);
    rec_snapshot_free(live);
    free(reports);
}

/* The ports of the call on a line: of the one that talks, if there are several. */
static void find_ports(struct bridge *bridge, const char *name, char *answer, size_t size)
{
    size_t count = call_logic_report(bridge->calls, NULL, 0);
    struct call_report *reports = calloc(count + 1, sizeof *reports), *found = NULL;
    size_t now = reports != NULL ? call_logic_report(bridge->calls, reports, count) : 0;
    for (size_t i = 0; i < count && i < now; i++)
        if ((strcmp(reports[i].device, name) == 0 || strcmp(reports[i].number, name) == 0)
            && (found == NULL || reports[i].state == REC_CALL_CONNECTED))
            found = &reports[i];
    if (found == NULL || found->port[0] == 0)
        snprintf(answer, size, "error no call on %s has ports", name);
    else
        snprintf(answer, size, "ok %u %u", found->port[0], found->port[1]);
    free(reports);
}

static rec_status control(struct bridge *bridge, const char *verb, const char *device, const char *number, rec_id *id, rec_error *error)
{
    if (strcmp(verb, "start") == 0) {
        rec_start_options options = REC_INIT(rec_start_options);
        options.device_name = device;
        options.directory_number = number;
        return rec_start(bridge->engine, NULL, &options, id, error);
    }
    if (strcmp(verb, "stop") == 0)
        return rec_stop_by_device(bridge->engine, NULL, device, number, NULL, error);
    if (strcmp(verb, "pause") == 0)
        return rec_pause_by_device(bridge->engine, NULL, device, number, NULL, error);
    return rec_resume_by_device(bridge->engine, NULL, device, number, NULL, error);
}

void bridge_command(struct bridge *bridge, const char *command, char *answer, size_t size)
{
    static const char *const verbs[] = {"start", "stop", "pause", "resume", "ports"};
    char verb[16] = "", name[DEVICE_SIZE] = "", more[2] = "";
    rec_error error = REC_INIT(rec_error);
    rec_id id = {""};
    bool is_device, is_known = false;
    int words = sscanf(command, "%15s %63s %1s", verb, name, more);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        is_known |= strcmp(verb, verbs[i]) == 0;
    if (words == 1 && strcmp(verb, "list") == 0)
        list_calls(bridge, answer, size);
    else if (words != 2 || !is_known)
        snprintf(answer, size, "error unknown command");
    else if (strcmp(verb, "ports") == 0)
        find_ports(bridge, name, answer, size);
    else if (!call_logic_has_line(bridge->calls, name, &is_device))
        snprintf(answer, size, "error no line %s is open", name);
    else if (control(bridge, verb, is_device ? name : NULL, is_device ? NULL : name, &id, &error) != REC_OK)
        snprintf(answer, size, "error %d %s", (int)error.status, error.message);
    else
        snprintf(answer, size, "ok%s%s", id.text[0] != '\0' ? " " : "", id.text);
}

static void on_command(void *user_data, const char *command, char *answer, size_t size)
{
    bridge_command(user_data, command, answer, size);
}

static struct call_logic_options logic_options(struct bridge *bridge)
{
    return (struct call_logic_options){
        .engine = bridge->engine,
        .ports = bridge->ports,
        .mode = bridge->config.mode,
        .follows_transfers = bridge->config.follows_transfers,
        .restart_ms = bridge->config.restart_ms,
        .transfer_ms = bridge->config.transfer_ms,
        .notice = bridge->output.notice,
        .notice_data = bridge->output.user_data,
    };
}

static bool fail(char *message, size_t size, const char *why)
{
    snprintf(message, size, "%s", why);
    return false;
}

static bool open_all(struct bridge *bridge, char *message, size_t size)
{
    rec_error error = REC_INIT(rec_error);
    rec_subscription subscription;
    if (!sockets_start())
        return fail(message, size, "there are no sockets");
    if (rec_open(bridge->config.callrec, &bridge->engine, &error) != REC_OK)
        return fail(message, size, error.message);
    bridge->is_engine_open = true;
    bridge->ports = rtp_ports_open(bridge->config.rtp_address, bridge->config.rtp_first, bridge->config.rtp_last);
    struct call_logic_options options = logic_options(bridge);
    bridge->calls = bridge->ports != NULL ? call_logic_new(&options) : NULL;
    if (bridge->calls == NULL)
        return fail(message, size, "no RTP can be received");
    if (rec_set_log(bridge->engine, on_log, bridge, NULL, &error) != REC_OK
        || rec_subscribe(bridge->engine, on_event, bridge, NULL, &subscription, &error) != REC_OK
        || (bridge->config.has_gateway && open_gateway(bridge, &error) != REC_OK))
        return fail(message, size, error.message);
    if (bridge->config.pipe[0] == '\0')
        return true;
    bridge->pipe = control_pipe_open(bridge->config.pipe, on_command, bridge);
    return bridge->pipe != NULL || fail(message, size, "the pipe cannot be made; another bridge may have it");
}

struct bridge *bridge_open(const struct bridge_config *config, const struct bridge_output *output, char *message, size_t size)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge == NULL) {
        fail(message, size, "there is no memory");
        return NULL;
    }
    bridge->config = *config;
    bridge->output = *output;
    if (open_all(bridge, message, size))
        return bridge;
    bridge_close(bridge);
    return NULL;
}

/* What serves others ends first, then the calls with their recordings. */
bool bridge_close(struct bridge *bridge)
{
    rec_error error = REC_INIT(rec_error);
    bool is_complete = true;
    control_pipe_close(bridge->pipe);
    if (bridge->is_gateway_open && rec_gateway_stop(bridge->gateway, 5000, &error) != REC_OK)
        on_log(bridge, REC_LOG_WARNING, error.message);
    if (bridge->is_engine_open && rec_close(bridge->engine, CLOSE_MS, &error) != REC_OK) {
        on_log(bridge, REC_LOG_ERROR, error.message);
        is_complete = false;
    }
    if (is_complete && bridge->calls != NULL) /* after a timeout, a callback may still use them */
        call_logic_free(bridge->calls);
    rtp_ports_close(bridge->ports);
    if (is_complete)
        free(bridge);
    return is_complete;
}
