/* Loads a plugin: opens the shared object, calls its entry function, and checks everything that it says before any other call.
 * Every reason why a plugin will not load is a sentence from here. */
#ifndef SL_STAGEHOST_LOAD_H
#define SL_STAGEHOST_LOAD_H

#include "sluice/stage.h"

#include <stdint.h>

/* What one entry function offers. Registrations are copies in which what an older plugin does not know is NULL or 0. The plugin
 * stays loaded for the rest of the process: code may be on a stack, or registered with atexit. */
struct sl_library {
    char *path;     /* owns; real path */
    char *function; /* owns; name of the entry function */
    sluice_registration *types; /* owns */
    uint32_t type_count;
};

/* The entry function of a plugin that names none. */
#define SL_ENTRY "sluice_plugin_v1"

/* Loads `path`, which nobody but root and the process' own user may be able to write or replace, and calls its function `function`. 0; or SL_E_NOT_FOUND (no such file), SL_E_REFUSED (it is no plugin, of another
 * ABI, or says something impossible), SL_E_NO_MEMORY, each with a sentence of at most error_size bytes in `error`. */
int sl_library_load(const char *path, const char *function, const sluice_host *host, struct sl_library *out_library,
                    char *error, size_t error_size);

/* Frees what load owns; the code stays. */
void sl_library_fini(struct sl_library *self);

/* The registration of a type, or NULL. */
const sluice_registration *sl_library_find(const struct sl_library *self, const char *type, size_t type_size);

#endif
