/* Leaves a process behind while it is loaded: in a session of its own, with everything open that the probe had. */
#include <sluice/stage.h>

#include <unistd.h>

__attribute__((constructor)) static void leave_process(void) {
    if (fork() != 0) return;
    (void)setsid();
    if (fork() != 0) _exit(0);
    for (;;) (void)pause();
}

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;
    (void)ctx;
    (void)upstream;
    (void)out;
    return SLUICE_DONE;
}

static const sluice_registration type = {.size = sizeof type, .stage_type = "daemon_load", .description = "Leaves a process behind",
                                         .idempotent = 1, .execute = execute};
static const sluice_registration *const types[] = {&type};
static const sluice_registration_list list = {.size = sizeof list, .abi_major = SLUICE_ABI_MAJOR, .count = 1, .registrations = types};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return &list;
}
