#define _POSIX_C_SOURCE 200809L
#include "conversation.h"

#include "portable.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_near(int n, int place)
{
    return n >= place - 4 && n <= place + 4;
}

static bool has_no_faults(int n)
{
    return is_near(n, 0) || is_near(n, CARD_FROM) || is_near(n, CARD_TO) || is_near(n, PACKETS);
}

bool packet_is_lost(int n)
{
    return n % 50 == 25 && !has_no_faults(n);
}

bool packet_is_swapped(int n)
{
    return n % 37 == 18 && !has_no_faults(n) && !has_no_faults(n + 1) && !packet_is_lost(n) && !packet_is_lost(n + 1);
}

/* Each packet is 0 to 15 ms late. */
static uint64_t jitter_ns(int leg, int n)
{
    return has_no_faults(n) ? 0 : (uint64_t)((n * 7 + leg * 11) % 16) * 1000000;
}

uint64_t expected_lost_ms(void)
{
    uint64_t packets = 0;
    for (int n = 0; n < PACKETS; n++)
        if (packet_is_lost(n) && (n < CARD_FROM || n >= CARD_TO))
            packets += 2; /* one packet of each party */
    return packets * 20;
}

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t due_ns(const struct conversation *conversation, int n)
{
    return conversation->began_ns + (uint64_t)n * 20000000;
}

uint64_t late_ns(const struct conversation *conversation, int n)
{
    uint64_t now = monotonic_ns(), due = due_ns(conversation, n);
    return now > due ? now - due : 0;
}

int16_t decode_ulaw(uint8_t byte)
{
    int code = ~byte & 0xff, magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    return (int16_t)(code & 0x80 ? -magnitude : magnitude);
}

bool conversation_load(struct conversation *conversation, const char *directory)
{
    static const char *const names[2] = {"local.ulaw", "remote.ulaw"};
    for (int leg = 0; leg < 2; leg++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, names[leg]);
        FILE *file = fopen(path, "rb");
        if (file == NULL) {
            perror(path);
            return false;
        }
        size_t size = fread(conversation->ulaw[leg], 1, sizeof conversation->ulaw[leg], file);
        fclose(file);
        if (size != sizeof conversation->ulaw[leg]) {
            fprintf(stderr, "%s: %zu bytes instead of %zu\n", path, size, sizeof conversation->ulaw[leg]);
            return false;
        }
        for (size_t i = 0; i < size; i++)
            conversation->pcm[leg][i] = decode_ulaw(conversation->ulaw[leg][i]);
    }
    return true;
}

void sleep_until(uint64_t ns)
{
    for (uint64_t now; (now = monotonic_ns()) < ns;) {
        struct timespec left = {.tv_sec = (time_t)((ns - now) / 1000000000), .tv_nsec = (long)((ns - now) % 1000000000)};
        nanosleep(&left, NULL);
    }
}

static void send_packet(const struct conversation *conversation, socket_handle to, int leg, int n)
{
    uint8_t packet[12 + PACKET] = {0x80, 0 /* payload type 0: PCMU */};
    uint32_t sequence = 1000 + (uint32_t)n, timestamp = 160000 + (uint32_t)n * PACKET;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
    packet[11] = (uint8_t)(leg + 1); /* SSRC */
    memcpy(packet + 12, conversation->ulaw[leg] + n * PACKET, PACKET);
    if (send(to, (const void *)packet, sizeof packet, 0) != (int)sizeof packet)
        perror("send");
}

void *conversation_send(void *argument)
{
    const struct conversation *conversation = argument;
    socket_handle to[2];
    for (int leg = 0; leg < 2; leg++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conversation->port[leg])};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to[leg] = socket(AF_INET, SOCK_DGRAM, 0);
        if (to[leg] == NO_SOCKET || connect(to[leg], (struct sockaddr *)&address, sizeof address) != 0)
            perror("connect");
    }
    for (int n = 0; n < PACKETS; n++) {
        int first = jitter_ns(0, n) <= jitter_ns(1, n) ? 0 : 1; /* the leg whose packet is due first */
        for (int turn = 0; turn < 2; turn++) {
            int leg = turn == 0 ? first : 1 - first;
            sleep_until(due_ns(conversation, n) + jitter_ns(leg, n));
            if (!packet_is_lost(n) && !packet_is_swapped(n))
                send_packet(conversation, to[leg], leg, n);
            if (n > 0 && packet_is_swapped(n - 1))
                send_packet(conversation, to[leg], leg, n - 1);
        }
    }
    socket_close(to[0]);
    socket_close(to[1]);
    return NULL;
}
