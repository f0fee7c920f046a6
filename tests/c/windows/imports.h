/* Puts a function in the place of one that a loaded DLL imports. */
#ifndef IMPORTS_H
#define IMPORTS_H

#include <windows.h>

#include <stdbool.h>
#include <string.h>

/* Replaces the function `name` for the calls of `module` alone. Returns false if the module does not import it. */
static inline bool replace_import(HMODULE module, const char *name, ULONG_PTR replacement)
{
    char *base = (char *)module;
    const IMAGE_NT_HEADERS *headers = (const void *)(base + ((const IMAGE_DOS_HEADER *)base)->e_lfanew);
    const IMAGE_DATA_DIRECTORY *place = &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    const IMAGE_IMPORT_DESCRIPTOR *library = (const void *)(base + place->VirtualAddress);
    for (; library->Name != 0; library++) {
        const IMAGE_THUNK_DATA *names = (const void *)(base + library->OriginalFirstThunk);
        IMAGE_THUNK_DATA *functions = (void *)(base + library->FirstThunk);
        for (; names->u1.AddressOfData != 0; names++, functions++) {
            DWORD before;
            if (IMAGE_SNAP_BY_ORDINAL(names->u1.Ordinal))
                continue;
            const IMAGE_IMPORT_BY_NAME *imported = (const void *)(base + names->u1.AddressOfData);
            if (strcmp((const char *)imported->Name, name) != 0)
                continue;
            if (!VirtualProtect(functions, sizeof *functions, PAGE_READWRITE, &before))
                return false;
            functions->u1.Function = replacement;
            return VirtualProtect(functions, sizeof *functions, before, &before) != 0;
        }
    }
    return false;
}

#endif
