/* The bridge's texts between UTF-8 and Windows: each that is too long is cut between two characters. */
#undef NDEBUG
#include "../../../examples-c/tapi/tapi_call.h" /* before windows.h */

#include <callrec.h>

#include "../check.h"

enum { UNITS = 16 };

/* The length of a text of `count` times a character, when it has become UTF-16 in a small space. */
static size_t wide_length(const char *character, size_t count)
{
    char text[1024] = "";
    WCHAR wide[UNITS + 1];
    wide[UNITS] = 0x55;
    for (size_t i = 0; i < count; i++)
        strcat(text, character);
    tapi_wide(text, wide, UNITS);
    CHECK(wide[UNITS] == 0x55 && wcslen(wide) < UNITS);
    return wcslen(wide);
}

int main(void)
{
    const char one[] = "a", two[] = "\xc3\xb6", four[] = "\xf0\x9f\x98\x80";
    CHECK(wide_length(one, 0) == 0 && wide_length(one, UNITS - 1) == UNITS - 1);
    CHECK(wide_length(one, UNITS) == UNITS - 1 && wide_length(one, 1000) == UNITS - 1);
    CHECK(wide_length(two, 7) == 7 && wide_length(four, 7) == 14);
    CHECK(wide_length(two, 400) == UNITS - 1);
    CHECK(wide_length(four, 200) == 14); /* a character of two units is whole, or not there */

    const WCHAR structure[] = {'x', 0xf6, 0xf6, 0xf6, 0};
    char narrow[6];
    tapi_text(structure, 0, 6, narrow, sizeof narrow);
    CHECK(strcmp(narrow, "") == 0); /* TAPI has no text at the beginning of a structure */
    tapi_text(structure, 2, 6, narrow, sizeof narrow);
    CHECK(strcmp(narrow, "\xc3\xb6\xc3\xb6") == 0);
    return check_summary("texts");
}
