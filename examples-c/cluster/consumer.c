/*
 * Receives the ends of all recordings of a cluster from Redis, and acts on each exactly once.
 *
 *     consumer HOST PORT NAMESPACE GROUP CONSUMER LEDGER
 *
 * "Acting" is one line in the file LEDGER: the event, the recording's id and its node. The line is on
 * disk before the entry is acknowledged. A consumer that was killed in between is given the entry
 * again, finds the id in its ledger, and only acknowledges it. callrec appends each end until all
 * groups have acknowledged it, so none is missed. An entry that somebody else has added to the stream is
 * acknowledged and skipped, with a message on standard error. The password, if any, is in REDISCLI_AUTH.
 *
 * It needs POSIX sockets, and no library.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIELDS_MAX = 16 };

/* The texts of a response, in the order in which they come. */
struct reply {
    char *texts[FIELDS_MAX];
    int count;
    int is_error;
};

static FILE *from_redis, *to_redis;

static void fail(const char *why)
{
    fprintf(stderr, "consumer: %s\n", why);
    exit(1);
}

static void connect_to(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail("the host is not known");
    int descriptor = -1;
    for (struct addrinfo *one = found; one != NULL && descriptor < 0; one = one->ai_next) {
        descriptor = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (descriptor >= 0 && connect(descriptor, one->ai_addr, one->ai_addrlen) != 0) {
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(found);
    if (descriptor < 0)
        fail("Redis cannot be reached");
    from_redis = fdopen(descriptor, "r");
    to_redis = fdopen(dup(descriptor), "w");
    if (from_redis == NULL || to_redis == NULL)
        fail("no memory");
}

/* A response: a text, a number, or an array of them, which is read element by element. */
static void read_reply(struct reply *reply)
{
    char line[512];
    if (fgets(line, sizeof line, from_redis) == NULL)
        fail("Redis has closed the connection");
    line[strcspn(line, "\r\n")] = '\0';
    long size = strtol(line + 1, NULL, 10);
    if (line[0] == '*') {
        for (long i = 0; i < size; ++i)
            read_reply(reply);
    } else if (line[0] == '-') {
        reply->is_error = 1;
        /* A group that exists already is what is wanted. */
        if (strncmp(line, "-BUSYGROUP", 10) != 0)
            fail(line + 1);
    } else if (line[0] == '$' && size >= 0) {
        char *text = calloc((size_t)size + 3, 1);
        if (text == NULL || fread(text, 1, (size_t)size + 2, from_redis) != (size_t)size + 2)
            fail("Redis has closed the connection");
        text[size] = '\0';
        if (reply->count < FIELDS_MAX)
            reply->texts[reply->count++] = text;
        else
            free(text);
    }
}

static void command(struct reply *reply, int count, const char *const words[])
{
    fprintf(to_redis, "*%d\r\n", count);
    for (int i = 0; i < count; ++i)
        fprintf(to_redis, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    fflush(to_redis);
    memset(reply, 0, sizeof *reply);
    read_reply(reply);
}

#define COMMAND(reply, ...) \
    command(reply, (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)), (const char *const[]){ __VA_ARGS__ })

static void free_reply(struct reply *reply)
{
    for (int i = 0; i < reply->count; ++i)
        free(reply->texts[i]);
}

/* The value of a field of the entry in a response to XREADGROUP. NULL: the entry has no such field. */
static const char *field(const struct reply *reply, const char *name)
{
    /* The stream and the entry's id come first. */
    for (int i = 2; i + 1 < reply->count; i += 2)
        if (strcmp(reply->texts[i], name) == 0)
            return reply->texts[i + 1];
    return NULL;
}

/* The ids that were acted on. A real consumer looks into its database. */
static char **known;
static size_t known_count;

static int is_known(const char *id)
{
    for (size_t i = 0; i < known_count; ++i)
        if (strcmp(known[i], id) == 0)
            return 1;
    return 0;
}

static void know(const char *id)
{
    known = realloc(known, (known_count + 1) * sizeof *known);
    if (known == NULL || (known[known_count++] = strdup(id)) == NULL)
        fail("no memory");
}

static FILE *open_ledger(const char *path)
{
    FILE *ledger = fopen(path, "a+");
    if (ledger == NULL)
        fail("the ledger cannot be opened");
    char line[512], id[128];
    long whole = 0;
    rewind(ledger);
    while (fgets(line, sizeof line, ledger) != NULL && strchr(line, '\n') != NULL) {
        whole = ftell(ledger);
        if (sscanf(line, "%*s %127s", id) == 1)
            know(id);
    }
    /* A kill may have cut the last line. */
    if (ftruncate(fileno(ledger), whole) != 0)
        fail("the ledger cannot be written");
    return ledger;
}

static void act(FILE *ledger, const char *event, const char *id, const char *node)
{
    if (is_known(id))
        return;
    if (fprintf(ledger, "%s %s %s\n", event, id, node) < 0 || fflush(ledger) != 0 || fsync(fileno(ledger)) != 0)
        fail("the ledger cannot be written");
    know(id);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: consumer HOST PORT NAMESPACE GROUP CONSUMER LEDGER\n");
        return 2;
    }
    const char *group = argv[4], *name = argv[5];
    char stream[128];
    snprintf(stream, sizeof stream, "{%s}:events", argv[3]);
    FILE *ledger = open_ledger(argv[6]);
    connect_to(argv[1], argv[2]);
    struct reply reply;
    if (getenv("REDISCLI_AUTH") != NULL)
        COMMAND(&reply, "AUTH", getenv("REDISCLI_AUTH"));
    COMMAND(&reply, "XGROUP", "CREATE", stream, group, "0", "MKSTREAM");
    /* First what this consumer was given before and has not acknowledged, then what is new. */
    char after[64] = "0";
    for (;;) {
        COMMAND(&reply, "XREADGROUP", "GROUP", group, name, "COUNT", "1", "BLOCK", "1000", "STREAMS", stream, after);
        /* The stream, the entry, and at least one field with its value. */
        if (reply.count >= 4) {
            const char *entry = reply.texts[1];
            const char *event = field(&reply, "event"), *id = field(&reply, "id"), *node = field(&reply, "node");
            /* A lost node has no recording's id. */
            if (event != NULL && id != NULL && node != NULL)
                act(ledger, event, id[0] != '\0' ? id : entry, node);
            else
                fprintf(stderr, "consumer: skipping entry %s, which is not callrec's\n", entry);
            struct reply acknowledged;
            COMMAND(&acknowledged, "XACK", stream, group, entry);
            free_reply(&acknowledged);
            if (strcmp(after, ">") != 0)
                snprintf(after, sizeof after, "%s", entry);
        } else if (reply.count >= 2 && strcmp(after, ">") != 0) {
            /* An entry that was given before and has left the stream since. callrec appends that end again,
             * so it is not acknowledged. */
            snprintf(after, sizeof after, "%s", reply.texts[1]);
        } else {
            strcpy(after, ">");
        }
        free_reply(&reply);
    }
}
