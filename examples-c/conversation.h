/* The telephone network of record_call.c. It sends a captured conversation as G.711 RTP
 * over UDP, in real time, with the faults of a real network. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACKET = 160,    /* samples in an RTP packet: 20 ms; in mu-law, a sample is a byte */
    PACKETS = 700,   /* packets of each party: 14 s */
    CARD_FROM = 365, /* first packet of the pause: 100 ms before the card number */
    CARD_TO = 570,   /* first packet after the pause: 100 ms after the card number */
};

struct conversation {
    uint8_t ulaw[2][PACKETS * PACKET]; /* 0: local party, 1: remote party */
    int16_t pcm[2][PACKETS * PACKET];  /* the same, decoded: the expected content of the file */
    int port[2];                       /* receiving ports on 127.0.0.1 */
    uint64_t began_ns;                 /* when the network sends the first packets */
};

/* Reads local.ulaw and remote.ulaw. On failure, prints a message and returns false. */
bool conversation_load(struct conversation *, const char *directory);

/* The sending thread. Its argument is the conversation. */
void *conversation_send(void *conversation);

/* The faults: every 50th packet is lost, and every 37th arrives after its successor.
 * Packets near the start, the pause, the resume and the end have no faults, so that the
 * exact content of the file is known. */
bool packet_is_lost(int n);
bool packet_is_swapped(int n);

/* Returns how much audio is lost outside the pause: the sum of both parties, in ms. */
uint64_t expected_lost_ms(void);

/* Returns the time since packet `n` of a party without any delay was due, 0 if it is not due yet. */
uint64_t late_ns(const struct conversation *, int n);

int16_t decode_ulaw(uint8_t byte);

uint64_t monotonic_ns(void);

void sleep_until(uint64_t ns);

#endif
