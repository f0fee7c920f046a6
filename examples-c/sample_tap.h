/* The audio of a call in a host that hands out samples, such as a port of PJMEDIA, an audiohook
 * of Asterisk, a media bug of FreeSWITCH or an audio filter of baresip. */
#ifndef SAMPLE_TAP_H
#define SAMPLE_TAP_H

#include <callrec.h>

/* Both legs of one call. One thread at a time uses a leg; the two legs may have two threads. */
struct sample_tap {
    rec_feed feeds[2];        /* REC_LEG_LOCAL, REC_LEG_REMOTE */
    uint32_t sample_rates[2]; /* of the latest samples, in Hz */
};

/* Opens a feed for each leg of a call. Not on a media thread: it allocates memory. */
rec_status sample_tap_open(struct sample_tap *tap, rec_call call, uint32_t sample_rate, rec_error *error);

/* Passes in what a leg says: frames of one or more interleaved channels, which are mixed to one,
 * as many at a time as the host has. NULL as samples stands for silence of that length.
 *
 * Never waits, so it may be called on a media thread; only a new sample rate allocates memory.
 * After the end of the call it does nothing and returns REC_ERR_BAD_HANDLE. */
rec_status sample_tap_write(struct sample_tap *tap, int32_t leg, uint32_t sample_rate, unsigned channels, const int16_t *samples, size_t frames);

/* Closes the feeds. Audio that was passed in is recorded. Also allowed after the call has ended. */
void sample_tap_close(struct sample_tap *tap);

#endif
