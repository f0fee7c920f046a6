/* The calls of the bridge: takes messages about lines and calls, and announces, updates, records and ends calls in callrec.
 * It knows no TAPI, so a script of messages tests it on any system. */
#ifndef CALL_LOGIC_H
#define CALL_LOGIC_H

#include "call_message.h"
#include "rtp_ports.h"

#include <callrec.h>

enum record_mode {
    MODE_FOLLOW,    /* record a call while its device sends copies to the recorder */
    MODE_AUTOMATIC, /* record every call from the moment it is connected */
    MODE_MANUAL,    /* record only what the pipe or the gateway starts */
};

/* Asks a device to begin or to end the copies of a call's audio. Called with the lock of the logic held: must not wait, and
 * must not call the logic. */
typedef void (*fork_fn)(void *user_data, uint32_t line, uint64_t call, bool on);

typedef void (*notice_fn)(void *user_data, int32_t level, const char *text);

struct call_logic_options {
    rec_engine engine;
    struct rtp_ports *ports;
    enum record_mode mode;
    bool follows_transfers; /* a recording continues on the line to which a call is transferred */
    uint32_t restart_ms;    /* how long a session that ended may take to start again */
    uint32_t transfer_ms;   /* how long a transferred call may take to appear on the other line */
    fork_fn fork;           /* NULL: devices send copies without being asked */
    void *fork_data;
    notice_fn notice;       /* receives log lines: level is REC_LOG_… */
    void *notice_data;
};

struct call_logic;

/* Returns NULL if there is no memory. */
struct call_logic *call_logic_new(const struct call_logic_options *options);

/* Ends all calls. No thread may use the logic any more. */
void call_logic_free(struct call_logic *logic);

/* The function that asks devices for copies, once the source of the messages is known. */
void call_logic_set_fork(struct call_logic *logic, fork_fn fork, void *fork_data);

/* Any thread. `now_ms` is a monotonic time, the same clock everywhere. */
void call_logic_message(struct call_logic *logic, const struct call_message *message, int64_t now_ms);

/* To be called a few times a second: ends what does not start again. */
void call_logic_tick(struct call_logic *logic, int64_t now_ms);

/* The events of the engine. They decide whether a device has to send copies. */
void call_logic_event(struct call_logic *logic, const rec_event *event, int64_t now_ms);

/* A live call, as it is now. */
struct call_report {
    uint64_t tag;
    char device[DEVICE_SIZE], number[NUMBER_SIZE];
    char remote[NUMBER_SIZE];
    int32_t state; /* REC_CALL_… */
    uint16_t port[2];
    bool has_session;
};

/* Writes at most `capacity` reports, and returns how many calls there are. */
size_t call_logic_report(struct call_logic *logic, struct call_report *reports, size_t capacity);

/* Whether a line with this device name, or this directory number, is open. */
bool call_logic_has_line(struct call_logic *logic, const char *name, bool *is_device);

#endif
