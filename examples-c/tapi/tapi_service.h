/* The bridge on Windows: on the console, and as a service. */
#ifndef TAPI_SERVICE_H
#define TAPI_SERVICE_H

#include "bridge.h"

/* Follows the lines of TAPI until Ctrl+C, Ctrl+Break or the end of the session. Returns the exit status. */
int tapi_run_console(const struct bridge_config *config, notice_fn notice);

/* Carries out --install, --uninstall or --service. Returns the exit status, or -1 for another option. */
int tapi_service_option(const char *config_path, const char *option);

#endif
