/* Why a plugin will not load: the file, its entry function, its ABI, its list. What a registration must be is in registration.c. */
#include "load.h"

#include "registration.h"

#include "base/assert.h"
#include "base/err.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TYPES_MAX = 64 };

/* Nobody but root and who runs the stages may decide what code they are. */
static int check_rights(const char *path, const struct stat *status, bool may_be_written, char *error, size_t error_size) {
    if ((status->st_mode & S_IWOTH) && !may_be_written) {
        (void)snprintf(error, error_size, "%s may be written by everybody; take that right away: chmod o-w %s", path, path);
        return SL_E_REFUSED;
    }
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        (void)snprintf(error, error_size, "%s belongs to another user (%u) than root and who runs stages (%u): chown it, or run the worker as that user",
                       path, status->st_uid, geteuid());
        return SL_E_REFUSED;
    }
    return SL_OK;
}

/* In a folder with the sticky bit everybody may add files, but not replace one of another user. */
static int check_folder(const char *path, char *error, size_t error_size) {
    char folder[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(path, '/');
    size_t size = slash && slash != path ? (size_t)(slash - path) : 1;
    SL_ASSERT(slash && size < sizeof folder);
    memcpy(folder, path, size);
    folder[size] = '\0';
    if (stat(folder, &status) != 0) {
        (void)snprintf(error, error_size, "%s cannot be looked at: %s", folder, strerror(errno));
        return SL_E_REFUSED;
    }
    return check_rights(folder, &status, (status.st_mode & S_ISVTX) != 0, error, error_size);
}

/* `path` is a real path. */
static int check_file(const char *path, char *error, size_t error_size) {
    struct stat status;
    if (stat(path, &status) != 0) {
        (void)snprintf(error, error_size, "%s cannot be opened: %s", path, strerror(errno));
        return SL_E_NOT_FOUND;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)snprintf(error, error_size, "%s is no file", path);
        return SL_E_REFUSED;
    }
    int rc = check_rights(path, &status, false, error, error_size);
    return rc ? rc : check_folder(path, error, error_size);
}

static int find_entry(const char *path, const char *function, sluice_plugin_function *out_entry, char *error,
                      size_t error_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* never closed */
    if (!handle) {
        const char *reason = dlerror();
        (void)snprintf(error, error_size, "%s is no shared object that can be loaded: %s", path, reason ? reason : "?");
        return SL_E_REFUSED;
    }
    void *symbol = dlsym(handle, function);
    if (!symbol) {
        (void)snprintf(error, error_size, "%s has no function %s: a plugin includes sluice/stage.h and exports it%s", path,
                       function, strcmp(function, SL_ENTRY) == 0 ? ", or pipelines name another of its functions as a callable" : "");
        return SL_E_REFUSED;
    }
    memcpy(out_entry, &symbol, sizeof symbol); /* POSIX lets a data pointer of dlsym stand for a function */
    return SL_OK;
}

static int check_list(const char *path, const sluice_registration_list *list, sluice_registration_list *out_list,
                      char *error, size_t error_size) {
    size_t size_min = offsetof(sluice_registration_list, registrations) + sizeof list->registrations;
    if (!list) {
        (void)snprintf(error, error_size, "%s says that it cannot work here (its entry function returned NULL)", path);
        return SL_E_REFUSED;
    }
    if (list->size < size_min || list->size > SL_STRUCT_SIZE_MAX) {
        (void)snprintf(error, error_size, "%s gives a list of an impossible size (%u bytes): set .size = sizeof list", path,
                       list->size);
        return SL_E_REFUSED;
    }
    if (list->abi_major != SLUICE_ABI_MAJOR) {
        (void)snprintf(error, error_size, "%s was built for plugin ABI %u, this is ABI %u: build it again with this version's sluice/stage.h",
                       path, list->abi_major, SLUICE_ABI_MAJOR);
        return SL_E_REFUSED;
    }
    if (list->count < 1 || list->count > TYPES_MAX || !list->registrations) {
        (void)snprintf(error, error_size, "%s offers %u stage types; a plugin offers 1 to %d", path, list->count, TYPES_MAX);
        return SL_E_REFUSED;
    }
    memset(out_list, 0, sizeof *out_list);
    memcpy(out_list, list, list->size < sizeof *out_list ? list->size : sizeof *out_list);
    return SL_OK;
}

static int copy_types(const sluice_registration_list *list, struct sl_library *library, char *error, size_t error_size) {
    char reason[256];
    library->types = calloc(list->count, sizeof *library->types);
    if (!library->types) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < list->count; i++) {
        int rc = sl_registration_copy(list->registrations[i], &library->types[i], reason, sizeof reason);
        if (rc == SL_OK && sl_library_find(library, library->types[i].stage_type, strlen(library->types[i].stage_type))) {
            (void)snprintf(reason, sizeof reason, "the stage type \"%s\" stands twice in its list", library->types[i].stage_type);
            rc = SL_E_REFUSED;
        }
        if (rc) {
            (void)snprintf(error, error_size, "%s: %s", library->path, reason);
            return rc;
        }
        library->type_count = i + 1;
    }
    return SL_OK;
}

int sl_library_load(const char *path, const char *function, const sluice_host *host, struct sl_library *out_library,
                    char *error, size_t error_size) {
    sluice_plugin_function entry;
    sluice_registration_list list;
    struct sl_library library = {.path = realpath(path, NULL)};
    if (!library.path) {
        (void)snprintf(error, error_size, "%s cannot be opened: %s", path, strerror(errno));
        return SL_E_NOT_FOUND;
    }
    int rc = check_file(library.path, error, error_size);
    if (rc == SL_OK) rc = find_entry(library.path, function, &entry, error, error_size);
    if (rc == SL_OK) rc = check_list(library.path, entry(host), &list, error, error_size);
    if (rc == SL_OK) rc = copy_types(&list, &library, error, error_size);
    if (rc == SL_OK) {
        library.function = strdup(function);
        if (!library.function) rc = SL_E_NO_MEMORY;
    }
    if (rc == SL_E_NO_MEMORY) (void)snprintf(error, error_size, "%s: out of memory", path);
    if (rc) {
        sl_library_fini(&library);
        return rc;
    }
    *out_library = library;
    return SL_OK;
}

void sl_library_fini(struct sl_library *self) {
    free(self->path);
    free(self->function);
    free(self->types);
    *self = (struct sl_library){.path = NULL};
}

const sluice_registration *sl_library_find(const struct sl_library *self, const char *type, size_t type_size) {
    for (uint32_t i = 0; i < self->type_count; i++) {
        const char *name = self->types[i].stage_type;
        if (strlen(name) == type_size && memcmp(name, type, type_size) == 0) return &self->types[i];
    }
    return NULL;
}
