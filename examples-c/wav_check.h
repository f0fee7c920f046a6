/* The checks that record_call.c makes on its recording. Each prints PASS or FAIL. */
#ifndef WAV_CHECK_H
#define WAV_CHECK_H

#include "conversation.h"

/* Checks the file: it is stereo PCM16 at 8000 Hz, and as long as the recording lasted
 * (`wall_ms`) within 20 ms. Each party's speech is in its channel, sample by sample, from
 * the time at which it arrived (`arrived_ms` after the start). Lost packets and the pause
 * are silence. */
bool check_wav(const char *path, const struct conversation *, double wall_ms, const double arrived_ms[2]);

/* Checks that no file of the directory holds samples of the card number: neither as
 * PCM16 nor as mu-law, neither in one channel nor interleaved. */
bool check_card_number_is_absent(const char *directory, const struct conversation *);

#endif
