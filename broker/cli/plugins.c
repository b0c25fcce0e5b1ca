/* sluice plugin list and info, and the stage types that lint may count on. */
#include "plugins.h"

#include "output.h"
#include "program.h"

#include "base/err.h"
#include "base/text.h"
#include "io/json.h"
#include "io/pattern.h"
#include "model/schema.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 64 << 20 };

/* What the worker program says of the plugins in a path (NULL: its own one), or of one file. */
static json_t *read_list(const char *path, const char *file) {
    char program[SL_PROGRAM_PATH_SIZE];
    if (sl_program_find("sluice-worker", program)) return NULL;
    char *words[10] = {program, "--list-plugins", "-o", "json"};
    size_t count = 4;
    if (file) {
        words[count++] = "--plugin";
        words[count++] = (char *)(uintptr_t)file;
    }
    if (file || path) {
        words[count++] = "--plugin-path";
        words[count++] = (char *)(uintptr_t)(file ? "" : path);
    }
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    int code = 0;
    int rc = sl_program_read(words, LIST_BYTES_MAX, &text, &code);
    json_t *answer = rc == SL_OK || rc == SL_E_REFUSED ? json_loadb((char *)text.data, text.size, 0, NULL) : NULL;
    sl_buf_fini(&text);
    json_t *list = json_incref(json_object_get(answer, "plugins"));
    json_decref(answer);
    return list;
}

static struct sl_bytes bytes_of(const json_t *text) {
    return sl_bytes(json_string_value(text), json_string_length(text));
}

static struct sl_text_list list_of(const json_t *array, struct sl_bytes *names, size_t *used) {
    struct sl_text_list list = {.items = names + *used};
    size_t index;
    json_t *text;
    json_array_foreach((json_t *)(uintptr_t)array, index, text) {
        names[(*used)++] = bytes_of(text);
        list.count++;
    }
    return list;
}

static int by_name(const void *a, const void *b) {
    return sl_bytes_compare((*(struct sl_stage_type *const *)a)->type, (*(struct sl_stage_type *const *)b)->type);
}

/* How many types that count there are, and how many texts their lists have. */
static size_t measure(const json_t *list, size_t *out_names) {
    size_t count = 0, i, k;
    json_t *plugin, *type;
    *out_names = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, plugin)
        json_array_foreach(json_object_get(plugin, "types"), k, type) {
            count++;
            *out_names += json_array_size(json_object_get(type, "state_keys")) + json_array_size(json_object_get(type, "dependencies"));
        }
    return count;
}

/* A schema as lint wants it. Empty: there is none, no memory, or one that only a worker program of another version finds usable. */
static struct sl_bytes schema_of(struct sl_plugins *self, const json_t *text) {
    struct sl_buf schema;
    struct sl_bytes kept = {.size = 0};
    char error[256]; /* nobody to tell: the worker has said what is wrong with a plugin */
    sl_buf_init(&schema, sl_alloc_system());
    bool is_there = json_string_length(text) > 0 && sl_json_to_msgpack(bytes_of(text), &schema, error, sizeof error) == SL_OK;
    if (is_there && sl_schema_check(sl_buf_bytes(&schema), sl_pattern_match, error, sizeof error) == SL_OK)
        kept = sl_tree_copy(&self->schemas, sl_buf_bytes(&schema));
    sl_buf_fini(&schema);
    return kept.data ? kept : sl_bytes(NULL, 0);
}

/* The types of which this machine runs the code: of two providers the first. */
static void fill_types(struct sl_plugins *self, const struct sl_stage_type **places) {
    size_t used = 0, i, k;
    json_t *plugin, *type;
    uint32_t count = 0;
    json_array_foreach(self->list, i, plugin)
        json_array_foreach(json_object_get(plugin, "types"), k, type) {
            if (!json_is_true(json_object_get(type, "used"))) continue;
            self->items[count] = (struct sl_stage_type){
                .type = bytes_of(json_object_get(type, "type")),
                .state_keys = list_of(json_object_get(type, "state_keys"), self->names, &used),
                .dependencies = list_of(json_object_get(type, "dependencies"), self->names, &used),
                .config_schema = schema_of(self, json_object_get(type, "config_schema")),
                .idempotent = json_is_true(json_object_get(type, "idempotent")),
                .inline_allowed = json_is_true(json_object_get(type, "inline")),
            };
            places[count] = &self->items[count];
            count++;
        }
    qsort(places, count, sizeof *places, by_name);
    self->types = (struct sl_stage_types){.items = places, .count = count};
}

static void load_list(json_t *list, struct sl_plugins *out_plugins) {
    *out_plugins = (struct sl_plugins){.list = list};
    sl_tree_init(&out_plugins->schemas, sl_alloc_system());
    if (!out_plugins->list) return;
    size_t name_count, count = measure(out_plugins->list, &name_count);
    const struct sl_stage_type **places = calloc(count + 1, sizeof *places);
    out_plugins->items = calloc(count + 1, sizeof *out_plugins->items);
    out_plugins->names = calloc(name_count + 1, sizeof *out_plugins->names);
    if (places && out_plugins->items && out_plugins->names) {
        fill_types(out_plugins, places);
    } else {
        free(places);
    }
}

void sl_plugins_load(const struct sl_cli *cli, struct sl_plugins *out_plugins) {
    load_list(read_list(sl_cli_flag(cli, SL_FLAG_PLUGINS), NULL), out_plugins);
}

static int is_library(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return size > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 3, ".so") == 0;
}

static void warn_folder(const struct sl_cli *cli, const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_library, NULL);
    if (count < 0) {
        sl_cli_warn(cli, "the plugin folder %.300s cannot be read: %s", folder, strerror(errno));
        return;
    }
    if (count == 0) sl_cli_warn(cli, "the plugin folder %.300s has no plugin: a file that ends in .so", folder);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
}

void sl_plugins_warn(const struct sl_cli *cli) {
    const char *at = sl_cli_flag(cli, SL_FLAG_PLUGINS);
    if (!at) at = getenv("SLUICE_PLUGIN_PATH");
    while (at && *at) {
        char folder[4096];
        size_t size = strcspn(at, ":");
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(size < sizeof folder ? size : sizeof folder - 1), at);
        if (size > 0) warn_folder(cli, folder);
        at += size + (at[size] == ':');
    }
}

void sl_plugins_fini(struct sl_plugins *self) {
    json_decref(self->list);
    free((void *)(uintptr_t)self->types.items);
    free(self->items);
    free(self->names);
    sl_tree_fini(&self->schemas);
    *self = (struct sl_plugins){0};
}

const struct sl_stage_types *sl_plugins_types(const struct sl_plugins *self) {
    return self->types.items && self->types.count > 0 ? &self->types : NULL;
}

static int check_list(const struct sl_cli *cli, const struct sl_plugins *plugins) {
    if (plugins->list) return SL_EXIT_DONE;
    return sl_cli_fail(cli, SL_EXIT_FAILURE, "the plugins cannot be listed: the program sluice-worker is not beside sluice and not in PATH, or it failed");
}

/* A plugin's types by name, for the table. */
static void name_types(json_t *list) {
    size_t i, k;
    json_t *plugin, *type;
    json_array_foreach(list, i, plugin) {
        json_t *names = json_array();
        json_array_foreach(json_object_get(plugin, "types"), k, type)
            (void)json_array_append(names, json_object_get(type, "type"));
        (void)json_object_set_new(plugin, "type_names", names);
    }
}

int sl_run_plugin_list(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"PLUGIN", "file", SL_COLUMN_TEXT},
        {"STATE", "state", SL_COLUMN_STATUS},
        {"TYPES", "type_names", SL_COLUMN_LIST},
        {"REASON", "reason", SL_COLUMN_TEXT},
    };
    struct sl_plugins plugins;
    sl_plugins_warn(cli);
    sl_plugins_load(cli, &plugins);
    int code = check_list(cli, &plugins);
    if (code == SL_EXIT_DONE) {
        if (cli->format == SL_FORMAT_TABLE) name_types(plugins.list);
        code = sl_output_list(cli, plugins.list, columns, sizeof columns / sizeof *columns, "file");
    }
    sl_plugins_fini(&plugins);
    return code;
}

static bool is_meant(const json_t *plugin, const char *word) {
    if (strcmp(sl_output_member(plugin, "file"), word) == 0 || strcmp(sl_output_member(plugin, "path"), word) == 0) return true;
    size_t index;
    json_t *type;
    json_array_foreach(json_object_get(plugin, "types"), index, type)
        if (strcmp(sl_output_member(type, "type"), word) == 0) return true;
    return false;
}

static void print_types(const struct sl_cli *cli, const json_t *types) {
    static const struct sl_column columns[] = {
        {"TYPE", "type", SL_COLUMN_TEXT},
        {"VERSION", "version", SL_COLUMN_TEXT},
        {"STATE KEYS", "state_keys", SL_COLUMN_LIST},
        {"DEPENDS ON", "dependencies", SL_COLUMN_LIST},
        {"INLINE", "inline", SL_COLUMN_TEXT},
        {"DESCRIPTION", "description", SL_COLUMN_TEXT},
    };
    (void)sl_output_list(cli, types, columns, sizeof columns / sizeof *columns, "type");
}

static int not_found(const struct sl_cli *cli, const struct sl_plugins *plugins, const char *word) {
    const char *names[1024];
    size_t count = 0;
    for (uint32_t i = 0; i < plugins->types.count && count < 1024; i++)
        names[count++] = (const char *)plugins->types.items[i]->type.data;
    const char *near = sl_text_suggest(sl_text(word), names, count);
    if (near) return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "no plugin here offers \"%.64s\"; did you mean \"%s\"?", word, near);
    return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "no plugin here offers \"%.64s\"; put one that does into a folder of SLUICE_PLUGIN_PATH and start a worker",
                       word);
}

/* One plugin: its types, or why it does not load. Returns an exit code. */
static int show_plugin(const struct sl_cli *cli, const json_t *plugin) {
    const char *reason = sl_output_member(plugin, "reason");
    bool failed = strcmp(sl_output_member(plugin, "state"), "failed") == 0;
    if (cli->format == SL_FORMAT_NAME) {
        (void)puts(sl_output_member(plugin, "file"));
    } else if (cli->format != SL_FORMAT_TABLE) {
        (void)sl_output_json(cli, plugin);
    } else {
        (void)printf("%s  %s\n", sl_output_member(plugin, "path"), sl_output_member(plugin, "state"));
        if (!failed) print_types(cli, json_object_get(plugin, "types"));
    }
    return failed ? sl_cli_fail(cli, SL_EXIT_INVALID, "%s", reason) : SL_EXIT_DONE;
}

/* A file is looked into by itself, wherever it lies. */
static int show_file(struct sl_cli *cli, const char *path) {
    if (access(path, F_OK)) return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "no such file: %.300s", path);
    struct sl_plugins plugins;
    load_list(read_list(NULL, path), &plugins);
    int code = check_list(cli, &plugins);
    if (code == SL_EXIT_DONE) code = show_plugin(cli, json_array_get(plugins.list, 0));
    sl_plugins_fini(&plugins);
    return code;
}

int sl_run_plugin_info(struct sl_cli *cli) {
    const char *word = sl_cli_argument(cli, 0);
    if (strchr(word, '/')) return show_file(cli, word);
    struct sl_plugins plugins;
    sl_plugins_warn(cli);
    sl_plugins_load(cli, &plugins);
    int code = check_list(cli, &plugins);
    bool found = false;
    size_t index, size = strlen(word);
    json_t *plugin;
    json_array_foreach(plugins.list, index, plugin) {
        if (!is_meant(plugin, word)) continue;
        found = true;
        int shown = show_plugin(cli, plugin);
        if (code == SL_EXIT_DONE) code = shown;
    }
    if (code == SL_EXIT_DONE && !found) {
        bool is_file = size > 3 && strcmp(word + size - 3, ".so") == 0;
        code = is_file ? show_file(cli, word) : not_found(cli, &plugins, word);
    }
    sl_plugins_fini(&plugins);
    return code;
}
