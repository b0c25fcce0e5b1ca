/* The oracle's fold of what became durable: I2, I3, I4, I6, I8 to I11, I13. */
#include "oracle.h"

#include "base/assert.h"
#include "client.h"
#include "core/record.h"
#include "core/transition.h"
#include "redis.h"
#include "trace.h"

#define VIOLATED(world, name, ...)                                                                                     \
    do {                                                                                                               \
        sim_violated(world, name, __VA_ARGS__);                                                                        \
        return;                                                                                                        \
    } while (0)

struct sim_job *sim_oracle_job(struct sim_world *world, struct sl_job_id id) {
    return sl_idmap_find(&world->oracle->by_id, id.bytes);
}

int sim_oracle_job_number(struct sim_world *world, struct sl_job_id id) {
    const struct sim_job *job = sim_oracle_job(world, id);
    return job ? (int)job->number : -1;
}

/* ---- leases ---- */

static void tenure_begins(struct sim_world *world, struct sim_shard *shard, const struct sl_ledger_call *call) {
    if (shard->tenure_count == shard->tenure_capacity) {
        uint32_t capacity = shard->tenure_capacity ? shard->tenure_capacity * 2 : 8;
        struct sim_tenure *tenures = sim_arena_take(world->arena, capacity * sizeof *tenures);
        if (shard->tenure_count) memcpy(tenures, shard->tenures, shard->tenure_count * sizeof *tenures);
        shard->tenures = tenures;
        shard->tenure_capacity = capacity;
    }
    shard->tenures[shard->tenure_count++] =
        (struct sim_tenure){.epoch = call->new_epoch, .from = shard->n, .n = shard->n, .owner = call->owner};
}

static void on_acquire(struct sim_world *world, struct sim_shard *shard, const struct sl_ledger_call *call) {
    if (call->new_epoch <= shard->epoch)
        VIOLATED(world, "I4", "shard %u: epoch %llu was given after %llu", (unsigned)call->shard,
                 (unsigned long long)call->new_epoch, (unsigned long long)shard->epoch);
    tenure_begins(world, shard, call);
    shard->epoch = call->new_epoch;
    shard->owner = call->owner;
}

static bool on_write(struct sim_world *world, struct sim_shard *shard, const struct sl_ledger_call *call) {
    if (call->epoch != shard->epoch || memcmp(call->owner.bytes, shard->owner.bytes, 16) != 0) {
        sim_violated(world, "I4", "shard %u: write %llu of epoch %llu was performed under epoch %llu",
                     (unsigned)call->shard, (unsigned long long)call->n + 1, (unsigned long long)call->epoch,
                     (unsigned long long)shard->epoch);
        return false;
    }
    if (call->n != shard->n) {
        sim_violated(world, "I3", "shard %u: write %llu follows write %llu", (unsigned)call->shard,
                     (unsigned long long)call->n + 1, (unsigned long long)shard->n);
        return false;
    }
    if (call->time_ms < shard->time_ms) {
        sim_violated(world, "I3", "shard %u: its time goes back from %llu to %llu", (unsigned)call->shard,
                     (unsigned long long)shard->time_ms, (unsigned long long)call->time_ms);
        return false;
    }
    shard->time_ms = call->time_ms;
    shard->n++;
    shard->tenures[shard->tenure_count - 1].n = shard->n;
    return true;
}

/* ---- transitions ---- */

static struct sim_stage *stage_of(struct sim_job *job, const struct sl_transition *t) {
    return t->stage < job->pipeline->stage_count ? &job->stages[t->stage] : NULL;
}

static void on_submitted(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    if (job->removed && sim_job_kind(job) == SIM_REQUEST_ONCE) {
        job->reborn = true;
        return;
    }
    if (job->submitted++)
        VIOLATED(world, "I2", "j%u: the ledger took it twice", (unsigned)job->number + 1);
    if (!sl_digest_equal(t->submitted.pipeline, job->pipeline->digest))
        VIOLATED(world, "I2", "j%u: another pipeline than the client named", (unsigned)job->number + 1);
    for (uint32_t variant = 0; variant < 2; variant++)
        if (sl_bytes_equal(t->submitted.payload, job->payloads[variant])) job->payload = job->payloads[variant];
    if (job->payload.size == 0) VIOLATED(world, "I2", "j%u: a payload that no client sent", (unsigned)job->number + 1);
    job->state = SL_JOB_QUEUED;
}

static bool predecessors_are_done(const struct sim_job *job, uint16_t index) {
    const struct sl_stage *stage = &job->pipeline->stages[index];
    for (uint16_t i = 0; i < stage->predecessor_count; i++)
        if (job->stages[stage->predecessors[i]].state != SL_STAGE_SUCCEEDED) return false;
    return true;
}

/* Whether every attempt so far ended with its worker's word that it did not succeed, or was never begun. */
static bool all_said_no(const struct sim_stage *stage) {
    for (uint32_t i = 0; i < stage->attempt_count; i++)
        if (!stage->attempts[i].returned && stage->attempts[i].outcome != SL_OUTCOME_RETRYABLE) return false;
    return true;
}

static void on_started(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    struct sim_stage *stage = stage_of(job, t);
    const char *name = sim_job_text(world, job->id);
    if (!stage || job->ended) VIOLATED(world, "I6", "%s s%u: started after the end", name, (unsigned)t->stage);
    if (!predecessors_are_done(job, t->stage))
        VIOLATED(world, "I8", "%s s%u: started before its predecessors succeeded", name, (unsigned)t->stage);
    if (stage->state != SL_STAGE_WAITING && stage->state != SL_STAGE_BACKOFF)
        VIOLATED(world, "I6", "%s s%u: started while %s", name, (unsigned)t->stage,
                 sl_stage_state_word((enum sl_stage_state)stage->state));
    if (t->attempt != stage->attempt_count + 1 || t->attempt > SIM_ATTEMPTS_MAX)
        VIOLATED(world, "I11", "%s s%u: attempt %u follows attempt %u", name, (unsigned)t->stage,
                 (unsigned)t->attempt, (unsigned)stage->attempt_count);
    if (!stage->attempts) stage->attempts = sim_arena_take(world->arena, SIM_ATTEMPTS_MAX * sizeof *stage->attempts);
    if (!t->started.idempotent && !all_said_no(stage))
        VIOLATED(world, "I13", "%s s%u: is not idempotent and started twice", name, (unsigned)t->stage);
    stage->attempts[stage->attempt_count++] =
        (struct sim_attempt){.nonce = t->started.nonce, .epoch = t->started.epoch};
    stage->attempts_max = (uint8_t)t->started.attempts_max;
    stage->crashes_max = (uint8_t)t->started.crashes_max;
    if (++stage->tries > stage->attempts_max)
        VIOLATED(world, "I11", "%s s%u: %u tries, at most %u are allowed", name, (unsigned)t->stage,
                 (unsigned)stage->tries, (unsigned)stage->attempts_max);
    if (stage->crashes >= stage->crashes_max)
        VIOLATED(world, "I11", "%s s%u: started after %u crashes", name, (unsigned)t->stage, (unsigned)stage->crashes);
    stage->state = SL_STAGE_RUNNING;
    job->state = SL_JOB_PROCESSING;
}

/* The running attempt that the transition ends, or NULL with the violation noted. */
static struct sim_attempt *ending(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    struct sim_stage *stage = stage_of(job, t);
    const char *name = sim_job_text(world, job->id);
    if (!stage || t->attempt == 0 || t->attempt > stage->attempt_count) {
        sim_violated(world, "I10", "%s s%u: attempt %u ended and never started", name, (unsigned)t->stage,
                     (unsigned)t->attempt);
        return NULL;
    }
    struct sim_attempt *attempt = &stage->attempts[t->attempt - 1];
    if (attempt->ended) {
        sim_violated(world, t->kind == SL_TR_SUCCEEDED && stage->succeeded ? "I9" : "I10",
                     "%s s%u: attempt %u ended twice", name, (unsigned)t->stage, (unsigned)t->attempt);
        return NULL;
    }
    if (job->ended || stage->state != SL_STAGE_RUNNING || t->attempt != stage->attempt_count) {
        sim_violated(world, "I6", "%s s%u: attempt %u ended while the stage is %s", name, (unsigned)t->stage,
                     (unsigned)t->attempt, sl_stage_state_word((enum sl_stage_state)stage->state));
        return NULL;
    }
    attempt->ended = true;
    return attempt;
}

/* The one value that stands in an output record: array [type, count, {key: bin}, output]. */
static struct sl_bytes committed_value(struct sl_bytes record) {
    struct sl_mp_reader reader = sl_mp_reader(record);
    (void)sl_mp_read_array(&reader, 4);
    sl_mp_skip(&reader, 2);
    sl_mp_skip(&reader, 2);
    if (sl_mp_read_map(&reader, 16) != 1) return sl_bytes(NULL, 0);
    (void)sl_mp_read_str(&reader, 64);
    struct sl_bytes value = sl_mp_read_bin(&reader, SIZE_MAX);
    return reader.rc ? sl_bytes(NULL, 0) : value;
}

static void on_succeeded(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    struct sim_attempt *attempt = ending(world, job, t);
    if (!attempt) return;
    struct sim_stage *stage = stage_of(job, t);
    const char *name = sim_job_text(world, job->id);
    struct sl_token token = {.job = job->id, .stage = t->stage, .attempt = t->attempt, .nonce = attempt->nonce};
    if (!sl_bytes_equal(committed_value(t->succeeded.output), sim_stage_value(world, &token)))
        VIOLATED(world, "I8", "%s s%u: attempt %u was committed with what another attempt left", name,
                 (unsigned)t->stage, (unsigned)t->attempt);
    if (stage->succeeded++) VIOLATED(world, "I9", "%s s%u: succeeded twice", name, (unsigned)t->stage);
    attempt->outcome = SL_OUTCOME_DONE;
    stage->state = SL_STAGE_SUCCEEDED;
}

static void on_failed(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    struct sim_stage *stage = stage_of(job, t);
    if (stage && stage->state == SL_STAGE_WAITING && t->failed.final) {
        stage->state = SL_STAGE_FAILED; /* no attempt could be made: its input cannot be assembled */
        return;
    }
    struct sim_attempt *attempt = ending(world, job, t);
    if (!attempt) return;
    attempt->outcome = (uint8_t)t->failed.outcome;
    if (t->failed.outcome == SL_OUTCOME_CRASH || t->failed.outcome == SL_OUTCOME_LOST) stage->crashes++;
    if (stage->crashes > stage->crashes_max)
        VIOLATED(world, "I11", "%s s%u: %u crashes, at most %u are allowed", sim_job_text(world, job->id),
                 (unsigned)t->stage, (unsigned)stage->crashes, (unsigned)stage->crashes_max);
    stage->state = t->failed.final ? SL_STAGE_FAILED : SL_STAGE_BACKOFF;
}

static void on_returned(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    struct sim_attempt *attempt = ending(world, job, t);
    if (!attempt) return;
    struct sim_stage *stage = stage_of(job, t);
    attempt->returned = true;
    attempt->outcome = SL_OUTCOME_RETURNED;
    stage->tries--;
    stage->state = SL_STAGE_WAITING;
}

static void on_ended(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    const char *name = sim_job_text(world, job->id);
    uint32_t succeeded = 0, failed = 0;
    if (job->ended) VIOLATED(world, "I6", "%s: ended twice", name);
    for (uint16_t i = 0; i < job->pipeline->stage_count; i++) {
        succeeded += job->stages[i].state == SL_STAGE_SUCCEEDED;
        failed += job->stages[i].state == SL_STAGE_FAILED;
    }
    if (!sl_job_state_is_terminal(t->ended.state))
        VIOLATED(world, "I6", "%s: ended as %s", name, sl_job_state_word(t->ended.state));
    if ((t->ended.state == SL_JOB_COMPLETED) != (succeeded == job->pipeline->stage_count))
        VIOLATED(world, "I6", "%s: %s with %u of %u stages succeeded", name, sl_job_state_word(t->ended.state),
                 (unsigned)succeeded, (unsigned)job->pipeline->stage_count);
    if (t->ended.state == SL_JOB_FAILED && failed == 0) VIOLATED(world, "I6", "%s: failed without a failed stage", name);
    if (t->ended.state == SL_JOB_CANCELLED && !job->wants_cancel)
        VIOLATED(world, "I6", "%s: cancelled and nobody asked for it", name);
    job->ended = 1;
    job->ended_at = world->now;
    job->ended_ms = world->oracle->shards[sl_job_shard(job->id, (uint16_t)world->plan.shard_count)].time_ms;
    job->state = (uint8_t)t->ended.state;
    for (uint16_t i = 0; i < job->pipeline->stage_count; i++)
        if (!sl_stage_state_is_terminal((enum sl_stage_state)job->stages[i].state))
            job->stages[i].state = SL_STAGE_CANCELLED;
}

/* A stage's field is "f" and its index, and its value the number of the attempt that sets it. */
static void on_field(struct sim_world *world, struct sim_job *job, const struct sl_transition *t) {
    const char *name = sim_job_text(world, job->id);
    struct sl_mp_reader reader = sl_mp_reader(t->field.value);
    uint64_t attempt = sl_mp_read_uint(&reader, SIM_ATTEMPTS_MAX);
    struct sl_bytes field = t->field.name;
    uint16_t index = field.size == 2 && field.data[0] == 'f' ? (uint16_t)(field.data[1] - '0') : UINT16_MAX;
    if (index >= job->pipeline->stage_count || sl_mp_end(&reader))
        VIOLATED(world, "I6", "%s: a field was set that no stage sets", name);
    struct sim_stage *stage = &job->stages[index];
    if (job->ended || stage->state != SL_STAGE_RUNNING || attempt != stage->attempt_count)
        VIOLATED(world, "I6", "%s s%u: attempt %u set a field and does not run", name, (unsigned)index, (unsigned)attempt);
    stage->field = (uint32_t)attempt;
}

/* Bytes that the shard's finished jobs take on the disk, as their records count them; those that are removed are not among them. */
static uint64_t kept_bytes(struct sim_world *world, uint16_t shard) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < world->plan.job_count; i++) {
        const struct sim_job *job = &world->oracle->jobs[i];
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_RECORD, .shard = shard, .job = job->id};
        struct sl_ledger_reply reply;
        struct sl_ended ended;
        bool is_gone = job->removed && !job->reborn;
        if (is_gone || sl_job_shard(job->id, (uint16_t)world->plan.shard_count) != shard) continue;
        SL_ASSERT(ledger_twin_call(world->redis->disk, &call, &reply) == 0);
        if (reply.item_count == 1 && sl_record_read_ended(reply.items[0].value, &ended) == 0) bytes += ended.retained.bytes;
    }
    return bytes;
}

/* I27: what is removed has ended, and is old enough or too much. */
static void on_removed(struct sim_world *world, struct sim_job *job) {
    uint16_t index = sl_job_shard(job->id, (uint16_t)world->plan.shard_count);
    const struct sim_shard *shard = &world->oracle->shards[index];
    const char *name = sim_job_text(world, job->id);
    if (!job->ended || job->removed) VIOLATED(world, "I6", "%s was removed, and had not ended, or not again", name);
    bool old = world->plan.retention_ms && shard->time_ms >= job->ended_ms + world->plan.retention_ms;
    uint64_t max = world->plan.retention_bytes / world->plan.shard_count;
    bool full = world->plan.retention_bytes && kept_bytes(world, index) > max;
    /* A new owner counts those of one settle that its predecessor removed as kept, when they were counted before the oldest one left;
     * and a record that cannot be read is kept. */
    bool is_exact = shard->tenure_count == 1 && world->plan.fault_weight[SIM_FAULT_DAMAGE] == 0;
    bool may_be_counted = world->plan.retention_bytes && !is_exact;
    if (!old && !full && !may_be_counted)
        VIOLATED(world, "I27", "%s ended at %llu ms and was removed at %llu ms, of %u; %llu bytes were kept, of %llu", name,
                 (unsigned long long)job->ended_ms, (unsigned long long)shard->time_ms, (unsigned)world->plan.retention_ms,
                 (unsigned long long)kept_bytes(world, index), (unsigned long long)max);
    job->removed = true;
    job->removed_at = world->now;
}

static void on_transition(struct sim_world *world, const struct sl_transition *t) {
    struct sim_job *job = sim_oracle_job(world, t->job);
    world->oracle->transitions++;
    if (!job) VIOLATED(world, "I2", "a job that nobody submitted was committed");
    if (t->kind != SL_TR_SUBMITTED && job->submitted == 0)
        VIOLATED(world, "I6", "j%u: %s before it was submitted", (unsigned)job->number + 1, sl_transition_word(t->kind));
    if (job->reborn) return;
    job->events += t->kind != SL_TR_REMOVED;
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        on_submitted(world, job, t);
        return;
    case SL_TR_STARTED:
        on_started(world, job, t);
        return;
    case SL_TR_SUCCEEDED:
        on_succeeded(world, job, t);
        return;
    case SL_TR_ATTEMPT_FAILED:
        on_failed(world, job, t);
        return;
    case SL_TR_RETURNED:
        on_returned(world, job, t);
        return;
    case SL_TR_ENDED:
        on_ended(world, job, t);
        return;
    case SL_TR_FIELD_SET:
        on_field(world, job, t);
        return;
    case SL_TR_REMOVED:
        on_removed(world, job);
        return;
    default:
        sim_violated(world, "I6", "an unexpected transition %s", sl_transition_word(t->kind));
    }
}

static void keep_entry(struct sim_world *world, struct sim_shard *shard, struct sl_bytes batch) {
    if (shard->entry_count == shard->entry_capacity) {
        uint32_t capacity = shard->entry_capacity ? shard->entry_capacity * 2 : 64;
        struct sim_entry *entries = sim_arena_take(world->arena, capacity * sizeof *entries);
        if (shard->entry_count) memcpy(entries, shard->entries, shard->entry_count * sizeof *entries);
        shard->entries = entries;
        shard->entry_capacity = capacity;
    }
    shard->entries[shard->entry_count++] = (struct sim_entry){.n = shard->n, .batch = batch};
}

static void on_commit(struct sim_world *world, struct sim_shard *shard, const struct sl_ledger_call *call) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    int rc = sl_batch_open(call->body, &reader);
    if (rc) VIOLATED(world, "I3", "shard %u: commit %llu cannot be read", (unsigned)call->shard, (unsigned long long)shard->n);
    if (reader.before != shard->commit_n)
        VIOLATED(world, "I3", "shard %u: commit %llu names %llu as the one before, which is %llu", (unsigned)call->shard,
                 (unsigned long long)shard->n, (unsigned long long)reader.before, (unsigned long long)shard->commit_n);
    if (!sl_digest_equal(reader.digest, shard->digest))
        VIOLATED(world, "I3", "shard %u: commit %llu names another digest than that of the commit before", (unsigned)call->shard,
                 (unsigned long long)shard->n);
    shard->digest = sl_digest_chain(shard->digest, call->body);
    if (!sl_digest_equal(shard->digest, call->digest))
        VIOLATED(world, "I3", "shard %u: the chain breaks at commit %llu", (unsigned)call->shard, (unsigned long long)shard->n);
    shard->commit_n = shard->n;
    keep_entry(world, shard, call->body); /* a message of the world: it stays until the end of the run */
    world->oracle->commits++;
    while (!sim_is_violated(world) && (rc = sl_batch_next(&reader, &transition)) == 1) on_transition(world, &transition);
    if (rc < 0) sim_violated(world, "I3", "shard %u: commit %llu is damaged", (unsigned)call->shard, (unsigned long long)shard->n);
}

void sim_oracle_on_durable(struct sim_world *world, const struct sl_ledger_call *call,
                           const struct sl_ledger_reply *reply) {
    struct sim_shard *shard = &world->oracle->shards[call->shard];
    (void)reply;
    if (world->redis->went_back[call->shard]) return; /* its history is not one any more */
    if (call->verb == SL_LEDGER_ACQUIRE) {
        on_acquire(world, shard, call);
        return;
    }
    if (!on_write(world, shard, call)) return;
    if (call->verb == SL_LEDGER_COMMIT) on_commit(world, shard, call);
    if (call->verb == SL_LEDGER_SETTLE && call->ckpt > shard->commit_n)
        sim_violated(world, "I3", "shard %u: checkpoint %llu is above commit %llu", (unsigned)call->shard,
                     (unsigned long long)call->ckpt, (unsigned long long)shard->commit_n);
    if (call->verb == SL_LEDGER_RELEASE) memset(&shard->owner, 0, sizeof shard->owner);
}
