/* Checks the recording of record_call.c. Each check prints PASS or FAIL. */
#ifndef WAV_CHECK_H
#define WAV_CHECK_H

#include "conversation.h"

/* A program on a busy machine knows only that a moment lies between two others. */
struct span {
    double from_ms, to_ms;
};

/* What the program knows of the call. All times are since the start. */
struct course {
    struct span length;         /* of the recording */
    struct span arrived[2];     /* the first packet of each party */
    uint64_t paused_late_ns;    /* since the first packet of the pause was due */
    uint64_t resumed_late_ns;   /* since the first packet after the pause was due */
};

/* Checks that the file is stereo PCM16 at 8000 Hz and lasts as long as the recording did,
 * within 20 ms; that each party's speech is in its channel, sample by sample, from the time at
 * which it arrived; and that lost packets and the pause are silence. */
bool check_wav(const char *path, const struct conversation *, const struct course *);

/* Checks how much audio callrec reports as lost: what the network lost, and what the pause and
 * the resume cut off because this machine was late. */
bool check_lost(uint64_t lost_ms, const struct course *);

/* Checks that no file in the directory contains samples of the card number, as PCM16 or as
 * mu-law, in one channel or interleaved. */
bool check_card_number_is_absent(const char *directory, const struct conversation *);

#endif
