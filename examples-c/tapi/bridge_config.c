/* Sections in brackets, "key = value", comments after "#" or ";" at the beginning of a line. */
#define _POSIX_C_SOURCE 200809L
#include "bridge_config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define DEFAULT_PIPE "\\\\.\\pipe\\callrec-bridge"
#else
#define DEFAULT_PIPE "/tmp/callrec-bridge"
#endif

static char *trim(char *text)
{
    size_t size;
    while (isspace((unsigned char)*text))
        text++;
    for (size = strlen(text); size > 0 && isspace((unsigned char)text[size - 1]);)
        text[--size] = '\0';
    return text;
}

static bool copy(char into[TEXT_SIZE], const char *text)
{
    return (size_t)snprintf(into, TEXT_SIZE, "%s", text) < TEXT_SIZE;
}

static bool read_number(const char *text, unsigned long most, unsigned long *number)
{
    char *end;
    *number = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && *number <= most;
}

static bool read_ms(const char *text, uint32_t *ms)
{
    unsigned long number;
    if (!read_number(text, 3600000, &number))
        return false;
    *ms = (uint32_t)number;
    return true;
}

/* The place of a value in a list that ends with NULL, or -1. */
static int choice(const char *value, const char *const *choices)
{
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(value, choices[i]) == 0)
            return i;
    return -1;
}

static bool read_patterns(struct bridge_config *config, char *value)
{
    config->line_count = 0;
    for (char *word = strtok(value, ", \t"); word != NULL; word = strtok(NULL, ", \t"))
        if (config->line_count == MAX_PATTERNS || !copy(config->lines[config->line_count++], word))
            return false;
    return config->line_count > 0;
}

/* "20000-20999" */
static bool read_range(struct bridge_config *config, char *value)
{
    unsigned long first, last;
    char *dash = strchr(value, '-');
    if (dash == NULL)
        return false;
    *dash = '\0';
    if (!read_number(trim(value), 65535, &first) || !read_number(trim(dash + 1), 65535, &last) || first == 0 || last < first + 3)
        return false;
    config->rtp_first = (uint16_t)first;
    config->rtp_last = (uint16_t)last;
    return true;
}

static bool set_bridge_key(struct bridge_config *config, const char *key, char *value)
{
    static const char *const modes[] = {"follow", "automatic", "manual", NULL}, *const forks[] = {"none", "cisco", NULL}, *const answers[] = {"no", "yes", NULL};
    int place;
    if (strcmp(key, "lines") == 0)
        return read_patterns(config, value);
    if (strcmp(key, "mode") == 0) {
        config->mode = (enum record_mode)(place = choice(value, modes));
        return place >= 0;
    }
    if (strcmp(key, "fork") == 0) {
        config->asks_for_forks = (place = choice(value, forks)) == 1;
        return place >= 0;
    }
    if (strcmp(key, "follow_transfers") == 0) {
        config->follows_transfers = (place = choice(value, answers)) == 1;
        return place >= 0;
    }
    if (strcmp(key, "restart_ms") == 0)
        return read_ms(value, &config->restart_ms);
    if (strcmp(key, "transfer_ms") == 0)
        return read_ms(value, &config->transfer_ms);
    if (strcmp(key, "rtp_address") == 0)
        return copy(config->rtp_address, value);
    if (strcmp(key, "rtp_ports") == 0)
        return read_range(config, value);
    if (strcmp(key, "pipe") == 0)
        return copy(config->pipe, value);
    return false;
}

/* "NAME PASSWORD LEVEL" */
static bool add_user(struct bridge_config *config, char *value)
{
    unsigned long level;
    const char *name = strtok(value, " \t"), *password = strtok(NULL, " \t"), *text = strtok(NULL, " \t");
    if (config->user_count == MAX_USERS || text == NULL || strtok(NULL, " \t") != NULL || !read_number(text, REC_LEVEL_COMPLETE, &level))
        return false;
    struct bridge_user *user = &config->users[config->user_count++];
    user->level = (uint32_t)level;
    return copy(user->name, name) && copy(user->password, password);
}

static bool set_gateway_key(struct bridge_config *config, const char *key, char *value)
{
    unsigned long port;
    config->has_gateway = true;
    if (strcmp(key, "address") == 0)
        return copy(config->gateway_address, value);
    if (strcmp(key, "user") == 0)
        return add_user(config, value);
    if (strcmp(key, "port") != 0 || !read_number(value, 65535, &port))
        return false;
    config->gateway_port = (uint16_t)port;
    return true;
}

/* Takes one line. Returns false with a message of its own, or with none. */
static bool take_line(struct bridge_config *config, char *text, char section[TEXT_SIZE], rec_error *error)
{
    if (*text == '\0' || *text == '#' || *text == ';')
        return true;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || end[1] != '\0')
            return false;
        *end = '\0';
        return copy(section, trim(text + 1));
    }
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return false;
    *equals = '\0';
    const char *key = trim(text);
    char *value = trim(equals + 1);
    if (strcmp(section, "bridge") == 0)
        return set_bridge_key(config, key, value);
    if (strcmp(section, "gateway") == 0)
        return set_gateway_key(config, key, value);
    return strcmp(section, "callrec") == 0 && rec_config_set(config->callrec, key, value, error) == REC_OK;
}

/* Reads a line, without the mark with which some editors begin a file in UTF-8. Returns false at the end. */
static bool read_line(FILE *file, char *text, int size, unsigned *number, bool *is_whole)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (fgets(text, size, file) == NULL)
        return false;
    *is_whole = strlen(text) + 1 < (size_t)size || strchr(text, '\n') != NULL;
    if (++*number == 1 && strncmp(text, mark, strlen(mark)) == 0)
        memmove(text, text + strlen(mark), strlen(text + strlen(mark)) + 1);
    return true;
}

static void set_defaults(struct bridge_config *config)
{
    memset(config, 0, sizeof *config);
    copy(config->lines[0], "*");
    config->line_count = 1;
    config->follows_transfers = true;
    config->restart_ms = 5000;
    config->transfer_ms = 2000;
    copy(config->rtp_address, "0.0.0.0");
    config->rtp_first = 20000;
    config->rtp_last = 23999;
    copy(config->pipe, DEFAULT_PIPE);
    copy(config->gateway_address, "127.0.0.1");
}

bool bridge_config_read(struct bridge_config *config, const char *path, char *message, size_t size)
{
    char text[1024], section[TEXT_SIZE] = "bridge";
    rec_error error = REC_INIT(rec_error);
    unsigned number = 0;
    bool is_right = true, is_whole = true;
    set_defaults(config);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(message, size, "%s cannot be read", path);
        return false;
    }
    if (rec_config_new(&config->callrec) != REC_OK) {
        snprintf(message, size, "there is no memory");
        fclose(file);
        return false;
    }
    while (is_right && read_line(file, text, sizeof text, &number, &is_whole))
        is_right = is_whole && take_line(config, trim(text), section, &error);
    fclose(file);
    const char *reason = !is_whole ? "the line is too long" : error.message[0] != '\0' ? error.message : "an unknown key, or a wrong value";
    if (!is_right)
        snprintf(message, size, "%s, line %u: %s", path, number, reason);
    if (!is_right)
        bridge_config_free(config);
    return is_right;
}

void bridge_config_free(struct bridge_config *config)
{
    rec_config_free(config->callrec);
    config->callrec = NULL;
}

/* "*" stands for any text, and "?" for one character. */
static bool matches(const char *pattern, const char *text)
{
    if (*pattern == '*')
        return matches(pattern + 1, text) || (*text != '\0' && matches(pattern, text + 1));
    if (*text == '\0')
        return *pattern == '\0';
    return (*pattern == '?' || *pattern == *text) && matches(pattern + 1, text + 1);
}

bool bridge_config_opens(const struct bridge_config *config, const char *device, const char *number)
{
    for (size_t i = 0; i < config->line_count; i++)
        if (matches(config->lines[i], device) || matches(config->lines[i], number))
            return true;
    return false;
}
