/* Plugins whose registrations say something impossible: one entry function a case. */
#include <sluice/stage.h>

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    (void)ctx;
    (void)upstream;
    (void)out;
    return SLUICE_DONE;
}

static const char *const bad_key[] = {"123-key", NULL};
static const char *const no_keys[] = {NULL};
static const char *const blank_dependency[] = {"", NULL};

#define CASE(name, ...) \
    SLUICE_EXPORT const sluice_registration_list *name(const sluice_host *host); \
    const sluice_registration_list *name(const sluice_host *host) { \
        static const sluice_registration type = {.size = sizeof type, __VA_ARGS__}; \
        static const sluice_registration *const types[] = {&type}; \
        static const sluice_registration_list list = { \
            .size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 1, .registrations = types}; \
        (void)host; \
        return &list; \
    }

CASE(key_with_dash, .stage_type = "a", .description = "b", .state_keys = bad_key, .execute = execute)
CASE(empty_keys, .stage_type = "a", .description = "b", .state_keys = no_keys, .execute = execute)
CASE(blank_type, .stage_type = "", .description = "b", .execute = execute)
CASE(blank_description, .stage_type = "a", .description = "  ", .execute = execute)
CASE(blank_dependency_name, .stage_type = "a", .description = "b", .dependencies = blank_dependency, .execute = execute)
CASE(no_execute, .stage_type = "a", .description = "b")

SLUICE_EXPORT const sluice_registration_list *small_registration(const sluice_host *host);
const sluice_registration_list *small_registration(const sluice_host *host) {
    static const sluice_registration type = {.size = 8, .stage_type = "a", .description = "b", .execute = execute};
    static const sluice_registration *const types[] = {&type};
    static const sluice_registration_list list = {
        .size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 1, .registrations = types};
    (void)host;
    return &list;
}

SLUICE_EXPORT const sluice_registration_list *twice(const sluice_host *host);
const sluice_registration_list *twice(const sluice_host *host) {
    static const sluice_registration type = {.size = sizeof type, .stage_type = "a", .description = "b", .execute = execute};
    static const sluice_registration *const types[] = {&type, &type};
    static const sluice_registration_list list = {
        .size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 2, .registrations = types};
    (void)host;
    return &list;
}

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    return key_with_dash(host);
}
