#define _POSIX_C_SOURCE 200809L
#include "wav_check.h"

#include "console.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef _WIN32
#define lstat stat
#endif

struct bytes {
    uint8_t *at;
    size_t size;
};

static struct bytes read_file(const char *path)
{
    struct bytes bytes = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return bytes;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    bytes.at = malloc(size > 0 ? (size_t)size : 1);
    if (bytes.at != NULL)
        bytes.size = fread(bytes.at, 1, (size_t)size, file);
    fclose(file);
    return bytes;
}

static uint32_t little_endian(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

/* ---- the file ------------------------------------------------------------- */

struct stereo {
    const uint8_t *data;
    size_t frames;
};

static bool find_audio(struct bytes file, struct stereo *audio)
{
    bool is_pcm = false;
    if (file.size < 12 || memcmp(file.at, "RIFF", 4) != 0 || memcmp(file.at + 8, "WAVE", 4) != 0)
        return false;
    for (size_t at = 12; at + 8 <= file.size;) {
        size_t size = little_endian(file.at + at + 4, 4);
        const uint8_t *body = file.at + at + 8;
        if (size > file.size - at - 8)
            return false;
        if (memcmp(file.at + at, "fmt ", 4) == 0 && size >= 16)
            is_pcm = little_endian(body, 2) == 1 && little_endian(body + 2, 2) == 2 && little_endian(body + 4, 4) == 8000 && little_endian(body + 14, 2) == 16;
        if (memcmp(file.at + at, "data", 4) == 0) {
            *audio = (struct stereo){body, size / 4};
            return is_pcm;
        }
        at += 8 + size + (size & 1);
    }
    return false;
}

static int16_t sample(struct stereo audio, int channel, size_t frame)
{
    return (int16_t)little_endian(audio.data + 4 * frame + 2 * (size_t)channel, 2);
}

static bool is_at(struct stereo audio, int channel, long frame, const int16_t *pcm, size_t samples)
{
    if (frame < 0 || (size_t)frame + samples > audio.frames)
        return false;
    for (size_t i = 0; i < samples; i++)
        if (sample(audio, channel, (size_t)frame + i) != (pcm != NULL ? pcm[i] : 0))
            return false;
    return true;
}

/* Searches for the samples between two frames and 20 ms around them. Returns their first frame, or -1. */
static long find_between(struct stereo audio, int channel, long from, long to, const int16_t *pcm, size_t samples)
{
    for (long at = from - PACKET; at <= to + PACKET; at++)
        if (is_at(audio, channel, at, pcm, samples))
            return at;
    return -1;
}

static int packets_in(uint64_t ns)
{
    return (int)((ns + 19999999) / 20000000);
}

static bool check_channel(struct stereo audio, int leg, const int16_t *pcm, const struct course *course)
{
    const char *party = leg == 0 ? "local" : "remote";
    const struct span *arrived = &course->arrived[leg];
    int packets = 0, whole = 0, silences = 0, silent = 0;
    /* Packets that were due before the pause or the resume, if that came late. */
    int before_pause = packets_in(course->paused_late_ns), before_resume = packets_in(course->resumed_late_ns);
    /* If this machine was late, the first packets arrived together and belong before their arrival, and
     * the party may be moved once more, in a silence, to where it belongs. */
    int moved = arrived->to_ms >= 1 ? 1 : 0;
    long from = moved ? PACKET : lrint(arrived->from_ms * 8), late = moved ? lrint(arrived->to_ms * 8) : 0;
    /* A single packet may look like another one. */
    long begin = find_between(audio, leg, from, lrint(arrived->to_ms * 8), pcm, 4 * PACKET);
    if (begin < 0)
        return console_check(false, "The %s party's first packet is at %.0f ms, where it arrived.", party, arrived->from_ms);
    for (int n = 1; n < PACKETS; n++) {
        long at = begin + (long)n * PACKET;
        /* Only a part of a packet next to the pause or the resume may be recorded. */
        if ((n >= CARD_FROM - 1 && n < CARD_FROM + 3 + before_pause) || (n >= CARD_TO - 3 && n < CARD_TO + 1 + before_resume))
            continue;
        if (packet_is_lost(n) || (n >= CARD_FROM && n < CARD_TO)) {
            silences++;
            silent += moved ? find_between(audio, leg, at - late, at + late, NULL, PACKET) >= 0 : is_at(audio, leg, at, NULL, PACKET);
        } else {
            packets++;
            whole += find_between(audio, leg, at - late, at + late, pcm + n * PACKET, PACKET) >= 0;
        }
    }
    bool is_whole = console_check(whole >= packets - moved, "The file holds %d of %d packets of the %s party, sample by sample.", whole, packets, party);
    bool is_silent = console_check(silent >= silences - moved, "It holds silence for %d of %d packets that were lost or sent during the pause.", silent, silences);
    return is_whole && is_silent;
}

static bool is_within(double value, const struct span *span, double tolerance)
{
    return value >= span->from_ms - tolerance && value <= span->to_ms + tolerance;
}

bool check_wav(const char *path, const struct conversation *conversation, const struct course *course)
{
    struct bytes file = read_file(path);
    struct stereo audio = {NULL, 0};
    bool passed = console_check(find_audio(file, &audio), "The file is a WAV file: stereo PCM16 at 8000 Hz.");
    if (passed) {
        double length_ms = (double)audio.frames / 8;
        passed = console_check(is_within(length_ms, &course->length, 20), "The file lasts %.2f s, and the recording lasted %.2f s.", length_ms / 1000,
                               course->length.from_ms / 1000);
        for (int leg = 0; leg < 2; leg++)
            passed = check_channel(audio, leg, conversation->pcm[leg], course) && passed;
    }
    free(file.at);
    return passed;
}

/* How late a party's first packet may seem to callrec, in ms. Its clock has steps of 4 ms: a packet that
 * is late by less may come after the next step. */
static uint64_t late_by_the_clock_ms(const struct span *arrived)
{
    return arrived->to_ms < 0.5 ? 0 : 4 * (uint64_t)ceil(arrived->to_ms / 4);
}

/* What the pause and the resume may have cut off if this machine was late: audio of a party whose first
 * packet came late is as much ahead of the clock from then on, and a pause keeps no more than one
 * packet of that. The packet of the other party for which the pause waits may be late as well. */
static uint64_t cut_off_ms(const struct course *course)
{
    uint64_t ms = 0;
    for (int leg = 0; leg < 2; leg++) {
        ms += late_by_the_clock_ms(&course->arrived[leg]) + (course->paused_late_ns + 999999) / 1000000;
        ms += course->resumed_late_ns > 0 ? 20 : 0;
    }
    return ms > 0 ? ms + 2 * 20 : 0;
}

bool check_lost(uint64_t lost_ms, const struct course *course)
{
    uint64_t network_ms = expected_lost_ms(), cut_ms = cut_off_ms(course);
    const char *late = cut_ms > 0 ? ", and this machine was late" : "";
    return console_check(lost_ms >= network_ms && lost_ms <= network_ms + cut_ms,
                         "callrec reports %" PRIu64 " ms lost; the network lost %" PRIu64 " ms%s.", lost_ms, network_ms, late);
}

/* ---- the card number -------------------------------------------------------- */

/* The number of samples to search for, from the middle of each packet. */
enum { NEEDLE = 64 };

/* Returns whether the file contains the values: each has `width` bytes, and begins `stride`
 * bytes after the previous one. */
static bool contains(struct bytes file, const uint8_t *values, size_t width, size_t stride)
{
    for (size_t at = 0; at + (NEEDLE - 1) * stride + width <= file.size; at++) {
        size_t same = 0;
        while (same < NEEDLE && memcmp(file.at + at + same * stride, values + same * width, width) == 0)
            same++;
        if (same == NEEDLE)
            return true;
    }
    return false;
}

static bool holds_packet(struct bytes file, const struct conversation *conversation, int leg, int n)
{
    size_t from = (size_t)n * PACKET + (PACKET - NEEDLE) / 2;
    uint8_t pcm[2 * NEEDLE];
    for (size_t i = 0; i < NEEDLE; i++) {
        pcm[2 * i] = (uint8_t)conversation->pcm[leg][from + i];
        pcm[2 * i + 1] = (uint8_t)((uint16_t)conversation->pcm[leg][from + i] >> 8);
    }
    const uint8_t *ulaw = conversation->ulaw[leg] + from;
    return contains(file, pcm, 2, 2) || contains(file, pcm, 2, 4) || contains(file, ulaw, 1, 1) || contains(file, ulaw, 1, 2);
}

static bool is_loud(const int16_t *pcm)
{
    for (int i = 0; i < PACKET; i++)
        if (abs(pcm[i]) > 1000)
            return true;
    return false;
}

struct findings {
    int files, loud, digits; /* packets: audible ones of the card number, and those that were found */
    bool speech; /* Speech from before the pause was found, so the search works. */
};

static void search_file(const char *path, const struct conversation *conversation, struct findings *findings)
{
    struct bytes file = read_file(path);
    findings->files++;
    for (int n = CARD_FROM + 4; n < CARD_TO - 4; n++)
        if (is_loud(conversation->pcm[1] + n * PACKET)) {
            findings->loud++;
            findings->digits += holds_packet(file, conversation, 1, n);
        }
    findings->speech = findings->speech || holds_packet(file, conversation, 1, 200);
    free(file.at);
}

static void search_directory(const char *directory, const struct conversation *conversation, struct findings *findings)
{
    DIR *listing = opendir(directory);
    if (listing == NULL) {
        perror(directory);
        findings->digits++; /* A directory that cannot be read may contain the number. */
        return;
    }
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[4096];
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode))
            search_directory(path, conversation, findings);
        else
            search_file(path, conversation, findings);
    }
    closedir(listing);
}

bool check_card_number_is_absent(const char *directory, const struct conversation *conversation)
{
    struct findings findings = {0, 0, 0, false};
    search_directory(directory, conversation, &findings);
    bool is_absent = findings.digits == 0 && findings.loud > 0;
    bool works = console_check(findings.speech, "A search of the directory's %d files finds the speech from before the pause.", findings.files);
    return console_check(is_absent, "The same search finds none of the %d packets of the card number.", findings.files > 0 ? findings.loud / findings.files : 0)
           && works;
}
