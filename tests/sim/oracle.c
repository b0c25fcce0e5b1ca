/* The oracle's birth, its words, and its questions at the end: I1, I16, I24, I25. */
#include "oracle.h"

#include "base/assert.h"
#include "broker.h"
#include "client.h"
#include "core/record.h"
#include "core/sched_state.h"
#include "redis.h"
#include "trace.h"

#include <stdio.h>

void sim_oracle_new(struct sim_world *world) {
    world->oracle = sim_arena_take(world->arena, sizeof *world->oracle);
    sl_idmap_init(&world->oracle->by_id, world->sure, world->hash_seed);
}

bool sim_oracle_is_excused(const struct sim_world *world, const struct sim_job *job) {
    return job->damaged || job->reborn || world->redis->damaged[sl_job_shard(job->id, (uint16_t)world->plan.shard_count)];
}

static void stage_letters(const struct sim_job *job, char *out) {
    for (uint16_t i = 0; i < job->pipeline->stage_count; i++)
        *out++ = sl_stage_state_letter((enum sl_stage_state)job->stages[i].state);
    *out = 0;
}

bool sim_oracle_is_quiet(struct sim_world *world, char *why, size_t size) {
    char letters[SIM_SHAPE_STAGES_MAX + 1];
    for (uint32_t i = 0; i < world->plan.job_count; i++) {
        const struct sim_job *job = &world->oracle->jobs[i];
        if ((!job->accepted && !job->submitted) || job->ended || sim_oracle_is_excused(world, job)) continue;
        stage_letters(job, letters);
        snprintf(why, size, "j%u is %s [%s] in shard %u", (unsigned)i + 1,
                 job->submitted ? sl_job_state_word((enum sl_job_state)job->state) : "accepted, not durable", letters,
                 (unsigned)sl_job_shard(job->id, (uint16_t)world->plan.shard_count));
        return false;
    }
    return true;
}

/* ---- the end ---- */

static struct sl_bytes stored(struct ledger_twin *disk, const struct sim_job *job, uint16_t shard, const char *field,
                              struct sl_ledger_reply *reply) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = shard, .job = job->id};
    SL_ASSERT(ledger_twin_call(disk, &call, reply) == 0);
    for (size_t i = 0; i < reply->item_count; i++)
        if (sl_bytes_is(reply->items[i].key, field)) return reply->items[i].value;
    return sl_bytes(NULL, 0);
}

/* The third member of a head is the job's status: array [format, at, state, ...]. */
static int status_in(struct sl_bytes head) {
    struct sl_bytes content;
    if (sl_record_open(head, &content)) return -1;
    struct sl_mp_reader reader = sl_mp_reader(content);
    (void)sl_mp_read_array(&reader, 64);
    (void)sl_mp_read_uint(&reader, UINT64_MAX);
    (void)sl_mp_read_uint(&reader, UINT64_MAX);
    uint64_t status = sl_mp_read_uint(&reader, SL_JOB_STATE_COUNT - 1);
    return reader.rc ? -1 : (int)status;
}

/* It was removed just now: the settle that makes it so may be still to come. */
static bool is_leaving(const struct sim_world *world, const struct sim_job *job) {
    return job->removed && world->now - job->removed_at < SIM_SECOND;
}

/* Of a removed job nothing is stored but its tombstone, and that of one without a key goes too. */
static void check_removed(struct sim_world *world, const struct sim_job *job) {
    if (is_leaving(world, job)) return;
    uint16_t shard = sl_job_shard(job->id, (uint16_t)world->plan.shard_count);
    struct sl_ledger_reply reply;
    struct sl_tombstone tombstone;
    const char *name = sim_job_text(world, job->id);
    struct sl_bytes stone = stored(world->redis->disk, job, shard, "gone", &reply);
    if (reply.item_count != (stone.size > 0)) sim_violated(world, "I27", "%s was removed, and something is stored of it", name);
    if (sim_job_kind(job) == SIM_REQUEST_ONCE) {
        if (stone.size) sim_violated(world, "I27", "%s has no key, and its tombstone stays", name);
        return;
    }
    if (stone.size == 0) sim_violated(world, "I27", "%s was removed without a trace", name);
    else if (sl_tombstone_read(stone, &tombstone) || tombstone.state != job->state)
        sim_violated(world, "I27", "%s has a tombstone that says something else", name);
}

static void check_stored(struct sim_world *world, const struct sim_job *job) {
    uint16_t shard = sl_job_shard(job->id, (uint16_t)world->plan.shard_count);
    struct sl_ledger_reply reply;
    const char *name = sim_job_text(world, job->id);
    struct sl_bytes record = stored(world->redis->disk, job, shard, "r", &reply);
    struct sl_ended ended;
    if (!record.size) {
        sim_violated(world, job->accepted ? "I1" : "I25", "%s is %s and Redis holds no record of it", name,
                     sl_job_state_word((enum sl_job_state)job->state));
        return;
    }
    if (sl_record_read_ended(record, &ended)) {
        sim_violated(world, "I25", "%s: its record cannot be read", name);
        return;
    }
    if (status_in(ended.head) != job->state)
        sim_violated(world, "I25", "%s is %s and its record says %d", name,
                     sl_job_state_word((enum sl_job_state)job->state), status_in(ended.head));
    if (stored(world->redis->disk, job, shard, "live", &reply).size)
        sim_violated(world, "I25", "%s ended and still stands among the live jobs", name);
}

/* I16: the ended jobs that Redis lists are those that ended, each once; so the dead letters, a query over them, are the failed ones. */
static void check_listed(struct sim_world *world, uint16_t shard) {
    uint32_t listed = 0, ended = 0;
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_ENDED, .shard = shard, .count = 1000};
    struct sl_ledger_reply reply;
    SL_ASSERT(ledger_twin_call(world->redis->disk, &call, &reply) == 0);
    for (size_t i = 0; i < reply.item_count; i++) {
        struct sl_job_id id;
        memcpy(id.bytes, reply.items[i].key.data, sizeof id.bytes);
        const struct sim_job *job = sim_oracle_job(world, id);
        if (job && (job->damaged || job->reborn || is_leaving(world, job))) continue;
        if (!job || !job->ended || job->removed) {
            sim_violated(world, "I16", "shard %u lists %s as ended", (unsigned)shard, sim_job_text(world, id));
            return;
        }
        listed++;
    }
    for (uint32_t i = 0; i < world->plan.job_count; i++) {
        const struct sim_job *job = &world->oracle->jobs[i];
        ended += job->ended && !job->removed && !job->damaged && !job->reborn && sl_job_shard(job->id, (uint16_t)world->plan.shard_count) == shard;
    }
    if (listed != ended)
        sim_violated(world, "I16", "shard %u lists %u ended jobs; %u ended", (unsigned)shard, (unsigned)listed, (unsigned)ended);
}

/* I27: what was old enough long ago is gone. */
static void check_kept(struct sim_world *world, const struct sim_job *job) {
    enum { LATE_MS = 3000 };
    const struct sim_shard *shard = &world->oracle->shards[sl_job_shard(job->id, (uint16_t)world->plan.shard_count)];
    bool late = job->ended && !job->removed && job->ended_ms + world->plan.retention_ms + LATE_MS < shard->time_ms;
    if (world->plan.retention_ms && late)
        sim_violated(world, "I27", "%s ended at %llu ms and is still kept at %llu ms", sim_job_text(world, job->id),
                     (unsigned long long)job->ended_ms, (unsigned long long)shard->time_ms);
}

/* The broker that decides about the shard's jobs, or NULL: a quarantined shard has none. */
static struct sim_broker *owner_of(struct sim_world *world, uint16_t shard) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++) {
        struct sim_broker *broker = world->brokers[i];
        bool same = memcmp(broker->incarnation.bytes, world->oracle->shards[shard].owner.bytes, sizeof broker->incarnation.bytes) == 0;
        if (broker->up && same && broker->core->shards[shard].state == SL_SHARD_OPEN) return broker;
    }
    return NULL;
}

bool sim_oracle_is_owned(struct sim_world *world, char *why, size_t size) {
    for (uint16_t shard = 0; shard < world->plan.shard_count; shard++) {
        if (sim_redis_is_harm_open(world, shard)) {
            snprintf(why, size, "nobody said that entry %llu of shard %u is harmed", (unsigned long long)world->redis->harmed_n[shard],
                     (unsigned)shard);
            return false;
        }
        if (world->redis->damaged[shard] || owner_of(world, shard)) continue;
        snprintf(why, size, "nobody decides about shard %u", (unsigned)shard);
        return false;
    }
    return true;
}

void sim_oracle_at_end(struct sim_world *world) {
    sim_redis_check_back(world);
    for (uint32_t i = 0; i < world->plan.job_count && !sim_is_violated(world); i++) {
        const struct sim_job *job = &world->oracle->jobs[i];
        if (sim_oracle_is_excused(world, job)) continue;
        if (job->accepted && !job->submitted) sim_violated(world, "I1", "j%u was accepted and is lost", (unsigned)i + 1);
        if (!sim_is_violated(world)) check_kept(world, job);
        if (job->removed && !sim_is_violated(world)) check_removed(world, job);
        if (job->ended && !job->removed && !sim_is_violated(world)) check_stored(world, job);
    }
    for (uint16_t shard = 0; shard < world->plan.shard_count && !sim_is_violated(world); shard++) {
        if (world->redis->damaged[shard]) continue;
        check_listed(world, shard);
        if (!sim_is_violated(world)) sim_check_recovery(world, owner_of(world, shard), shard);
    }
}

/* ---- words ---- */

static int transition_text(struct sim_world *world, const struct sl_transition *t, char *out, size_t size) {
    const char *job = sim_job_text(world, t->job);
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        return snprintf(out, size, "%s submitted", job);
    case SL_TR_REMOVED:
        return snprintf(out, size, "%s removed", job);
    case SL_TR_ENDED:
        return snprintf(out, size, "%s %s", job, sl_job_state_word(t->ended.state));
    case SL_TR_ATTEMPT_FAILED:
        return snprintf(out, size, "%s s%u #%u %s%s", job, (unsigned)t->stage, (unsigned)t->attempt,
                        sl_outcome_text(t->failed.outcome), t->failed.final ? ", for good" : "");
    default:
        return snprintf(out, size, "%s s%u #%u %s", job, (unsigned)t->stage, (unsigned)t->attempt, sl_transition_word(t->kind));
    }
}

const char *sim_batch_text(struct sim_world *world, struct sl_bytes batch) {
    static char text[220];
    struct sl_batch_reader reader;
    struct sl_transition transition;
    size_t length = 0;
    text[0] = 0;
    if (sl_batch_open(batch, &reader)) return "unreadable";
    while (sl_batch_next(&reader, &transition) == 1 && length + 60 < sizeof text) {
        if (length) length += (size_t)snprintf(text + length, sizeof text - length, "; ");
        length += (size_t)transition_text(world, &transition, text + length, sizeof text - length);
    }
    return text;
}
