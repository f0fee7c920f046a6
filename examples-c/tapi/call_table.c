/* Looking up lines, appearances and conversations. */
#define _POSIX_C_SOURCE 200809L
#include "call_table.h"

#include <stdlib.h>
#include <string.h>

/* A zeroed element at the end of an array, or NULL if there is no memory. */
static void *grow(void *array, size_t *count, size_t size, void **grown)
{
    char *larger = realloc(array, (*count + 1) * size);
    if (larger == NULL)
        return NULL;
    *grown = larger;
    memset(larger + *count * size, 0, size);
    return larger + (*count)++ * size;
}

void table_free(struct call_table *table)
{
    free(table->lines);
    free(table->appearances);
    free(table->conversations);
}

struct line *table_line(struct call_table *table, uint32_t id)
{
    for (size_t i = 0; i < table->line_count; i++)
        if (table->lines[i].id == id && table->lines[i].is_open)
            return &table->lines[i];
    return NULL;
}

struct line *table_add_line(struct call_table *table, uint32_t id)
{
    for (size_t i = 0; i < table->line_count; i++)
        if (table->lines[i].id == id)
            return &table->lines[i];
    void *grown = table->lines;
    struct line *line = grow(table->lines, &table->line_count, sizeof *line, &grown);
    table->lines = grown;
    if (line != NULL)
        line->id = id;
    return line;
}

struct appearance *table_appearance(struct call_table *table, uint32_t line, uint64_t handle)
{
    for (size_t i = 0; i < table->appearance_count; i++) {
        struct appearance *appearance = &table->appearances[i];
        if (appearance->is_used && appearance->line == line && appearance->handle == handle)
            return appearance;
    }
    return NULL;
}

struct appearance *table_add_appearance(struct call_table *table, uint32_t line, uint64_t handle)
{
    struct appearance *appearance = NULL;
    for (size_t i = 0; i < table->appearance_count && appearance == NULL; i++)
        if (!table->appearances[i].is_used)
            appearance = &table->appearances[i];
    if (appearance == NULL) {
        void *grown = table->appearances;
        appearance = grow(table->appearances, &table->appearance_count, sizeof *appearance, &grown);
        table->appearances = grown;
    }
    if (appearance != NULL)
        *appearance = (struct appearance){.is_used = true, .line = line, .handle = handle, .conversation = NONE};
    return appearance;
}

size_t table_add_conversation(struct call_table *table, uint32_t line)
{
    size_t place = 0;
    while (place < table->conversation_count && table->conversations[place].tag != 0)
        place++;
    if (place == table->conversation_count) {
        void *grown = table->conversations;
        bool has_grown = grow(table->conversations, &table->conversation_count, sizeof *table->conversations, &grown) != NULL;
        table->conversations = grown;
        if (!has_grown)
            return NONE;
    }
    conversation_init(&table->conversations[place], ++table->next_tag, line);
    return place;
}

struct appearance *table_next(struct call_table *table, size_t conversation, struct appearance *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - table->appearances) + 1;
    for (; i < table->appearance_count; i++)
        if (table->appearances[i].is_used && table->appearances[i].conversation == conversation)
            return &table->appearances[i];
    return NULL;
}

/* Whether the conference that the appearance is part of is known itself. */
static bool has_parent(struct call_table *table, const struct appearance *appearance)
{
    if (appearance->parent == 0)
        return false;
    const struct appearance *parent = table_appearance(table, appearance->line, appearance->parent);
    return parent != NULL && parent->conversation == appearance->conversation;
}

static int rank_of(struct call_table *table, const struct appearance *appearance)
{
    switch (appearance->state) {
    case STATE_CONNECTED:
        return RANK_CONNECTED;
    case STATE_CONFERENCED:
        return has_parent(table, appearance) ? 0 : RANK_CONNECTED;
    case STATE_HELD:
        return RANK_HELD;
    case STATE_INACTIVE:
        return RANK_ELSEWHERE;
    case STATE_OFFERING:
    case STATE_ALERTING:
        return RANK_RINGING;
    default:
        return 0;
    }
}

struct appearance *table_leading(struct call_table *table, size_t conversation, int *rank)
{
    struct appearance *found = NULL;
    *rank = 0;
    for (struct appearance *at = NULL; (at = table_next(table, conversation, at)) != NULL;) {
        int its_rank = rank_of(table, at);
        if (its_rank > *rank) {
            *rank = its_rank;
            found = at;
        }
    }
    return found;
}

/* After a transfer, the connected party is the new one; the caller and the called party stay. */
const char *table_remote(const struct call_table *table, const struct appearance *appearance, const char **name)
{
    const struct call_parties *parties = &appearance->parties;
    if (parties->connected[0] != '\0' && strcmp(parties->connected, table->lines[appearance->line].number) != 0) {
        *name = parties->connected_name;
        return parties->connected;
    }
    *name = parties->is_outgoing ? parties->called_name : parties->caller_name;
    return parties->is_outgoing ? parties->called : parties->caller;
}

static bool comes_by_transfer(struct call_table *table, const struct appearance *appearance, const struct conversation *conversation)
{
    const struct call_parties *parties = &appearance->parties;
    const char *name, *remote = table_remote(table, appearance, &name);
    bool has_id = (parties->id != 0 && conversation_has_id(conversation, parties->id))
        || (parties->related != 0 && conversation_has_id(conversation, parties->related));
    return parties->is_transfer && strcmp(parties->redirecting, table->lines[conversation->line].number) == 0
        && (has_id || strcmp(remote, conversation->announced.remote) == 0);
}

bool table_continues(struct call_table *table, const struct appearance *appearance, size_t place)
{
    const struct conversation *conversation = &table->conversations[place];
    if (conversation->transferred_ms >= 0)
        return comes_by_transfer(table, appearance, conversation);
    if (appearance->parties.id == 0 || !conversation_has_id(conversation, appearance->parties.id))
        return false;
    const char *number = table->lines[appearance->line].number;
    for (struct appearance *at = NULL; (at = table_next(table, place, at)) != NULL;)
        if (at->line != appearance->line && strcmp(table->lines[at->line].number, number) == 0)
            return true;
    return false;
}

void table_remember_ended(struct call_table *table, uint32_t line, uint64_t handle)
{
    table->ended[table->next_ended].line = line;
    table->ended[table->next_ended].handle = handle;
    table->next_ended = (table->next_ended + 1) % ENDED_HANDLES;
}

bool table_was_ended(const struct call_table *table, uint32_t line, uint64_t handle)
{
    for (size_t i = 0; i < ENDED_HANDLES; i++)
        if (table->ended[i].handle == handle && table->ended[i].line == line && handle != 0)
            return true;
    return false;
}

void table_forget_ended(struct call_table *table, uint32_t line, uint64_t handle)
{
    for (size_t i = 0; i < ENDED_HANDLES; i++)
        if (table->ended[i].handle == handle && table->ended[i].line == line)
            table->ended[i].handle = 0;
}
