/* What the test itself knows: a model of its own, fed by what the clients asked and saw, what was made durable, and what left the
 * brokers. It decodes batches with the real codec and applies nothing with the code under test. Names of checks: reliability.md, D2. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "base/idmap.h"
#include "base/msgpack.h"
#include "base/outcome.h"
#include "message.h"

enum { SIM_ATTEMPTS_MAX = 160 };

struct sim_attempt {
    uint64_t nonce, epoch;
    bool ended, returned, assigned;
    uint8_t outcome;
};

struct sim_stage {
    uint8_t state; /* enum sl_stage_state, as the durable log says; WAITING until started */
    uint8_t attempts_max, crashes_max;
    uint16_t tries, crashes, succeeded;
    uint32_t attempt_count;
    uint32_t field;       /* number of the attempt that set the stage's field last; 0: none did */
    uint32_t field_acked; /* the newest one of which an acknowledgement left */
    struct sim_attempt *attempts; /* number n stands at n - 1 */
};

struct sim_job {
    struct sl_job_id id; /* first: the table reads it there */
    uint32_t number;
    const struct sl_pipeline *pipeline;
    struct sl_bytes payloads[2]; /* what clients send: the job's own, and that of a conflicting request */
    struct sl_bytes payload;     /* the one that was committed */
    bool wants_cancel;   /* some client asked for it */
    bool accepted;       /* some client saw ACCEPTED */
    uint64_t accepted_at, ended_at;
    uint32_t events;     /* durable ones that its history tells */
    bool cancelled_said; /* CANCELLED left a broker */
    bool damaged;        /* something that is stored of it was damaged */

    /* The durable log. */
    uint32_t submitted;
    uint8_t state;       /* enum sl_job_state */
    uint8_t ended;
    uint64_t ended_ms;   /* shard time of the commit that holds its end */
    bool removed;
    uint64_t removed_at;
    bool reborn;         /* one without a key, submitted again after its removal: no promise was made of it */
    struct sim_stage *stages;
};

/* One holding of a shard. */
struct sim_tenure {
    uint64_t epoch, from, n;
    struct sl_incarnation owner;
};

struct sim_entry {
    uint64_t n;
    struct sl_bytes batch;
};

struct sim_shard {
    uint64_t epoch, n, commit_n, time_ms;
    struct sl_incarnation owner;
    struct sl_digest digest;
    struct sim_tenure *tenures;
    uint32_t tenure_count, tenure_capacity;
    struct sim_entry *entries; /* every commit that was ever durable */
    uint32_t entry_count, entry_capacity;
    bool alarmed;
};

struct sim_oracle {
    struct sl_idmap by_id;
    struct sim_job jobs[SIM_JOBS_MAX];
    struct sim_shard shards[SIM_SHARDS_MAX];
    uint64_t commits, transitions, messages, alarms, recoveries, answers;
};

void sim_oracle_new(struct sim_world *world);

struct sim_job *sim_oracle_job(struct sim_world *world, struct sl_job_id id);
int sim_oracle_job_number(struct sim_world *world, struct sl_job_id id);

/* Whether the log says that the attempt never reached its worker, or was lost with it. */
bool sim_oracle_is_given_up(struct sim_world *world, const struct sl_token *token);

/* Whether what is stored of the job was damaged, or its shard's log, or its shard went back in time: then it may be parked or lost. */
bool sim_oracle_is_excused(const struct sim_world *world, const struct sim_job *job);

/* Feeds. */
void sim_oracle_on_durable(struct sim_world *world, const struct sl_ledger_call *call,
                           const struct sl_ledger_reply *reply);
void sim_oracle_on_send(struct sim_world *world, uint32_t broker, const struct sl_effect *effect);
void sim_oracle_on_alarm(struct sim_world *world, uint32_t broker, uint16_t shard, struct sl_bytes text);
void sim_oracle_on_keep(struct sim_world *world, const struct sl_effect *effect);

/* Whether some broker decides about every shard that nothing happened to; if not, says in `why` which has none. */
bool sim_oracle_is_owned(struct sim_world *world, char *why, size_t size);

/* Whether every job has reached its end; if not, says in `why` what is missing. */
bool sim_oracle_is_quiet(struct sim_world *world, char *why, size_t size);

/* The checks at the end of a run. */
void sim_oracle_at_end(struct sim_world *world);

/* What the simulated stage makes of this attempt: its one value. */
struct sl_bytes sim_stage_value(struct sim_world *world, const struct sl_token *token);

/* What the stage's newest attempt left. */
struct sl_bytes sim_oracle_value(struct sim_world *world, const struct sim_job *job, uint16_t stage);

/* The transitions of a batch, in words. */
const char *sim_batch_text(struct sim_world *world, struct sl_bytes batch);

#endif
