/* `crash`: ends its own process by config.signal, or by exit(), in the first config.times attempts of a run (always when
 * `times` is absent), then succeeds. It shows what the death of a stage costs: one attempt. */
#include "probe.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "sdk/option.h"
#include "sdk/plugin.h"

struct crash {
    int signal; /* 0 = exit() */
    uint64_t times;
};

static const char *const names[] = {"SEGV", "KILL", "ABRT", "BUS", "FPE", "ILL", "TERM", "STOP", "exit", NULL};
/* config_schema holds these too. */
static const int numbers[] = {SIGSEGV, SIGKILL, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTERM, SIGSTOP, 0};

enum { EXIT_CODE = 3 };

/* A name of the list, or the number of one of them, as shells and manuals call signals. */
static int read_signal(const struct sl_options *options, int *out_signal) {
    uint64_t number;
    unsigned index = 0;
    if (!sl_input_uint(sl_options_member(options, "signal"), INT32_MAX, &number)) {
        int rc = sl_options_choice(options, "signal", names, &index);
        *out_signal = numbers[index];
        return rc;
    }
    for (; numbers[index] != 0; index++) {
        if (numbers[index] != (int)number) continue;
        *out_signal = numbers[index];
        return 0;
    }
    return sl_options_refuse(options, "`config.signal` is %d, which is the number of none of SEGV, KILL, ABRT, BUS, FPE, ILL, TERM, STOP.",
                             (int)number);
}

static int crash_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"signal", "times", NULL};
    struct sl_options options;
    struct crash crash = {.times = UINT64_MAX};
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    int rc = read_signal(&options, &crash.signal);
    if (rc == 0) rc = sl_options_uint(&options, "times", 0, UINT32_MAX, &crash.times);
    return sl_options_keep(&options, rc, &crash, sizeof crash, out_self);
}

/* The signal acts as it would on code that does not handle it, whatever this process has set. */
static void die(int number) {
    if (number == 0) exit(EXIT_CODE);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* KILL and STOP cannot be blocked or caught: these two calls may fail. */
    (void)signal(number, SIG_DFL);
    (void)kill(getpid(), number);
}

static sluice_outcome crash_execute(void *context, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)upstream;
    const struct crash *self = context;
    const struct sl_attempt attempt = {sl_host, ctx, out};
    uint32_t number = sl_host->task(ctx)->attempt;
    if (number <= self->times) die(self->signal);
    return probe_send_number(&attempt, number);
}

const sluice_registration probe_crash = {
    .size = sizeof probe_crash,
    .stage_type = "crash",
    .description = "Ends its own process by config.signal or exit(), in the first config.times attempts",
    .version = SLUICE_VERSION,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"signal\":{\"enum\":[\"SEGV\",\"KILL\","
                     "\"ABRT\",\"BUS\",\"FPE\",\"ILL\",\"TERM\",\"STOP\",\"exit\",4,6,7,8,9,11,15,19],\"default\":\"SEGV\"},"
                     "\"times\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295}}}",
    .idempotent = 1,
    .open = crash_open,
    .execute = crash_execute,
    .close = free,
};
