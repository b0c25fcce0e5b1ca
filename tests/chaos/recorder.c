/* Stages that write their own history: one JSON line at the start and one at the end of each execute, with what came in and what
 * went out. They fail, crash or hang when their config says so. The checker reads these lines; the parts under test do not. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sdk/option.h"
#include "sdk/output.h"
#include "shown.h"

enum { NAME_SIZE = 65, PATH_SIZE = 512, LINE_SIZE = 2048 };
enum { BYTES_MAX = 1 << 20, MILLISECONDS_MAX = 60000 };
enum trouble { TROUBLE_NONE, TROUBLE_FAIL, TROUBLE_PERMANENT, TROUBLE_CRASH, TROUBLE_HANG };

struct recorder {
    char pipeline[NAME_SIZE];
    char name[NAME_SIZE];
    int history; /* descriptor, appended to */
    unsigned trouble;
    uint64_t times; /* the first attempts that are in trouble */
    uint64_t milliseconds;
    uint64_t bytes; /* that the output has more */
};

static const sluice_host *host;
static const char *const troubles[] = {"none", "fail", "permanent", "crash", "hang", NULL};

static int read_config(struct recorder *self, const struct sl_options *options) {
    int rc = sl_options_uint(options, "milliseconds", 0, MILLISECONDS_MAX, &self->milliseconds);
    if (rc == 0) rc = sl_options_uint(options, "times", 0, UINT32_MAX, &self->times);
    if (rc == 0) rc = sl_options_uint(options, "bytes", 0, BYTES_MAX, &self->bytes);
    return rc ? rc : sl_options_choice(options, "trouble", troubles, &self->trouble);
}

static int open_stage(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"milliseconds", "trouble", "times", "bytes", NULL};
    struct sl_options options;
    char path[PATH_SIZE];
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct recorder *self = calloc(1, sizeof *self);
    int rc = self ? read_config(self, &options) : sl_options_refuse(&options, "no memory.");
    if (rc == 0) {
        (void)snprintf(self->pipeline, sizeof self->pipeline, "%s", definition->pipeline);
        (void)snprintf(self->name, sizeof self->name, "%s", definition->name);
        (void)snprintf(path, sizeof path, "%s/history.jsonl", definition->data_directory);
        self->history = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (self->history < 0) rc = sl_options_refuse(&options, "the history cannot be opened.");
    }
    if (rc == 0) {
        *out_self = self;
    } else {
        free(self);
    }
    sl_options_close(&options);
    return rc;
}

static void close_stage(void *context) {
    struct recorder *self = context;
    (void)close(self->history);
    free(self);
}

static void record(const struct recorder *self, const sluice_task *task, const char *verb, const char *outcome,
                   sluice_bytes value) {
    char shown[CHAOS_SHOWN_SIZE], line[LINE_SIZE];
    struct timespec now;
    chaos_show(value.data, value.size, shown);
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* Cannot fail for this clock. */
    int size = snprintf(line, sizeof line,
                        "{\"time\":%lld,\"who\":\"stage\",\"verb\":\"%s\",\"token\":\"%s\",\"outcome\":\"%s\",\"job\":\"%s\","
                        "\"run\":%u,\"pipeline\":\"%s\",\"stage\":\"%s\",\"attempt\":%u,\"value\":\"%s\"}\n",
                        (long long)now.tv_sec * 1000000000 + now.tv_nsec, verb, task->attempt_token, outcome, task->job_id,
                        task->run, self->pipeline, self->name, task->attempt, shown);
    /* A history with holes would accuse the innocent, so a stage that cannot write it does not go on. */
    if (size >= (int)sizeof line || write(self->history, line, (size_t)size) != size) abort();
}

static void crash(void) {
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

/* The stage's trouble in this attempt, if it has one; SLUICE_DONE when not. */
static sluice_outcome suffer(const struct recorder *self, const sluice_task *task, const struct sl_attempt *attempt) {
    if (task->attempt > self->times) return SLUICE_DONE;
    if (self->trouble == TROUBLE_CRASH) crash();
    if (self->trouble == TROUBLE_HANG) {
        for (;;) (void)poll(NULL, 0, -1);
    }
    if (self->trouble == TROUBLE_FAIL) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_RETRYABLE, "Attempt %u fails, as its config says.", task->attempt);
    }
    if (self->trouble == TROUBLE_PERMANENT) return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "This never succeeds.");
    return SLUICE_DONE;
}

/* An output that no other attempt of any stage has. */
static void write_output(const struct recorder *self, const sluice_task *task, struct sl_output *output) {
    size_t size = strlen(self->name) + 1 + strlen(task->attempt_token) + self->bytes;
    char *text = calloc(1, size + 1);
    if (!text) abort();
    int head = snprintf(text, size + 1, "%s/%s", self->name, task->attempt_token);
    memset(text + head, 'x', size - (size_t)head);
    sl_output_text(output, text);
    free(text);
}

static sluice_outcome execute(void *context, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct recorder *self = context;
    const struct sl_attempt attempt = {host, ctx, out};
    const sluice_task *task = host->task(ctx);
    record(self, task, "start", "", upstream);
    if (self->milliseconds) (void)poll(NULL, 0, (int)self->milliseconds);
    sluice_outcome outcome = suffer(self, task, &attempt);
    if (outcome != SLUICE_DONE) {
        record(self, task, "end", outcome == SLUICE_FAILED_PERMANENT ? "permanent" : "retryable", (sluice_bytes){"", 0});
        return outcome;
    }
    struct sl_output output;
    sl_output_init(&output);
    write_output(self, task, &output);
    outcome = sl_output_send(&output, &attempt, "The output");
    record(self, task, "end", outcome == SLUICE_DONE ? "done" : "permanent", (sluice_bytes){output.data, output.size});
    sl_output_fini(&output);
    return outcome;
}

static const char schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                             "\"milliseconds\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":60000},"
                             "\"bytes\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1048576},"
                             "\"times\":{\"type\":\"integer\",\"minimum\":0},"
                             "\"trouble\":{\"enum\":[\"none\",\"fail\",\"permanent\",\"crash\",\"hang\"]}}}";

static const sluice_registration in_host = {
    .size = sizeof in_host,
    .stage_type = "record",
    .description = "Writes down that it ran, on what, and with what result",
    .version = "1.0.0",
    .config_schema = schema,
    .idempotent = 1,
    .open = open_stage,
    .execute = execute,
    .close = close_stage,
};

static const sluice_registration in_worker = {
    .size = sizeof in_worker,
    .isolation = SLUICE_ISOLATION_INLINE,
    .stage_type = "record-inline",
    .description = "As record, in the worker itself",
    .version = "1.0.0",
    .config_schema = schema,
    .idempotent = 1,
    .open = open_stage,
    .execute = execute,
    .close = close_stage,
};

static const sluice_registration *const registrations[] = {&in_host, &in_worker};

static const sluice_registration_list list = {
    .size = sizeof list,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .count = sizeof registrations / sizeof registrations[0],
    .registrations = registrations,
};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host_table) {
    host = host_table;
    return &list;
}
