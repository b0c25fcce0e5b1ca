/* The environment that stages see: PATH HOME LANG TZ TMPDIR SLUICE_*, and what --pass-env names. */
#ifndef SL_SHELL_ENVIRONMENT_H
#define SL_SHELL_ENVIRONMENT_H

#include <stdint.h>

/* A NULL-terminated list of "NAME=value" taken from this process' environment, which the caller frees with free(); its members are
 * borrowed from environ, so nothing may change that. NULL: no memory. */
char **sl_environment_for_stages(const char *const *names, uint32_t name_count);

#endif
