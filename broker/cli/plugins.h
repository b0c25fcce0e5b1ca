/* The plugins of this machine, as `sluice-worker --list-plugins` sees them. */
#ifndef SL_CLI_PLUGINS_H
#define SL_CLI_PLUGINS_H

#include "cli.h"

#include "model/inputs.h"

struct sl_plugins {
    json_t *list;  /* owns: [{file, path, state, reason, types: [{type, ...}]}]; NULL: not known */
    struct sl_stage_types types; /* owns; of all plugins that load, by name */
    struct sl_bytes *names;      /* owns; the texts of their lists */
    struct sl_stage_type *items; /* owns */
    struct sl_tree schemas;      /* owns the config schemas of the types */
};

/* Asks the worker program. When there is none, or it fails, the list is NULL. Fini in every case. */
void sl_plugins_load(const struct sl_cli *cli, struct sl_plugins *out_plugins);
void sl_plugins_fini(struct sl_plugins *self);

/* Warns of folders of --plugin-path, or of SLUICE_PLUGIN_PATH, that are absent or hold no plugin. */
void sl_plugins_warn(const struct sl_cli *cli);

/* The stage types that the plugins offer, or NULL when that is not known. Borrowed. */
const struct sl_stage_types *sl_plugins_types(const struct sl_plugins *self);

#endif
