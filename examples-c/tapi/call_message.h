/* What a telephony interface says about lines and calls, without TAPI. tapi_line.c makes these messages from TAPI's, and
 * script_line.c reads them from a text. */
#ifndef CALL_MESSAGE_H
#define CALL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEVICE_SIZE = 64, NUMBER_SIZE = 64, NAME_SIZE = 128 };

enum message_kind {
    LINE_OPENED = 1,
    LINE_CLOSED,       /* all calls on the line are lost */
    CALL_NEW,          /* the handle now means another call, whatever it meant before */
    CALL_STATE,
    CALL_INFO,
    SESSION_STARTED,   /* the device sends copies of the call's audio to the recorder */
    SESSION_ENDED,     /* it has stopped: somebody stopped it, or it will start again after a hold, transfer or conference */
    SESSION_FAILED,    /* it could not start again */
};

enum call_state {
    STATE_IDLE = 1,    /* the call has ended on this line; its handle may be used again */
    STATE_OFFERING,    /* it rings here */
    STATE_ALERTING,    /* it is being dialled, or rings elsewhere */
    STATE_CONNECTED,
    STATE_INACTIVE,    /* another device that shares the line has the call */
    STATE_HELD,
    STATE_CONFERENCED, /* it is part of the conference `parent` */
    STATE_DISCONNECTED,
};

/* The parties as the line sees them. "" means not known. */
struct call_parties {
    uint64_t id;        /* the switch's id of the call, the same for all parties; 0: not known */
    uint64_t related;   /* the id of the call from which this one came, or 0 */
    bool is_outgoing;
    bool is_transfer;   /* a transfer or a redirection brought the call here */
    char caller[NUMBER_SIZE], caller_name[NAME_SIZE];
    char called[NUMBER_SIZE], called_name[NAME_SIZE];
    char connected[NUMBER_SIZE], connected_name[NAME_SIZE];
    char redirecting[NUMBER_SIZE]; /* who transferred or redirected the call */
};

struct call_message {
    enum message_kind kind;
    uint32_t line;
    uint64_t call;                /* the handle of the call on this line; not with LINE_… */
    enum call_state state;        /* CALL_STATE */
    bool is_transfer;             /* CALL_STATE, STATE_IDLE: the line transferred the call away */
    uint64_t parent;              /* CALL_STATE, STATE_CONFERENCED: the handle of the conference, or 0 */
    char device[DEVICE_SIZE];     /* LINE_OPENED */
    char number[NUMBER_SIZE];     /* LINE_OPENED */
    struct call_parties parties;  /* CALL_INFO */
};

/* Reads one message of a script:
 *
 *   line LINE DEVICE NUMBER
 *   close LINE
 *   new LINE CALL
 *   state LINE CALL idle|offering|alerting|connected|inactive|held|conferenced|disconnected [transfer] [parent=CALL]
 *   info LINE CALL [id=N] [related=N] [out] [transfer] [caller=NUMBER[/NAME]] [called=…] [connected=…] [redirecting=NUMBER]
 *   session LINE CALL started|ended|failed
 *
 * In names, "_" means a space. Returns NULL, or what is wrong. */
const char *call_message_read(const char *text, struct call_message *message);

#endif
