/* The one who knows all commits that Redis ever held, and judges. A commit may be lost only when Redis went back and somebody took the
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

/* A commit that Redis performs: new, or one that it had before it went back. */
void god_commit(struct world *world, const struct write *write) {
    struct history *history = &world->god.history;
    uint64_t n = world->redis.lease.n;
    for (uint32_t i = 0; i < history->count; i++) {
        if (history->n[i] != n) continue;
        if (history->digest[i] != write->digest) god_fail(world, "Redis holds another commit under a number than it once held");
        return;
    }
    if (history->count > 0 && history->n[history->count - 1] > n) {
        god_fail(world, "Redis holds a commit where it once held another write");
        return;
    }
    SL_ASSERT(history->count < LOG_MAX);
    history->n[history->count] = n;
    history->digest[history->count] = write->digest;
    history->batches[history->count++] = write->batch;
}

/* Commits from place `first` on are given up. */
static void give_up(struct god *god, uint32_t first) {
    for (uint32_t i = first; i < god->history.count; i++) {
        const struct batch *lost = &god->history.batches[i];
        for (uint32_t j = 0; j < lost->count; j++) god->excused[lost->facts[j].group] = true;
    }
    god->history.count = first;
}

/* Whether an owner that repairs still has that commit. */
static bool still_has(const struct world *world, const struct call *call, uint64_t n, uint64_t digest) {
    const struct owner *owner = &world->owners[call->slot];
    if (!call->repairs || owner->incarnation != call->owner) return false;
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        if (owner->kept[i].n == n) return owner->kept[i].digest == digest;
    }
    return false;
}

/* Who takes the shard goes on from what Redis holds. What it held beyond is lost, unless the taker still has it. */
void god_acquire(struct world *world, const struct call *call) {
    struct god *god = &world->god;
    uint32_t first = god->history.count;
    while (first > 0 && god->history.n[first - 1] > world->redis.lease.n) first--;
    while (first < god->history.count && still_has(world, call, god->history.n[first], god->history.digest[first])) first++;
    if (first == god->history.count) return;
    if (god->setbacks == 0) god_fail(world, "commits are lost although Redis never went back");
    give_up(god, first);
}

void god_cut_history(struct history *history, uint64_t n) {
    while (history->count > 0 && history->n[history->count - 1] > n) history->count--;
}

/* Redis is at another state: an earlier one of this timeline, whose suffix may still be repaired, or one of a timeline that was given
 * up: then that one counts again. */
void god_go_back(struct world *world, const struct history *history) {
    struct god *god = &world->god;
    uint32_t common = 0;
    while (common < history->count && common < god->history.count && history->n[common] == god->history.n[common] &&
           history->digest[common] == god->history.digest[common]) {
        common++;
    }
    god->setbacks++;
    bool is_ours = common == history->count &&
                   (common == god->history.count || god->history.n[common] > world->redis.lease.n);
    if (is_ours) return;
    give_up(god, common);
    god->history = *history;
}

void god_ack(struct world *world, const struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) world->god.acked[batch->facts[i].group] = true;
}

/* An owner gives up because the shard's history is not its own: only a Redis that went back can bring it there. */
void god_quarantined(struct world *world) {
    if (world->god.setbacks == 0) god_fail(world, "a shard was quarantined although Redis never went back");
}

static void fold(const struct god *god, struct truth truths[JOBS]) {
    memset(truths, 0, JOBS * sizeof *truths);
    for (uint32_t i = 0; i < god->history.count; i++) {
        for (uint32_t j = 0; j < god->history.batches[i].count; j++) {
            const struct fact *fact = &god->history.batches[i].facts[j];
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
    fold(&world->god, truths);
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
    for (uint32_t i = 0; i < god->history.count; i++) {
        for (uint32_t j = 0; j < god->history.batches[i].count; j++) held[god->history.batches[i].facts[j].group]++;
    }
    for (uint32_t group = 0; group < world->next_group; group++) {
        if (held[group] != 0 && held[group] != god->group_size[group]) god_fail(world, "half an event is there");
        if (god->acked[group] && !god->excused[group] && held[group] == 0) {
            god_fail(world, "something acknowledged is missing");
        }
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
    if (still_owns(world, owner)) god_fail(world, "replay meets a fact of a job that nothing is known of");
}

/* An owner with nothing open and nothing on its way, at whose number Redis stands. */
void god_check_quiet(struct world *world, const struct owner *owner) {
    bool quiet = owner->state == OPEN && !owner->unsure && owner->open.count == 0 && still_owns(world, owner) &&
                 world->redis.lease.n == owner->n_sealed;
    if (quiet) compare(world, owner);
}
