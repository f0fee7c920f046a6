/* What the messages mean for the conversations. */
#define _POSIX_C_SOURCE 200809L
#include "call_logic.h"

#include "call_table.h"
#include "../portable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORK_TRIES = 5, FORK_RETRY_MS = 1000 };

struct call_logic {
    struct call_logic_options options;
    struct call_table table;
    lock_type lock; /* all members above */
};

static void copy_if_known(char *into, size_t size, const char *text)
{
    if (text[0] != '\0')
        snprintf(into, size, "%s", text);
}

static void list_parties(struct call_logic *logic, size_t place)
{
    struct conversation *conversation = &logic->table.conversations[place];
    char json[sizeof conversation->parties] = "[", quoted[NUMBER_SIZE + 2];
    for (struct appearance *at = NULL; (at = table_next(&logic->table, place, at)) != NULL;) {
        const char *name, *remote = table_remote(&logic->table, at, &name);
        snprintf(quoted, sizeof quoted, "\"%s\"", remote);
        if (remote[0] != '\0' && strstr(json, quoted) == NULL)
            parties_append(json, sizeof json, remote, name);
    }
    if (json[1] == '\0')
        return; /* nobody is known: those from before stay */
    memcpy(json + strlen(json), "]", 2);
    conversation_set_parties(conversation, &logic->options, json);
}

static void ask_fork(struct call_logic *logic, size_t place, bool on)
{
    int rank;
    const struct appearance *lead = table_leading(&logic->table, place, &rank);
    if (logic->options.fork == NULL || lead == NULL)
        return;
    logic->table.conversations[place].is_fork_asked = on;
    logic->options.fork(logic->options.fork_data, logic->table.lines[lead->line].id, lead->handle, on);
}

/* Starts a recording, or asks for copies, where a connected conversation lacks them. */
static void record_if_due(struct call_logic *logic, size_t place, int64_t now_ms)
{
    struct conversation *conversation = &logic->table.conversations[place];
    if (!conversation->is_announced || conversation->announced.state != REC_CALL_CONNECTED)
        return;
    if (logic->options.mode == MODE_FOLLOW && conversation->has_session && conversation->may_start)
        conversation_start(conversation, &logic->options);
    /* After the end of a session, the device may start the next one by itself. */
    bool needs_fork = conversation->recordings > 0 && !conversation->has_session && !conversation->is_fork_asked && conversation->session_ended_ms < 0;
    if (needs_fork && conversation->fork_failures < FORK_TRIES && now_ms >= conversation->fork_retry_ms)
        ask_fork(logic, place, true);
}

/* What callrec is to know of a conversation whose leading appearance is `lead`. */
static struct announcement announcement_of(struct call_logic *logic, struct conversation *conversation, const struct appearance *lead, int rank)
{
    struct announcement wanted = conversation->announced;
    const struct line *line = &logic->table.lines[conversation->line];
    const char *name, *remote = table_remote(&logic->table, lead, &name);
    if (rank == RANK_CONNECTED)
        wanted.state = REC_CALL_CONNECTED;
    else
        wanted.state = rank == RANK_HELD || conversation->was_connected ? REC_CALL_HELD : REC_CALL_ALERTING;
    memcpy(wanted.device, line->device, sizeof wanted.device);
    memcpy(wanted.number, line->number, sizeof wanted.number);
    if (remote[0] == '\0') /* a conference has no party of its own */
        return wanted;
    snprintf(wanted.remote, sizeof wanted.remote, "%s", remote);
    snprintf(wanted.remote_name, sizeof wanted.remote_name, "%s", name);
    wanted.is_outgoing = lead->parties.is_outgoing;
    copy_if_known(wanted.caller, sizeof wanted.caller, lead->parties.caller);
    copy_if_known(wanted.called, sizeof wanted.called, lead->parties.called);
    return wanted;
}

/* Notes since when the device's session is missing. The time of a hold does not count. */
static void watch_session(struct call_logic *logic, size_t place, int64_t now_ms)
{
    struct conversation *conversation = &logic->table.conversations[place];
    bool had_session = conversation->has_session;
    conversation->has_session = false;
    for (struct appearance *at = NULL; (at = table_next(&logic->table, place, at)) != NULL;)
        conversation->has_session |= at->has_session;
    if (conversation->has_session)
        conversation->session_ended_ms = -1;
    else if (had_session || (conversation->session_ended_ms >= 0 && conversation->announced.state != REC_CALL_CONNECTED))
        conversation->session_ended_ms = now_ms;
}

/* Brings callrec to what the appearances of a conversation say. */
static void refresh(struct call_logic *logic, size_t place, int64_t now_ms)
{
    struct conversation *conversation = &logic->table.conversations[place];
    int rank;
    const struct appearance *lead = table_leading(&logic->table, place, &rank);
    watch_session(logic, place, now_ms);
    if (lead == NULL || (!conversation->is_announced && lead->parties.id == 0 && rank < RANK_HELD))
        return; /* a call that rings is announced when its id is known */
    /* A device that rings does not take the call over from the one that has talked. */
    if (!conversation->is_announced || rank >= RANK_HELD)
        conversation->line = lead->line;
    struct announcement wanted = announcement_of(logic, conversation, lead, rank);
    conversation_announce(conversation, &logic->options, &wanted);
    list_parties(logic, place);
    record_if_due(logic, place, now_ms);
}

/* Whether the first of two conversations that turn out to be one continues: the one that was connected, that is recorded,
 * or that callrec knows; else the older one. */
static bool continues(const struct call_logic *logic, const struct conversation *first, const struct conversation *second)
{
    if (first->was_connected != second->was_connected)
        return first->was_connected;
    bool is_recorded = conversation_is_recorded(first, &logic->options);
    if (is_recorded != conversation_is_recorded(second, &logic->options))
        return is_recorded;
    return first->is_announced != second->is_announced ? first->is_announced : first->tag < second->tag;
}

/* Moves the appearances of one conversation to the other one. */
static void merge(struct call_logic *logic, size_t one, size_t other)
{
    struct conversation *conversations = logic->table.conversations;
    size_t kept = continues(logic, &conversations[one], &conversations[other]) ? one : other, dropped = kept == one ? other : one;
    for (struct appearance *at = NULL; (at = table_next(&logic->table, dropped, at)) != NULL;)
        at->conversation = kept;
    struct conversation ended = conversations[dropped];
    conversation_end(&conversations[dropped], &logic->options);
    conversations[kept].transferred_ms = -1;
    for (size_t i = 0; i < ended.id_count; i++)
        conversation_add_id(&conversations[kept], ended.ids[i]);
}

/* Finds the conversation of an appearance, or begins one. One that was never connected may turn out to be part of another. */
static void place_appearance(struct call_logic *logic, struct appearance *appearance)
{
    struct call_table *table = &logic->table;
    size_t own = appearance->conversation;
    if (own != NONE && table->conversations[own].was_connected)
        return;
    for (size_t place = 0; place < table->conversation_count; place++) {
        if (place == own || table->conversations[place].tag == 0 || !table_continues(table, appearance, place))
            continue;
        table->conversations[place].transferred_ms = -1;
        if (own != NONE)
            merge(logic, own, place);
        else
            appearance->conversation = place;
        return;
    }
    if (own == NONE)
        appearance->conversation = table_add_conversation(table, appearance->line);
}

/* The call left its line for another one, where it may ring already. */
static void begin_transfer(struct call_logic *logic, size_t place, int64_t now_ms)
{
    struct conversation *conversation = &logic->table.conversations[place];
    struct announcement held = conversation->announced;
    held.state = REC_CALL_HELD;
    conversation_announce(conversation, &logic->options, &held);
    conversation->transferred_ms = conversation->session_ended_ms = now_ms;
    for (size_t i = 0; i < logic->table.appearance_count && conversation->transferred_ms >= 0; i++)
        if (logic->table.appearances[i].is_used && logic->table.appearances[i].conversation != NONE)
            place_appearance(logic, &logic->table.appearances[i]);
    if (conversation->transferred_ms < 0)
        refresh(logic, place, now_ms);
}

/* Takes an appearance out of its conversation, which ends without the last one. */
static void detach(struct call_logic *logic, struct appearance *appearance, bool is_transfer, int64_t now_ms)
{
    size_t place = appearance->conversation;
    appearance->conversation = NONE;
    appearance->has_session = false;
    if (place == NONE)
        return;
    struct conversation *conversation = &logic->table.conversations[place];
    if (table_next(&logic->table, place, NULL) != NULL) {
        refresh(logic, place, now_ms);
    } else if (is_transfer && logic->options.follows_transfers && conversation->was_connected) {
        conversation->has_session = conversation->is_fork_asked = false;
        begin_transfer(logic, place, now_ms);
    } else {
        conversation_end(conversation, &logic->options);
    }
}

static void end_appearance(struct call_logic *logic, struct appearance *appearance, bool is_transfer, int64_t now_ms)
{
    table_remember_ended(&logic->table, appearance->line, appearance->handle);
    appearance->is_used = false;
    detach(logic, appearance, is_transfer, now_ms);
}

/* The call is part of a conference: its conversation and that of the conference become one. Returns the call, which may
 * have moved. */
static struct appearance *join_conference(struct call_logic *logic, struct appearance *member)
{
    uint32_t line = member->line;
    uint64_t handle = member->handle;
    struct appearance *parent = table_appearance(&logic->table, line, member->parent);
    if (parent == NULL) {
        parent = table_add_appearance(&logic->table, line, member->parent);
        member = table_appearance(&logic->table, line, handle);
    }
    if (parent == NULL || member->conversation == NONE || parent->conversation == member->conversation)
        return member;
    if (parent->conversation == NONE)
        parent->conversation = member->conversation;
    else
        merge(logic, parent->conversation, member->conversation);
    return member;
}

static void take_state(struct call_logic *logic, struct appearance *appearance, const struct call_message *message, int64_t now_ms)
{
    appearance->state = message->state;
    if (message->state == STATE_IDLE) {
        end_appearance(logic, appearance, message->is_transfer, now_ms);
        return;
    }
    if (message->state == STATE_DISCONNECTED) { /* nobody is at the other end; the handle still exists */
        detach(logic, appearance, false, now_ms);
        return;
    }
    place_appearance(logic, appearance);
    if (message->state == STATE_CONFERENCED && message->parent != 0) {
        appearance->parent = message->parent;
        appearance = join_conference(logic, appearance);
    }
    if (appearance->conversation != NONE)
        refresh(logic, appearance->conversation, now_ms);
}

static void take_parties(struct call_logic *logic, struct appearance *appearance, const struct call_parties *parties, int64_t now_ms)
{
    appearance->parties = *parties;
    if (appearance->state == STATE_DISCONNECTED)
        return;
    place_appearance(logic, appearance);
    if (appearance->conversation == NONE)
        return;
    conversation_add_id(&logic->table.conversations[appearance->conversation], parties->id);
    refresh(logic, appearance->conversation, now_ms);
}

static void take_session(struct call_logic *logic, struct appearance *appearance, enum message_kind kind, int64_t now_ms)
{
    appearance->has_session = kind == SESSION_STARTED;
    if (appearance->state != STATE_DISCONNECTED)
        place_appearance(logic, appearance);
    if (appearance->conversation == NONE)
        return;
    struct conversation *conversation = &logic->table.conversations[appearance->conversation];
    if (kind == SESSION_STARTED)
        conversation->fork_failures = 0;
    if (kind == SESSION_FAILED) {
        conversation->is_fork_asked = false;
        conversation->fork_failures++;
        conversation->fork_retry_ms = now_ms + FORK_RETRY_MS * conversation->fork_failures;
        notice(&logic->options, REC_LOG_WARNING, "call %llu on %s: the device cannot send copies of the audio",
               (unsigned long long)conversation->tag, conversation->announced.device);
    }
    size_t place = appearance->conversation;
    refresh(logic, place, now_ms);
    if (kind == SESSION_FAILED) /* asked again, instead of waited for */
        conversation->session_ended_ms = logic->options.fork != NULL && conversation->fork_failures < FORK_TRIES ? -1 : now_ms;
}

static void set_policy(struct call_logic *logic, const struct line *line)
{
    rec_error error = REC_INIT(rec_error);
    rec_line_info info = REC_INIT(rec_line_info);
    info.device_name = line->device;
    info.directory_number = line->number;
    if (line->is_open)
        info.flags = REC_LINE_AUTOMATIC;
    if (logic->options.mode == MODE_AUTOMATIC
        && (line->is_open ? rec_line_set : rec_line_remove)(logic->options.engine, &info, &error) != REC_OK)
        notice(&logic->options, REC_LOG_ERROR, "line %s: %s", line->device, error.message);
}

/* Ends the copies of the calls of a line, which nobody receives any more. The calls may last longer than the line is open. */
static void end_copies(struct call_logic *logic, uint32_t line)
{
    for (size_t place = 0; place < logic->table.conversation_count; place++) {
        int rank;
        const struct conversation *conversation = &logic->table.conversations[place];
        const struct appearance *lead = conversation->tag != 0 && conversation->is_fork_asked ? table_leading(&logic->table, place, &rank) : NULL;
        if (lead != NULL && lead->line == line)
            ask_fork(logic, place, false);
    }
}

static void close_line(struct call_logic *logic, struct line *line, int64_t now_ms)
{
    uint32_t place = (uint32_t)(line - logic->table.lines);
    end_copies(logic, place);
    for (size_t i = 0; i < logic->table.appearance_count; i++)
        if (logic->table.appearances[i].is_used && logic->table.appearances[i].line == place)
            end_appearance(logic, &logic->table.appearances[i], false, now_ms);
    line->is_open = false;
    set_policy(logic, line);
}

static void open_line(struct call_logic *logic, const struct call_message *message, int64_t now_ms)
{
    struct line *line = table_add_line(&logic->table, message->line);
    if (line == NULL)
        return;
    if (line->is_open)
        close_line(logic, line, now_ms);
    memcpy(line->device, message->device, sizeof line->device);
    memcpy(line->number, message->number, sizeof line->number);
    line->is_open = true;
    set_policy(logic, line);
}

/* The appearance that a message is about. NULL: the message is late, or says nothing. */
static struct appearance *appearance_of(struct call_logic *logic, uint32_t line, const struct call_message *message, int64_t now_ms)
{
    struct call_table *table = &logic->table;
    struct appearance *appearance = table_appearance(table, line, message->call);
    bool is_state = message->kind == CALL_STATE;
    if (message->kind == CALL_NEW) {
        if (appearance != NULL && appearance->state != 0)
            end_appearance(logic, appearance, false, now_ms);
        table_forget_ended(table, line, message->call);
        return NULL;
    }
    if (appearance != NULL)
        return appearance;
    if (is_state && (message->state == STATE_OFFERING || message->state == STATE_ALERTING))
        table_forget_ended(table, line, message->call); /* the handle is used again */
    if (table_was_ended(table, line, message->call) || (is_state && (message->state == STATE_IDLE || message->state == STATE_DISCONNECTED)))
        return NULL;
    return table_add_appearance(table, line, message->call);
}

void call_logic_message(struct call_logic *logic, const struct call_message *message, int64_t now_ms)
{
    lock_take(&logic->lock);
    struct line *line = table_line(&logic->table, message->line);
    if (message->kind == LINE_OPENED)
        open_line(logic, message, now_ms);
    else if (message->kind == LINE_CLOSED && line != NULL)
        close_line(logic, line, now_ms);
    else if (line != NULL) {
        struct appearance *appearance = appearance_of(logic, (uint32_t)(line - logic->table.lines), message, now_ms);
        if (appearance == NULL)
            ;
        else if (message->kind == CALL_STATE)
            take_state(logic, appearance, message, now_ms);
        else if (message->kind == CALL_INFO)
            take_parties(logic, appearance, &message->parties, now_ms);
        else
            take_session(logic, appearance, message->kind, now_ms);
    }
    lock_release(&logic->lock);
}

void call_logic_tick(struct call_logic *logic, int64_t now_ms)
{
    lock_take(&logic->lock);
    for (size_t place = 0; place < logic->table.conversation_count; place++) {
        struct conversation *conversation = &logic->table.conversations[place];
        if (conversation->tag == 0)
            continue;
        bool is_late = conversation->session_ended_ms >= 0 && now_ms - conversation->session_ended_ms >= (int64_t)logic->options.restart_ms;
        if (conversation->transferred_ms >= 0) {
            if (now_ms - conversation->transferred_ms >= (int64_t)logic->options.transfer_ms)
                conversation_end(conversation, &logic->options);
            continue;
        }
        if (is_late && conversation->announced.state == REC_CALL_CONNECTED) {
            conversation->session_ended_ms = -1;
            conversation->is_fork_asked = false;
            if (logic->options.mode == MODE_FOLLOW) { /* somebody has stopped it at the device */
                conversation->may_start = true;
                conversation_stop(conversation, &logic->options);
                continue;
            }
        }
        record_if_due(logic, place, now_ms);
    }
    lock_release(&logic->lock);
}

void call_logic_event(struct call_logic *logic, const rec_event *event, int64_t now_ms)
{
    if (event->call_number == 0) /* a recording of an earlier process */
        return;
    lock_take(&logic->lock);
    for (size_t place = 0; place < logic->table.conversation_count; place++) {
        struct conversation *conversation = &logic->table.conversations[place];
        if (conversation->tag == 0 || conversation->tag != event->call_tag)
            continue;
        if (event->kind == REC_EVENT_STARTED) {
            conversation->recordings++;
            conversation->fork_failures = 0; /* the device is asked again, whatever it could not do before */
            conversation->fork_retry_ms = 0;
            record_if_due(logic, place, now_ms);
        }
        if ((event->kind == REC_EVENT_FINISHED || event->kind == REC_EVENT_FAILED) && conversation->recordings > 0
            && --conversation->recordings == 0 && conversation->is_fork_asked)
            ask_fork(logic, place, false);
        if (event->kind == REC_EVENT_FAILED)
            conversation->may_start = true;
    }
    lock_release(&logic->lock);
}

void call_logic_set_fork(struct call_logic *logic, fork_fn fork, void *fork_data)
{
    lock_take(&logic->lock);
    logic->options.fork = fork;
    logic->options.fork_data = fork_data;
    lock_release(&logic->lock);
}

size_t call_logic_report(struct call_logic *logic, struct call_report *reports, size_t capacity)
{
    size_t count = 0;
    lock_take(&logic->lock);
    for (size_t place = 0; place < logic->table.conversation_count; place++) {
        const struct conversation *conversation = &logic->table.conversations[place];
        if (conversation->tag == 0 || !conversation->is_announced)
            continue;
        if (count < capacity) {
            struct call_report *report = &reports[count];
            memset(report, 0, sizeof *report);
            report->tag = conversation->tag;
            report->state = conversation->announced.state;
            report->has_session = conversation->has_session;
            memcpy(report->device, conversation->announced.device, sizeof report->device);
            memcpy(report->number, conversation->announced.number, sizeof report->number);
            memcpy(report->remote, conversation->announced.remote, sizeof report->remote);
            memcpy(report->port, conversation->pair.port, sizeof report->port);
        }
        count++;
    }
    lock_release(&logic->lock);
    return count;
}

bool call_logic_has_line(struct call_logic *logic, const char *name, bool *is_device)
{
    bool is_number = false;
    *is_device = false;
    lock_take(&logic->lock);
    for (size_t i = 0; i < logic->table.line_count; i++) {
        const struct line *line = &logic->table.lines[i];
        *is_device |= line->is_open && strcmp(line->device, name) == 0;
        is_number |= line->is_open && strcmp(line->number, name) == 0;
    }
    lock_release(&logic->lock);
    return *is_device || is_number;
}

struct call_logic *call_logic_new(const struct call_logic_options *options)
{
    struct call_logic *logic = calloc(1, sizeof *logic);
    if (logic != NULL) {
        logic->options = *options;
        lock_init(&logic->lock);
    }
    return logic;
}

void call_logic_free(struct call_logic *logic)
{
    for (size_t place = 0; place < logic->table.conversation_count; place++)
        if (logic->table.conversations[place].tag != 0)
            conversation_end(&logic->table.conversations[place], &logic->options);
    table_free(&logic->table);
    free(logic);
}
