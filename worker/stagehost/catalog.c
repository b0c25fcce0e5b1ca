/* Loading plugins when a stage first needs them; see catalog.h. */
#include "catalog.h"

#include "load.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "model/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

struct provider {
    char *type;
    char *path;
};

struct sl_catalog {
    const sluice_host *host;
    char **directories;
    uint32_t directory_count;
    struct provider *providers;
    uint32_t provider_count;
    struct sl_library **libraries; /* loaded so far */
    uint32_t library_count;
};

static char *read_text(struct sl_mp_reader *reader) {
    struct sl_bytes text = sl_mp_read_str(reader, PATH_SIZE);
    return strndup(text.size ? (const char *)text.data : "", text.size);
}

struct sl_catalog *sl_catalog_new(const sluice_host *host, uint32_t directory_count, struct sl_bytes directories,
                                  uint32_t provider_count, struct sl_bytes providers) {
    struct sl_catalog *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->host = host;
    self->directories = calloc(directory_count + 1, sizeof *self->directories);
    self->providers = calloc(provider_count + 1, sizeof *self->providers);
    bool whole = self->directories && self->providers;
    struct sl_mp_reader reader = sl_mp_reader(directories);
    for (uint32_t i = 0; whole && i < directory_count; i++) {
        self->directories[self->directory_count++] = read_text(&reader);
        whole = self->directories[i] != NULL;
    }
    reader = sl_mp_reader(providers);
    for (uint32_t i = 0; whole && i < provider_count; i++) {
        struct provider *provider = &self->providers[self->provider_count++];
        provider->type = read_text(&reader);
        provider->path = read_text(&reader);
        whole = provider->type && provider->path;
    }
    if (!whole) sl_catalog_free(&self);
    return self;
}

void sl_catalog_free(struct sl_catalog **out_self) {
    struct sl_catalog *self = *out_self;
    if (!self) return;
    for (uint32_t i = 0; i < self->directory_count; i++) free(self->directories[i]);
    for (uint32_t i = 0; i < self->provider_count; i++) {
        free(self->providers[i].type);
        free(self->providers[i].path);
    }
    for (uint32_t i = 0; i < self->library_count; i++) {
        sl_library_fini(self->libraries[i]);
        free(self->libraries[i]);
    }
    free(self->directories);
    free(self->providers);
    free(self->libraries);
    free(self);
    *out_self = NULL;
}

/* The library whose entry function that is, loaded now if it is not yet. */
static struct sl_library *library(struct sl_catalog *self, const char *path, const char *function, char *error,
                                  size_t error_size) {
    for (uint32_t i = 0; i < self->library_count; i++) {
        struct sl_library *known = self->libraries[i];
        if (strcmp(known->path, path) == 0 && strcmp(known->function, function) == 0) return known;
    }
    struct sl_library **libraries = realloc(self->libraries, (self->library_count + 1) * sizeof *libraries);
    if (libraries) self->libraries = libraries;
    struct sl_library *added = libraries ? malloc(sizeof *added) : NULL;
    if (!added) {
        (void)snprintf(error, error_size, "%s: out of memory", path);
        return NULL;
    }
    if (sl_library_load(path, function, self->host, added, error, error_size)) {
        free(added);
        return NULL;
    }
    self->libraries[self->library_count++] = added;
    return added;
}

/* The real path of a file of the plugin path, or NULL; the caller frees it. */
static char *find_file(const struct sl_catalog *self, const char *name) {
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < self->directory_count; i++) {
        int size = snprintf(path, sizeof path, "%s/%s", self->directories[i], name);
        if (size > 0 && (size_t)size < sizeof path && access(path, R_OK) == 0) return realpath(path, NULL);
    }
    return NULL;
}

/* Splits "libx.so:function"; false: it is no such text, which has no slash either. */
static bool split(struct sl_bytes callable, char *file, char *function) {
    const char *text = (const char *)callable.data;
    if (!sl_callable_names_library(callable)) return false;
    size_t file_size = (size_t)((const char *)memchr(text, ':', callable.size) - text);
    memcpy(file, text, file_size);
    file[file_size] = '\0';
    memcpy(function, text + file_size + 1, callable.size - file_size - 1);
    function[callable.size - file_size - 1] = '\0';
    return true;
}

static const sluice_registration *from_function(struct sl_catalog *self, struct sl_bytes callable, struct sl_bytes type,
                                                char *error, size_t error_size) {
    char file[SL_KEY_MAX], function[SL_KEY_MAX];
    if (!split(callable, file, function)) return NULL;
    char *path = find_file(self, file);
    if (!path) {
        (void)snprintf(error, error_size, "%s is in no directory of the plugin path", file);
        return NULL;
    }
    struct sl_library *found = library(self, path, function, error, error_size);
    free(path);
    return found ? sl_library_find(found, (const char *)type.data, type.size) : NULL;
}

static const sluice_registration *from_providers(struct sl_catalog *self, struct sl_bytes type, char *error,
                                                 size_t error_size) {
    for (uint32_t i = 0; i < self->provider_count; i++) {
        const struct provider *provider = &self->providers[i];
        if (!sl_bytes_is(type, provider->type)) continue;
        struct sl_library *found = library(self, provider->path, SL_ENTRY, error, error_size);
        return found ? sl_library_find(found, provider->type, type.size) : NULL;
    }
    return NULL;
}

const sluice_registration *sl_catalog_find(struct sl_catalog *self, struct sl_bytes callable, struct sl_bytes type,
                                           char *error, size_t error_size) {
    char key[SL_TYPE_KEY_MAX + 1];
    sl_stage_type_key(callable, type, key);
    (void)snprintf(error, error_size, "no plugin of this worker offers the stage type \"%s\"", key);
    if (callable.size) return from_function(self, callable, type, error, error_size);
    return from_providers(self, type, error, error_size);
}
