/* A model of one shard's rules, small enough to be read whole: owners, a Redis, a network, and one who knows everything. It shares
 * nothing with broker/core: it shows that the rules are right and that none is idle. Read rules.def first. */
#ifndef SHARD_MODEL_H
#define SHARD_MODEL_H

#include "base/assert.h"
#include "base/rng.h"
#include "store.h"

#include <string.h>

/* The rules, and which of them this run leaves out. */
enum rule {
    RULE_NONE,
#define RULE(name, word, text) RULE_##name,
#include "rules.def"
#undef RULE
    RULE_COUNT
};

/* A job in an owner's memory. */
struct job {
    bool here, ended, removed;
    uint32_t value;
    uint64_t at;
    uint64_t record_at;       /* while replaying: of the record that it was loaded from */
    uint64_t first_unsettled; /* 0: its record says all */
};

enum owner_state { IDLE, ACQUIRING, RECOVERING, OPEN, REPAIRING, QUARANTINED };

struct owner {
    uint32_t incarnation;
    enum owner_state state;
    bool unsure;        /* a write's outcome is unknown: nothing is sent until RESUME has told */
    uint32_t reads;     /* RECOVERING: how far */
    uint64_t serial, ignore_until; /* replies to calls up to this serial count no more */
    uint64_t epoch_max; /* the highest that this incarnation ever asked for */
    uint64_t epoch_wanted; /* REPAIRING */
    uint32_t ownership;
    uint64_t epoch, from, n_sealed, n_acked, n_redis, n_sent, commit_n, ckpt, digest;
    uint64_t base_n, base_digest; /* just before the oldest kept write */
    struct write kept[KEPT_MAX];  /* base_n + 1 .. n_sealed */
    uint32_t kept_count;
    struct batch open;
    struct job jobs[JOBS];
    struct tombstone tombs[JOBS]; /* that Redis holds, as far as this owner knows */

    struct call queue[QUEUE_MAX]; /* on its connection, not yet performed */
    uint32_t queue_count;
    struct reply replies[QUEUE_MAX];
    uint32_t reply_count;
};

/* What really happened, beside what Redis itself knows of its past. */
struct god {
    bool acked[GROUPS_MAX];
    uint32_t acked_at[GROUPS_MAX]; /* how often Redis had gone back when it was acknowledged */
    bool excused[GROUPS_MAX]; /* lost, and nobody could have prevented it */
    uint8_t group_size[GROUPS_MAX]; /* facts of each event */
    uint32_t setbacks;
    char why[160]; /* what broke; empty: nothing */
};

struct world {
    uint32_t without; /* a bit a rule */
    struct sl_rng rng;
    bool goes_back;       /* this seed's Redis may go back */
    uint32_t disturb_in;  /* a step in so many is a fault */
    uint32_t keep;        /* acknowledged writes kept for sending again */
    struct redis redis;
    struct redis snapshots[SNAPSHOTS];
    uint32_t snapshot_count;
    uint32_t refusing;    /* calls that Redis will refuse */
    struct call late[LATE_MAX]; /* left behind by connections that were cut */
    uint32_t late_count;
    struct owner owners[OWNERS];
    uint32_t next_incarnation;
    uint16_t next_group;
    bool torn;            /* the lease was damaged */
    bool over;            /* ... and somebody noticed: people decide */
    uint32_t newest_snapshot;
    uint32_t ownerships;
    uint32_t facts, opened;
    bool submitted[JOBS]; /* an id is used once in a seed, on whatever timeline */
    struct god god;
};

static inline bool without(const struct world *world, enum rule rule) {
    return (world->without >> rule & 1u) != 0;
}

/* owner.c: decisions, seals, replies. */
void owner_decide(struct world *world, struct owner *owner);
void owner_seal_commit(struct world *world, struct owner *owner);
void owner_seal_settle(struct world *world, struct owner *owner);
void owner_seal_other(struct world *world, struct owner *owner, enum verb verb);
void owner_reply(struct world *world, struct owner *owner, const struct reply *reply);
void owner_lose(struct world *world, struct owner *owner);
bool owner_may_read(const struct world *world, const struct owner *owner);

/* recover.c: acquiring, resuming, replay. */
void owner_acquire(struct world *world, struct owner *owner);
void owner_acquired(struct world *world, struct owner *owner, const struct reply *reply);
void owner_resume(struct world *world, struct owner *owner);
void owner_resumed(struct world *world, struct owner *owner, const struct reply *reply);
void owner_recover(struct world *world, struct owner *owner);
void owner_send(struct world *world, struct owner *owner, struct call *call);
void owner_send_kept(struct world *world, struct owner *owner);

/* store.c: Redis and the network. */
void store_deliver(struct world *world, struct owner *owner);
void store_late(struct world *world);
void store_cut(struct world *world, struct owner *owner);
void store_snapshot(struct world *world);
void store_go_back(struct world *world, bool newest);
void store_tear(struct world *world, const struct owner *owner);

/* god.c: what really happened, and whether it may have. */
void god_fail(struct world *world, const char *why);
void god_acquire(struct world *world, const struct call *call);
void god_ack(struct world *world, const struct batch *batch);
void god_check_recovered(struct world *world, const struct owner *owner);
void god_check_damage(struct world *world, const struct owner *owner);
void god_check_quiet(struct world *world, const struct owner *owner);
void god_quarantined(struct world *world);

uint64_t chain(uint64_t before, const struct batch *batch);

#endif
