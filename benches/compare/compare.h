/* What the driver, the recorders and the measurements of the comparison share. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SAMPLE_RATE = 8000,
    SAMPLES = 160, /* of one packet: 20 ms */
    HEADER = 12,   /* bytes of an RTP header without extensions */
    PACKET = HEADER + SAMPLES,
    PACKETS_PER_SECOND = SAMPLE_RATE / SAMPLES,
    LOCAL = 0,
    REMOTE = 1,
    PATH_SIZE = 4096,
};

/* How the files keep the audio. */
enum format { PCM16, MULAW };

/* What a run does; the same for all recorders. */
struct job {
    const char *directory; /* empty at the beginning */
    enum format format;
    bool is_paced;
    int calls;
    int seconds;
    int freeze_s; /* in "frozen", how long the disk stands still */
};

/* The content of one file: stereo, left and right in turn. */
struct audio {
    int16_t *samples;
    size_t frames;
};

/* One way to record a call. A function that cannot do its work calls `fail`. */
struct recorder {
    const char *name;
    const char *extension;
    bool keeps_mulaw;    /* it can write mu-law files */
    bool is_lossy;       /* its files are compared by likeness, not sample by sample */
    bool has_own_clock;  /* paced, its files may begin and end with silence */
    bool writes_plainly; /* all of its writes are calls of write and its relatives */
    int most_calls;      /* more would keep two cores from real time; 0: no limit */
    void (*begin)(const struct job *job);
    void *(*open)(int call, const char *path);
    /* Takes one packet of each leg. Both lie in the caller's memory and are borrowed. */
    void (*feed)(void *recording, const uint8_t *local, const uint8_t *remote);
    void (*close)(void *recording);
    void (*end)(void);
    struct audio (*read)(const char *path, enum format format);
};

extern const struct recorder *const recorders[]; /* ends with NULL */
extern const char *const missing[];              /* why others were not built; ends with NULL */

/* speech.c: the conversation that all calls hear, each from another place on. */
extern int16_t mulaw_to_linear[256];
void speech_make(void);
const uint8_t *speech_payload(int leg, int call, long packet);
void speech_packet(int leg, int call, long packet, uint8_t out[PACKET]);
void decode_stereo(const uint8_t *local, const uint8_t *remote, int16_t out[2 * SAMPLES]);
void interleave(const uint8_t *local, const uint8_t *remote, uint8_t out[2 * SAMPLES]);

/* measure.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ns(void);
void sleep_until(uint64_t ns);
struct cpu {
    double user_us, system_us;
};
struct cpu cpu_used(void);
long resident_kib(void);
uint64_t wake_ups_of_others(void); /* of all threads but the caller's */
void latency_clear(void);
void latency_note(uint64_t ns);
double latency_us(double share);
double latency_max_us(void);

/* wav.c: a header, and a reader of PCM16 and mu-law files. */
size_t wav_header(uint8_t header[64], enum format format, uint32_t data_bytes);
struct audio wav_read(const char *path, enum format format);

/* verify.c: 0 if the files hold what was fed, else how many do not. */
int verify(const struct recorder *recorder, const struct job *job, double opening_s, uint64_t *checksum);
void call_path(char out[PATH_SIZE], const struct recorder *recorder, const struct job *job, int call);

/* record.c, engine.c: the measurements. Each prints lines of results. */
void measure_recorder(const struct recorder *recorder, const struct job *job, const char *mode, int repetition);
void measure_idle(const struct job *job);
void measure_memory(const struct job *job);
void measure_publish(const struct job *job);

#endif
