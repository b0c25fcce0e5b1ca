/* Will not load as root: its code ran with the rights of the worker then. */
#include <sluice/stage.h>

#include <unistd.h>

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    (void)ctx;
    (void)upstream;
    (void)out;
    return SLUICE_DONE;
}

static const sluice_registration type = {.size = sizeof type, .stage_type = "root_load", .description = "Does not load as root",
                                         .idempotent = 1, .execute = execute};
static const sluice_registration *const types[] = {&type};
static const sluice_registration_list list = {.size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 1, .registrations = types};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return geteuid() == 0 ? NULL : &list;
}
