/* The lines, the calls on them, and the conversations. A call has a handle on each line that takes part in it; here such a
 * handle is an appearance. A conversation has at least one appearance, except while it is transferred. */
#ifndef CALL_TABLE_H
#define CALL_TABLE_H

#include "conversation.h"

struct line {
    uint32_t id;
    bool is_open;
    char device[DEVICE_SIZE], number[NUMBER_SIZE];
};

struct appearance {
    bool is_used;
    uint32_t line; /* place in `lines` */
    uint64_t handle, parent;
    enum call_state state; /* 0: not known yet */
    bool has_session;
    struct call_parties parties;
    size_t conversation; /* place in `conversations`, or NONE */
};

#define NONE SIZE_MAX

enum { ENDED_HANDLES = 256 };

struct call_table {
    struct line *lines;
    size_t line_count;
    struct appearance *appearances;
    size_t appearance_count;
    struct conversation *conversations;
    size_t conversation_count;
    uint64_t next_tag;
    struct {
        uint32_t line;
        uint64_t handle;
    } ended[ENDED_HANDLES]; /* the latest handles of calls that have ended: late messages about them are ignored */
    size_t next_ended;
};

void table_free(struct call_table *table);

/* An open line, or NULL. */
struct line *table_line(struct call_table *table, uint32_t id);

/* The entry for a line that is opened, or NULL if there is no memory. */
struct line *table_add_line(struct call_table *table, uint32_t id);

struct appearance *table_appearance(struct call_table *table, uint32_t line, uint64_t handle);

/* May move all appearances. NULL: there is no memory. */
struct appearance *table_add_appearance(struct call_table *table, uint32_t line, uint64_t handle);

/* The place of a new conversation, or NONE. May move all conversations. */
size_t table_add_conversation(struct call_table *table, uint32_t line);

/* The next appearance of a conversation after `after`, or the first one. */
struct appearance *table_next(struct call_table *table, size_t conversation, struct appearance *after);

/* The appearance on which the parties of a conversation talk, or are nearest to it. */
struct appearance *table_leading(struct call_table *table, size_t conversation, int *rank);

/* The ranks: how far an appearance says that the parties can talk. 0: it says nothing. */
enum { RANK_RINGING = 1, RANK_ELSEWHERE, RANK_HELD, RANK_CONNECTED };

/* Who is at the other end of an appearance. "" if not known. */
const char *table_remote(const struct call_table *table, const struct appearance *appearance, const char **name);

/* Whether the appearance is the same call as a conversation: on another device with the same number, or after a transfer. */
bool table_continues(struct call_table *table, const struct appearance *appearance, size_t conversation);

void table_remember_ended(struct call_table *table, uint32_t line, uint64_t handle);

bool table_was_ended(const struct call_table *table, uint32_t line, uint64_t handle);

void table_forget_ended(struct call_table *table, uint32_t line, uint64_t handle);

#endif
