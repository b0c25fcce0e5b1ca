/* Runs the model over seeds: green with all rules, red without any one of them. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 2000, DRAIN_STEPS = 4000, GREEN_SEEDS = 3000, RED_SEEDS = 60000 };

static const struct {
    const char *word, *text;
} rules[RULE_COUNT] = {
    [RULE_NONE] = {"", ""},
#define RULE(name, word, text) [RULE_##name] = {word, text},
#include "rules.def"
#undef RULE
};

static bool chance(struct world *world, uint32_t in) {
    return sl_rng_chance(&world->rng, 1, in);
}

static void begin_life(struct world *world, struct owner *owner) {
    memset(owner, 0, sizeof *owner);
    owner->incarnation = ++world->next_incarnation;
}

static void die(struct world *world, struct owner *owner) {
    store_cut(world, owner);
    begin_life(world, owner);
}

static void cut(struct world *world, struct owner *owner) {
    store_cut(world, owner);
    owner_resume(world, owner);
}

static void go_back(struct world *world, bool newest) {
    store_go_back(world, newest);
    for (uint32_t i = 0; i < OWNERS; i++) cut(world, &world->owners[i]);
}

static void take_reply(struct world *world, struct owner *owner) {
    if (owner->reply_count == 0) return;
    struct reply reply = owner->replies[0];
    owner->reply_count--;
    memmove(owner->replies, owner->replies + 1, owner->reply_count * sizeof *owner->replies);
    owner_reply(world, owner, &reply);
}

static bool has_room(const struct owner *owner) {
    return owner->state == OPEN && owner->kept_count + 4 < KEPT_MAX && owner->n_sealed - owner->n_redis < 8;
}

/* What an owner does of itself. */
static void work(struct world *world, struct owner *owner) {
    if (!has_room(owner) || world->redis.history_count + 16 > LOG_MAX) return;
    uint64_t what = sl_rng_below(&world->rng, 16);
    if (what < 8) {
        owner_decide(world, owner);
    } else if (what < 12) {
        owner_seal_commit(world, owner);
    } else if (what < 15) {
        owner_seal_settle(world, owner);
    } else if (!chance(world, 8)) {
        if (owner->open.count == 0) owner_seal_other(world, owner, BEAT);
    } else {
        owner_seal_other(world, owner, RELEASE);
    }
}

/* Whatever an owner can do next. */
static void progress(struct world *world, struct owner *owner) {
    if (owner->state == QUARANTINED) die(world, owner);
    if (chance(world, 2)) owner_acquire(world, owner);
    if (chance(world, 2)) work(world, owner);
    if (!chance(world, 4)) store_deliver(world, owner);
    if (!chance(world, 4)) take_reply(world, owner);
    owner_recover(world, owner);
    if (chance(world, 6)) store_late(world);
    if (chance(world, 30)) store_snapshot(world);
}

/* Owners contend, except the one that sleeps (OWNERS or more: nobody). */
static void contend(struct world *world, uint64_t asleep) {
    for (uint64_t left = sl_rng_below(&world->rng, 60); left > 0; left--) {
        uint64_t i = sl_rng_below(&world->rng, OWNERS);
        if (i != asleep) progress(world, &world->owners[i]);
    }
}

/* An owner acquires and is slow to read; others go on meanwhile; then Redis is as it was when it acquired. */
static void read_slowly(struct world *world) {
    uint64_t slow = sl_rng_below(&world->rng, OWNERS);
    struct owner *owner = &world->owners[slow];
    if (owner->state != RECOVERING) die(world, owner);
    owner_acquire(world, owner);
    store_deliver(world, owner);
    take_reply(world, owner);
    store_snapshot(world);
    contend(world, slow);
    for (uint32_t i = 0; i < 2; i++) owner_recover(world, owner);
    go_back(world, true);
}

/* Owners contend, Redis forgets it, and they contend again: what they did meanwhile must not mix. */
static void storm(struct world *world) {
    for (uint64_t left = 1 + sl_rng_below(&world->rng, 3); left > 0; left--) {
        if (chance(world, 4)) read_slowly(world);
        store_snapshot(world);
        contend(world, sl_rng_below(&world->rng, OWNERS * 2));
        go_back(world, chance(world, 2));
    }
    contend(world, sl_rng_below(&world->rng, OWNERS * 2));
}

static void disturb(struct world *world, struct owner *owner) {
    uint64_t what = sl_rng_below(&world->rng, world->goes_back ? 16 : 10);
    if (what < 4) {
        cut(world, owner);
    } else if (what < 6) {
        die(world, owner);
    } else if (what < 8) {
        world->refusing = 1 + (uint32_t)sl_rng_below(&world->rng, 4);
    } else if (what < 10) {
        owner_acquire(world, owner);
        if (chance(world, 2)) store_deliver(world, owner);
        if (chance(world, 2)) cut(world, owner); /* the reply to an acquisition is lost */
    } else if (what < 12) {
        go_back(world, chance(world, 2));
    } else if (what < 14) {
        store_snapshot(world);
    } else if (what < 15) {
        storm(world);
    } else if (owner->state == OPEN && !owner->unsure && owner->incarnation == world->redis.lease.owner &&
               owner->epoch == world->redis.lease.epoch) {
        store_tear(world, owner);
        for (uint32_t i = 0; i < OWNERS; i++) cut(world, &world->owners[i]);
    }
}

/* Mostly the one that has the shard. */
static struct owner *some_owner(struct world *world) {
    for (uint32_t i = 0; i < OWNERS; i++) {
        bool has = world->owners[i].incarnation == world->redis.lease.owner;
        if (has && !chance(world, 4)) return &world->owners[i];
    }
    return &world->owners[sl_rng_below(&world->rng, OWNERS)];
}

static void step(struct world *world) {
    struct owner *owner = some_owner(world);
    uint64_t what = sl_rng_below(&world->rng, 96);
    if (chance(world, world->disturb_in)) {
        disturb(world, owner);
    } else if (what < 34) {
        work(world, owner);
    } else if (what < 58) {
        store_deliver(world, owner);
    } else if (what < 80) {
        take_reply(world, owner);
    } else if (what < 90) {
        owner_recover(world, owner);
    } else if (what < 94) {
        store_late(world);
    } else {
        if (owner->state == QUARANTINED) die(world, owner);
        if (world->redis.lease.owner == 0) owner_acquire(world, owner);
    }
    god_check_quiet(world, owner);
}

static bool is_quiet(const struct world *world, const struct owner *owner) {
    return owner->state == OPEN && !owner->unsure && owner->open.count == 0 && owner->n_redis == owner->n_sealed &&
           owner->queue_count == 0 && owner->reply_count == 0 && world->redis.lease.owner == owner->incarnation;
}

/* Faults have ended: one owner must come to rest, whatever it takes. */
static void drain(struct world *world, struct owner *owner) {
    world->refusing = 0;
    for (uint32_t i = 0; i < DRAIN_STEPS && !world->god.why[0]; i++) {
        if (is_quiet(world, owner)) return;
        if (owner->state == QUARANTINED || world->over) return; /* noticed: people decide */
        if (owner->state == IDLE) owner_acquire(world, owner);
        if (owner->state == OPEN && !owner->unsure && owner->kept_count + 2 < KEPT_MAX) owner_seal_commit(world, owner);
        store_deliver(world, owner);
        take_reply(world, owner);
        owner_recover(world, owner);
    }
    if (!world->god.why[0]) god_fail(world, "an owner never comes to rest");
}

/* The last word: the owner that holds the shard comes to rest, and a fresh one finds everything. */
static void finish(struct world *world) {
    for (uint32_t i = 0; i < OWNERS && !world->god.why[0]; i++) {
        if (world->redis.lease.owner == world->owners[i].incarnation) drain(world, &world->owners[i]);
    }
    struct owner *last = &world->owners[0];
    die(world, last);
    world->late_count = 0;
    for (uint32_t round = 0; round < 2 && !world->god.why[0] && !world->over; round++) {
        drain(world, last);
        god_check_quiet(world, last);
        if (last->state == OPEN) owner_seal_settle(world, last);
        if (round == 0) die(world, last);
    }
}

/* One seed. Returns what broke; empty: nothing. Borrowed until the next. */
static const char *run(struct world *world, uint32_t left_out, uint64_t seed) {
    memset(world, 0, sizeof *world);
    world->without = left_out;
    world->rng.state = seed * 0x9e3779b97f4a7c15u + 1;
    world->goes_back = chance(world, 2);
    world->disturb_in = 10u << sl_rng_below(&world->rng, 6);
    world->keep = world->goes_back && !chance(world, 3) ? 4 + (uint32_t)sl_rng_below(&world->rng, 40) : 0;
    for (uint32_t i = 0; i < OWNERS; i++) begin_life(world, &world->owners[i]);
    store_snapshot(world);
    for (uint32_t i = 0; i < STEPS && !world->god.why[0] && !world->over; i++) step(world);
    if (!world->god.why[0] && !world->over) finish(world);
    return world->god.why;
}

/* With all rules: every seed must be green. Prints the first that is not. */
static int run_green(struct world *world, uint64_t first, uint64_t count) {
    uint64_t facts = 0, commits = 0, setbacks = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *why = run(world, 0, seed);
        if (why[0]) {
            printf("seed %llu: %s\n0 passed, 1 failed\n", (unsigned long long)seed, why);
            return EXIT_FAILURE;
        }
        facts += world->facts;
        commits += world->redis.history_count;
        setbacks += world->god.setbacks;
    }
    printf("%llu seeds green: %llu facts, %llu commits held at the end, Redis went back %llu times\n1 passed, 0 failed\n",
           (unsigned long long)count, (unsigned long long)facts, (unsigned long long)commits, (unsigned long long)setbacks);
    return EXIT_SUCCESS;
}

/* Without a rule: some seed must be red. Stops at the first. */
static int run_red(struct world *world, uint32_t left_out, uint64_t first, uint64_t count) {
    for (int i = 1; i < RULE_COUNT; i++) {
        if (left_out >> i & 1u) printf("without rule %s: %s\n", rules[i].word, rules[i].text);
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *why = run(world, left_out, seed);
        if (!why[0]) continue;
        printf("  red after %llu seeds: %s\n1 passed, 0 failed\n", (unsigned long long)(seed - first + 1), why);
        return EXIT_SUCCESS;
    }
    printf("  all %llu seeds stay green: the model does not see that this rule is missing\n0 passed, 1 failed\n",
           (unsigned long long)count);
    return EXIT_FAILURE;
}

/* The bit of a rule by its word, or of all of one number ("3": 3-at, 3-ckpt ...). */
static uint32_t rules_of(const char *word) {
    uint32_t found = 0;
    for (int i = 1; i < RULE_COUNT; i++) {
        bool of_number = strlen(word) == 1 && rules[i].word[0] == word[0] && rules[i].word[1] == '-';
        if (of_number || strcmp(word, rules[i].word) == 0) found |= 1u << i;
    }
    if (found) return found;
    fprintf(stderr, "there is no rule %s; the rules are (a number alone means all that begin with it):\n", word);
    for (int i = 1; i < RULE_COUNT; i++) fprintf(stderr, "  %-12s %s\n", rules[i].word, rules[i].text);
    exit(2);
}

int main(int argc, char **argv) {
    static struct world world;
    uint64_t first = 1, count = 0;
    uint32_t left_out = 0;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--without-rule") == 0) {
            left_out = rules_of(value);
        } else if (strcmp(argv[i], "--seeds") == 0 && atoi(value) > 0) {
            count = (uint64_t)atoi(value);
        } else if (strcmp(argv[i], "--seed") == 0 && atoi(value) > 0) {
            first = (uint64_t)atoi(value);
            count = 1;
        } else {
            fprintf(stderr, "usage: shard_model [--without-rule NAME] [--seeds COUNT | --seed NUMBER]\n");
            return 2;
        }
    }
    if (left_out) return run_red(&world, left_out, first, count ? count : RED_SEEDS);
    return run_green(&world, first, count ? count : GREEN_SEEDS);
}
