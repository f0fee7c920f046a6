/* Directories, on POSIX systems and on Windows (MinGW-w64). Paths are UTF-8. */
#ifndef DIRECTORIES_H
#define DIRECTORIES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum entry_kind { ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_OTHER };

typedef void (*entry_visitor)(void *data, const char *path, const char *name, enum entry_kind kind);

#ifdef _WIN32

#include <windows.h>

/* With \\?\ a path may be long; it then has to be absolute, with \ only. */
static inline wchar_t *wide_path(const char *path, const char *below)
{
    wchar_t given[8192], *whole = malloc(9000 * sizeof *whole);
    char joined[8192];
    snprintf(joined, sizeof joined, "%s%s", path, below);
    MultiByteToWideChar(CP_UTF8, 0, joined, -1, given, 8192);
    wcscpy(whole, L"\\\\?\\");
    GetFullPathNameW(given, 8190, whole + 4, NULL);
    return whole;
}

static inline void make_directory(const char *path)
{
    wchar_t *wide = wide_path(path, "");
    CreateDirectoryW(wide, NULL);
    free(wide);
}

/* Visits the entries of a directory. Returns false if it cannot be read. */
static inline bool each_entry(const char *directory, entry_visitor visit, void *data)
{
    WIN32_FIND_DATAW found;
    wchar_t *pattern = wide_path(directory, "\\*");
    HANDLE listing = FindFirstFileW(pattern, &found);
    free(pattern);
    if (listing == INVALID_HANDLE_VALUE)
        return false;
    do {
        char name[1024], path[9300];
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s\\%s", directory, name);
        bool is_link = found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT, is_directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
        visit(data, path, name, is_link ? ENTRY_OTHER : is_directory ? ENTRY_DIRECTORY : ENTRY_FILE);
    } while (FindNextFileW(listing, &found));
    FindClose(listing);
    return true;
}

#else

#include <dirent.h>

static inline void make_directory(const char *path)
{
    mkdir(path, 0700);
}

/* Visits the entries of a directory. Returns false if it cannot be read. */
static inline bool each_entry(const char *directory, entry_visitor visit, void *data)
{
    DIR *listing = opendir(directory);
    if (listing == NULL)
        return false;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[8192];
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        bool is_known = lstat(path, &about) == 0;
        bool is_file = is_known && S_ISREG(about.st_mode), is_directory = is_known && S_ISDIR(about.st_mode);
        visit(data, path, entry->d_name, is_file ? ENTRY_FILE : is_directory ? ENTRY_DIRECTORY : ENTRY_OTHER);
    }
    closedir(listing);
    return true;
}

#endif

#endif
