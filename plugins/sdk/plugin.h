/* The entry of a plugin, which is the same in each: it keeps the host's table and hands out the stage types that the plugin lists. */
#ifndef SL_SDK_PLUGIN_H
#define SL_SDK_PLUGIN_H

#include <sluice/stage.h>

/* Set by the entry, before any stage is opened. */
extern const sluice_host *sl_host;

/* The stage types of the plugin, with NULL behind the last. Each plugin defines this. */
extern const sluice_registration *const sl_plugin_stages[];

#endif
