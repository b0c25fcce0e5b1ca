/* A client; see client.h. */
#include "client.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/rng.h"
#include "client/client.h"
#include "io/entropy.h"
#include "shown.h"

#include <stdlib.h>

enum {
    OPEN_JOBS_MAX = 24, /* at once */
    PACE_MS = 4,
    QUICK_MS = 300, /* some requests are given up soon and asked again */
    LONG_MS = 30000,
    LARGE_BYTES = 20000,
    TEXT_SIZE = 64,
    TOKEN_SIZE = TEXT_SIZE + 8,
    LINGER_JOBS = 64 /* the newest ones, among which a cancellation chooses */
};

static const char *const pipelines[] = {"chain", "diamond", "fan",    "retry", "chain",  "crash", "diamond", "slow",
                                        "large", "inline",  "budget", "slow",  "poison", "dead",  "hang",    "inline"};
enum { PIPELINES = sizeof pipelines / sizeof *pipelines };

enum kind { KIND_KEY, KIND_DOC, KIND_ONCE };
static const char *const kind_words[] = {"key", "doc", "once"};

struct job {
    enum kind kind;
    const char *pipeline;
    char text[TEXT_SIZE]; /* the key, document key, or the name of the once number */
    uint8_t once[16];
    bool other; /* the key with another payload than it belongs to */
    bool again; /* asked before */
    bool accepted, over;
    struct sl_job_id id;
    uint64_t request; /* 0: none is open */
    uint64_t cancel;  /* as above */
};

struct worker {
    const struct chaos_cluster *cluster;
    struct chaos_history history;
    struct sl_client *client;
    struct sl_rng rng;
    uint32_t index, phase;
    struct job *jobs; /* owns */
    size_t job_count, job_capacity;
    size_t open_count; /* neither accepted and ended nor refused */
    uint32_t shared;   /* numbers of keys that all clients use */
    uint32_t request_count;
    bool stopping;
    uint64_t settle_until;
};

static void write_payload(const struct job *job, struct sl_buf *buf) {
    char head[TEXT_SIZE * 2];
    bool large = strcmp(job->pipeline, "large") == 0;
    int size = snprintf(head, sizeof head, "of %s%s", job->text, job->other ? ", another one" : "");
    size_t total = large ? LARGE_BYTES : (size_t)size;
    char *text = calloc(1, total);
    if (!text) abort();
    memset(text, '.', total);
    memcpy(text, head, (size_t)size);
    sl_mp_str(buf, sl_bytes(text, total));
    free(text);
}

static void ask(struct worker *self, struct job *job) {
    struct sl_buf payload;
    char shown[CHAOS_SHOWN_SIZE], token[TOKEN_SIZE];
    sl_buf_init(&payload, sl_alloc_system());
    write_payload(job, &payload);
    struct sl_wire_submit submit = {.pipeline = sl_text(job->pipeline), .payload = sl_buf_bytes(&payload), .again = job->again};
    if (job->kind == KIND_KEY) submit.key = sl_text(job->text);
    if (job->kind == KIND_DOC) submit.doc_key = sl_text(job->text);
    if (job->kind == KIND_ONCE) memcpy(submit.once, job->once, sizeof submit.once);
    chaos_show(payload.data, payload.size, shown);
    (void)snprintf(token, sizeof token, "%s:%s", kind_words[job->kind], job->text);
    chaos_history_line(&self->history, "submit", token, "asked", ",\"pipeline\":\"%s\",\"value\":\"%s\"", job->pipeline, shown);
    uint64_t timeout_ms = sl_rng_chance(&self->rng, 1, 6) ? QUICK_MS : LONG_MS;
    int rc = sl_client_submit(self->client, &submit, timeout_ms, &job->request);
    if (rc) job->request = 0; /* the window is full: the next round asks */
    job->again = true;
    sl_buf_fini(&payload);
}

static struct job *new_job(struct worker *self) {
    if (self->job_count == self->job_capacity) {
        self->job_capacity = self->job_capacity * 2 + 64;
        self->jobs = realloc(self->jobs, self->job_capacity * sizeof *self->jobs);
        if (!self->jobs) abort();
    }
    struct job *job = &self->jobs[self->job_count++];
    *job = (struct job){.kind = (enum kind)sl_rng_below(&self->rng, 3), .pipeline = pipelines[sl_rng_below(&self->rng, PIPELINES)]};
    self->open_count++;
    return job;
}

/* Mostly a key of its own, sometimes one that the other clients use too, sometimes an old one again, with the old payload or another. */
static void submit(struct worker *self) {
    struct job *job = new_job(self);
    uint64_t chance = sl_rng_below(&self->rng, 100);
    if (chance < 15 && job->kind != KIND_ONCE) {
        uint32_t number = self->shared++;
        job->pipeline = pipelines[number % PIPELINES];
        (void)snprintf(job->text, sizeof job->text, "shared-%u-%u", self->phase, number);
    } else if (chance < 25 && self->job_count > 1) {
        const struct job *old = &self->jobs[sl_rng_below(&self->rng, self->job_count - 1)];
        *job = *old;
        job->request = job->cancel = 0;
        job->accepted = job->over = false;
        job->again = old->kind == KIND_ONCE; /* looked up, since a once number is not looked up otherwise */
        job->other = old->other || (old->kind == KIND_KEY && chance < 18);
    } else {
        (void)snprintf(job->text, sizeof job->text, "c%u-%u-%zu", self->index, self->phase, self->job_count);
        sl_entropy(job->once, sizeof job->once);
    }
    ask(self, job);
}

static void finish(struct worker *self, struct job *job) {
    if (!job->over) self->open_count--;
    job->over = true;
}

static void ask_cancel(struct worker *self, struct job *job) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(job->id.bytes, id);
    struct sl_wire_cancel_job cancel = {.job = sl_text(id), .reason = sl_text("the test wants it so")};
    chaos_history_line(&self->history, "cancel", id, "asked", ",\"job\":\"%s\"", id);
    if (sl_client_cancel(self->client, &cancel, LONG_MS, &job->cancel)) job->cancel = 0; /* the window is full: not this time */
}

static bool is_terminal(struct sl_bytes status) {
    return sl_bytes_equal(status, sl_text("completed")) || sl_bytes_equal(status, sl_text("failed")) ||
           sl_bytes_equal(status, sl_text("cancelled"));
}

static void accepted(struct worker *self, struct job *job, struct sl_bytes body) {
    struct sl_wire_accepted answer;
    char id[SL_ID_TEXT_SIZE], token[TOKEN_SIZE];
    if (sl_wire_accepted_decode(body, &answer)) abort();
    sl_id_to_text(answer.job.bytes, id);
    (void)snprintf(token, sizeof token, "%s:%s", kind_words[job->kind], job->text);
    chaos_history_line(&self->history, "submit", token, "accepted",
                       ",\"job\":\"%s\",\"duplicate\":%s,\"status\":\"%.*s\",\"pipeline\":\"%s\",\"other\":%s", id,
                       answer.duplicate ? "true" : "false", (int)answer.status.size, (const char *)answer.status.data,
                       job->pipeline, job->other ? "true" : "false");
    job->id = answer.job;
    job->accepted = true;
    if (sl_client_watch(self->client, job->id)) abort();
    if (sl_rng_chance(&self->rng, 1, 25)) ask_cancel(self, job);
}

static void submit_done(struct worker *self, struct job *job, const struct sl_session_done *done) {
    char token[TOKEN_SIZE];
    job->request = 0;
    if (done->end == SL_CALL_ANSWERED && done->type == SL_WIRE_ACCEPTED) {
        accepted(self, job, done->body);
        return;
    }
    (void)snprintf(token, sizeof token, "%s:%s", kind_words[job->kind], job->text);
    if (done->end != SL_CALL_REFUSED) {
        chaos_history_line(&self->history, "submit", token, done->end == SL_CALL_UNSENT ? "unsent" : "unknown",
                           ",\"pipeline\":\"%s\"", job->pipeline);
        return; /* asked again in the next round */
    }
    chaos_history_line(&self->history, "submit", token, "refused", ",\"code\":\"%.*s\",\"pipeline\":\"%s\",\"other\":%s",
                       (int)done->refused.code.size, (const char *)done->refused.code.data, job->pipeline,
                       job->other ? "true" : "false");
    if (!done->refused.retryable) finish(self, job);
}

static void cancel_done(struct worker *self, struct job *job, const struct sl_session_done *done) {
    struct sl_wire_cancelled answer;
    char id[SL_ID_TEXT_SIZE];
    job->cancel = 0;
    sl_id_to_text(job->id.bytes, id);
    if (done->end == SL_CALL_ANSWERED && done->type == SL_WIRE_CANCELLED && sl_wire_cancelled_decode(done->body, &answer) == SL_OK) {
        chaos_history_line(&self->history, "cancel", id, "answered", ",\"job\":\"%s\",\"status\":\"%.*s\"", id,
                           (int)answer.status.size, (const char *)answer.status.data);
        return;
    }
    struct sl_bytes code = done->end == SL_CALL_REFUSED ? done->refused.code : sl_text("");
    chaos_history_line(&self->history, "cancel", id, done->end == SL_CALL_REFUSED ? "refused" : "unknown",
                       ",\"job\":\"%s\",\"code\":\"%.*s\"", id, (int)code.size, (const char *)code.data);
}

static void done(struct worker *self, const struct sl_session_done *end) {
    for (size_t i = self->job_count; i-- > 0;) {
        struct job *job = &self->jobs[i];
        if (job->request == end->id) {
            submit_done(self, job, end);
            return;
        }
        if (job->cancel == end->id) {
            cancel_done(self, job, end);
            return;
        }
    }
}

static void change(struct worker *self, const struct sl_wire_job_change *seen) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(seen->job.bytes, id);
    chaos_history_line(&self->history, "seen", id, "", ",\"job\":\"%s\",\"n\":%llu,\"status\":\"%.*s\",\"stages\":\"%.*s\"", id,
                       (unsigned long long)seen->n, (int)seen->status.size, (const char *)seen->status.data,
                       (int)seen->stages.size, (const char *)seen->stages.data);
    for (size_t i = self->job_count; i-- > 0;) {
        struct job *job = &self->jobs[i];
        if (!job->accepted || job->over || !sl_job_id_equal(job->id, seen->job)) continue;
        /* A job that is not known is over too: that it was lost is the checker's to say. */
        if (is_terminal(seen->status) || sl_bytes_equal(seen->status, sl_text("unknown"))) finish(self, job);
    }
}

/* What is asked in this round: what got no answer, once more; a new job; a cancellation. */
static void work(struct worker *self) {
    for (size_t i = 0; i < self->job_count; i++) {
        struct job *job = &self->jobs[i];
        if (!job->over && !job->accepted && job->request == 0 && sl_client_has_room(self->client)) ask(self, job);
    }
    if (self->stopping || self->open_count >= OPEN_JOBS_MAX || !sl_client_has_room(self->client)) return;
    submit(self);
    size_t newest = self->job_count < LINGER_JOBS ? self->job_count : LINGER_JOBS;
    struct job *job = &self->jobs[self->job_count - 1 - sl_rng_below(&self->rng, newest)];
    if (job->accepted && !job->over && job->cancel == 0 && sl_rng_chance(&self->rng, 1, 20)) ask_cancel(self, job);
}

static void begin_settling(struct worker *self) {
    self->stopping = true;
    self->settle_until = sl_client_now() + (uint64_t)self->cluster->options->settle_ms * 1000000;
}

/* Takes events for one round. */
static void listen(struct worker *self, int stop_fd) {
    uint64_t until = sl_client_now() + (uint64_t)PACE_MS * 1000000;
    struct sl_session_effect event;
    for (;;) {
        int rc = sl_client_next(self->client, until, self->stopping ? -1 : stop_fd, &event);
        if (rc == SL_E_CLOSED) begin_settling(self);
        if (rc) return;
        if (event.kind == SL_SESSION_DONE) done(self, &event.done);
        if (event.kind == SL_SESSION_CHANGE) change(self, &event.change);
    }
}

static int tell_stuck(struct worker *self) {
    int shown = 0;
    if (self->open_count == 0) return 0;
    printf("chaos: %s still waits for %zu jobs\n", self->history.who, self->open_count);
    for (size_t i = 0; i < self->job_count && shown < 5; i++) {
        const struct job *job = &self->jobs[i];
        char id[SL_ID_TEXT_SIZE];
        if (job->over) continue;
        sl_id_to_text(job->id.bytes, id);
        printf("  %s %s of %s: %s\n", kind_words[job->kind], job->text, job->pipeline, job->accepted ? id : "not accepted");
        shown++;
    }
    return 1;
}

int chaos_client_run(const struct chaos_cluster *cluster, uint32_t index, uint32_t phase, int stop_fd) {
    char why[SL_CLIENT_SENTENCE_SIZE], who[32];
    struct worker self = {.cluster = cluster, .index = index, .phase = phase,
                          .rng = {cluster->options->seed * 1000 + phase * 100 + index}};
    const struct sl_client_cfg cfg = {.endpoint = cluster->clients_endpoint};
    (void)snprintf(who, sizeof who, "client-%u-%u", index, phase);
    if (chaos_history_open(cluster->history_path, who, &self.history)) return 2;
    if (sl_client_new(&cfg, &self.client, why)) {
        printf("chaos: %s\n", why);
        return 2;
    }
    while (!self.stopping || (self.open_count > 0 && sl_client_now() < self.settle_until)) {
        work(&self);
        listen(&self, stop_fd);
    }
    int rc = tell_stuck(&self);
    sl_client_free(&self.client);
    chaos_history_close(&self.history);
    free(self.jobs);
    return rc;
}
