/* UDP ports for the RTP of calls. Each call gets a pair: one port for what the local party says, one for the remote party.
 * One thread receives on all of them. */
#ifndef RTP_PORTS_H
#define RTP_PORTS_H

#include <callrec.h>

#include <stdbool.h>
#include <stdint.h>

struct rtp_ports;

struct rtp_pair {
    uint16_t port[2]; /* REC_LEG_LOCAL and REC_LEG_REMOTE; 0: there is none */
    uint32_t place;
};

/* Ports are even; the odd ones are left to RTCP. A pair has four numbers, so the range has (last - first + 1) / 4 pairs.
 * Returns NULL if nothing can be received. */
struct rtp_ports *rtp_ports_open(const char *address, uint16_t first, uint16_t last);

/* Hands out the pair that has been free for longest: packets of its last call may still be under way. Returns false if none
 * is free. */
bool rtp_ports_take(struct rtp_ports *ports, const rec_feed feeds[2], struct rtp_pair *pair);

void rtp_ports_release(struct rtp_ports *ports, struct rtp_pair *pair);

void rtp_ports_close(struct rtp_ports *ports);

#endif
