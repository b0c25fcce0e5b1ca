/* The stage types of this plugin, and the host's table that they share. */
#ifndef SL_PROBE_PROBE_H
#define SL_PROBE_PROBE_H

#include <sluice/stage.h>

/* Set once, by the entry function, before any stage is opened. */
extern const sluice_host *probe_host;

extern const sluice_registration probe_noop, probe_echo, probe_sleep, probe_fail, probe_crash;

#endif
