/* A plugin whose config schema has a keyword that Sluice does not know. */
#include <sluice/stage.h>

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    (void)ctx;
    (void)upstream;
    (void)out;
    return SLUICE_DONE;
}

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    static const sluice_registration type = {
        .size = sizeof type,
        .stage_type = "a",
        .description = "b",
        .config_schema = "{\"properties\":{\"size\":{\"multipleOf\":2}}}",
        .execute = execute,
    };
    static const sluice_registration *const types[] = {&type};
    static const sluice_registration_list list = {
        .size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 1, .registrations = types};
    (void)host;
    return &list;
}
