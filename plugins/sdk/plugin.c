/* The entry of a plugin. */
#include "plugin.h"

const sluice_host *sl_host;

static sluice_registration_list list = {
    .size = sizeof list,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .registrations = sl_plugin_stages,
};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    sl_host = host;
    list.count = 0;
    while (sl_plugin_stages[list.count]) list.count++;
    return &list;
}
