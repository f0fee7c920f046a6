/* Which recorders were built. */
#include "compare.h"

extern const struct recorder floor_recorder, callrec_recorder, callrec_defaults_recorder;

#ifdef WITH_SNDFILE
extern const struct recorder sndfile_recorder;
#endif
#ifdef WITH_PJMEDIA
extern const struct recorder pjmedia_recorder;
#endif
#ifdef WITH_FLAC
extern const struct recorder flac_recorder;
#endif
#ifdef WITH_OPUS
extern const struct recorder opus_recorder;
#endif

const struct recorder *const recorders[] = {
    &floor_recorder,
    &callrec_recorder,
    &callrec_defaults_recorder,
#ifdef WITH_SNDFILE
    &sndfile_recorder,
#endif
#ifdef WITH_PJMEDIA
    &pjmedia_recorder,
#endif
#ifdef WITH_FLAC
    &flac_recorder,
#endif
#ifdef WITH_OPUS
    &opus_recorder,
#endif
    NULL,
};

const char *const missing[] = {
#ifndef WITH_SNDFILE
    "libsndfile is left out: libsndfile1-dev is not installed",
#endif
#ifndef WITH_PJMEDIA
    "pjmedia is left out: PJ=DIRECTORY names where pjproject is installed",
#endif
#ifndef WITH_FLAC
    "libFLAC is left out: libflac-dev is not installed",
#endif
#ifndef WITH_OPUS
    "libopus is left out: libopus-dev and libopusenc-dev are not installed",
#endif
    NULL,
};
