/* The list of plugins; see plugins.h. How one is looked at is in probe.c. */
#include "plugins.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "io/json.h"
#include "io/pattern.h"
#include "model/schema.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, NAMES_DEPTH = 2 };

void sl_plugin_fail(struct sl_plugin *self, const char *format, ...) {
    char sentence[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    free(self->reason);
    self->reason = strdup(sentence);
    self->state = SL_PLUGIN_FAILED;
}

/* A file that is in the list already, by another name perhaps, is not added again. */
static int add_file(struct sl_plugins *self, const char *path) {
    char *real = realpath(path, NULL);
    if (!real) real = strdup(path); /* its probe will say what is wrong with it */
    if (!real) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->items[i].path, real) != 0) continue;
        free(real);
        return SL_OK;
    }
    struct sl_plugin *items = realloc(self->items, (self->count + 1) * sizeof *items);
    if (!items) {
        free(real);
        return SL_E_NO_MEMORY;
    }
    self->items = items;
    items[self->count] = (struct sl_plugin){.path = real};
    sl_buf_init(&items[self->count].metadata, sl_alloc_system());
    self->count++;
    return SL_OK;
}

static int is_plugin(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static int add_directory(struct sl_plugins *self, const char *directory) {
    struct dirent **entries;
    char path[PATH_SIZE];
    char **directories = realloc(self->directories, (self->directory_count + 1) * sizeof *directories);
    if (!directories) return SL_E_NO_MEMORY;
    self->directories = directories;
    directories[self->directory_count] = strdup(directory);
    if (!directories[self->directory_count]) return SL_E_NO_MEMORY;
    self->directory_count++;

    int count = scandir(directory, &entries, is_plugin, alphasort);
    int rc = SL_OK;
    for (int i = 0; i < count; i++) {
        int size = snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (rc == SL_OK && size > 0 && (size_t)size < sizeof path) rc = add_file(self, path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return rc;
}

int sl_plugins_find(const char *const *files, uint32_t file_count, const char *path, struct sl_plugins *out_plugins) {
    struct sl_plugins plugins = {.items = NULL};
    int rc = SL_OK;
    for (uint32_t i = 0; i < file_count && rc == SL_OK; i++) rc = add_file(&plugins, files[i]);
    char *directories = strdup(path);
    if (!directories) rc = SL_E_NO_MEMORY;
    char *rest = directories, *directory;
    while (rc == SL_OK && (directory = strsep(&rest, ":"))) {
        if (*directory) rc = add_directory(&plugins, directory);
    }
    free(directories);
    if (rc) {
        sl_plugins_fini(&plugins);
        return rc;
    }
    *out_plugins = plugins;
    return SL_OK;
}

/* As in a stage host, which loads it from there. NULL: nowhere, or no memory. */
static char *find_file(const struct sl_plugins *where, const char *name, size_t name_size) {
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < where->directory_count; i++) {
        int size = snprintf(path, sizeof path, "%s/%.*s", where->directories[i], (int)name_size, name);
        if (size > 0 && (size_t)size < sizeof path && access(path, R_OK) == 0) return realpath(path, NULL);
    }
    return NULL;
}

int sl_plugins_add_function(struct sl_plugins *self, const struct sl_plugins *where, struct sl_bytes callable) {
    const char *text = (const char *)callable.data;
    size_t name_size = (size_t)((const char *)memchr(text, ':', callable.size) - text);
    struct sl_plugin *items = realloc(self->items, (self->count + 1) * sizeof *items);
    if (!items) return SL_E_NO_MEMORY;
    self->items = items;
    struct sl_plugin added = {.path = find_file(where, text, name_size), .callable = strndup(text, callable.size)};
    bool found = added.path != NULL;
    if (!found) added.path = strndup(text, name_size);
    if (!added.path || !added.callable) {
        free(added.path);
        free(added.callable);
        return SL_E_NO_MEMORY;
    }
    sl_buf_init(&added.metadata, sl_alloc_system());
    if (!found) sl_plugin_fail(&added, "%s is in no directory of the plugin path", added.path);
    items[self->count++] = added;
    return SL_OK;
}

const char *sl_plugin_function(const struct sl_plugin *self) {
    return self->callable ? strchr(self->callable, ':') + 1 : NULL;
}

void sl_plugins_fini(struct sl_plugins *self) {
    for (uint32_t i = 0; i < self->count; i++) {
        struct sl_plugin *plugin = &self->items[i];
        free(plugin->path);
        free(plugin->callable);
        free(plugin->reason);
        free(plugin->types);
        sl_buf_fini(&plugin->metadata);
    }
    for (uint32_t i = 0; i < self->directory_count; i++) free(self->directories[i]);
    free(self->items);
    free(self->directories);
    *self = (struct sl_plugins){.items = NULL};
}

static struct sl_bytes read_names(struct sl_mp_reader *reader, uint32_t count_max, uint32_t *out_count) {
    *out_count = sl_mp_read_array(reader, count_max);
    const uint8_t *start = reader->at;
    for (uint32_t i = 0; i < *out_count && !reader->rc; i++) (void)sl_mp_read_str(reader, SL_NAME_MAX);
    return sl_bytes(start, (size_t)(reader->at - start));
}

/* One member of a type's map; what we do not know is skipped. */
static void read_member(struct sl_mp_reader *reader, struct sl_plugin_type *type) {
    struct sl_bytes key = sl_mp_read_str(reader, SL_NAME_MAX);
    if (sl_bytes_is(key, "type")) {
        type->name = sl_mp_read_str(reader, SL_NAME_MAX);
    } else if (sl_bytes_is(key, "description")) {
        type->description = sl_mp_read_str(reader, SL_REASON_MAX);
    } else if (sl_bytes_is(key, "version")) {
        type->version = sl_mp_read_str(reader, SL_NAME_MAX);
    } else if (sl_bytes_is(key, "config_schema")) {
        type->config_schema = sl_mp_read_str(reader, SL_SCHEMA_BYTES_MAX);
    } else if (sl_bytes_is(key, "state_keys")) {
        type->state_keys = read_names(reader, SL_STATE_KEYS_MAX, &type->state_key_count);
    } else if (sl_bytes_is(key, "dependencies")) {
        type->dependencies = read_names(reader, SL_DEPENDENCIES_MAX, &type->dependency_count);
    } else if (sl_bytes_is(key, "idempotent")) {
        type->idempotent = sl_mp_read_bool(reader);
    } else if (sl_bytes_is(key, "inline")) {
        type->inline_allowed = sl_mp_read_bool(reader);
    } else {
        sl_mp_skip(reader, NAMES_DEPTH);
    }
}

static void read_types(struct sl_plugin *self, struct sl_mp_reader *reader) {
    uint32_t count = sl_mp_read_array(reader, SL_TYPES_MAX);
    self->types = calloc(count ? count : 1, sizeof *self->types);
    if (!self->types) sl_mp_fail(reader, SL_E_NO_MEMORY);
    for (uint32_t i = 0; i < count && !reader->rc; i++) {
        uint32_t member_count = sl_mp_read_map(reader, SL_NAME_MAX);
        for (uint32_t k = 0; k < member_count && !reader->rc; k++) read_member(reader, &self->types[i]);
        self->type_count = i + 1;
    }
}

/* A plugin whose schema cannot be kept is not used: its stages would run with configs that nobody checked. */
static void check_schema(struct sl_plugin *self, const struct sl_plugin_type *type) {
    struct sl_buf schema;
    char error[SL_REASON_MAX];
    sl_buf_init(&schema, sl_alloc_system());
    int rc = sl_json_to_msgpack(type->config_schema, &schema, error, sizeof error);
    const char *problem = rc ? "has a config schema that is " : "has a config schema that cannot be used: ";
    if (rc == SL_OK) rc = sl_schema_check(sl_buf_bytes(&schema), sl_pattern_match, error, sizeof error);
    if (rc == SL_E_NO_MEMORY) sl_plugin_fail(self, "%s: out of memory", self->path);
    else if (rc) sl_plugin_fail(self, "%s: stage type \"%.*s\" %s%s", self->path, SL_SHOWN(type->name), problem, error);
    sl_buf_fini(&schema);
}

int sl_plugin_read(struct sl_plugin *self) {
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&self->metadata));
    if (sl_mp_read_array(&reader, 2) != 2) sl_mp_fail(&reader, SL_E_BAD_INPUT);
    bool loaded = sl_mp_read_bool(&reader);
    if (loaded) {
        read_types(self, &reader);
        for (uint32_t i = 0; i < self->type_count && !reader.rc && self->state != SL_PLUGIN_FAILED; i++)
            if (self->types[i].config_schema.size > 0) check_schema(self, &self->types[i]);
    } else {
        struct sl_bytes sentence = sl_mp_read_str(&reader, SL_REASON_MAX);
        if (!reader.rc) sl_plugin_fail(self, "%.*s", (int)sentence.size, (const char *)sentence.data);
    }
    return sl_mp_end(&reader);
}

static bool is_offered_before(const struct sl_plugins *self, uint32_t count, struct sl_bytes name) {
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < self->items[i].type_count; k++) {
            if (sl_bytes_equal(self->items[i].types[k].name, name)) return true;
        }
    }
    return false;
}

void sl_plugins_rank(struct sl_plugins *self) {
    for (uint32_t i = 0; i < self->count; i++) {
        struct sl_plugin *plugin = &self->items[i];
        uint32_t first_count = 0;
        if (plugin->state == SL_PLUGIN_FAILED) plugin->type_count = 0;
        for (uint32_t k = 0; k < plugin->type_count; k++) {
            plugin->types[k].is_first = !is_offered_before(self, i, plugin->types[k].name);
            first_count += plugin->types[k].is_first;
        }
        if (plugin->state == SL_PLUGIN_LOADED && first_count == 0) plugin->state = SL_PLUGIN_SHADOWED;
    }
}
