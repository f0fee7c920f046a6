/* The telephone network of record_call.c. It sends a captured conversation as G.711 RTP
 * over UDP, in real time, with the faults of a real network. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACKET = 160,    /* samples of an RTP packet: 20 ms, a byte each in mu-law */
    PACKETS = 700,   /* of each party: 14 s */
    CARD_FROM = 365, /* the packets in which the card number is read out, with 100 ms */
    CARD_TO = 570,   /* before and after it; see conversation/README.md */
};

struct conversation {
    uint8_t ulaw[2][PACKETS * PACKET]; /* 0: local party, 1: remote party */
    int16_t pcm[2][PACKETS * PACKET];  /* the same, decoded: what the file must hold */
    int port[2];                       /* where to send, on 127.0.0.1 */
};

/* Reads local.ulaw and remote.ulaw. On failure, prints a message and returns false. */
bool conversation_load(struct conversation *, const char *directory);

/* The sending thread. Its argument is the conversation. */
void *conversation_send(void *conversation);

/* The faults: every 50th packet is lost, and every 37th arrives after its successor.
 * None of them is near the start, the pause, the resume or the end, so that the exact
 * content of the file is known. */
bool packet_is_lost(int n);
bool packet_is_swapped(int n);

/* Milliseconds lost outside the pause, both parties together. */
uint64_t expected_lost_ms(void);

int16_t decode_ulaw(uint8_t byte);

uint64_t monotonic_ns(void);

#endif
