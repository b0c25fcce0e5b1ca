/* Resilience policies (seed, rows 35-39): attempts, timeout, backoff. Breaker and rate limit are checked and kept; the core uses
 * them once they are built. */
#ifndef SL_MODEL_POLICY_H
#define SL_MODEL_POLICY_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/node.h"
#include "base/rng.h"
#include "problem.h"

enum sl_backoff_strategy { SL_BACKOFF_EXPONENTIAL = 0, SL_BACKOFF_LINEAR = 1, SL_BACKOFF_NONE = 2 };

struct sl_backoff {
    enum sl_backoff_strategy strategy;
    uint32_t initial_ms;
    uint32_t maximum_ms;
    bool jitter; /* plus or minus 10 % */
};

struct sl_policy {
    struct sl_bytes name; /* owned by the set */
    uint32_t attempts_max;
    uint32_t timeout_ms;
    struct sl_backoff backoff;
    uint32_t breaker_failures;    /* 0: no breaker */
    uint32_t breaker_recovery_ms;
    double rate_per_second;       /* 0: no limit */
};

struct sl_policies {
    struct sl_policy *items; /* owns */
    uint32_t count;
    struct sl_tree texts;
};

/* The three policies that the program ships (deploy/policies.yaml holds the same; a test compares). */
int sl_policies_builtin(const struct sl_alloc *alloc, struct sl_policies *out_policies);

/* Checks a policies document (`policies: {name: {...}}`). As sl_pipeline_from_tree: all problems in one pass. */
int sl_policies_from_tree(const struct sl_tree *tree, const struct sl_alloc *alloc, struct sl_problems *problems,
                          struct sl_policies *out_policies);

/* One policy as msgpack (what sl:policies holds), and back. SL_E_DAMAGED when it is not such a form. */
void sl_policy_to_msgpack(const struct sl_policy *policy, struct sl_buf *buf);
int sl_policy_from_msgpack(struct sl_bytes bytes, struct sl_policy *out_policy); /* name stays as it was */

void sl_policies_fini(struct sl_policies *self);

/* The policy of that name, or NULL. */
const struct sl_policy *sl_policies_find(const struct sl_policies *self, struct sl_bytes name);

/* The wait before attempt number `attempt` + 1, after `attempt` tries failed (from 1): exponential doubles from initial, linear
 * adds initial, both up to maximum; then jitter of 10 %. Milliseconds. */
uint32_t sl_backoff_ms(const struct sl_backoff *self, uint32_t attempt, struct sl_rng *rng);

#endif
