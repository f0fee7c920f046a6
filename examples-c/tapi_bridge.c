/* A bridge between a telephone system that TAPI 2.2 controls, such as Cisco's, and callrec: it follows the calls of the
 * lines, records them, and receives the copies of their audio that the devices send. docs/tapi.md describes it.
 *
 *   tapi_bridge CONFIG                  Windows: follows the lines of TAPI until Ctrl+C
 *   tapi_bridge CONFIG --script FILE    any system: follows a script of messages; "-" is stdin (tapi/script_line.h)
 *   tapi_bridge CONFIG --send COMMAND   sends a command to a running bridge, and prints the answer
 *   tapi_bridge CONFIG --install        Windows: installs the bridge as a service; --uninstall removes it */
#define _POSIX_C_SOURCE 200809L
#include "tapi/bridge.h"
#include "tapi/control_pipe.h"
#include "tapi/script_line.h"

#ifdef _WIN32
#include "tapi/tapi_service.h"
#endif

#include <stdio.h>
#include <string.h>

static void print(void *user_data, int32_t level, const char *text)
{
    (void)user_data;
    fprintf(stderr, "%s%s\n", level == REC_LOG_ERROR ? "error: " : level == REC_LOG_WARNING ? "warning: " : "", text);
    fflush(stderr);
}

static int run_script(const struct bridge_config *config, const char *path)
{
    char message[1024];
    struct bridge_output output = {.notice = print};
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *script = is_stdin ? stdin : fopen(path, "r");
    if (script == NULL) {
        perror(path);
        return 1;
    }
    struct bridge *bridge = bridge_open(config, &output, message, sizeof message);
    if (bridge == NULL) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    bool is_right = script_run(bridge, config, script, !is_stdin);
    return bridge_close(bridge) && is_right ? 0 : 1;
}

static int send_command(const struct bridge_config *config, const char *command)
{
    static char answer[ANSWER_SIZE];
    if (!control_pipe_send(config->pipe, command, answer, sizeof answer)) {
        fprintf(stderr, "no bridge answers at %s\n", config->pipe);
        return 1;
    }
    puts(answer);
    return strncmp(answer, "ok", 2) == 0 ? 0 : 1;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s CONFIG [--script FILE | --send COMMAND | --install | --uninstall]\n", program);
    return 2;
}

int main(int argc, char **argv)
{
    struct bridge_config config;
    char message[1024];
    int status;
    if (argc < 2 || argc > 4)
        return usage(argv[0]);
#ifdef _WIN32
    if (argc == 3 && (status = tapi_service_option(argv[1], argv[2])) >= 0)
        return status;
#endif
    if (!bridge_config_read(&config, argv[1], message, sizeof message)) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    if (argc == 4 && strcmp(argv[2], "--script") == 0)
        status = run_script(&config, argv[3]);
    else if (argc == 4 && strcmp(argv[2], "--send") == 0)
        status = send_command(&config, argv[3]);
#ifdef _WIN32
    else if (argc == 2)
        status = tapi_run_console(&config, print);
#endif
    else
        status = usage(argv[0]);
    bridge_config_free(&config);
    return status;
}
