/* `echo`: gives back what it got. */
#include "probe.h"

#include "sdk/plugin.h"

static sluice_outcome echo_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    if (sl_host->out_write(out, upstream.data, upstream.size) == 0) return SLUICE_DONE;
    return sl_attempt_fail(&(struct sl_attempt){sl_host, ctx, out}, SLUICE_FAILED_PERMANENT,
                           "What this stage got is above the limit of one value; it cannot give it back.");
}

const sluice_registration probe_echo = {
    .size = sizeof probe_echo,
    .isolation = SLUICE_ISOLATION_INLINE,
    .stage_type = "echo",
    .description = "Gives back what it got",
    .version = SLUICE_VERSION,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .idempotent = 1,
    .execute = echo_execute,
};
