/* The worker's agent: which attempts this worker has, which stage host makes them, what the broker is told. A pure state machine:
 * events in, effects out; time comes in the event, order never from a hash or an address.
 *
 * What is in an event is borrowed until step returns; what is in effects is borrowed from the agent until the next step; nothing
 * else crosses. Effects are carried out in the order given.
 *
 *   attempt:  ASSIGN -> waiting -> given to a host -> (it heads that host's list: begun) -> ended -> sent -> RESULT_ACK -> forgotten
 *   host:     down -> starting -> ready -> stopping -> down; what plugins leak in it goes with it, at the latest when it is worn out
 *
 * A task that another one's crash found not yet begun goes back to the front of the agent's own queue and costs nothing.
 *
 * Results are kept until they are acknowledged: in memory, above SL_AGENT_RESULT_BYTES_MAX in the spool, and in memory again when the
 * spool has no room; then nothing new is taken until that much is acknowledged. */
#ifndef SL_AGENT_AGENT_H
#define SL_AGENT_AGENT_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "effect.h"
#include "event.h"

enum {
    SL_AGENT_HOSTS_MAX = SL_WORKER_SLOTS_MAX,
    SL_AGENT_WINDOW_MAX = 32,       /* tasks that a host may hold at once: SL_CLAIM_COUNT is larger */
    SL_AGENT_TINY_US = 1000,        /* a host whose attempts take less may be given several at once */
    SL_AGENT_WAKE_US = 100,         /* a busy host that will be free sooner is preferred to waking an idle one */
    SL_AGENT_STUCK_MS = 5,          /* neighbours behind an attempt that takes longer are taken back */
    SL_AGENT_STARTS_MAX = 3,        /* failed starts in a row after which a host counts as broken */
    SL_AGENT_RESULTS_MAX = 65536,   /* attempts known at once */
    SL_AGENT_RESULT_BYTES_MAX = 64 << 20, /* unacknowledged results in memory; above it they go to the spool */
    SL_AGENT_SENT_BYTES_MAX = 8 << 20,    /* results of one shard sent and not acknowledged, or one larger: its others wait */
    SL_AGENT_DEFINITIONS_MAX = 4096, /* above it those that no attempt under way needs are forgotten */
    SL_AGENT_RESEND_LEVELS = 5      /* waits between repetitions of a result: 1, 2, 4, 8, 10 s */
};

/* A stage type that this worker offers. */
struct sl_agent_type {
    struct sl_bytes name;
    bool runs_inline; /* in the worker's own loop */
};

struct sl_agent_config {
    uint32_t host_count; /* 1 to SL_AGENT_HOSTS_MAX */
    uint32_t prefetch;   /* tasks that may wait, per host */
    uint32_t grace_ms;   /* from SIGTERM to SIGKILL of an attempt's process group */
    uint32_t drain_ms;   /* how long running attempts may go on after DRAIN */
    uint32_t host_attempts_max; /* a host that has made so many is replaced as soon as it is free; 0: never */
    uint32_t host_age_min_ms;   /* but not before it is so old: starting one takes time that short attempts would miss */
    uint32_t heartbeat_ms; /* these two until WELCOME says otherwise */
    uint32_t lost_ms;
    const struct sl_alloc *spool; /* blocks that are not memory, for results; NULL: none. Borrowed for the agent's whole life */
    const struct sl_agent_type *types; /* borrowed for the agent's whole life */
    uint32_t type_count;
};

struct sl_agent;

/* A new agent; nothing happens before START. 0, or SL_E_NO_MEMORY. The caller owns *out_self. */
int sl_agent_new(const struct sl_alloc *alloc, const struct sl_agent_config *config, struct sl_agent **out_self);

/* Frees the agent; NULL inside is allowed; sets *self to NULL. */
void sl_agent_free(struct sl_agent **self);

/* Takes one event. 0 with its effects; else the agent is as it was and there are no effects: SL_E_NO_MEMORY; SL_E_LIMIT (an ASSIGN
 * above SL_AGENT_RESULTS_MAX, a DEFINE above SL_AGENT_DEFINITIONS_MAX); SL_E_BAD_INPUT (a token with an impossible shard or a used nonce);
 * SL_E_DAMAGED (a DEFINE that is no pipeline). A message that makes no sense now (an unknown token) is no error. */
int sl_agent_step(struct sl_agent *self, const struct sl_agent_event *event, struct sl_agent_effects *out_effects);

/* When TICK is due at the latest, in nanoseconds as `now`; UINT64_MAX: never. */
uint64_t sl_agent_deadline(const struct sl_agent *self);

/* Whether all invariants hold; if not, a sentence in why. For tests. */
bool sl_agent_check(const struct sl_agent *self, char *why, size_t size);

#endif
