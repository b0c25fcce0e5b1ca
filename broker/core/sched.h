/* The scheduling core: events in, effects out. It decides everything about jobs and stages, and nothing else does. It does no
 * I/O, reads no clock, and makes no random choice but from its seed; the same events give the same effects, always.
 *
 * Ownership: what is in an event is borrowed until step returns; what is in effects is borrowed from the core until the next
 * step; nothing else crosses.
 * Errors: a step that fails has changed nothing.
 * Order: effects are carried out in the order given; ties go by sequence numbers, never by a hash or an address. */
#ifndef SL_CORE_SCHED_H
#define SL_CORE_SCHED_H

#include "base/alloc.h"
#include "effect.h"
#include "event.h"

struct sl_sched;

/* What a core is told at its birth. Durations in milliseconds. */
struct sl_sched_config {
    struct sl_incarnation incarnation; /* of this broker process */
    struct sl_incarnation succeeds;    /* of a broker that is known to be dead (its shards are taken at once), or zero */
    uint64_t seed;                     /* of every random choice */
    uint64_t hash_seed;                /* of hash tables, and of nothing that can be seen */
    uint16_t shard_count;              /* of the cluster, 1 to SL_SHARDS_MAX */
    uint32_t beat_ms;
    uint32_t takeover_ms;
    uint32_t heartbeat_ms;
    uint32_t lost_ms;
    uint32_t timeout_grace_ms;
    uint32_t settle_ms;     /* a job under way gets a record when its changes are this old */
    uint32_t once_grace_ms; /* after a takeover requests without a key are looked up for so long */
    uint64_t hot_bytes_max; /* payloads and outputs kept in memory */
    uint64_t retention_ms;    /* finished jobs are kept so long, in shard time; 0: for ever */
    uint64_t retention_bytes; /* of finished jobs in the whole cluster, each shard its equal part; 0: without limit */
    uint64_t tombstone_ms;    /* what is left of a removed job tells a repeated request for so long, in shard time */
    unsigned bug;           /* a planted bug of the simulator's build; must be 0 elsewhere */
};

/* The defaults of limits.h; incarnation, seed and shard_count are left to the caller. */
struct sl_sched_config sl_sched_config_default(void);

/* A core that owns nothing yet. The allocator is borrowed for its whole life. 0, SL_E_NO_MEMORY, or SL_E_LIMIT for a config out
 * of range. */
int sl_sched_new(const struct sl_alloc *alloc, const struct sl_sched_config *config, struct sl_sched **out_self);

/* Frees it and everything in it; NULL is allowed. */
void sl_sched_free(struct sl_sched **self);

/* One event. 0 with effects, possibly none; or SL_E_NO_MEMORY, then nothing has changed and the event may be given again. */
int sl_sched_step(struct sl_sched *self, const struct sl_event *event, struct sl_effects *out_effects);

/* When the core wants SL_EV_TICK next, in the time of events; UINT64_MAX: not at all. */
uint64_t sl_sched_deadline(const struct sl_sched *self);

/* Checks every invariant between the core's structures: counters equal lists, each stage and job on exactly the list that its state
 * names, each attempt at a live session or waiting for one, each pending count what the graph says. 0, or SL_E_DAMAGED with a
 * sentence. For tests: takes time in proportion to what is held. */
int sl_sched_check(const struct sl_sched *self, char *out_why, size_t size);

/* Figures for status, the bench and tests. */
struct sl_sched_figures {
    uint64_t jobs[SL_JOB_STATE_COUNT]; /* held in memory, by status */
    uint64_t ended_total;              /* since start */
    uint64_t stages_ready, stages_running;
    uint64_t workers, slots;
    uint64_t shards_open;
    uint64_t undurable_bytes;
    uint64_t hot_bytes;
    uint64_t memory_bytes; /* of jobs, without payloads and outputs */
    uint64_t commits, transitions, settles, records, resent, regressed, stale;
};
void sl_sched_figures(const struct sl_sched *self, struct sl_sched_figures *out);

/* Appends all jobs of a shard that is open, by id, each as one msgpack array [id, whether it has ended, state]: the state is what decides
 * its future, without payload and outputs. Two cores that hold the same jobs give the same bytes. 0; SL_E_AGAIN when the shard is not
 * open; SL_E_NO_MEMORY. For tests. */
int sl_sched_dump(const struct sl_sched *self, uint16_t shard, struct sl_buf *buf);

/* The id of a job: BLAKE2b-128 of the cluster's salt, the tenant, the kind ("key", "doc" or "once") and the key, as UUIDv8. For
 * "doc" the key is the pipeline's name, a NUL, and the doc_key. */
struct sl_job_id sl_job_id_make(struct sl_bytes salt, struct sl_bytes tenant, const char *kind, struct sl_bytes key);

#endif
