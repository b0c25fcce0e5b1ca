/* The judge, who knows every commit that led to what Redis holds. A commit may be lost only when Redis went back and somebody took the
 * shard from there: nobody could have prevented that. */
#include "model.h"

#include <stdio.h>

/* The state of a job when all commits are applied. */
struct truth {
    bool submitted, ended, removed;
    uint32_t value;
};

void god_fail(struct world *world, const char *why) {
    if (!world->god.why[0]) (void)snprintf(world->god.why, sizeof world->god.why, "%s", why); /* a long one is cut */
}

uint64_t chain(uint64_t before, const struct batch *batch) {
    uint64_t digest = before ^ 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct fact *fact = &batch->facts[i];
        digest = (digest ^ (fact->kind | (uint64_t)fact->job << 8 | (uint64_t)fact->group << 16)) * 0x100000001b3u;
        digest ^= digest >> 29;
    }
    return digest * 0xbf58476d1ce4e5b9u + batch->before;
}

static bool holds_group(const struct batch *batch, uint32_t group) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->facts[i].group == group) return true;
    }
    return false;
}

static bool redis_holds(const struct world *world, uint32_t group) {
    for (uint32_t i = 0; i < world->redis.history_count; i++) {
        if (holds_group(&world->redis.history[i], group)) return true;
    }
    return false;
}

/* Whether the one who calls has the event in a commit that it will send again. */
static bool will_send(const struct world *world, const struct call *call, uint32_t group) {
    const struct owner *owner = &world->owners[call->slot];
    if (!call->repairs || owner->incarnation != call->owner) return false;
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        if (owner->kept[i].n > call->n && holds_group(&owner->kept[i].batch, group)) return true;
    }
    return false;
}

/* An event that was acknowledged and is not held: that may be only when Redis went back since. */
static void lose_group(struct world *world, uint32_t group) {
    if (world->god.setbacks == world->god.acked_at[group]) god_fail(world, "something acknowledged is missing");
    world->god.excused[group] = true;
}

/* Who takes the shard goes on from what Redis holds. */
void god_acquire(struct world *world, const struct call *call) {
    for (uint32_t group = 0; group < world->next_group; group++) {
        if (!world->god.acked[group] || world->god.excused[group]) continue;
        if (redis_holds(world, group) || will_send(world, call, group)) continue;
        lose_group(world, group);
    }
}

void god_ack(struct world *world, const struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t group = batch->facts[i].group;
        world->god.acked[group] = true;
        world->god.acked_at[group] = world->god.setbacks;
    }
}

/* An owner gives up because the shard's history is not its own: only a Redis that went back can bring it there. */
void god_quarantined(struct world *world) {
    if (world->torn) world->over = true;
    if (world->god.setbacks == 0) god_fail(world, "a shard was quarantined although Redis never went back");
}

static void fold(const struct redis *redis, struct truth truths[JOBS]) {
    memset(truths, 0, JOBS * sizeof *truths);
    for (uint32_t i = 0; i < redis->history_count; i++) {
        for (uint32_t j = 0; j < redis->history[i].count; j++) {
            const struct fact *fact = &redis->history[i].facts[j];
            struct truth *truth = &truths[fact->job];
            if (fact->kind == SUBMIT) truth->submitted = true;
            if (fact->kind == ADD) truth->value++;
            if (fact->kind == END) truth->ended = true;
            if (fact->kind == REMOVE) truth->removed = true;
        }
    }
}

/* What an owner would say of a job: from memory, else from Redis. */
static struct record seen_by(const struct world *world, const struct owner *owner, uint32_t job) {
    const struct job *known = &owner->jobs[job];
    if (!known->here) return world->redis.records[job];
    return (struct record){.exists = !known->removed, .ended = known->ended, .value = known->value};
}

static void compare(struct world *world, const struct owner *owner) {
    struct truth truths[JOBS];
    fold(&world->redis, truths);
    for (uint32_t job = 0; job < JOBS; job++) {
        const struct truth *truth = &truths[job];
        struct record seen = seen_by(world, owner, job);
        bool exists = truth->submitted && !truth->removed;
        if (exists != seen.exists) {
            god_fail(world, exists ? "a job is missing" : "a job is there that is not");
        } else if (exists && (truth->value != seen.value || truth->ended != seen.ended)) {
            god_fail(world, "a job is in another state than all commits make");
        }
    }
}

/* Every event is there whole or not at all, and what was acknowledged is there. */
static void check_groups(struct world *world) {
    const struct god *god = &world->god;
    uint8_t held[GROUPS_MAX] = {0};
    for (uint32_t i = 0; i < world->redis.history_count; i++) {
        const struct batch *batch = &world->redis.history[i];
        for (uint32_t j = 0; j < batch->count; j++) held[batch->facts[j].group]++;
    }
    for (uint32_t group = 0; group < world->next_group; group++) {
        if (held[group] != 0 && held[group] != god->group_size[group]) god_fail(world, "half an event is there");
        if (god->acked[group] && !god->excused[group] && held[group] == 0) lose_group(world, group);
    }
}

static bool still_owns(const struct world *world, const struct owner *owner) {
    return world->redis.lease.owner == owner->incarnation && world->redis.lease.epoch == owner->epoch;
}

/* A new owner has read records and log. One that has lost the shard meanwhile will learn it at its first write. */
void god_check_recovered(struct world *world, const struct owner *owner) {
    if (!still_owns(world, owner)) return;
    compare(world, owner);
    check_groups(world);
}

/* Replay met a fact of a job that nothing is known of: of a shard that is still its owner's, that is damage. */
void god_check_damage(struct world *world, const struct owner *owner) {
    if (world->torn) {
        world->over = true;
        return;
    }
    if (still_owns(world, owner)) god_fail(world, "replay meets a fact of a job that nothing is known of");
}

/* An owner with nothing open and nothing on its way, at whose number Redis stands. */
void god_check_quiet(struct world *world, const struct owner *owner) {
    bool quiet = owner->state == OPEN && !owner->unsure && owner->open.count == 0 && still_owns(world, owner) &&
                 world->redis.lease.n == owner->n_sealed;
    if (quiet) compare(world, owner);
}
