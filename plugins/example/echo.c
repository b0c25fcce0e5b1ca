/* A whole stage plugin. Build it anywhere, as C99, C11 or C++17, with nothing but the header:
 *     cc -shared -fPIC -I PREFIX/include echo.c -o echo.so
 * and name its directory in SLUICE_PLUGIN_PATH, where sluice dev and workers look before the built-in plugins. A pipeline
 * uses it as `type: example-stage`. */
#include <sluice/stage.h>

static const sluice_host *host;

static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self;                                                          /* no open, so no instance */
    if (host->progress(ctx, 1, 1) != 0) return SLUICE_FAILED_RETRYABLE; /* the job was cancelled */
    return host->out_write(out, upstream.data, upstream.size) == 0 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT;
}

static const char *const keys[] = {"echoed", NULL};
static sluice_registration echo;
static const sluice_registration *const registrations[] = {&echo};
static sluice_registration_list list;

SLUICE_EXPORT const sluice_registration_list *sluice_plugin_v1(const sluice_host *host_table) {
    host = host_table;
    echo.size = sizeof echo;
    echo.stage_type = "example-stage";
    echo.description = "Gives back what it got";
    echo.version = "1.0.0";
    echo.state_keys = keys;
    echo.idempotent = 1;
    echo.execute = execute;
    list.size = sizeof list;
    list.abi_major = SLUICE_ABI_MAJOR;
    list.abi_minor = SLUICE_ABI_MINOR;
    list.count = 1;
    list.registrations = registrations;
    return &list;
}
