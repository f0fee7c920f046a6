/* The service "callrec-bridge". Errors and warnings go to the event log, under the same name. */
#include "tapi_service.h"

#include "tapi_call.h"
#include "tapi_line.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVICE_NAME L"callrec-bridge"
#define EVENT_KEY L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\callrec-bridge"

enum { CLOSE_HINT_MS = 30000, EVENT_ID = 1, PATH_SIZE = 4096 };

/* Runs the bridge until the event `ending` is set. `on_running` is called when it runs. Returns an error of Windows, or 0. */
static DWORD run(const struct bridge_config *config, const struct bridge_output *output, HANDLE ending, void (*on_running)(void))
{
    char message[1024] = "";
    struct bridge *bridge = bridge_open(config, output, message, sizeof message);
    struct tapi_lines *lines = bridge != NULL ? tapi_lines_open(config, bridge, output, message, sizeof message) : NULL;
    if (lines == NULL) {
        output->notice(output->user_data, REC_LOG_ERROR, message);
        if (bridge != NULL)
            bridge_close(bridge);
        return ERROR_NOT_READY;
    }
    on_running();
    tapi_lines_run(lines, ending);
    tapi_lines_close(lines);
    return bridge_close(bridge) ? 0 : ERROR_TIMEOUT;
}

/* On the console. */

static HANDLE console_ending, console_ended;

/* The process lives until this function returns, so it waits for the recordings. */
static BOOL WINAPI on_console_event(DWORD kind)
{
    SetEvent(console_ending);
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT)
        WaitForSingleObject(console_ended, CLOSE_HINT_MS);
    return TRUE;
}

static void say_running(void)
{
    puts("running");
    fflush(stdout);
}

int tapi_run_console(const struct bridge_config *config, notice_fn notice)
{
    struct bridge_output output = {.notice = notice};
    console_ending = CreateEventW(NULL, TRUE, FALSE, NULL);
    console_ended = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(on_console_event, TRUE);
    DWORD status = run(config, &output, console_ending, say_running);
    SetEvent(console_ended);
    return status == 0 ? 0 : 1;
}

/* As a service. */

static char config_path[PATH_SIZE];
static SERVICE_STATUS_HANDLE status_handle;
static HANDLE service_ending, event_log;

static void set_status(DWORD state, DWORD exit_code, DWORD hint_ms)
{
    static DWORD checkpoint;
    SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = state, .dwWin32ExitCode = exit_code, .dwWaitHint = hint_ms};
    if (state == SERVICE_RUNNING)
        status.dwControlsAccepted = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN;
    if (state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING)
        status.dwCheckPoint = ++checkpoint;
    SetServiceStatus(status_handle, &status);
}

static void set_running(void) { set_status(SERVICE_RUNNING, 0, 0); }

/* The events of recordings (level 0) and information are not for the event log. */
static void write_event(void *user_data, int32_t level, const char *text)
{
    WCHAR wide[1024];
    const WCHAR *texts[] = {wide};
    (void)user_data;
    if (event_log == NULL || (level != REC_LOG_ERROR && level != REC_LOG_WARNING))
        return;
    tapi_wide(text, wide, sizeof wide / sizeof *wide);
    ReportEventW(event_log, level == REC_LOG_ERROR ? EVENTLOG_ERROR_TYPE : EVENTLOG_WARNING_TYPE, 0, EVENT_ID, NULL, 1, 0, texts, NULL);
}

static DWORD WINAPI on_control(DWORD control, DWORD kind, void *data, void *context)
{
    (void)kind, (void)data, (void)context;
    if (control == SERVICE_CONTROL_STOP || control == SERVICE_CONTROL_SHUTDOWN) {
        set_status(SERVICE_STOP_PENDING, 0, CLOSE_HINT_MS);
        SetEvent(service_ending);
        return NO_ERROR;
    }
    return control == SERVICE_CONTROL_INTERROGATE ? NO_ERROR : ERROR_CALL_NOT_IMPLEMENTED;
}

static DWORD run_service(void)
{
    struct bridge_config config;
    struct bridge_output output = {.notice = write_event};
    char message[1024];
    if (!bridge_config_read(&config, config_path, message, sizeof message)) {
        write_event(NULL, REC_LOG_ERROR, message);
        return ERROR_BAD_CONFIGURATION;
    }
    DWORD status = run(&config, &output, service_ending, set_running);
    bridge_config_free(&config);
    return status;
}

static void WINAPI service_main(DWORD count, WCHAR **arguments)
{
    (void)count, (void)arguments;
    status_handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, on_control, NULL);
    if (status_handle == NULL)
        return;
    service_ending = CreateEventW(NULL, TRUE, FALSE, NULL);
    event_log = RegisterEventSourceW(NULL, SERVICE_NAME);
    set_status(SERVICE_START_PENDING, 0, CLOSE_HINT_MS);
    DWORD exit_code = run_service();
    if (event_log != NULL)
        DeregisterEventSource(event_log);
    set_status(SERVICE_STOPPED, exit_code, 0);
}

/* The directory of the configuration becomes the current one, so that relative paths in it do not depend on the system. */
static int serve(void)
{
    char *name = strrchr(config_path, '\\');
    SERVICE_TABLE_ENTRYW services[] = {{SERVICE_NAME, service_main}, {NULL, NULL}};
    if (name != NULL) {
        *name = '\0';
        SetCurrentDirectoryA(config_path);
        *name = '\\';
    }
    if (StartServiceCtrlDispatcherW(services))
        return 0;
    fprintf(stderr, "the service is started by the system: sc start callrec-bridge (error %lu)\n", (unsigned long)GetLastError());
    return 1;
}

/* The event log shows messages by a program with texts. The system's own has "%1" for the numbers from 1 to 1000. */
static bool register_event_source(void)
{
    static const WCHAR file[] = L"%SystemRoot%\\System32\\EventCreate.exe";
    DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    HKEY key;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, EVENT_KEY, 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL) != ERROR_SUCCESS)
        return false;
    bool is_done = RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ, (const BYTE *)file, sizeof file) == ERROR_SUCCESS
        && RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types, sizeof types) == ERROR_SUCCESS;
    RegCloseKey(key);
    return is_done;
}

static bool create_service(SC_HANDLE manager)
{
    WCHAR program[PATH_SIZE], path[PATH_SIZE], command[2 * PATH_SIZE + 32];
    SERVICE_DESCRIPTIONW description = {L"Records the calls of telephone lines that TAPI controls."};
    GetModuleFileNameW(NULL, program, PATH_SIZE);
    MultiByteToWideChar(CP_ACP, 0, config_path, -1, path, PATH_SIZE);
    _snwprintf(command, sizeof command / sizeof *command, L"\"%ls\" \"%ls\" --service", program, path);
    SC_HANDLE service = CreateServiceW(manager, SERVICE_NAME, L"callrec TAPI bridge", SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                                       SERVICE_ERROR_NORMAL, command, NULL, NULL, L"TapiSrv\0", NULL, NULL);
    if (service == NULL)
        return false;
    ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &description);
    CloseServiceHandle(service);
    return true;
}

static bool delete_service(SC_HANDLE manager)
{
    SC_HANDLE service = OpenServiceW(manager, SERVICE_NAME, DELETE);
    bool is_done = service != NULL && DeleteService(service);
    if (service != NULL)
        CloseServiceHandle(service);
    if (is_done)
        RegDeleteKeyW(HKEY_LOCAL_MACHINE, EVENT_KEY);
    return is_done;
}

static int change_services(bool is_install)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | (is_install ? SC_MANAGER_CREATE_SERVICE : 0));
    bool is_done = manager != NULL && (is_install ? create_service(manager) && register_event_source() : delete_service(manager));
    DWORD error = GetLastError();
    if (manager != NULL)
        CloseServiceHandle(manager);
    if (is_done)
        printf("the service callrec-bridge is %s\n", is_install ? "installed" : "removed");
    else
        fprintf(stderr, "the service cannot be %s: error %lu\n", is_install ? "installed" : "removed", (unsigned long)error);
    return is_done ? 0 : 1;
}

int tapi_service_option(const char *path, const char *option)
{
    if (GetFullPathNameA(path, PATH_SIZE, config_path, NULL) == 0)
        return 1;
    if (strcmp(option, "--service") == 0)
        return serve();
    if (strcmp(option, "--install") == 0)
        return change_services(true);
    if (strcmp(option, "--uninstall") == 0)
        return change_services(false);
    return -1;
}
