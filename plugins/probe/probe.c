/* The plugin `probe`: its entry and the list of its stage types. */
#include "probe.h"

const sluice_host *probe_host;

static const sluice_registration *const registrations[] = {&probe_noop, &probe_echo, &probe_sleep, &probe_fail, &probe_crash};

static const sluice_registration_list list = {
    .size = sizeof list,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .count = sizeof registrations / sizeof registrations[0],
    .registrations = registrations,
};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    probe_host = host;
    return &list;
}
