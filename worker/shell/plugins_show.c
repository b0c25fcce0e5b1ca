/* The list of plugins for people and for programs; see plugins.h. */
#include "plugins.h"

#include "base/msgpack.h"

#include <string.h>

enum { PLUGIN_MEMBERS = 5, TYPE_MEMBERS = 9 };

static const char *state_text(enum sl_plugin_state state) {
    switch (state) {
    case SL_PLUGIN_LOADED: return "loaded";
    case SL_PLUGIN_FAILED: return "failed";
    case SL_PLUGIN_SHADOWED: return "shadowed";
    }
    return "?";
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_text(struct sl_buf *out, const char *key, struct sl_bytes text) {
    sl_mp_key(out, key);
    sl_mp_str(out, text);
}

static void put_names(struct sl_buf *out, const char *key, uint32_t count, struct sl_bytes members) {
    sl_mp_key(out, key);
    sl_mp_array(out, count);
    sl_mp_raw(out, members);
}

static void put_type(struct sl_buf *out, const struct sl_plugin_type *type) {
    sl_mp_map(out, TYPE_MEMBERS);
    put_text(out, "type", type->name);
    put_text(out, "description", type->description);
    put_text(out, "version", type->version);
    put_names(out, "state_keys", type->state_key_count, type->state_keys);
    put_names(out, "dependencies", type->dependency_count, type->dependencies);
    put_text(out, "config_schema", type->config_schema);
    sl_mp_key(out, "idempotent");
    sl_mp_bool(out, type->idempotent);
    sl_mp_key(out, "inline");
    sl_mp_bool(out, type->inline_allowed);
    sl_mp_key(out, "used");
    sl_mp_bool(out, type->is_first);
}

void sl_plugins_to_msgpack(const struct sl_plugins *self, struct sl_buf *out) {
    sl_mp_map(out, 1);
    sl_mp_key(out, "plugins");
    sl_mp_array(out, self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        const struct sl_plugin *plugin = &self->items[i];
        sl_mp_map(out, PLUGIN_MEMBERS);
        put_text(out, "file", sl_text(file_name(plugin->path)));
        put_text(out, "path", sl_text(plugin->path));
        put_text(out, "state", sl_text(state_text(plugin->state)));
        sl_mp_key(out, "reason");
        if (plugin->reason) {
            sl_mp_str(out, sl_text(plugin->reason));
        } else {
            sl_mp_nil(out);
        }
        sl_mp_key(out, "types");
        sl_mp_array(out, plugin->type_count);
        for (uint32_t k = 0; k < plugin->type_count; k++) put_type(out, &plugin->types[k]);
    }
}

void sl_plugins_to_text(const struct sl_plugins *self, struct sl_buf *out) {
    for (uint32_t i = 0; i < self->count; i++) {
        const struct sl_plugin *plugin = &self->items[i];
        (void)sl_buf_format(out, "%s  %s\n", plugin->path, state_text(plugin->state)); /* kept in out->failed */
        if (plugin->reason) (void)sl_buf_format(out, "    %s\n", plugin->reason);
        for (uint32_t k = 0; k < plugin->type_count; k++) {
            const struct sl_plugin_type *type = &plugin->types[k];
            (void)sl_buf_format(out, "    %-20.*s %.*s%s\n", (int)type->name.size, (const char *)type->name.data,
                                (int)type->description.size, (const char *)type->description.data,
                                type->is_first ? "" : " (offered by an earlier plugin)");
        }
    }
}
