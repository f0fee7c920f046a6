/* Loads callrec.dll, closes an engine without waiting for its threads, and unloads the library.
 *
 *   unload DIRECTORY */
#undef NDEBUG
#include <callrec.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

static HMODULE library;

static void find(const char *name, void *function)
{
    FARPROC found = GetProcAddress(library, name);
    assert(found != NULL);
    memcpy(function, &found, sizeof found);
}

int main(int argc, char **argv)
{
    rec_status (*config_new)(rec_config **);
    rec_status (*config_set)(rec_config *, const char *, const char *, rec_error *);
    rec_status (*open)(const rec_config *, rec_engine *, rec_error *);
    rec_status (*close)(rec_engine, uint32_t, rec_error *);
    rec_status (*call_begin)(rec_engine, const rec_call_info *, rec_call *, rec_error *);
    rec_status (*start)(rec_engine, const rec_caller *, const rec_start_options *, rec_id *, rec_error *);
    assert(argc == 2);
    library = LoadLibraryW(L"callrec.dll");
    assert(library != NULL);
    find("rec_config_new", &config_new);
    find("rec_config_set", &config_set);
    find("rec_open", &open);
    find("rec_close", &close);
    find("rec_call_begin", &call_begin);
    find("rec_start", &start);
    /* A library that was never used goes. */
    FreeLibrary(library);
    assert(GetModuleHandleW(L"callrec.dll") == NULL);
    library = LoadLibraryW(L"callrec.dll");
    find("rec_config_new", &config_new);
    find("rec_config_set", &config_set);
    find("rec_open", &open);
    find("rec_close", &close);
    find("rec_call_begin", &call_begin);
    find("rec_start", &start);

    rec_error error = REC_INIT(rec_error);
    rec_config *config = NULL;
    rec_engine engine;
    rec_call call;
    rec_id id;
    rec_call_info info = REC_INIT(rec_call_info);
    rec_start_options options = REC_INIT(rec_start_options);
    info.call_id = options.call_id = "unload";
    assert(config_new(&config) == REC_OK);
    assert(config_set(config, "storage.directory", argv[1], &error) == REC_OK);
    assert(open(config, &engine, &error) == REC_OK);
    assert(call_begin(engine, &info, &call, &error) == REC_OK);
    assert(start(engine, NULL, &options, &id, &error) == REC_OK);
    rec_status closed = close(engine, 0, &error);
    assert(closed == REC_ERR_TIMEOUT || closed == REC_OK);
    FreeLibrary(library);
    assert(GetModuleHandleW(L"callrec.dll") == library);
    /* Its threads finish the recording meanwhile. */
    Sleep(500);
    printf("still loaded; rec_close: %d\n", closed);
    return 0;
}
