/* The receiving thread passes each packet to the feed of its port. Handles of callrec are checked, so a packet that
 * arrives while its call ends does no harm. */
#define _POSIX_C_SOURCE 200809L
#include "rtp_ports.h"

#include "../portable.h"

#include <stdio.h>
#include <stdlib.h>

enum { PACKETS_AT_ONCE = 64, PORTS_OF_A_PAIR = 4 };

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_LEAVING };

struct slot {
    enum slot_state state;
    socket_handle sockets[2];
    rec_feed feeds[2];
    uint64_t freed; /* the number of the release */
};

struct rtp_ports {
    char address[64];
    uint16_t first;
    size_t count;
    struct slot *slots;
    uint64_t releases;
    bool is_changed, is_ending;
    lock_type lock; /* all members above */
    socket_handle wake;
    struct sockaddr_in wake_name;
    thread_handle thread;
    /* Of the receiving thread: what it waits for. Entry 0 is `wake`. */
    poll_entry *entries;
    rec_feed *feeds;
    size_t waiting;
};

static void wake(struct rtp_ports *ports)
{
    sendto(ports->wake, "", 1, 0, (const struct sockaddr *)&ports->wake_name, sizeof ports->wake_name);
}

/* Takes over what has changed. Only the receiving thread closes sockets, so that it never waits for one that is closed. */
static void renew_entries(struct rtp_ports *ports)
{
    ports->waiting = 1;
    for (size_t i = 0; i < ports->count; i++) {
        struct slot *slot = &ports->slots[i];
        if (slot->state == SLOT_LEAVING) {
            socket_close(slot->sockets[0]);
            socket_close(slot->sockets[1]);
            slot->state = SLOT_FREE;
            slot->freed = ++ports->releases;
        }
        for (int leg = 0; leg < 2 && slot->state == SLOT_TAKEN; leg++) {
            ports->entries[ports->waiting] = (poll_entry){.fd = slot->sockets[leg], .events = POLLIN};
            ports->feeds[ports->waiting++] = slot->feeds[leg];
        }
    }
    ports->is_changed = false;
}

static void receive(struct rtp_ports *ports, size_t entry)
{
    char packet[2048];
    for (int i = 0; i < PACKETS_AT_ONCE; i++) {
        int size = (int)recv(ports->entries[entry].fd, packet, sizeof packet, 0);
        if (size < 0)
            return;
        if (entry > 0)
            rec_feed_rtp(ports->feeds[entry], packet, (size_t)size);
    }
}

static thread_result THREAD_CALL receive_all(void *argument)
{
    struct rtp_ports *ports = argument;
    for (;;) {
        lock_take(&ports->lock);
        bool is_ending = ports->is_ending;
        if (ports->is_changed)
            renew_entries(ports);
        lock_release(&ports->lock);
        if (is_ending)
            return THREAD_END;
        if (socket_poll(ports->entries, ports->waiting, 1000) <= 0)
            continue;
        for (size_t entry = 0; entry < ports->waiting; entry++)
            if (ports->entries[entry].revents != 0)
                receive(ports, entry);
    }
}

static bool start(struct rtp_ports *ports)
{
    socklen_t size = sizeof ports->wake_name;
    ports->wake = udp_open("127.0.0.1", 0);
    if (ports->wake == NO_SOCKET)
        return false;
    ports->entries[0] = (poll_entry){.fd = ports->wake, .events = POLLIN};
    ports->waiting = 1;
    if (getsockname(ports->wake, (struct sockaddr *)&ports->wake_name, &size) == 0 && thread_start(&ports->thread, receive_all, ports))
        return true;
    socket_close(ports->wake);
    return false;
}

static void free_ports(struct rtp_ports *ports)
{
    free(ports->slots);
    free(ports->entries);
    free(ports->feeds);
    free(ports);
}

struct rtp_ports *rtp_ports_open(const char *address, uint16_t first, uint16_t last)
{
    struct rtp_ports *ports = calloc(1, sizeof *ports);
    if (ports == NULL)
        return NULL;
    lock_init(&ports->lock);
    snprintf(ports->address, sizeof ports->address, "%s", address);
    ports->first = (uint16_t)(first + first % 2);
    ports->count = last >= ports->first ? ((size_t)last - ports->first + 1) / PORTS_OF_A_PAIR : 0;
    ports->slots = calloc(ports->count + 1, sizeof *ports->slots);
    ports->entries = calloc(2 * ports->count + 1, sizeof *ports->entries);
    ports->feeds = calloc(2 * ports->count + 1, sizeof *ports->feeds);
    if (ports->slots != NULL && ports->entries != NULL && ports->feeds != NULL && start(ports))
        return ports;
    free_ports(ports);
    return NULL;
}

/* Binds both ports of a slot. Another program may have one of them. */
static bool bind_slot(struct rtp_ports *ports, size_t place)
{
    struct slot *slot = &ports->slots[place];
    uint16_t port = (uint16_t)(ports->first + PORTS_OF_A_PAIR * place);
    slot->sockets[0] = udp_open(ports->address, port);
    if (slot->sockets[0] == NO_SOCKET)
        return false;
    slot->sockets[1] = udp_open(ports->address, (uint16_t)(port + 2));
    if (slot->sockets[1] != NO_SOCKET)
        return true;
    socket_close(slot->sockets[0]);
    return false;
}

/* The free slot that was released first. */
static struct slot *longest_free(struct rtp_ports *ports)
{
    struct slot *found = NULL;
    for (size_t i = 0; i < ports->count; i++) {
        struct slot *slot = &ports->slots[i];
        if (slot->state == SLOT_FREE && (found == NULL || slot->freed < found->freed))
            found = slot;
    }
    return found;
}

bool rtp_ports_take(struct rtp_ports *ports, const rec_feed feeds[2], struct rtp_pair *pair)
{
    bool is_taken = false;
    *pair = (struct rtp_pair){0};
    lock_take(&ports->lock);
    for (size_t tries = 0; tries < ports->count && !is_taken; tries++) {
        struct slot *slot = longest_free(ports);
        if (slot == NULL)
            break;
        pair->place = (uint32_t)(slot - ports->slots);
        is_taken = bind_slot(ports, pair->place);
        slot->freed = ++ports->releases; /* a port of another program is tried last */
        if (!is_taken)
            continue;
        slot->state = SLOT_TAKEN;
        ports->is_changed = true;
        for (int leg = 0; leg < 2; leg++) {
            slot->feeds[leg] = feeds[leg];
            pair->port[leg] = (uint16_t)(ports->first + PORTS_OF_A_PAIR * pair->place + 2u * (unsigned)leg);
        }
    }
    lock_release(&ports->lock);
    if (is_taken)
        wake(ports);
    return is_taken;
}

void rtp_ports_release(struct rtp_ports *ports, struct rtp_pair *pair)
{
    if (pair->port[0] == 0)
        return;
    lock_take(&ports->lock);
    ports->slots[pair->place].state = SLOT_LEAVING;
    ports->is_changed = true;
    lock_release(&ports->lock);
    *pair = (struct rtp_pair){0};
    wake(ports);
}

void rtp_ports_close(struct rtp_ports *ports)
{
    if (ports == NULL)
        return;
    lock_take(&ports->lock);
    ports->is_ending = true;
    lock_release(&ports->lock);
    wake(ports);
    thread_join(ports->thread);
    for (size_t i = 0; i < ports->count; i++)
        for (int leg = 0; leg < 2 && ports->slots[i].state != SLOT_FREE; leg++)
            socket_close(ports->slots[i].sockets[leg]);
    socket_close(ports->wake);
    free_ports(ports);
}
