/* A telephony service that offers the HTTP APIs of Imagicle, Genesys and Vobiz. It has an
 * engine, a gateway and two calls. The conversation of both calls repeats until SIGINT or
 * SIGTERM.
 *
 *   gateway DIRECTORY PORT
 *
 * With PORT 0 the system chooses a free port. When the program is ready, it prints
 * "listening on http://127.0.0.1:<port>". README.md shows requests with curl. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include "conversation.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rec_error error = REC_INIT(rec_error);

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

/* The SDKs of Vobiz and Plivo require an account of 20 characters that begins with MA. */
#define ACCOUNT "MADEMO00000000000000"

struct user {
    int32_t scheme;
    const char *name, *secret;
    uint32_t level;
};

/* A real service looks its users up in its directory. The account's token also signs
 * callbacks to the account. */
static const struct user users[] = {
    {REC_AUTH_BASIC, "admin", "secret", REC_LEVEL_COMPLETE}, {REC_AUTH_BASIC, "user1", "secret", REC_LEVEL_BASE},
    {REC_AUTH_BASIC, "user2", "secret", REC_LEVEL_BASE},     {REC_AUTH_BASIC, ACCOUNT, "secret", REC_LEVEL_COMPLETE},
    {REC_AUTH_TOKEN, ACCOUNT, "secret", REC_LEVEL_COMPLETE}, {REC_AUTH_BEARER, ACCOUNT, "secret", REC_LEVEL_COMPLETE},
};

/* Takes the same time wherever the strings differ. Otherwise the time of a response would
 * reveal how much of a guessed secret is right. */
static int same_secret(const char *given, const char *known)
{
    size_t given_size = strlen(given), known_size = strlen(known);
    unsigned char differ = given_size != known_size;
    for (size_t i = 0; i < given_size; i++)
        differ |= (unsigned char)(given[i] ^ known[i % (known_size + 1)]);
    return !differ;
}

static rec_status authenticate(void *user_data, const rec_credentials *shown, rec_identity *identity)
{
    (void)user_data;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        const struct user *user = &users[i];
        int is_signature = shown->scheme == REC_AUTH_SIGNATURE && user->scheme == REC_AUTH_TOKEN;
        if (strcmp(shown->name, user->name) != 0 || (!is_signature && shown->scheme != user->scheme))
            continue;
        if (!is_signature && !same_secret(shown->secret, user->secret))
            return REC_ERR_UNAUTHENTICATED;
        identity->level = user->level;
        snprintf(identity->username, sizeof identity->username, "%s", user->name);
        if (is_signature)
            snprintf(identity->signature_key, sizeof identity->signature_key, "%s", user->secret);
        return REC_OK;
    }
    return REC_ERR_UNAUTHENTICATED;
}

static struct conversation conversation;
static rec_feed feeds[2][2];
static atomic_bool is_ending;

/* Feeds the same conversation to both calls, again and again: a packet every 20 ms. */
static void *speak(void *unused)
{
    (void)unused;
    uint64_t next = monotonic_ns();
    for (int packet = 0; !atomic_load(&is_ending); packet = (packet + 1) % PACKETS) {
        for (int call = 0; call < 2; call++)
            for (int leg = 0; leg < 2; leg++)
                rec_feed_write(feeds[call][leg], conversation.ulaw[leg] + packet * PACKET, PACKET);
        next += 20000000;
        sleep_until(next);
    }
    return NULL;
}

static void begin(rec_engine engine, const rec_call_info *info, rec_feed legs[2])
{
    rec_call call;
    rec_feed_format ulaw = REC_INIT(rec_feed_format);
    ulaw.codec = REC_CODEC_PCMU;
    must(rec_call_begin(engine, info, &call, &error), "rec_call_begin");
    for (int leg = 0; leg < 2; leg++)
        must(rec_feed_open(call, leg, &ulaw, &legs[leg], &error), "rec_feed_open");
}

static void begin_calls(rec_engine engine)
{
    rec_call_info first = REC_INIT(rec_call_info), second = REC_INIT(rec_call_info);
    first.call_id = "01RCC3N118B1V0SL8O7GK2LAES00000V";
    first.device_name = "SEP123456789ABC";
    first.directory_number = "101";
    first.username = "user1";
    first.numeric_user_id = "654321";
    first.remote_first_name = "John";
    first.remote_last_name = "Doe";
    first.remote_phone_number = "+1555123456";
    first.direction = REC_DIRECTION_INCOMING;
    begin(engine, &first, feeds[0]);
    second.call_id = "01RCC3N118B1V0SL8O7GK2LAES00000W";
    second.device_name = "SEP123456789DEF";
    second.directory_number = "102";
    second.username = "user2";
    second.remote_phone_number = "+1555123457";
    second.direction = REC_DIRECTION_OUTGOING;
    begin(engine, &second, feeds[1]);
}

static rec_engine open_engine(const char *directory)
{
    rec_config *config = NULL;
    rec_engine engine;
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", directory, &error), "storage.directory");
    must(rec_config_set(config, "gateway.apis", "imagicle,genesys,vobiz,plivo", &error), "gateway.apis");
    must(rec_config_set(config, "callbacks.allow", "http://127.0.0.1:*", &error), "callbacks.allow");
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    return engine;
}

static volatile sig_atomic_t is_signalled;

static void on_signal(int number)
{
    (void)number;
    is_signalled = 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s DIRECTORY PORT\n", argv[0]);
        return 2;
    }
    /* callrec's threads block all signals. */
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (!conversation_load(&conversation, CONVERSATION))
        return 1;

    rec_engine engine = open_engine(argv[1]);
    begin_calls(engine);
    pthread_t speaker;
    if (pthread_create(&speaker, NULL, speak, NULL) != 0)
        return 1;

    rec_gateway gateway;
    rec_gateway_options options = REC_INIT(rec_gateway_options);
    options.port = (uint32_t)strtoul(argv[2], NULL, 10);
    options.authenticate = authenticate;
    must(rec_gateway_start(engine, &options, &gateway, &error), "rec_gateway_start");
    uint32_t port = 0;
    must(rec_gateway_port(gateway, &port, &error), "rec_gateway_port");
    printf("listening on http://127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);

    while (!is_signalled)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    if (rec_gateway_stop(gateway, 5000, &error) != REC_OK) /* a request was aborted; recordings are not affected */
        fprintf(stderr, "rec_gateway_stop: %s\n", error.message);
    atomic_store(&is_ending, true);
    pthread_join(speaker, NULL);
    must(rec_close(engine, 10000, &error), "rec_close"); /* finishes the live recordings */
    return 0;
}
