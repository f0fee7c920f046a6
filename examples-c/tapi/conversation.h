/* One call of callrec, with its feeds and ports. It lasts as long as the talk: through holds, on all devices that share the
 * line, in a conference, and on the line to which it is transferred. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "call_logic.h"

enum { MAX_IDS = 16 }; /* callrec's limit of related ids */

/* What callrec knows, or is to know, about a conversation. */
struct announcement {
    int32_t state; /* REC_CALL_… */
    bool is_outgoing;
    char device[DEVICE_SIZE], number[NUMBER_SIZE];
    char remote[NUMBER_SIZE], remote_name[NAME_SIZE];
    char caller[NUMBER_SIZE], called[NUMBER_SIZE];
};

struct conversation {
    uint64_t tag; /* rec_call_info.tag; 0: the entry is free */
    rec_call call;
    bool is_announced, was_connected;
    rec_feed feeds[2];
    struct rtp_pair pair;
    struct announcement announced;
    uint64_t ids[MAX_IDS];
    size_t id_count;
    char parties[4096]; /* the JSON of the remote parties that callrec knows */
    uint32_t line;      /* the line that the call is on */
    bool has_session;
    int64_t session_ended_ms; /* since when the session is missing, or -1 */
    int64_t transferred_ms;   /* since when the call is on its way to another line, or -1 */
    bool may_start;           /* the next session starts a recording */
    unsigned recordings;      /* live ones, by the events */
    bool is_fork_asked;       /* the device was asked for this session */
    unsigned fork_failures;
    int64_t fork_retry_ms;
};

void conversation_init(struct conversation *conversation, uint64_t tag, uint32_t line);

/* Adds an id of the switch, unless it is 0. */
void conversation_add_id(struct conversation *conversation, uint64_t id);

bool conversation_has_id(const struct conversation *conversation, uint64_t id);

/* Begins the call in callrec, or updates it if something has changed. */
void conversation_announce(struct conversation *conversation, const struct call_logic_options *options, const struct announcement *wanted);

/* The remote parties, as a JSON array. */
void conversation_set_parties(struct conversation *conversation, const struct call_logic_options *options, const char *json);

/* Starts a recording unless there is one. */
void conversation_start(struct conversation *conversation, const struct call_logic_options *options);

/* Whether a recording of it is live now: the events of recordings come later. */
bool conversation_is_recorded(const struct conversation *conversation, const struct call_logic_options *options);

void conversation_stop(struct conversation *conversation, const struct call_logic_options *options);

/* Ends the call in callrec, with its recordings, and frees the entry. */
void conversation_end(struct conversation *conversation, const struct call_logic_options *options);

/* Appends {"number":…,"name":…} to a JSON array that is open. Returns false if it does not fit. */
bool parties_append(char *json, size_t size, const char *number, const char *name);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void notice(const struct call_logic_options *options, int32_t level, const char *format, ...);

#endif
