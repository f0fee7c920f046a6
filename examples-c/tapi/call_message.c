/* Messages as text. */
#define _POSIX_C_SOURCE 200809L
#include "call_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reader of words that are separated by spaces. */
struct words {
    const char *next;
    char word[256];
};

static bool next_word(struct words *words)
{
    size_t size = 0;
    words->next += strspn(words->next, " \t\r\n");
    while (words->next[size] != '\0' && strchr(" \t\r\n", words->next[size]) == NULL)
        size++;
    snprintf(words->word, sizeof words->word, "%.*s", (int)size, words->next);
    words->next += size;
    return size > 0;
}

static bool next_number(struct words *words, uint64_t *number)
{
    char *end;
    if (!next_word(words))
        return false;
    *number = strtoull(words->word, &end, 0);
    return *end == '\0';
}

/* The value of a word "KEY=VALUE", or NULL if the word has another key. */
static const char *value_of(const struct words *words, const char *key)
{
    size_t size = strlen(key);
    return strncmp(words->word, key, size) == 0 && words->word[size] == '=' ? words->word + size + 1 : NULL;
}

static const char *const state_names[] = {"", "idle", "offering", "alerting", "connected", "inactive", "held", "conferenced", "disconnected"};
static const char *const session_names[] = {"started", "ended", "failed"};

/* The place of a name in a list, or -1. */
static int place_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

static const char *read_state(struct words *words, struct call_message *message)
{
    int state = next_word(words) ? place_of(words->word, state_names, sizeof state_names / sizeof *state_names) : 0;
    if (state <= 0)
        return "an unknown state";
    message->state = (enum call_state)state;
    while (next_word(words)) {
        const char *parent = value_of(words, "parent");
        if (parent != NULL)
            message->parent = strtoull(parent, NULL, 0);
        else if (strcmp(words->word, "transfer") == 0)
            message->is_transfer = true;
        else
            return "an unknown word after the state";
    }
    return NULL;
}

/* "NUMBER/NAME" or "NUMBER". */
static void read_party(const char *text, char *number, char *name)
{
    size_t size = strcspn(text, "/");
    snprintf(number, NUMBER_SIZE, "%.*s", (int)(size < NUMBER_SIZE ? size : NUMBER_SIZE - 1), text);
    if (name == NULL || text[size] == '\0')
        return;
    snprintf(name, NAME_SIZE, "%.*s", NAME_SIZE - 1, text + size + 1);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
}

static const char *read_parties(struct words *words, struct call_parties *parties)
{
    while (next_word(words)) {
        const char *value;
        if (strcmp(words->word, "out") == 0)
            parties->is_outgoing = true;
        else if (strcmp(words->word, "transfer") == 0)
            parties->is_transfer = true;
        else if ((value = value_of(words, "id")) != NULL)
            parties->id = strtoull(value, NULL, 0);
        else if ((value = value_of(words, "related")) != NULL)
            parties->related = strtoull(value, NULL, 0);
        else if ((value = value_of(words, "caller")) != NULL)
            read_party(value, parties->caller, parties->caller_name);
        else if ((value = value_of(words, "called")) != NULL)
            read_party(value, parties->called, parties->called_name);
        else if ((value = value_of(words, "connected")) != NULL)
            read_party(value, parties->connected, parties->connected_name);
        else if ((value = value_of(words, "redirecting")) != NULL)
            read_party(value, parties->redirecting, NULL);
        else
            return "an unknown word in the parties";
    }
    return NULL;
}

static const char *read_line(struct words *words, struct call_message *message)
{
    bool is_complete = next_word(words);
    snprintf(message->device, sizeof message->device, "%.*s", DEVICE_SIZE - 1, words->word);
    is_complete = is_complete && next_word(words);
    snprintf(message->number, sizeof message->number, "%.*s", NUMBER_SIZE - 1, words->word);
    return is_complete ? NULL : "a line needs a device and a number";
}

const char *call_message_read(const char *text, struct call_message *message)
{
    static const char *const kinds[] = {"", "line", "close", "new", "state", "info", "session"};
    struct words words = {.next = text};
    uint64_t line;
    memset(message, 0, sizeof *message);
    int kind = next_word(&words) ? place_of(words.word, kinds, sizeof kinds / sizeof *kinds) : 0;
    if (kind <= 0)
        return "an unknown kind of message";
    message->kind = (enum message_kind)kind;
    if (!next_number(&words, &line))
        return "the line is not a number";
    message->line = (uint32_t)line;
    if (message->kind == LINE_OPENED)
        return read_line(&words, message);
    if (message->kind == LINE_CLOSED)
        return NULL;
    if (!next_number(&words, &message->call))
        return "the call is not a number";
    if (message->kind == CALL_STATE)
        return read_state(&words, message);
    if (message->kind == CALL_INFO)
        return read_parties(&words, &message->parties);
    if (message->kind == SESSION_STARTED) {
        int place = next_word(&words) ? place_of(words.word, session_names, 3) : -1;
        if (place < 0)
            return "a session is started, ended or failed";
        message->kind = (enum message_kind)(SESSION_STARTED + place);
    }
    return NULL;
}
