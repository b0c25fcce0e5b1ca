/* The stage `ir-validation`: gives back a good document as it is, and names what is wrong with any other. */
#include "check.h"
#include "sdk/option.h"
#include "sdk/plugin.h"

static int validation_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    sl_options_close(&options);
    *out_self = NULL;
    return 0;
}

static sluice_outcome validation_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_document document;
    sluice_outcome outcome = sl_document_open(&document, &attempt, upstream);
    if (outcome != SLUICE_DONE) return outcome;
    outcome = sl_validation_check(&document, &attempt);
    sl_document_close(&document);
    if (outcome == SLUICE_DONE && sl_host->out_write(out, upstream.data, upstream.size) != 0) {
        outcome = sl_attempt_fail(&attempt, SLUICE_FAILED_PERMANENT, "The document is above the limit of one value.");
    }
    return outcome;
}

static int64_t validation_count(sluice_bytes output) {
    return output.size > 0 ? 1 : 0;
}

static const char *const state_keys[] = {"document", NULL};
static const char *const dependencies[] = {"parse", NULL};

static const sluice_registration validation = {
    .size = sizeof validation,
    .stage_type = "ir-validation",
    .description = "Refuses a document without content, with duplicate ids, broken references or offsets out of order",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .idempotent = 1,
    .open = validation_open,
    .execute = validation_execute,
    .output_counter = validation_count,
};

const sluice_registration *const sl_plugin_stages[] = {&validation, NULL};
