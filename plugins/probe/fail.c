/* `fail`: fails the first config.times attempts of a run, then succeeds. It counts by the attempt's number, so it needs no
 * memory of its own and a lost attempt counts as one. */
#include "probe.h"

#include <stdlib.h>

#include "sdk/option.h"
#include "sdk/plugin.h"

struct fail {
    uint64_t times;
    unsigned kind; /* index in kinds */
};

static const char *const kinds[] = {"retryable", "permanent", NULL};

static int fail_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"times", "kind", NULL};
    struct sl_options options;
    struct fail fail = {.times = 1};
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    int rc = sl_options_uint(&options, "times", 0, UINT32_MAX, &fail.times);
    if (rc == 0) rc = sl_options_choice(&options, "kind", kinds, &fail.kind);
    return sl_options_keep(&options, rc, &fail, sizeof fail, out_self);
}

static sluice_outcome fail_execute(void *context, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)upstream;
    const struct fail *self = context;
    const struct sl_attempt attempt = {sl_host, ctx, out};
    uint32_t number = sl_host->task(ctx)->attempt;
    if (number <= self->times) {
        return sl_attempt_fail(&attempt, self->kind == 0 ? SLUICE_FAILED_RETRYABLE : SLUICE_FAILED_PERMANENT,
                               "Attempt %u fails because config.times is %llu.", number, (unsigned long long)self->times);
    }
    return probe_send_number(&attempt, number);
}

const sluice_registration probe_fail = {
    .size = sizeof probe_fail,
    .stage_type = "fail",
    .description = "Fails the first config.times attempts, retryable or permanent, then succeeds",
    .version = SLUICE_VERSION,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"times\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295,\"default\":1},"
                     "\"kind\":{\"enum\":[\"retryable\",\"permanent\"],\"default\":\"retryable\"}}}",
    .idempotent = 1,
    .open = fail_open,
    .execute = fail_execute,
    .close = free,
};
