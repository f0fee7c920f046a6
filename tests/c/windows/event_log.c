/* The event log, in place of that of Windows, for the program that this file is linked into: the pointers through which
 * the program calls it.
 *
 *   event_log.txt   in the current directory: gets a line for each source that is opened, with what the registry has of
 *                   it, and for each event: its type, its number and its text */
#include <windows.h>

#include <stdio.h>

static char source[256];

static void write_line(const char *first, unsigned long number, const WCHAR *text)
{
    char narrow[8192] = "";
    FILE *log = fopen("event_log.txt", "a");
    if (log == NULL)
        return;
    WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, sizeof narrow, NULL, NULL);
    fprintf(log, "%s %lu %s\n", first, number, narrow);
    fclose(log);
}

static HANDLE WINAPI open_source(LPCWSTR server, LPCWSTR name)
{
    WCHAR key[512], file[512] = L"";
    DWORD types = 0, file_size = sizeof file, types_size = sizeof types;
    (void)server;
    WideCharToMultiByte(CP_UTF8, 0, name, -1, source, sizeof source, NULL, NULL);
    _snwprintf(key, sizeof key / sizeof *key, L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\%ls", name);
    RegGetValueW(HKEY_LOCAL_MACHINE, key, L"EventMessageFile", RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND, NULL, file, &file_size);
    RegGetValueW(HKEY_LOCAL_MACHINE, key, L"TypesSupported", RRF_RT_REG_DWORD, NULL, &types, &types_size);
    write_line(source, types, file);
    return (HANDLE)source;
}

static BOOL WINAPI close_source(HANDLE log) { return log == (HANDLE)source; }

static BOOL WINAPI report_event(HANDLE log, WORD type, WORD category, DWORD id, PSID user, WORD count, DWORD size, LPCWSTR *texts, LPVOID data)
{
    (void)category, (void)user, (void)data;
    if (log != (HANDLE)source || count != 1 || size != 0)
        return FALSE;
    write_line(type == EVENTLOG_ERROR_TYPE ? "error" : type == EVENTLOG_WARNING_TYPE ? "warning" : "information", id, texts[0]);
    return TRUE;
}

HANDLE(WINAPI *__imp_RegisterEventSourceW)(LPCWSTR, LPCWSTR) = open_source;
BOOL(WINAPI *__imp_DeregisterEventSource)(HANDLE) = close_source;
BOOL(WINAPI *__imp_ReportEventW)(HANDLE, WORD, WORD, DWORD, PSID, WORD, DWORD, LPCWSTR *, LPVOID) = report_event;
