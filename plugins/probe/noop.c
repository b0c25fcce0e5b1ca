/* `noop`: does nothing. Its output is nil, or `config.bytes` zero bytes, so that the cost of the cluster can be measured. */
#include "probe.h"

#include <stdlib.h>

#include "sdk/option.h"
#include "sdk/output.h"
#include "sdk/plugin.h"

/* Room for the head of a bin: a value is limited as a whole. */
enum { NOOP_BYTES_MAX = (4 << 20) - 5 };

static int noop_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"bytes", NULL};
    struct sl_options options;
    uint64_t size = 0;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    bool is_sized = sl_options_member(&options, "bytes") != NULL;
    int rc = sl_options_uint(&options, "bytes", 0, NOOP_BYTES_MAX, &size);
    struct sl_output *self = rc == 0 ? malloc(sizeof *self) : NULL;
    void *zeros = rc == 0 ? calloc(1, size + 1) : NULL;
    if (rc == 0 && (!self || !zeros)) rc = sl_options_refuse(&options, "no memory for `config.bytes`.");
    if (rc == 0) {
        sl_output_init(self);
        if (is_sized) sl_output_bin(self, zeros, size);
        else sl_output_nil(self);
        *out_self = self;
    } else {
        free(self);
    }
    free(zeros);
    sl_options_close(&options);
    return rc;
}

static sluice_outcome noop_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)upstream;
    return sl_output_send(self, &(struct sl_attempt){sl_host, ctx, out}, "The output");
}

static void noop_close(void *self) {
    sl_output_fini(self);
    free(self);
}

const sluice_registration probe_noop = {
    .size = sizeof probe_noop,
    .isolation = SLUICE_ISOLATION_INLINE,
    .stage_type = "noop",
    .description = "Does nothing; its output is nil, or as many zero bytes as config.bytes says",
    .version = SLUICE_VERSION,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"bytes\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4194299}}}",
    .idempotent = 1,
    .open = noop_open,
    .execute = noop_execute,
    .close = noop_close,
};
