/* Cisco's extensions to TAPI that the bridge uses, with the names and values of the developers guide (Cisco Device-Specific
 * Extensions). They need an extension version of at least 8.0. */
#ifndef CISCO_H
#define CISCO_H

enum {
    CISCO_LOWEST_VERSION = 0x00080000,
    CISCO_HIGHEST_VERSION = 0x000E0000,

    /* lineDevSpecific: the first of the parameters, which are numbers of 32 bits */
    SLDST_SET_STATUS_MESSAGES = 4,   /* flags */
    SLDST_START_CALL_RECORDING = 20, /* the direction of the tone, the type of the invocation */
    SLDST_STOP_CALL_RECORDING = 21,  /* the type of the invocation */

    /* LINE_DEVSPECIFIC: the low byte of dwParam1 */
    SLDSMT_RECORDING_STARTED = 13,
    SLDSMT_RECORDING_ENDED = 14,
    SLDSMT_RECORDING_FAILED = 28,

    /* With it, LINECALLINFO says at IDLE that the call was transferred. */
    DEVSPECIFIC_IDLE_TRANSFER_REASON = 4,

    PlayToneDirection_NoLocalOrRemote = 0,
    RecordingInvocationType_SilentRecording = 1,
};

#endif
