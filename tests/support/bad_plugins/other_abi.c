/* A plugin that was built for another ABI. */
#include <sluice/stage.h>

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    (void)ctx;
    (void)upstream;
    (void)out;
    return SLUICE_DONE;
}

static const sluice_registration type = {
    .size = sizeof type, .stage_type = "from-the-future", .description = "Of another ABI", .execute = execute};
static const sluice_registration *const types[] = {&type};
static const sluice_registration_list list = {
    .size = sizeof list, .abi_major = SLUICE_ABI_MAJOR + 1, .count = 1, .registrations = types};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return &list;
}
