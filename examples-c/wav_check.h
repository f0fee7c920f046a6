/* Checks the recording of record_call.c. Each check prints PASS or FAIL. */
#ifndef WAV_CHECK_H
#define WAV_CHECK_H

#include "conversation.h"

/* Checks that the file is stereo PCM16 at 8000 Hz and lasts as long as the recording did
 * (`wall_ms`, within 20 ms); that each party's speech is in its channel, sample by sample,
 * from the time at which it arrived (`arrived_ms` after the start); and that lost packets
 * and the pause are silence. */
bool check_wav(const char *path, const struct conversation *, double wall_ms, const double arrived_ms[2]);

/* Checks that no file in the directory contains samples of the card number, as PCM16 or as
 * mu-law, in one channel or interleaved. */
bool check_card_number_is_absent(const char *directory, const struct conversation *);

#endif
