/* Which variables reach a stage; see environment.h. */
#include "environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* A sanitized build's hosts must die by the signal that their plugin earned, and not turn it into an exit status. */
#if defined(__SANITIZE_ADDRESS__)
static char sanitizer_options[4096];

static void make_sanitizer_options(void) {
    const char *own = getenv("ASAN_OPTIONS");
    static const char added[] = "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";
    size_t size = own ? strlen(own) : 0;
    strcpy(sanitizer_options, "ASAN_OPTIONS=");
    strcat(sanitizer_options, added);
    if (size && size < sizeof sanitizer_options - sizeof added - 32) {
        strcat(sanitizer_options, ":");
        strcat(sanitizer_options, own);
    }
}
#endif

static bool has_name(const char *entry, const char *name) {
    size_t size = strlen(name);
    return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

static bool is_passed(const char *entry, const char *const *names, uint32_t name_count) {
    static const char *const always[] = {
        "PATH", "HOME", "LANG", "TZ", "TMPDIR",
#if defined(__SANITIZE_ADDRESS__)
        "UBSAN_OPTIONS", "LSAN_OPTIONS",
#endif
    };
    if (strncmp(entry, "SLUICE_", 7) == 0) return true;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (has_name(entry, always[i])) return true;
    }
    for (uint32_t i = 0; i < name_count; i++) {
        if (has_name(entry, names[i])) return true;
    }
    return false;
}

char **sl_environment_for_stages(const char *const *names, uint32_t name_count) {
    size_t total = 0, count = 0;
    while (environ[total]) total++;
    char **list = calloc(total + 2, sizeof *list);
    if (!list) return NULL;
    for (size_t i = 0; i < total; i++) {
        if (is_passed(environ[i], names, name_count)) list[count++] = environ[i];
    }
#if defined(__SANITIZE_ADDRESS__)
    make_sanitizer_options();
    list[count++] = sanitizer_options;
#endif
    return list;
}
