/* `fail`: fails the first config.times attempts of a run, then succeeds. It counts by the attempt's number, so it needs no
 * memory of its own and a lost attempt counts as one. */
#include "probe.h"

#include <stdlib.h>

#include "sdk/option.h"
#include "sdk/output.h"

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
    struct fail *self = rc == 0 ? malloc(sizeof *self) : NULL;
    if (rc == 0 && !self) rc = sl_options_refuse(&options, "no memory.");
    if (rc == 0) {
        *self = fail;
        *out_self = self;
    }
    sl_options_close(&options);
    return rc;
}

static sluice_outcome fail_execute(void *context, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)upstream;
    const struct fail *self = context;
    const struct sl_attempt attempt = {probe_host, ctx, out};
    uint32_t number = probe_host->task(ctx)->attempt;
    if (number <= self->times) {
        return sl_attempt_fail(&attempt, self->kind == 0 ? SLUICE_FAILED_RETRYABLE : SLUICE_FAILED_PERMANENT,
                               "Attempt %u fails because config.times is %llu.", number, (unsigned long long)self->times);
    }
    struct sl_output output;
    sl_output_init(&output);
    sl_output_map(&output, 1);
    sl_output_text(&output, "attempt");
    sl_output_uint(&output, number);
    sluice_outcome outcome = sl_output_send(&output, &attempt, "The output");
    sl_output_fini(&output);
    return outcome;
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
