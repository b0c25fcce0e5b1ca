/* The stage types of this plugin, and what they share. */
#ifndef SL_PROBE_PROBE_H
#define SL_PROBE_PROBE_H

#include "sdk/attempt.h"

extern const sluice_registration probe_noop, probe_echo, probe_sleep, probe_fail, probe_crash;

/* Gives the output of types that count attempts: {attempt: number}. */
sluice_outcome probe_send_number(const struct sl_attempt *attempt, uint32_t number);

#endif
