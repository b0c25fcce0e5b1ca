/* sluice-stagehost: the child process of a worker in which plugin code runs, one attempt at a time. Its death costs one attempt.
 * Descriptor 3 is the socket to the worker, 4 the page of claims; read frame.h and claim.h first. */
#include "channel.h"
#include "claim.h"
#include "load.h"
#include "probe.h"
#include "processor_time.h"
#include "runner.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, CLAIMS_FD = 4, EXIT_USAGE = 2 };

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t cooperates; /* the running attempt asks whether it was told to stop */

struct host {
    struct sl_channel channel;
    struct sl_claims *claims;
    struct sl_runner *runner;
    struct sl_attempt_sink sink;
    struct sl_buf out;
};

/* An attempt that asks gets the grace time to end by itself; any other one is ended here and now. */
static void on_terminate(int number) {
    stopping = 1;
    if (cooperates) return;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void send_out(struct host *host) {
    if (host->out.failed || sl_channel_send(&host->channel, sl_buf_bytes(&host->out))) _exit(1); /* the worker is gone */
    sl_buf_clear(&host->out);
}

static void on_progress(void *context, const struct sl_pipe_note *note) {
    struct host *host = context;
    sl_pipe_put_progress(&host->out, note);
    send_out(host);
}

static int on_field(void *context, const struct sl_pipe_note *note) {
    struct host *host = context;
    sl_pipe_put_field(&host->out, note);
    send_out(host);
    return SL_OK;
}

/* The worker keeps the last lines that the process wrote; the attempt's log is among them. */
static void on_log(void *context, sluice_log_level level, const char *text) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)context;
    (void)fprintf(stderr, "%s: %s\n", (unsigned)level < 4 ? names[level] : "info", text);
}

static int on_setup(struct host *host, struct sl_bytes body) {
    struct sl_pipe_setup setup;
    if (host->runner) return SL_E_BAD_INPUT;
    int rc = sl_pipe_read_setup(body, &setup);
    if (rc == SL_OK) rc = sl_runner_new(&setup, &host->sink, &host->runner);
    if (rc) return rc;
    sl_pipe_put_ready(&host->out);
    send_out(host);
    return SL_OK;
}

static int on_define(struct host *host, struct sl_bytes body) {
    struct sl_digest digest;
    struct sl_bytes canonical;
    int rc = sl_pipe_read_define(body, &digest, &canonical);
    return rc ? rc : sl_runner_define(host->runner, digest, canonical);
}

static void separate_output(uint32_t sequence) {
    char separator[SL_PIPE_SEPARATOR_SIZE + 1];
    sl_pipe_separator(sequence, separator);
    (void)!write(STDERR_FILENO, separator, SL_PIPE_SEPARATOR_SIZE); /* a stage may have closed it: then there are no lines either */
}

static int on_task(struct host *host, struct sl_bytes body) {
    struct sl_pipe_task task;
    struct sl_pipe_result result;
    int rc = sl_pipe_read_task(body, &task);
    if (rc) return rc;
    if (!sl_claim_begin(host->claims, task.sequence)) return SL_OK; /* the worker took it back */
    if (task.follows) separate_output(task.sequence);
    cooperates = 0;
    sl_processor_time_allow(task.timeout_ms);
    sl_runner_run(host->runner, &task, &result);
    cooperates = 0;
    (void)fflush(stdout); /* lost lines are lost: nowhere to say so */
    sl_pipe_put_result(&host->out, &result);
    send_out(host);
    return SL_OK;
}

static int on_frame(struct host *host, unsigned kind, struct sl_bytes body) {
    if (kind == SL_PIPE_SETUP) return on_setup(host, body);
    if (!host->runner) return SL_E_BAD_INPUT;
    if (kind == SL_PIPE_TASK) return on_task(host, body);
    if (kind == SL_PIPE_DEFINE) return on_define(host, body);
    return SL_E_BAD_INPUT;
}

/* Until the worker closes the socket, or tells the running attempt to stop. */
static int run(struct host *host) {
    struct sl_bytes body;
    unsigned kind;
    int rc = SL_OK;
    while (rc == SL_OK && !stopping) {
        int more = sl_channel_next(&host->channel, &body, &kind);
        if (more <= 0) return more;
        rc = on_frame(host, kind, body);
    }
    return rc;
}

static int open_host(struct host *host) {
    memset(host, 0, sizeof *host);
    host->claims = mmap(NULL, sizeof *host->claims, PROT_READ | PROT_WRITE, MAP_SHARED, CLAIMS_FD, 0);
    if (host->claims == MAP_FAILED) return SL_E_IO;
    (void)close(CLAIMS_FD); /* the mapping stays */
    sl_channel_init(&host->channel, CHANNEL_FD);
    sl_buf_init(&host->out, sl_alloc_system());
    host->sink = (struct sl_attempt_sink){.progress = on_progress, .field = on_field, .log = on_log, .context = host,
                                          .stopping = &stopping, .cooperates = &cooperates};
    return SL_OK;
}

static int host_main(void) {
    struct host host;
    if (open_host(&host)) {
        (void)fprintf(stderr, "sluice-stagehost is started by sluice-worker; to look at a plugin: sluice plugin info FILE\n");
        return EXIT_USAGE;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGTERM, on_terminate);
    int rc = run(&host);
    cooperates = 1; /* from here on a SIGTERM finds the end in sight; SIGKILL follows if it is not */
    if (rc) (void)fprintf(stderr, "sluice-stagehost: the worker's frames cannot be read: %s\n", sl_err_text(rc));
    sl_runner_free(&host.runner);
    sl_channel_fini(&host.channel);
    sl_buf_fini(&host.out);
    (void)munmap(host.claims, sizeof *host.claims);
    return rc ? 1 : 0;
}

/* Whether the worker gave us a descriptor to speak on. A program that a plugin executes does not get it: it could answer for us. */
static bool has_channel(void) {
    return fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) == 0;
}

int main(int argc, char **argv) {
    bool probes = (argc == 3 || argc == 4) && strcmp(argv[1], "--probe") == 0;
    if (probes && has_channel()) return sl_probe(argv[2], argc == 4 ? argv[3] : SL_ENTRY, CHANNEL_FD);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("sluice-stagehost %s\n", SLUICE_VERSION);
        return 0;
    }
    if (argc == 1 && has_channel()) return host_main();
    (void)fprintf(stderr, "sluice-stagehost is started by sluice-worker; to look at a plugin: sluice plugin info FILE\n");
    return EXIT_USAGE;
}
