/* An owner at work: it decides, seals, and takes replies. Facts change its memory when they are decided; they are in a record or a
 * commit later. */
#include "model.h"

/* Whether what Redis says of a job that is not in memory counts: after a cut it may stand before what was acknowledged, and another
 * owner may have been there. (RESUME behind the read tells; the model looks at the lease itself.) */
bool owner_may_read(const struct world *world, const struct owner *owner) {
    if (without(world, RULE_READ)) return true;
    bool ours = world->redis.lease.owner == owner->incarnation && world->redis.lease.epoch == owner->epoch;
    return !owner->unsure && owner->n_redis >= owner->n_acked && ours;
}

void owner_lose(struct world *world, struct owner *owner) {
    uint32_t incarnation = owner->incarnation;
    uint64_t serial = owner->serial, epoch_max = owner->epoch_max;
    store_cut(world, owner);
    memset(owner, 0, sizeof *owner);
    owner->incarnation = incarnation;
    owner->serial = owner->ignore_until = serial;
    owner->epoch_max = epoch_max;
}

/* Deciding. */

static void apply(struct owner *owner, const struct fact *fact) {
    struct job *job = &owner->jobs[fact->job];
    if (fact->kind == SUBMIT) *job = (struct job){.here = true};
    if (fact->kind == ADD) job->value++;
    if (fact->kind == END) job->ended = true;
    if (fact->kind == REMOVE) job->removed = true;
}

/* Brings a job that is stored but not in memory back. false: there is none, or it may not be asked for now. */
static bool bring(const struct world *world, struct owner *owner, uint32_t id) {
    struct job *job = &owner->jobs[id];
    if (job->here) return !job->removed;
    if (!owner_may_read(world, owner)) return false;
    const struct record *record = &world->redis.records[id];
    if (!record->exists) return false;
    *job = (struct job){.here = true, .ended = record->ended, .value = record->value, .at = record->at};
    return true;
}

static bool is_new(const struct world *world, const struct owner *owner, uint32_t id) {
    if (owner->jobs[id].here || !owner_may_read(world, owner)) return false;
    if (world->redis.records[id].exists || world->redis.gone[id].exists || owner->tombs[id].exists) return false;
    /* Ids are never used again: who removed a job without a trace would not submit it again. */
    return !world->submitted[id];
}

static uint32_t choose(struct world *world, struct owner *owner, struct fact facts[GROUP_MAX]) {
    uint32_t id = (uint32_t)sl_rng_below(&world->rng, JOBS), other = (uint32_t)sl_rng_below(&world->rng, JOBS);
    if (is_new(world, owner, id)) {
        world->submitted[id] = true;
        facts[0] = (struct fact){.kind = SUBMIT, .job = (uint8_t)id};
        facts[1] = (struct fact){.kind = ADD, .job = (uint8_t)id};
        return 1 + (uint32_t)sl_rng_below(&world->rng, 2);
    }
    if (!bring(world, owner, id)) return 0;
    if (owner->jobs[id].ended) {
        facts[0] = (struct fact){.kind = REMOVE, .job = (uint8_t)id};
        return sl_rng_chance(&world->rng, 1, 3) ? 1 : 0;
    }
    facts[0] = (struct fact){.kind = ADD, .job = (uint8_t)id};
    if (sl_rng_chance(&world->rng, 1, 3)) {
        facts[1] = (struct fact){.kind = END, .job = (uint8_t)id};
        return 2;
    }
    if (other == id || !bring(world, owner, other) || owner->jobs[other].ended) return 1;
    facts[1] = facts[2] = (struct fact){.kind = ADD, .job = (uint8_t)other};
    return 2 + (uint32_t)sl_rng_below(&world->rng, 2);
}

/* One event: its facts are a group. */
void owner_decide(struct world *world, struct owner *owner) {
    struct fact facts[GROUP_MAX];
    if (owner->state != OPEN || world->next_group == GROUPS_MAX || owner->kept_count + 4 > KEPT_MAX) return;
    uint32_t count = choose(world, owner, facts);
    if (count == 0) return;
    bool whole = !without(world, RULE_GROUP);
    if (whole && owner->open.count + count > BATCH_MAX) owner_seal_commit(world, owner);
    for (uint32_t i = 0; i < count; i++) {
        if (owner->open.count == BATCH_MAX) owner_seal_commit(world, owner);
        facts[i].group = world->next_group;
        apply(owner, &facts[i]);
        owner->open.facts[owner->open.count++] = facts[i];
    }
    world->god.group_size[world->next_group++] = (uint8_t)count;
    world->facts += count;
}

/* Sealing. */

static struct write *seal(struct owner *owner, enum verb verb) {
    SL_ASSERT(owner->kept_count < KEPT_MAX);
    struct write *write = &owner->kept[owner->kept_count++];
    *write = (struct write){.verb = verb, .n = ++owner->n_sealed, .digest = owner->digest};
    return write;
}

void owner_seal_commit(struct world *world, struct owner *owner) {
    if (owner->open.count == 0) return;
    struct write *write = seal(owner, COMMIT);
    owner->open.before = owner->commit_n;
    write->batch = owner->open;
    write->digest = owner->digest = chain(owner->digest, &owner->open);
    owner->commit_n = write->n;
    for (uint32_t i = 0; i < owner->open.count; i++) {
        struct job *job = &owner->jobs[owner->open.facts[i].job];
        job->at = write->n;
        if (job->first_unsettled == 0) job->first_unsettled = write->n;
    }
    if (without(world, RULE_OUT)) god_ack(world, &owner->open);
    memset(&owner->open, 0, sizeof owner->open);
    owner_send_kept(world, owner);
}

static void put_job(struct world *world, struct write *write, struct job *job, uint32_t id) {
    bool buries = job->removed && !without(world, RULE_TOMBSTONE);
    struct record record = {.exists = true, .ended = job->ended, .value = job->value, .at = job->at};
    write->ops[write->op_count++] =
        (struct op){.kind = !job->removed ? PUT : buries ? BURY : FORGET, .job = (uint8_t)id, .record = record};
    job->first_unsettled = 0;
}

/* The least number that no record contains, less one; never above the newest sealed commit. */
static uint64_t checkpoint(const struct world *world, const struct owner *owner) {
    uint64_t ckpt = owner->commit_n;
    if (without(world, RULE_CKPT)) return ckpt;
    for (uint32_t i = 0; i < JOBS; i++) {
        uint64_t first = owner->jobs[i].here ? owner->jobs[i].first_unsettled : 0;
        if (first != 0 && first - 1 < ckpt) ckpt = first - 1;
    }
    return ckpt;
}

static void forget_tombstones(const struct world *world, struct owner *owner, struct write *write) {
    for (uint32_t i = 0; i < JOBS; i++) {
        bool passed = owner->tombs[i].at <= write->ckpt || without(world, RULE_FORGET);
        if (!owner->tombs[i].exists || !passed) continue;
        write->ops[write->op_count++] = (struct op){.kind = FORGET, .job = (uint8_t)i};
        owner->tombs[i].exists = false;
    }
}

void owner_seal_settle(struct world *world, struct owner *owner) {
    if (owner->open.count > 0 && !without(world, RULE_SETTLE)) return;
    struct write *write = seal(owner, SETTLE);
    for (uint32_t i = 0; i < JOBS; i++) {
        struct job *job = &owner->jobs[i];
        if (!job->here || job->first_unsettled == 0 || sl_rng_chance(&world->rng, 1, 3)) continue;
        put_job(world, write, job, i);
        if (without(world, RULE_LEAVE) && (job->ended || job->removed)) *job = (struct job){.here = false};
    }
    write->ckpt = owner->ckpt = checkpoint(world, owner);
    forget_tombstones(world, owner, write);
    owner_send_kept(world, owner);
}

void owner_seal_other(struct world *world, struct owner *owner, enum verb verb) {
    if (verb == RELEASE) owner_seal_commit(world, owner);
    (void)seal(owner, verb); /* a beat or a release has no body */
    owner_send_kept(world, owner);
}

/* Replies. */

/* The records of a settle are durable: jobs that are over leave memory. */
static void settled(struct owner *owner, const struct write *write) {
    for (uint32_t i = 0; i < write->op_count; i++) {
        const struct op *op = &write->ops[i];
        struct job *job = &owner->jobs[op->job];
        if (op->kind == BURY) owner->tombs[op->job] = (struct tombstone){.exists = true, .at = op->record.at};
        bool over = job->here && (job->ended || job->removed) && job->first_unsettled == 0 && job->at == op->record.at;
        bool open = false;
        for (uint32_t j = 0; j < owner->open.count; j++) open = open || owner->open.facts[j].job == op->job;
        if (over && !open) *job = (struct job){.here = false};
    }
}

static void let_go(struct world *world, struct owner *owner) {
    uint32_t drop = 0;
    while (drop < owner->kept_count && owner->kept[drop].n + world->keep <= owner->n_acked) drop++;
    if (drop == 0) return;
    owner->base_n = owner->kept[drop - 1].n;
    owner->base_digest = owner->kept[drop - 1].digest;
    owner->kept_count -= drop;
    memmove(owner->kept, owner->kept + drop, owner->kept_count * sizeof *owner->kept);
}

/* Redis holds every write up to n. */
static void durable(struct world *world, struct owner *owner, uint64_t n) {
    owner->n_redis = n;
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        const struct write *write = &owner->kept[i];
        if (write->n <= owner->n_acked || write->n > n) continue;
        if (write->verb == COMMIT) god_ack(world, &write->batch);
        if (write->verb == SETTLE) settled(owner, write);
        owner->n_acked = write->n;
    }
    let_go(world, owner);
}

/* What rule 5 forbids: the refused write and those behind it are undone, memory keeps what they did. */
static void undo(struct owner *owner) {
    while (owner->kept_count > 0 && owner->kept[owner->kept_count - 1].n > owner->n_redis) owner->kept_count--;
    owner->n_sealed = owner->n_sent = owner->n_redis;
    owner->commit_n = owner->base_n < owner->n_redis ? 0 : owner->commit_n;
    owner->digest = owner->base_digest;
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        owner->digest = owner->kept[i].digest;
        if (owner->kept[i].verb == COMMIT) owner->commit_n = owner->kept[i].n;
    }
    if (owner->commit_n == 0 || owner->commit_n > owner->n_sealed) owner->commit_n = owner->ckpt;
}

static void write_reply(struct world *world, struct owner *owner, const struct reply *reply) {
    if (reply->status == OK) {
        durable(world, owner, reply->lease.n);
        if (reply->verb == RELEASE) owner_lose(world, owner);
    } else if (reply->status == FENCED) {
        owner_lose(world, owner);
    } else if (reply->status == REFUSED) {
        if (without(world, RULE_REFUSED)) undo(owner);
        store_cut(world, owner);
        owner_resume(world, owner);
    } else {
        owner_resume(world, owner);
    }
}

void owner_reply(struct world *world, struct owner *owner, const struct reply *reply) {
    if (reply->serial <= owner->ignore_until) return;
    bool refused = reply->status == REFUSED && reply->verb >= ACQUIRE;
    if (refused) {
        store_cut(world, owner);
        owner_resume(world, owner);
    } else if (reply->verb == RESUME) {
        owner_resumed(world, owner, reply);
        if (owner->state == OPEN && !owner->unsure) durable(world, owner, owner->n_redis);
    } else if (reply->verb == ACQUIRE) {
        owner_acquired(world, owner, reply);
    } else {
        write_reply(world, owner, reply);
    }
}
