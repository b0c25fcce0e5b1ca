/* An agent with two hosts and a pipeline of three stages, and short words for what happens to it. After every step the invariants
 * are checked. */
#ifndef SL_UNIT_AGENT_FIXTURE_H
#define SL_UNIT_AGENT_FIXTURE_H

#include "support/failing_alloc.h"

#include "agent/agent.h"
#include "base/buf.h"

enum { STAGE_PLAIN, STAGE_INLINE, STAGE_OTHER, STAGE_COUNT };
enum { HOSTS = 2, WORN_AFTER = 60, WORN_AGE_MS = 10000, GRACE_MS = 5000, DRAIN_MS = 30000, HEARTBEAT_MS = 500, LOST_MS = 5000 };

struct agent_fixture {
    struct sl_failing_alloc alloc;
    struct sl_failing_alloc spool; /* has no room until its countdown is set */
    struct sl_agent *agent;
    struct sl_agent_effects effects; /* of the last step */
    int rc;                          /* of the last step */
    uint64_t now;
    uint64_t next_nonce;
    uint64_t epoch; /* of the tokens of new tasks, as the shard */
    uint16_t shard;
    struct sl_buf canonical;
    struct sl_digest digest;
};

/* A new agent that got nothing yet. */
void fixture_new(struct agent_fixture *self, uint32_t prefetch);
void fixture_free(struct agent_fixture *self);

/* A new agent that has started its hosts, is welcomed and knows the pipeline. */
void fixture_running(struct agent_fixture *self, uint32_t prefetch);

/* Any event; its time is filled in. */
void fixture_step(struct agent_fixture *self, struct sl_agent_event event);
/* An event without further facts. */
void fixture_tell(struct agent_fixture *self, enum sl_agent_event_kind kind);
/* One that concerns a host. */
void fixture_tell_host(struct agent_fixture *self, enum sl_agent_event_kind kind, uint32_t host);

void fixture_welcome(struct agent_fixture *self);
/* The pipeline of define and assign from now on: the same stages under another name. At first it is number 0. */
void fixture_pipeline(struct agent_fixture *self, unsigned number);
void fixture_define(struct agent_fixture *self);

/* Assigns a task of that stage with a token of its own. */
struct sl_token fixture_assign(struct agent_fixture *self, uint16_t stage, uint32_t timeout_ms);
void fixture_assign_token(struct agent_fixture *self, const struct sl_token *token, uint32_t timeout_ms);
void fixture_cancel(struct agent_fixture *self, const struct sl_token *token);
void fixture_ack(struct agent_fixture *self, const struct sl_token *token);

/* A host answers, after that many microseconds of work. */
void fixture_done(struct agent_fixture *self, uint32_t host, const struct sl_token *token, uint64_t duration_us);
void fixture_reclaimed(struct agent_fixture *self, uint32_t host, const struct sl_token *token);
void fixture_field(struct agent_fixture *self, uint32_t host, const struct sl_token *token, const char *name);
void fixture_died(struct agent_fixture *self, uint32_t host, int signal, int status, bool begun);

/* Time passes, and the agent is told. */
void fixture_pass(struct agent_fixture *self, uint64_t ms);

/* Effects of the last step of that kind: how many, and the first (NULL: none). */
uint32_t fixture_count(const struct agent_fixture *self, enum sl_agent_effect_kind kind);
const struct sl_agent_effect *fixture_first(const struct agent_fixture *self, enum sl_agent_effect_kind kind);

/* The one RESULT of the last step. Asserts that there is one, of that token. */
const struct sl_agent_result *fixture_result(const struct agent_fixture *self, const struct sl_token *token);

/* A suite whose tests find a running agent in `fx`. */
#define AGENT_SUITE(suite, prefetch)                          \
    static struct agent_fixture fixture_of_suite;             \
    static struct agent_fixture *const fx = &fixture_of_suite; \
    static void set_up(void) {                                \
        fixture_running(fx, prefetch);                        \
    }                                                         \
    static void tear_down(void) {                             \
        fixture_free(fx);                                     \
    }                                                         \
    TestSuite(suite, .init = set_up, .fini = tear_down)

#endif
