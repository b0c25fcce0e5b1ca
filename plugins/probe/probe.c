/* The plugin `probe`: the list of its stage types, and what they share. */
#include "probe.h"

#include "sdk/output.h"
#include "sdk/plugin.h"

const sluice_registration *const sl_plugin_stages[] = {&probe_noop, &probe_echo, &probe_sleep, &probe_fail, &probe_crash, NULL};

sluice_outcome probe_send_number(const struct sl_attempt *attempt, uint32_t number) {
    struct sl_output output;
    sl_output_init(&output);
    sl_output_map(&output, 1);
    sl_output_text(&output, "attempt");
    sl_output_uint(&output, number);
    sluice_outcome outcome = sl_output_send(&output, attempt, "The output");
    sl_output_fini(&output);
    return outcome;
}
