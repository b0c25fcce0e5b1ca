/* Which plugins this worker has: every *.so of the plugin path, each looked at in a process of its own, and what they offer. */
#ifndef SL_SHELL_PLUGINS_H
#define SL_SHELL_PLUGINS_H

#include "host_process.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum sl_plugin_state {
    SL_PLUGIN_LOADED,
    SL_PLUGIN_FAILED,  /* reason says why */
    SL_PLUGIN_SHADOWED /* every type of it is offered by an earlier one already */
};

struct sl_plugin_type {
    struct sl_bytes name; /* these borrow from the plugin's metadata */
    struct sl_bytes description;
    struct sl_bytes version;
    struct sl_bytes config_schema;
    struct sl_bytes state_keys;   /* members of a str list */
    uint32_t state_key_count;
    struct sl_bytes dependencies;
    uint32_t dependency_count;
    bool idempotent;
    bool inline_allowed;
    bool is_first; /* no plugin before offers it: this one runs it */
};

struct sl_plugin {
    char *path; /* owns */
    char *callable; /* owns; "libx.so:function" that a pipeline names, NULL: a plugin's own entry */
    enum sl_plugin_state state;
    char *reason; /* owns; NULL unless failed */
    struct sl_buf metadata;       /* what its probe wrote */
    struct sl_plugin_type *types; /* owns */
    uint32_t type_count;
};

struct sl_plugins {
    struct sl_plugin *items; /* owns; in the order of the plugin path, then of the names */
    uint32_t count;
    char **directories; /* owns; of the plugin path */
    uint32_t directory_count;
};

/* Lists the plugins: first `files`, then the *.so of each directory of the colon list `path` (one that does not exist is passed over).
 * 0, or SL_E_NO_MEMORY. */
int sl_plugins_find(const char *const *files, uint32_t file_count, const char *path, struct sl_plugins *out_plugins);

/* Adds a function that a pipeline names, `callable` ("libx.so:function": sl_callable_names_library): of the first file of that name in the
 * directories of `where`, or failed when none has it. 0, or SL_E_NO_MEMORY. */
int sl_plugins_add_function(struct sl_plugins *self, const struct sl_plugins *where, struct sl_bytes callable);

/* The name of the function that registers what it offers; NULL: a plugin's own entry. Borrowed from the plugin. */
const char *sl_plugin_function(const struct sl_plugin *self);

/* How plugins are looked at. */
struct sl_probing {
    const char *program;      /* sluice-stagehost */
    char *const *environment;
    struct sl_host_rights rights;
    uint32_t timeout_ms;
};

/* Looks at each: starts the program with --probe FILE, several at a time, and reads what it says. A plugin that ends its probe, or
 * hangs it for timeout_ms, is failed, with a sentence. The caller has no other children: whatever a plugin left behind becomes one
 * and is ended. 0, or SL_E_NO_MEMORY. */
int sl_plugins_probe(struct sl_plugins *self, const struct sl_probing *probing);

/* From what a probe wrote, to types: SL_E_BAD_INPUT when it is nothing that a probe writes. */
int sl_plugin_read(struct sl_plugin *self);

/* Decides who runs what: the first provider of a type. After the probes. */
void sl_plugins_rank(struct sl_plugins *self);

/* Fails a plugin with a sentence (copied). */
void sl_plugin_fail(struct sl_plugin *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The list as one msgpack map, and as lines for people. Failure is kept in out->failed. */
void sl_plugins_to_msgpack(const struct sl_plugins *self, struct sl_buf *out);
void sl_plugins_to_text(const struct sl_plugins *self, struct sl_buf *out);

void sl_plugins_fini(struct sl_plugins *self);

#endif
