/* sluice bench: jobs of stages that do nothing, a bounded number of them open, against a running cluster. */
#include "output.h"

#include "base/err.h"
#include "base/idmap.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { JOBS_DEFAULT = 1000, JOBS_MAX = 10000000, IN_FLIGHT_DEFAULT = 100 };

/* Shapes of pipelines: depends_on of each stage, as indexes of earlier ones. */
struct workload {
    const char *name;
    uint32_t stage_count;
    uint32_t hop_count; /* stages on the longest way */
    const char *needs[10]; /* of stage i: digits of the stages before; "" for a root */
};

static const struct workload workloads[] = {
    {"flat", 1, 1, {""}},
    {"chain", 8, 8, {"", "0", "1", "2", "3", "4", "5", "6"}},
    {"dag", 8, 7, {"", "0", "1", "2", "3", "4", "2", "65"}}, /* the shape of deploy/pipelines/auto.yaml */
    {"fan", 10, 3, {"", "0", "0", "0", "0", "0", "0", "0", "0", "12345678"}},
};

struct open_job {
    uint8_t key[16]; /* first: the submit's request id, later the job's id */
    uint64_t started_at;
};

struct bench {
    struct sl_cli *cli;
    const struct workload *workload;
    uint64_t job_count, in_flight, payload_bytes;
    struct sl_wire_submit message;
    struct sl_idmap open; /* owns its members */
    uint64_t *times;      /* owns; ns of each job that ended */
    uint64_t begun, ended, failed;
};

static void key_of_request(uint64_t id, uint8_t out_key[16]) {
    memset(out_key, 0, 16);
    memcpy(out_key, &id, sizeof id);
}

static void put_pipeline(const struct bench *self, struct sl_buf *text) {
    const struct workload *workload = self->workload;
    (void)sl_buf_format(text, "name: bench-%s-%llu\nversion: \"2026-01-15\"\nstages:\n", workload->name,
                        (unsigned long long)self->payload_bytes);
    for (uint32_t i = 0; i < workload->stage_count; i++) {
        (void)sl_buf_format(text, "  - name: s%u\n    type: noop\n", i);
        if (self->payload_bytes) (void)sl_buf_format(text, "    config: {bytes: %llu}\n", (unsigned long long)self->payload_bytes);
        if (!*workload->needs[i]) continue;
        (void)sl_buf_format(text, "    depends_on: [");
        for (const char *c = workload->needs[i]; *c; c++) (void)sl_buf_format(text, "%ss%c", c == workload->needs[i] ? "" : ", ", *c);
        (void)sl_buf_format(text, "]\n");
    }
}

static int apply(struct bench *self) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    put_pipeline(self, &text);
    struct sl_wire_apply apply = {.text = sl_buf_bytes(&text), .path = sl_text("sluice bench")};
    uint64_t id;
    int rc = sl_client_apply(self->cli->client, &apply, sl_cli_write_ms(self->cli), &id);
    sl_buf_fini(&text);
    if (rc) return sl_cli_client_failure(self->cli, rc, "apply the pipeline");
    struct sl_session_done done;
    return sl_cli_call(self->cli, id, true, &done);
}

static int begin(struct bench *self) {
    uint64_t id;
    int rc = sl_client_submit(self->cli->client, &self->message, sl_cli_write_ms(self->cli), &id);
    if (rc == SL_E_AGAIN) return rc;
    struct open_job *job = calloc(1, sizeof *job);
    if (!rc && (!job || sl_idmap_reserve(&self->open, 1))) rc = SL_E_NO_MEMORY;
    if (rc) {
        free(job);
        return rc;
    }
    key_of_request(id, job->key);
    job->started_at = sl_client_now();
    sl_idmap_insert(&self->open, job);
    self->begun++;
    return SL_OK;
}

static void end(struct bench *self, struct open_job *job, bool failed) {
    self->failed += failed;
    self->times[self->ended++] = sl_client_now() - job->started_at;
    free(job);
}

/* A job was accepted: from here on it is found by its own id. */
static int take_done(struct bench *self, const struct sl_session_done *done) {
    uint8_t key[16];
    key_of_request(done->id, key);
    struct open_job *job = sl_idmap_remove(&self->open, key);
    if (!job) return SL_EXIT_DONE;
    struct sl_wire_accepted accepted;
    if (done->end != SL_CALL_ANSWERED || done->type != SL_WIRE_ACCEPTED || sl_wire_accepted_decode(done->body, &accepted)) {
        free(job);
        int code = sl_cli_end(self->cli, done, NULL);
        return code ? code : SL_EXIT_FAILURE;
    }
    memcpy(job->key, accepted.job.bytes, sizeof job->key);
    if (sl_client_watch(self->cli->client, accepted.job) || sl_idmap_reserve(&self->open, 1)) {
        free(job);
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "out of memory");
    }
    sl_idmap_insert(&self->open, job);
    return SL_EXIT_DONE;
}

static void take_change(struct bench *self, const struct sl_wire_job_change *change) {
    bool done = sl_bytes_is(change->status, "completed");
    bool failed = sl_bytes_is(change->status, "failed") || sl_bytes_is(change->status, "cancelled") ||
                  sl_bytes_is(change->status, "unknown");
    if (!done && !failed) return;
    struct open_job *job = sl_idmap_remove(&self->open, change->job.bytes);
    if (job) end(self, job, failed);
}

static int step(struct bench *self) {
    static const uint64_t silence_ns = (uint64_t)SL_CLIENT_TIMEOUT_MS * 1000000;
    struct sl_session_effect event;
    int rc = sl_client_next(self->cli->client, sl_client_now() + silence_ns, -1, &event);
    if (rc == SL_E_TIMEOUT)
        return sl_cli_fail(self->cli, SL_EXIT_TIMEOUT, "nothing happened for %d s; are workers with stage type noop connected? see: sluice workers list",
                           SL_CLIENT_TIMEOUT_MS / 1000);
    if (rc) return sl_cli_client_failure(self->cli, rc, "talk to the broker");
    if (event.kind == SL_SESSION_DONE) return take_done(self, &event.done);
    take_change(self, &event.change);
    return SL_EXIT_DONE;
}

static int run(struct bench *self) {
    while (self->ended < self->job_count) {
        if (self->begun < self->job_count && self->open.count < self->in_flight) {
            int rc = begin(self);
            if (rc == SL_OK) continue;
            if (rc != SL_E_AGAIN) return sl_cli_client_failure(self->cli, rc, "submit");
        }
        int code = step(self);
        if (code) return code;
    }
    return SL_EXIT_DONE;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The nearest-rank percentile in milliseconds. */
static double percentile_ms(const struct bench *self, unsigned percent) {
    uint64_t rank = (self->ended * percent + 99) / 100;
    return (double)self->times[rank > 0 ? rank - 1 : 0] / 1e6;
}

static int report(struct bench *self, double seconds) {
    qsort(self->times, self->ended, sizeof *self->times, by_value);
    double p50 = percentile_ms(self, 50), p99 = percentile_ms(self, 99), hops = self->workload->hop_count;
    double jobs = (double)self->ended / seconds, stages = jobs * self->workload->stage_count;
    const char *isolation = sl_cli_flag(self->cli, SL_FLAG_ISOLATION);
    int code = SL_EXIT_DONE;
    if (self->cli->format == SL_FORMAT_TABLE || self->cli->format == SL_FORMAT_NAME) {
        (void)printf("%s: %llu jobs of %u stages, %llu in flight, %llu bytes, %.2f s\n", self->workload->name,
                     (unsigned long long)self->ended, self->workload->stage_count, (unsigned long long)self->in_flight,
                     (unsigned long long)self->payload_bytes, seconds);
        (void)printf("%.0f jobs/s  %.0f stages/s  job p50 %.2f ms p99 %.2f ms  hop p50 %.3f ms p99 %.3f ms\n", jobs, stages, p50, p99,
                     p50 / hops, p99 / hops);
    } else {
        json_t *record = json_pack("{s:s, s:I, s:i, s:i, s:I, s:I, s:s, s:f, s:f, s:f, s:{s:f, s:f}, s:{s:f, s:f}, s:I}", "workload",
                                   self->workload->name, "jobs", (json_int_t)self->ended, "stages_per_job",
                                   (int)self->workload->stage_count, "hops_per_job", (int)self->workload->hop_count, "in_flight",
                                   (json_int_t)self->in_flight, "payload_bytes", (json_int_t)self->payload_bytes, "isolation",
                                   isolation ? isolation : "host", "seconds", seconds, "jobs_per_second", jobs,
                                   "stages_per_second", stages, "job_ms", "p50", p50, "p99", p99, "hop_ms", "p50", p50 / hops,
                                   "p99", p99 / hops, "failed", (json_int_t)self->failed);
        code = sl_output_json(self->cli, record);
        json_decref(record);
    }
    if (self->failed == 0) return code;
    return sl_cli_fail(self->cli, SL_EXIT_JOB_FAILED, "%llu jobs did not complete; see: sluice jobs list --status failed",
                       (unsigned long long)self->failed);
}

static int measure(struct bench *self) {
    char name[64];
    (void)snprintf(name, sizeof name, "bench-%s-%llu", self->workload->name, (unsigned long long)self->payload_bytes);
    struct sl_buf payload, zeros;
    sl_buf_init(&payload, sl_alloc_system());
    sl_buf_init(&zeros, sl_alloc_system());
    int code = SL_EXIT_DONE;
    if (self->payload_bytes == 0) {
        sl_mp_nil(&payload);
    } else if (sl_buf_reserve(&zeros, self->payload_bytes) == SL_OK) {
        memset(zeros.data, 0, self->payload_bytes);
        sl_mp_bin(&payload, sl_bytes(zeros.data, self->payload_bytes));
    }
    self->message = (struct sl_wire_submit){.pipeline = sl_text(name), .payload = sl_buf_bytes(&payload)};
    uint64_t start = sl_client_now();
    code = run(self);
    if (code == SL_EXIT_DONE) code = report(self, (double)(sl_client_now() - start) / 1e9);
    sl_buf_fini(&payload);
    sl_buf_fini(&zeros);
    return code;
}

static int read_flags(struct bench *self) {
    const struct sl_cli *cli = self->cli;
    const char *name = sl_cli_flag(cli, SL_FLAG_WORKLOAD);
    const char *names[sizeof workloads / sizeof *workloads];
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        names[i] = workloads[i].name;
        if (strcmp(name ? name : "chain", names[i]) == 0) self->workload = &workloads[i];
    }
    if (!self->workload) {
        const char *near = sl_text_suggest(sl_text(name), names, sizeof names / sizeof *names);
        return sl_cli_fail(cli, SL_EXIT_USAGE, "there is no workload \"%.32s\"; %s%s", name,
                           near ? "did you mean " : "say chain, dag, flat or fan", near ? near : "");
    }
    const char *isolation = sl_cli_flag(cli, SL_FLAG_ISOLATION);
    if (isolation && strcmp(isolation, "host") != 0 && strcmp(isolation, "inline") != 0)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--isolation \"%.32s\" is not known; say host or inline, as the workers were started", isolation);
    if (sl_cli_number(cli, SL_FLAG_JOBS, JOBS_DEFAULT, 1, JOBS_MAX, &self->job_count) ||
        sl_cli_number(cli, SL_FLAG_IN_FLIGHT, IN_FLIGHT_DEFAULT, 1, SL_SESSION_WINDOW_MAX - 16, &self->in_flight) ||
        sl_cli_number(cli, SL_FLAG_PAYLOAD, 0, 0, SL_VALUE_BYTES_MAX - 5, &self->payload_bytes))
        return SL_EXIT_USAGE;
    return SL_EXIT_DONE;
}

int sl_run_bench(struct sl_cli *cli) {
    struct bench self = {.cli = cli};
    int code = read_flags(&self);
    if (code == SL_EXIT_DONE) code = sl_cli_connect(cli, (uint32_t)self.in_flight + 16); /* the application of the pipeline counts, too */
    if (code == SL_EXIT_DONE) sl_client_watch_ends_only(cli->client);
    if (code) return code;
    sl_idmap_init(&self.open, sl_alloc_system(), 0);
    self.times = calloc(self.job_count, sizeof *self.times);
    code = self.times ? apply(&self) : sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    if (code == SL_EXIT_DONE) code = measure(&self);
    size_t cursor = 0;
    struct open_job *job;
    while ((job = sl_idmap_each(&self.open, &cursor))) free(job);
    sl_idmap_fini(&self.open);
    free(self.times);
    return code;
}
