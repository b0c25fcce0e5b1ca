/* I5: what a fresh core recovers from a copy of Redis, with the owner's writes that are on their way performed on it and its open batch
 * sealed, is what the owner holds. */
#include "base/assert.h"
#include "base/err.h"
#include "broker.h"
#include "core/sched_state.h"
#include "base/msgpack.h"
#include "oracle.h"
#include "redis.h"
#include "trace.h"

enum { STEPS_MAX = 20000 };

struct recovery {
    struct sim_world *world;
    struct sl_sched *core;
    struct ledger_twin *twin;
    uint16_t shard;
    uint64_t now;
    uint32_t steps;
    struct sim_message *calls, **calls_end; /* to be answered, in order */
};

/* Performs on the twin what the owner has sealed and has no reply for. */
static void perform_sealed(const struct sl_sched *core, const struct sl_shard *shard, struct ledger_twin *twin) {
    struct sl_ledger_reply lease, reply;
    struct sl_ledger_call ask = {.verb = SL_LEDGER_RESUME, .shard = shard->index};
    SL_ASSERT(ledger_twin_call(twin, &ask, &lease) == 0);
    for (struct sl_link *link = sl_list_first(&shard->writes); link; link = sl_list_next(&shard->writes, link)) {
        const struct sl_write *write = SL_CONTAINER(link, struct sl_write, link);
        if (write->n <= lease.n) continue;
        struct sl_ledger_call call = {.verb = write->verb, .shard = shard->index, .epoch = shard->epoch,
                                      .owner = core->config.incarnation, .n = write->n - 1, .time_ms = write->time_ms,
                                      .digest = write->digest, .ckpt = write->ckpt, .body = sl_blob_bytes(write->body)};
        SL_ASSERT(ledger_twin_call(twin, &call, &reply) == 0);
    }
}

/* Seals on the twin what the owner has decided and not sealed. */
static void perform_open(struct sim_world *world, const struct sl_sched *core, const struct sl_shard *shard,
                         struct ledger_twin *twin) {
    struct sl_ledger_reply reply;
    struct sl_buf body;
    sl_buf_init(&body, world->sure);
    SL_ASSERT(sl_buf_append(&body, shard->batch.data, shard->batch.size) == 0);
    sl_batch_end(&body);
    struct sl_ledger_call call = {.verb = SL_LEDGER_COMMIT, .shard = shard->index, .epoch = shard->epoch,
                                  .owner = core->config.incarnation, .n = shard->n_sealed,
                                  .time_ms = sl_shard_time(shard, core->now),
                                  .digest = sl_digest_chain(shard->digest, sl_buf_bytes(&body)),
                                  .body = sl_buf_bytes(&body)};
    SL_ASSERT(ledger_twin_call(twin, &call, &reply) == 0);
    sl_buf_fini(&body);
}

/* Whether Redis still names this core's holding of the shard: a core that was fenced and does not know it yet is not asked. */
static bool is_held(const struct sl_sched *core, const struct sl_shard *shard, struct ledger_twin *twin) {
    struct sl_ledger_reply lease;
    struct sl_ledger_call ask = {.verb = SL_LEDGER_RESUME, .shard = shard->index};
    SL_ASSERT(ledger_twin_call(twin, &ask, &lease) == 0);
    return lease.epoch == shard->epoch && memcmp(lease.owner.bytes, core->config.incarnation.bytes, 16) == 0;
}

static void step(struct recovery *self, struct sl_event *event) {
    struct sl_effects effects;
    event->now = self->now;
    SL_ASSERT(sl_sched_step(self->core, event, &effects) == 0);
    self->steps++;
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.items[i].kind != SL_DO_CALL) continue;
        struct sim_message *message = sim_message_call(self->world, &effects.items[i].call);
        *self->calls_end = message;
        self->calls_end = &message->next;
    }
}

static void step_sink(void *context, struct sl_event *event) {
    step(context, event);
}

static void answer(struct recovery *self) {
    while (self->calls && self->steps < STEPS_MAX) {
        struct sim_message *message = self->calls;
        struct sl_ledger_reply reply;
        self->calls = message->next;
        if (!self->calls) self->calls_end = &self->calls;
        SL_ASSERT(ledger_twin_call(self->twin, &message->call, &reply) == 0);
        struct sl_event event = {.kind = SL_EV_LEDGER_REPLY, .reply = &reply};
        step(self, &event);
    }
}

/* Lets the fresh core take its shards, until the one in question is open. */
static bool recover(struct recovery *self, struct sl_buf *dump) {
    struct sl_event up = {.kind = SL_EV_LEDGER_UP};
    sim_catalog(self->world, UINT32_MAX, step_sink, self);
    step(self, &up);
    for (int i = 0; i < 4000; i++) {
        answer(self);
        sl_buf_clear(dump);
        if (sl_sched_dump(self->core, self->shard, dump) == 0) return true;
        uint64_t due = sl_sched_deadline(self->core);
        if (due == UINT64_MAX) return false;
        if (due > self->now) self->now = due;
        struct sl_event tick = {.kind = SL_EV_TICK};
        step(self, &tick);
    }
    return false;
}

/* A dump is one array a job: [id, terminal, bytes]. Jobs that ended may be missing on one side: settled, and out of memory. */
struct entry {
    struct sl_bytes id, state;
    bool terminal;
};

static bool next_entry(struct sl_mp_reader *reader, struct entry *out) {
    if (reader->rc || reader->at == reader->end) return false;
    (void)sl_mp_read_array(reader, 3);
    out->id = sl_mp_read_bin(reader, 16);
    out->terminal = sl_mp_read_bool(reader);
    out->state = sl_mp_read_bin(reader, SIZE_MAX);
    return reader->rc == 0;
}

static void compare(struct sim_world *world, struct sl_bytes live, struct sl_bytes recovered, uint16_t shard) {
    struct sl_mp_reader a = sl_mp_reader(live), b = sl_mp_reader(recovered);
    struct entry left, right;
    bool has_left = next_entry(&a, &left), has_right = next_entry(&b, &right);
    while (has_left || has_right) {
        int order = !has_left ? 1 : !has_right ? -1 : sl_bytes_compare(left.id, right.id);
        const struct entry *alone = order < 0 ? &left : &right;
        struct sl_job_id id;
        memcpy(id.bytes, alone->id.data, sizeof id.bytes);
        const struct sim_job *job = sim_oracle_job(world, id);
        bool excused = job && (job->damaged || sim_redis_lost_pipeline_of(world, job));
        if (order != 0 && !alone->terminal && !excused) {
            sim_violated(world, "I5", "shard %u: %s is held by the %s core only", (unsigned)shard, sim_job_text(world, id),
                         order < 0 ? "owner's" : "recovered");
            return;
        }
        if (order == 0 && !excused && !sl_bytes_equal(left.state, right.state)) {
            sim_violated(world, "I5", "shard %u: %s differs between the owner and what recovers", (unsigned)shard,
                         sim_job_text(world, id));
            return;
        }
        if (order <= 0) has_left = next_entry(&a, &left);
        if (order >= 0) has_right = next_entry(&b, &right);
    }
    if (a.rc || b.rc) sim_violated(world, "I5", "shard %u: a dump cannot be read", (unsigned)shard);
}

static void recover_and_compare(struct sim_world *world, struct sim_broker *broker, struct recovery *self) {
    struct sl_incarnation incarnation = {{0xfe}};
    struct sl_sched_config config = sim_core_config(world, incarnation, 1);
    struct sl_buf live, recovered;
    config.succeeds = broker->incarnation;
    config.bug = 0;
    sl_buf_init(&live, world->sure);
    sl_buf_init(&recovered, world->sure);
    SL_ASSERT(sl_sched_dump(broker->core, self->shard, &live) == 0);
    SL_ASSERT(sl_sched_new(world->sure, &config, &self->core) == 0);
    if (recover(self, &recovered)) compare(world, sl_buf_bytes(&live), sl_buf_bytes(&recovered), self->shard);
    else sim_violated(world, "I5", "shard %u cannot be recovered", (unsigned)self->shard);
    sl_sched_free(&self->core);
    sl_buf_fini(&live);
    sl_buf_fini(&recovered);
}

void sim_check_recovery(struct sim_world *world, struct sim_broker *broker, uint16_t index) {
    struct recovery self = {.world = world, .shard = index, .now = SIM_SECOND};
    const struct sl_shard *shard = &broker->core->shards[index];
    self.calls_end = &self.calls;
    if (world->redis->damaged[index] || !world->redis->up) return;
    if (shard->releasing) return; /* what is decided behind the release will be fenced and dropped */
    if (shard->state != SL_SHARD_OPEN) return;
    SL_ASSERT(ledger_twin_new(world->sure, &self.twin) == 0);
    SL_ASSERT(ledger_twin_copy(self.twin, world->redis->memory) == 0);
    if (is_held(broker->core, shard, self.twin)) {
        perform_sealed(broker->core, shard, self.twin);
        if (shard->batch_count > 0) perform_open(world, broker->core, shard, self.twin);
        world->oracle->recoveries++;
        recover_and_compare(world, broker, &self);
    }
    ledger_twin_free(&self.twin);
}
