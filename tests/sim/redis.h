/* The simulated Redis: a ledger twin in memory, a second one that is its disk, group commit between them; and each broker's two
 * connections to it (writes, reads). Replies leave after the sync that made everything before them durable. */
#ifndef SIM_REDIS_H
#define SIM_REDIS_H

#include "message.h"
#include "support/ledger_twin.h"

struct sim_job;

enum { SIM_CONNECTION_WRITES, SIM_CONNECTION_READS, SIM_CONNECTIONS };

/* One broker's connections. They stand and fall together. */
struct sim_link {
    bool up;
    uint64_t generation;
    uint64_t sent[SIM_CONNECTIONS], answered[SIM_CONNECTIONS]; /* in this generation */
    uint64_t deadline_sent[SIM_CONNECTIONS]; /* what must be answered when the deadline comes; 0: none stands */
    uint64_t arrive_at[SIM_CONNECTIONS], reply_at[SIM_CONNECTIONS];
    uint64_t late_by;        /* what an older generation left behind is performed this much later */
    uint32_t keep_ppm;       /* how likely each such call still arrives; after the first that does not, none does */
    bool lost[SIM_CONNECTIONS];
};

struct sim_redis {
    bool up;
    uint32_t life;
    uint64_t paused_until;
    uint64_t refuses_until;
    uint32_t damage_left;         /* stored values that will be damaged when they are read next */
    bool damaged[SIM_SHARDS_MAX]; /* an entry of the shard's log was, or the shard went back */
    struct ledger_twin *memory, *disk;
    uint32_t lost, ever_lost;            /* bits of the plan's pipelines whose text is gone; was gone some time */
    struct ledger_twin *old;             /* an earlier state of the disk; NULL: none was kept */
    bool went_back[SIM_SHARDS_MAX];      /* the disk was set back to before what it had acknowledged of the shard */
    uint32_t owner[SIM_SHARDS_MAX], owner_life[SIM_SHARDS_MAX]; /* the broker that must notice it */
    uint64_t harmed_n[SIM_SHARDS_MAX];     /* an entry of the shard's log that was lost or changed; 0: none, or it is settled */
    uint64_t harmed_epoch[SIM_SHARDS_MAX]; /* who reads the log under a later one must notice */
    bool harm_named[SIM_SHARDS_MAX];       /* an alarm named it */
    struct sim_message *unsynced, **unsynced_end;
    bool syncing;
    struct sim_link links[SIM_BROKERS_MAX];
};

void sim_redis_new(struct sim_world *world);
void sim_redis_free(struct sim_world *world);

/* A broker's side. */
void sim_link_open(struct sim_world *world, uint32_t broker, uint64_t delay);
void sim_link_cut(struct sim_world *world, uint32_t broker);
/* The broker's process ended: as a cut, but nobody is told and nothing is opened again. */
void sim_link_dead(struct sim_world *world, uint32_t broker);
void sim_link_call(struct sim_world *world, uint32_t broker, const struct sl_ledger_call *call);

/* Whether a reply belongs to the connection as it stands. */
bool sim_link_takes(struct sim_world *world, uint32_t broker, const struct sim_message *reply);

/* Redis' side. */
void sim_redis_crash(struct sim_world *world);
/* The text of one of the plan's pipelines is gone, or all are stored again. */
void sim_redis_lose_pipeline(struct sim_world *world, uint32_t pipeline);
void sim_redis_store_pipelines(struct sim_world *world);
/* Whether the job's pipeline was lost some time. */
bool sim_redis_lost_pipeline_of(const struct sim_world *world, const struct sim_job *job);
/* Keeps the disk's state as it is now. */
void sim_redis_keep(struct sim_world *world);
/* Redis crashes, and its disk is as it was when it was kept. Only while each shard that loses something has a living owner: without
 * one nobody can know (reliability, B2). */
void sim_redis_back(struct sim_world *world);
/* An entry of the shard's log, the last or any, is lost, or holds other bytes with a right checksum. Returns the living broker that owned the
 * shard, or -1: there is none, or nothing was harmed. */
int sim_redis_harm_log(struct sim_world *world, uint16_t shard);
/* A broker has read the shard and decides about its jobs now. */
void sim_redis_check_opened(struct sim_world *world, uint16_t shard, uint64_t epoch, uint64_t ckpt);
/* Whether what was harmed of the shard's log must still be noticed by somebody. */
bool sim_redis_is_harm_open(struct sim_world *world, uint16_t shard);
/* The living broker whose incarnation holds the lease, or -1; the lease as a twin holds it. */
int sim_redis_living_owner(struct sim_world *world, const struct sl_ledger_reply *lease);
struct sl_ledger_reply sim_redis_lease(struct ledger_twin *twin, uint16_t shard);
/* At the end: every broker that could know that Redis went back has raised an alarm. */
void sim_redis_check_back(struct sim_world *world);

/* Items of the heap. */
void sim_redis_on_start(struct sim_world *world);
void sim_redis_on_call(struct sim_world *world, struct sim_message *message);
void sim_redis_on_sync(struct sim_world *world);
void sim_link_on_up(struct sim_world *world, uint32_t broker, uint64_t generation);
void sim_link_on_deadline(struct sim_world *world, uint32_t broker, uint32_t connection, uint64_t generation);

#endif
