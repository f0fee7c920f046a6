/* What a conversation says to callrec. */
#define _POSIX_C_SOURCE 200809L
#include "conversation.h"

#include "../portable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notice(const struct call_logic_options *options, int32_t level, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (options->notice == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    options->notice(options->notice_data, level, text);
}

void conversation_init(struct conversation *conversation, uint64_t tag, uint32_t line)
{
    memset(conversation, 0, sizeof *conversation);
    conversation->tag = tag;
    conversation->line = line;
    conversation->session_ended_ms = conversation->transferred_ms = -1;
    conversation->may_start = true;
}

bool conversation_has_id(const struct conversation *conversation, uint64_t id)
{
    for (size_t i = 0; i < conversation->id_count; i++)
        if (conversation->ids[i] == id)
            return true;
    return false;
}

static void announce_id(struct conversation *conversation, uint64_t id)
{
    char text[32];
    rec_call_info info = REC_INIT(rec_call_info);
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    info.related_call_id = text;
    rec_call_update(conversation->call, &info, NULL); /* fails if the line has another call with this id */
}

void conversation_add_id(struct conversation *conversation, uint64_t id)
{
    if (id == 0 || conversation->id_count == MAX_IDS || conversation_has_id(conversation, id))
        return;
    conversation->ids[conversation->id_count++] = id;
    if (conversation->is_announced)
        announce_id(conversation, id);
}

static void fill_names(rec_call_info *info, const char *name, char *first, size_t size)
{
    size_t split = strcspn(name, " ");
    bool has_two = name[split] == ' ';
    snprintf(first, size, "%.*s", has_two ? (int)split : 0, name);
    info->remote_first_name = first;
    info->remote_last_name = has_two ? name + split + 1 : name;
}

static void fill(rec_call_info *info, const struct announcement *wanted, char *first_name, size_t size)
{
    info->state = wanted->state;
    info->direction = wanted->is_outgoing ? REC_DIRECTION_OUTGOING : REC_DIRECTION_INCOMING;
    info->device_name = wanted->device;
    info->directory_number = wanted->number;
    info->remote_phone_number = wanted->remote;
    fill_names(info, wanted->remote_name, first_name, size);
    info->ani = wanted->caller;
    info->dnis = wanted->called;
}

static void open_feeds(struct conversation *conversation, const struct call_logic_options *options)
{
    rec_error error = REC_INIT(rec_error);
    rec_feed_format format = REC_INIT(rec_feed_format);
    format.codec = REC_CODEC_PCMU; /* the payload types of the packets decide */
    for (int32_t leg = REC_LEG_LOCAL; leg <= REC_LEG_REMOTE; leg++)
        if (rec_feed_open(conversation->call, leg, &format, &conversation->feeds[leg], &error) != REC_OK) {
            notice(options, REC_LOG_ERROR, "call %llu: %s", (unsigned long long)conversation->tag, error.message);
            return;
        }
    if (!rtp_ports_take(options->ports, conversation->feeds, &conversation->pair))
        notice(options, REC_LOG_ERROR, "call %llu: no RTP port is free", (unsigned long long)conversation->tag);
}

static void begin(struct conversation *conversation, const struct call_logic_options *options, const struct announcement *wanted)
{
    char id[32] = "", first_name[NAME_SIZE];
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    fill(&info, wanted, first_name, sizeof first_name);
    info.tag = conversation->tag;
    if (conversation->id_count > 0)
        snprintf(id, sizeof id, "%llu", (unsigned long long)conversation->ids[0]);
    info.call_id = info.switch_call_id = id;
    rec_status status = rec_call_begin(options->engine, &info, &conversation->call, &error);
    if (status == REC_ERR_EXISTS) { /* the switch gives two calls of a line the same id */
        info.call_id = NULL;
        status = rec_call_begin(options->engine, &info, &conversation->call, &error);
    }
    if (status != REC_OK) {
        notice(options, REC_LOG_ERROR, "call %llu on %s: %s", (unsigned long long)conversation->tag, wanted->device, error.message);
        return;
    }
    conversation->is_announced = true;
    conversation->announced = *wanted;
    for (size_t i = 1; i < conversation->id_count; i++)
        announce_id(conversation, conversation->ids[i]);
    open_feeds(conversation, options);
    notice(options, REC_LOG_INFO, "call %llu on %s %s with %s: RTP ports %u and %u", (unsigned long long)conversation->tag, wanted->device,
           wanted->number, wanted->remote[0] != '\0' ? wanted->remote : "-", conversation->pair.port[0], conversation->pair.port[1]);
}

static bool is_same(const struct announcement *one, const struct announcement *other)
{
    return one->state == other->state && one->is_outgoing == other->is_outgoing && strcmp(one->device, other->device) == 0
        && strcmp(one->number, other->number) == 0 && strcmp(one->remote, other->remote) == 0
        && strcmp(one->remote_name, other->remote_name) == 0 && strcmp(one->caller, other->caller) == 0 && strcmp(one->called, other->called) == 0;
}

void conversation_announce(struct conversation *conversation, const struct call_logic_options *options, const struct announcement *wanted)
{
    bool is_answered = wanted->state == REC_CALL_CONNECTED && !conversation->was_connected;
    if (is_answered)
        conversation->was_connected = true;
    if (!conversation->is_announced) {
        begin(conversation, options, wanted);
        return;
    }
    if (is_same(&conversation->announced, wanted))
        return;
    char first_name[NAME_SIZE];
    rec_error error = REC_INIT(rec_error);
    rec_call_info info = REC_INIT(rec_call_info);
    fill(&info, wanted, first_name, sizeof first_name);
    if (is_answered)
        info.connected_at_ms = wall_ms();
    rec_status status = rec_call_update(conversation->call, &info, &error);
    if (status == REC_ERR_BAD_HANDLE) { /* the engine has ended the call (calls.idle_ms), so it begins anew */
        rtp_ports_release(options->ports, &conversation->pair);
        conversation->is_announced = false;
        conversation->parties[0] = '\0';
        begin(conversation, options, wanted);
    } else if (status == REC_OK)
        conversation->announced = *wanted;
    else
        notice(options, REC_LOG_ERROR, "call %llu: %s", (unsigned long long)conversation->tag, error.message);
}

void conversation_set_parties(struct conversation *conversation, const struct call_logic_options *options, const char *json)
{
    rec_error error = REC_INIT(rec_error);
    if (!conversation->is_announced || strcmp(conversation->parties, json) == 0)
        return;
    snprintf(conversation->parties, sizeof conversation->parties, "%s", json);
    if (rec_call_parties(conversation->call, REC_LEG_REMOTE, json, &error) != REC_OK)
        notice(options, REC_LOG_WARNING, "call %llu: %s", (unsigned long long)conversation->tag, error.message);
}

void conversation_start(struct conversation *conversation, const struct call_logic_options *options)
{
    rec_id id;
    rec_error error = REC_INIT(rec_error);
    rec_start_options start = REC_INIT(rec_start_options);
    rec_status status = rec_call_start(conversation->call, NULL, &start, &id, &error);
    conversation->may_start = status != REC_OK && status != REC_ERR_ALREADY_RECORDING;
    if (conversation->may_start)
        notice(options, REC_LOG_ERROR, "call %llu is not recorded: %s", (unsigned long long)conversation->tag, error.message);
}

bool conversation_is_recorded(const struct conversation *conversation, const struct call_logic_options *options)
{
    rec_snapshot *live = NULL;
    bool is_recorded = false;
    if (!conversation->is_announced || rec_list(options->engine, NULL, NULL, &live, NULL) != REC_OK)
        return conversation->recordings > 0;
    for (size_t i = 0; i < rec_snapshot_count(live); i++) {
        const rec_recording *recording = rec_snapshot_get(live, i);
        bool is_live = recording->state == REC_STATE_RECORDING || recording->state == REC_STATE_PAUSED;
        is_recorded |= is_live && recording->call_tag == conversation->tag;
    }
    rec_snapshot_free(live);
    return is_recorded;
}

void conversation_stop(struct conversation *conversation, const struct call_logic_options *options)
{
    rec_error error = REC_INIT(rec_error);
    if (rec_call_stop(conversation->call, NULL, NULL, &error) != REC_OK)
        notice(options, REC_LOG_WARNING, "call %llu: %s", (unsigned long long)conversation->tag, error.message);
}

void conversation_end(struct conversation *conversation, const struct call_logic_options *options)
{
    if (conversation->is_announced) {
        rec_call_end(conversation->call, NULL);
        notice(options, REC_LOG_INFO, "call %llu on %s ended", (unsigned long long)conversation->tag, conversation->announced.device);
    }
    rtp_ports_release(options->ports, &conversation->pair);
    conversation->tag = 0;
}

/* A JSON string. */
static bool append_string(char *json, size_t size, const char *text)
{
    size_t used = strlen(json);
    if (used + 2 >= size)
        return false;
    json[used++] = '"';
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (used + 9 >= size)
            return false;
        if (byte == '"' || byte == '\\')
            json[used++] = '\\';
        if (byte < 0x20)
            used += (size_t)snprintf(json + used, size - used, "\\u%04x", byte);
        else
            json[used++] = (char)byte;
    }
    json[used++] = '"';
    json[used] = '\0';
    return true;
}

static bool append(char *json, size_t size, const char *text)
{
    size_t used = strlen(json);
    if (used + strlen(text) + 1 > size)
        return false;
    memcpy(json + used, text, strlen(text) + 1);
    return true;
}

bool parties_append(char *json, size_t size, const char *number, const char *name)
{
    size_t before = strlen(json);
    bool fits = append(json, size, before > 1 ? ",{" : "{");
    fits = fits && append(json, size, "\"number\":") && append_string(json, size, number);
    if (name[0] != '\0')
        fits = fits && append(json, size, ",\"name\":") && append_string(json, size, name);
    fits = fits && append(json, size, "}") && strlen(json) + 2 <= size;
    if (!fits)
        json[before] = '\0';
    return fits;
}
