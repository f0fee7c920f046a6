/* What record_call.c holds its recording to. */
#ifndef WAV_CHECK_H
#define WAV_CHECK_H

#include "conversation.h"

/* The file is stereo PCM16 at 8000 Hz; its length is `wall_ms` +- 20; each
 * direction's speech is in its channel, sample by sample, where it arrived
 * (`arrived_ms` after the start); lost packets and the pause are silence. */
bool wav_holds(const char *path, const struct conversation *, double wall_ms, const double arrived_ms[2]);

/* The samples of the card number are in no file of the directory, neither
 * decoded nor as mu-law, in one channel or interleaved. */
bool digits_are_nowhere(const char *directory, const struct conversation *);

#endif
