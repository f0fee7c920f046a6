/* The telephone network of record_call.c: sends the captured conversation as
 * G.711 RTP over UDP, at real speed, and as badly as networks do. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FRAME = 160,     /* samples of 20 ms, and bytes of mu-law: one RTP packet */
    FRAMES = 700,    /* 14 s */
    CARD_FROM = 365, /* the card number lies inside these packets, with 100 ms */
    CARD_TO = 570,   /* around it; see conversation/README.md */
};

struct conversation {
    uint8_t ulaw[2][FRAMES * FRAME]; /* 0: local party, 1: remote party */
    int16_t pcm[2][FRAMES * FRAME];  /* the same, decoded: what has to be in the file */
    int port[2];                     /* where to send, on 127.0.0.1 */
};

/* Reads local.ulaw and remote.ulaw; false, and a message, if that fails. */
bool conversation_load(struct conversation *, const char *directory);

/* Body of the sending thread; the argument is the conversation. */
void *conversation_send(void *conversation);

/* What the network does to a packet: every 50th is lost, every 37th comes after
 * its successor. Never close to the start, the pause, the resume or the end, so
 * that it can be said exactly what has to be in the file. */
bool packet_is_lost(int n);
bool packet_is_swapped(int n);

/* Milliseconds that were lost outside the pause, both directions together. */
uint64_t lost_ms_put_in(void);

uint64_t monotonic_ns(void);

#endif
