/* The configuration file of the bridge. docs/tapi.md lists its keys. */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include "call_logic.h"

#include <callrec.h>

enum { MAX_PATTERNS = 64, MAX_USERS = 32, TEXT_SIZE = 256 };

struct bridge_user {
    char name[TEXT_SIZE], password[TEXT_SIZE];
    uint32_t level; /* REC_LEVEL_… */
};

struct bridge_config {
    char lines[MAX_PATTERNS][TEXT_SIZE]; /* patterns of device names or directory numbers, with "*" and "?" */
    size_t line_count;
    enum record_mode mode;
    bool asks_for_forks; /* fork = cisco */
    bool follows_transfers;
    uint32_t restart_ms, transfer_ms;
    char rtp_address[TEXT_SIZE];
    uint16_t rtp_first, rtp_last;
    char pipe[TEXT_SIZE];
    bool has_gateway;
    char gateway_address[TEXT_SIZE];
    uint16_t gateway_port;
    struct bridge_user users[MAX_USERS];
    size_t user_count;
    rec_config *callrec; /* the keys of the section [callrec] */
};

/* Reads a file. On failure, writes a message that names the line. */
bool bridge_config_read(struct bridge_config *config, const char *path, char *message, size_t size);

void bridge_config_free(struct bridge_config *config);

/* Whether a pattern of `lines` covers the line. */
bool bridge_config_opens(const struct bridge_config *config, const char *device, const char *number);

#endif
