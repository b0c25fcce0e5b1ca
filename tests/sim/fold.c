/* The state that only folds the log; see fold.h. */
#include "fold.h"

#include "base/assert.h"
#include "base/pool.h"
#include "core/sched_state.h"
#include "oracle.h"
#include "redis.h"
#include "trace.h"

enum { COMPARE_ALL_EVERY = 32, TOUCHED_MAX = 64 };

struct shard_fold {
    uint64_t epoch;      /* of the holding that is folded; 0: none */
    uint64_t n;          /* newest commit that is folded whole */
    uint32_t in_batch;   /* transitions of the open batch that are folded */
    struct sl_job_table table;
};

struct sim_fold {
    struct sim_world *world;
    struct sl_pool pool;
    struct sl_pipeline_entry entries[SIM_PIPELINES_MAX];
    struct shard_fold shards[SIM_SHARDS_MAX];
    struct sl_job_id touched[TOUCHED_MAX];
    uint32_t touched_count;
    uint64_t steps;
};

struct sim_fold *sim_fold_new(struct sim_world *world) {
    struct sim_fold *self = sim_arena_take(world->arena, sizeof *self);
    self->world = world;
    sl_pool_init(&self->pool, world->sure);
    for (uint32_t i = 0; i < world->plan.pipeline_count; i++) {
        const struct sl_pipeline *pipeline = sim_shape(world->plan.pipelines[i]);
        self->entries[i].digest = pipeline->digest;
        self->entries[i].pipeline = (struct sl_pipeline *)(uintptr_t)pipeline; /* only read */
    }
    return self;
}

static struct sl_pipeline_entry *find_pipeline(void *context, struct sl_digest digest) {
    struct sim_fold *self = context;
    for (uint32_t i = 0; i < self->world->plan.pipeline_count; i++)
        if (sl_digest_equal(self->entries[i].digest, digest)) return &self->entries[i];
    return NULL;
}

static void touch(struct sim_fold *self, struct sl_job_id id) {
    for (uint32_t i = 0; i < self->touched_count; i++)
        if (sl_job_id_equal(self->touched[i], id)) return;
    if (self->touched_count < TOUCHED_MAX) self->touched[self->touched_count++] = id;
}

/* Folds the transitions of a batch from number `from` on. Returns how many the batch holds. */
static uint32_t fold_batch(struct sim_fold *self, struct shard_fold *shard, uint64_t n, struct sl_bytes batch, uint32_t from) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    struct sl_prepared prepared;
    uint32_t count = 0;
    if (sl_batch_open(batch, &reader)) return 0;
    while (sl_batch_next(&reader, &transition) == 1) {
        if (count++ < from) continue;
        struct sl_job *known = sl_job_find(&shard->table, transition.job);
        if (transition.kind == SL_TR_SUBMITTED && known && known->removed) sl_job_remove(&shard->table, known);
        int rc = sl_apply_prepare(&shard->table, &transition, find_pipeline, self, &prepared);
        if (rc) {
            sim_violated(self->world, "I5", "%s of %s cannot be folded", sl_transition_word(transition.kind),
                         sim_job_text(self->world, transition.job));
            return count;
        }
        (void)sl_apply(&shard->table, n, &transition, &prepared);
        touch(self, transition.job);
    }
    return count;
}

static void fold_open(struct sim_fold *self, struct shard_fold *shard, const struct sl_shard *core) {
    struct sl_buf copy;
    if (core->batch_count == 0) {
        shard->in_batch = 0;
        return;
    }
    if (core->batch_count == shard->in_batch) return;
    sl_buf_init(&copy, self->world->sure);
    (void)sl_buf_append(&copy, core->batch.data, core->batch.size);
    sl_batch_end(&copy);
    shard->in_batch = fold_batch(self, shard, core->n_sealed + 1, sl_buf_bytes(&copy), shard->in_batch);
    sl_buf_fini(&copy);
}

/* A new holding begins with all that was ever durable. */
static void begin(struct sim_fold *self, struct shard_fold *shard, const struct sl_shard *core) {
    const struct sim_shard *log = &self->world->oracle->shards[core->index];
    if (shard->epoch) sl_job_table_fini(&shard->table);
    memset(shard, 0, sizeof *shard);
    shard->epoch = core->epoch;
    sl_job_table_init(&shard->table, &self->pool, self->world->sure, self->world->hash_seed);
    for (uint32_t i = 0; i < log->entry_count && log->entries[i].n <= core->n_durable; i++) {
        shard->n = log->entries[i].n;
        (void)fold_batch(self, shard, shard->n, log->entries[i].batch, 0);
    }
}

/* Commits that were sealed since: what was folded of them while they were open is not folded again. */
static void fold_sealed(struct sim_fold *self, struct shard_fold *shard, const struct sl_shard *core) {
    for (struct sl_link *link = sl_list_first(&core->writes); link; link = sl_list_next(&core->writes, link)) {
        const struct sl_write *write = SL_CONTAINER(link, struct sl_write, link);
        if (write->verb != SL_LEDGER_COMMIT || write->n <= shard->n) continue;
        shard->n = write->n;
        (void)fold_batch(self, shard, shard->n, sl_blob_bytes(write->body), shard->in_batch);
        shard->in_batch = 0;
    }
}

static bool is_same_state(struct sim_fold *self, const struct sl_job *live, const struct sl_job *folded) {
    struct sl_buf left, right;
    sl_buf_init(&left, self->world->sure);
    sl_buf_init(&right, self->world->sure);
    sl_record_state(&left, live);
    sl_record_state(&right, folded);
    bool same = sl_bytes_equal(sl_buf_bytes(&left), sl_buf_bytes(&right));
    sl_buf_fini(&left);
    sl_buf_fini(&right);
    return same;
}

/* What the core holds of a part; it may have given it back after a settle. */
static bool is_same_part(const struct sl_blob *live, const struct sl_blob *folded) {
    return !live || (folded && sl_bytes_equal(sl_blob_bytes(live), sl_blob_bytes(folded)));
}

static const char *difference(struct sim_fold *self, const struct sl_job *live, const struct sl_job *folded) {
    if (!folded) return "a job";
    if (!is_same_state(self, live, folded) || live->removed != folded->removed) return "a state";
    if (!is_same_part(live->facts, folded->facts)) return "facts";
    if (!is_same_part(live->payload, folded->payload)) return "a payload";
    for (uint16_t i = 0; live->run && i < live->run->stage_count; i++)
        if (!is_same_part(live->run->stages[i].output, folded->run->stages[i].output)) return "an output";
    return NULL;
}

/* I5; and I18: what was read from a bad record is not in the core, and only a job with a bad record is parked. */
static void compare_job(struct sim_fold *self, const struct sl_shard *core, const struct shard_fold *shard,
                        const struct sl_job *live) {
    const struct sim_job *job = sim_oracle_job(self->world, live->id);
    bool excused = job && sim_oracle_is_excused(self->world, job);
    const char *what = difference(self, live, sl_job_find(&shard->table, live->id));
    if (what)
        sim_violated(self->world, excused ? "I18" : "I5", "shard %u: %s has %s that is not in its log", (unsigned)core->index,
                     sim_job_text(self->world, live->id), what);
    bool fenced = self->world->oracle->shards[core->index].epoch != core->epoch; /* it read what its successor wrote */
    if (live->corrupt && !excused && !fenced)
        sim_violated(self->world, "I18", "shard %u: %s is parked and nothing stored of it was damaged", (unsigned)core->index,
                     sim_job_text(self->world, live->id));
}

/* A job leaves the core's memory when it has ended and is settled, not before. */
static void check_missing(struct sim_fold *self, const struct sl_shard *core, const struct sl_job *folded) {
    const struct sim_job *job = sim_oracle_job(self->world, folded->id);
    if (self->world->oracle->shards[core->index].epoch != core->epoch) return; /* fenced: it read what its successor wrote */
    if (sl_job_state_is_terminal((enum sl_job_state)folded->state) || sl_job_find(&core->table, folded->id)) return;
    if (job && (sim_oracle_is_excused(self->world, job) || sim_redis_lost_pipeline_of(self->world, job))) return; /* it is parked */
    sim_violated(self->world, "I5", "shard %u: %s is %s in its log and the core has forgotten it", (unsigned)core->index,
                 sim_job_text(self->world, folded->id), sl_job_state_word((enum sl_job_state)folded->state));
}

static void compare_all(struct sim_fold *self, const struct sl_shard *core, const struct shard_fold *shard) {
    size_t cursor = 0;
    const struct sl_job *job;
    while ((job = sl_idmap_each(&core->table.jobs, &cursor)) && !sim_is_violated(self->world))
        compare_job(self, core, shard, job);
    cursor = 0;
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor)) && !sim_is_violated(self->world))
        check_missing(self, core, job);
}

static void compare(struct sim_fold *self, const struct sl_shard *core, const struct shard_fold *shard, bool all) {
    if (all) {
        compare_all(self, core, shard);
        return;
    }
    for (uint32_t i = 0; i < self->touched_count; i++) {
        const struct sl_job *job = sl_job_find(&core->table, self->touched[i]);
        const struct sl_job *folded = sl_job_find(&shard->table, self->touched[i]);
        if (job) compare_job(self, core, shard, job);
        if (folded) check_missing(self, core, folded);
    }
}

void sim_fold_after_step(struct sim_world *world, struct sim_broker *broker) {
    struct sim_fold *self = broker->fold;
    bool all = ++self->steps % COMPARE_ALL_EVERY == 0;
    self->touched_count = 0;
    for (uint16_t i = 0; i < world->plan.shard_count && !sim_is_violated(world); i++) {
        const struct sl_shard *core = &broker->core->shards[i];
        struct shard_fold *shard = &self->shards[i];
        if (core->state != SL_SHARD_OPEN || world->redis->went_back[i]) continue;
        bool fresh = shard->epoch != core->epoch;
        if (fresh) begin(self, shard, core);
        fold_sealed(self, shard, core);
        fold_open(self, shard, core);
        if (fresh || all || self->touched_count) compare(self, core, shard, fresh || all);
    }
}
