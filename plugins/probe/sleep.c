/* `sleep`: takes config.seconds, reports progress meanwhile, and stops soon when the job is cancelled. */
#include "probe.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "sdk/option.h"
#include "sdk/output.h"
#include "sdk/plugin.h"

enum { STEP_MS = 50, SECONDS_MAX = 3600 };

static int sleep_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"seconds", NULL};
    struct sl_options options;
    double seconds = 1;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    int rc = sl_options_number(&options, "seconds", 0, SECONDS_MAX, &seconds);
    return sl_options_keep(&options, rc, &seconds, sizeof seconds, out_self);
}

static uint64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* Cannot fail for this clock. */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static sluice_outcome sleep_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)upstream;
    const struct sl_attempt attempt = {sl_host, ctx, out};
    const double seconds = *(const double *)self;
    const uint64_t total_ms = (uint64_t)(seconds * 1000), start_ms = now_ms();
    for (uint64_t spent_ms = 0; spent_ms < total_ms; spent_ms = now_ms() - start_ms) {
        if (sl_attempt_cancelled(&attempt, spent_ms, total_ms)) return SLUICE_FAILED_RETRYABLE;
        uint64_t left_ms = total_ms - spent_ms;
        (void)poll(NULL, 0, left_ms < STEP_MS ? (int)left_ms : STEP_MS); /* A signal only shortens this step. */
    }
    struct sl_output output;
    sl_output_init(&output);
    sl_output_map(&output, 1);
    sl_output_text(&output, "seconds");
    sl_output_number(&output, seconds);
    sluice_outcome outcome = sl_output_send(&output, &attempt, "The output");
    sl_output_fini(&output);
    return outcome;
}

const sluice_registration probe_sleep = {
    .size = sizeof probe_sleep,
    .stage_type = "sleep",
    .description = "Takes config.seconds; stops when the job is cancelled",
    .version = SLUICE_VERSION,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"seconds\":{\"type\":\"number\",\"minimum\":0,\"maximum\":3600,\"default\":1}}}",
    .idempotent = 1,
    .open = sleep_open,
    .execute = sleep_execute,
    .close = free,
};
