/* Resilience policies: the file, the shipped ones, the stored form, and the wait between attempts; see policy.h. */
#include "policy.h"

#include "fields.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <stdio.h>

enum {
    FORMAT = 1,
    FIELD_COUNT = 10, /* of the stored form, the format number included */
    BACKOFF_INITIAL_MS_MAX = 60000,
    BACKOFF_MAXIMUM_MS_MAX = 600000,
    BACKOFF_INITIAL_MS_MIN = 50, /* unless there is no backoff */
    BACKOFF_MAXIMUM_MS_MIN = 100,
    BREAKER_FAILURES_MIN = 3,
    BREAKER_FAILURES_MAX = 10,
    BREAKER_RECOVERY_SECONDS_MAX = 600,
    WHERE_SIZE = 128
};

static const double rate_min = 0.1, rate_max = 100;

static const char *const strategies[] = {
    [SL_BACKOFF_EXPONENTIAL] = "exponential", [SL_BACKOFF_LINEAR] = "linear", [SL_BACKOFF_NONE] = "none"};
enum { STRATEGY_COUNT = sizeof strategies / sizeof *strategies };

/* What a policy has when its file does not say otherwise (seed, row 36). */
static const struct sl_backoff default_backoff = {
    .strategy = SL_BACKOFF_EXPONENTIAL, .initial_ms = 500, .maximum_ms = 30000, .jitter = true};

static uint32_t to_ms(double seconds) {
    return (uint32_t)(seconds * 1000 + 0.5);
}

static void read_strategy(const struct sl_fields *fields, struct sl_backoff *backoff) {
    struct sl_bytes text;
    struct sl_mark mark;
    char hint[SL_HINT_SIZE];
    if (!sl_fields_text(fields, "strategy", &text, &mark)) return;
    for (int i = 0; i < STRATEGY_COUNT; i++) {
        if (!sl_bytes_is(text, strategies[i])) continue;
        backoff->strategy = (enum sl_backoff_strategy)i;
        return;
    }
    sl_fields_refuse(fields, mark, sl_hint_suggest(text, strategies, STRATEGY_COUNT, hint),
                     "strategy of %s must be exponential, linear or none", fields->where);
}

static void check_backoff(const struct sl_fields *fields, const struct sl_backoff *backoff) {
    struct sl_mark mark = sl_fields_mark(fields->map);
    if (backoff->strategy == SL_BACKOFF_NONE) return;
    if (backoff->initial_ms < BACKOFF_INITIAL_MS_MIN) {
        sl_fields_refuse(fields, mark, NULL, "initial of %s must be at least 0.05 seconds", fields->where);
    }
    if (backoff->maximum_ms < BACKOFF_MAXIMUM_MS_MIN) {
        sl_fields_refuse(fields, mark, NULL, "maximum of %s must be at least 0.1 seconds", fields->where);
    }
    if (backoff->maximum_ms < backoff->initial_ms) {
        sl_fields_refuse(fields, mark, NULL, "maximum of %s must not be below its initial", fields->where);
    }
}

/* The member `key` of a policy as a map of its own; its words are made in `where`. */
static struct sl_fields inner(const struct sl_fields *outer, const char *key, char where[WHERE_SIZE]) {
    (void)snprintf(where, WHERE_SIZE, "%s of %s", key, outer->where); /* fits: names are cut */
    return (struct sl_fields){.map = sl_node_get(outer->map, key), .where = where, .problems = outer->problems};
}

static void read_backoff(const struct sl_fields *policy, struct sl_backoff *backoff) {
    static const char *const keys[] = {"strategy", "initial", "maximum", "jitter"};
    char where[WHERE_SIZE];
    double seconds;
    struct sl_fields fields = inner(policy, "backoff", where);
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    read_strategy(&fields, backoff);
    if (sl_fields_number(&fields, "initial", 0, BACKOFF_INITIAL_MS_MAX / 1000.0, &seconds)) {
        backoff->initial_ms = to_ms(seconds);
    }
    if (sl_fields_number(&fields, "maximum", 0, BACKOFF_MAXIMUM_MS_MAX / 1000.0, &seconds)) {
        backoff->maximum_ms = to_ms(seconds);
    }
    (void)sl_fields_bool(&fields, "jitter", &backoff->jitter); /* optional */
    check_backoff(&fields, backoff);
}

static void read_breaker(const struct sl_fields *policy, struct sl_policy *out_policy) {
    static const char *const keys[] = {"failure_threshold", "recovery_timeout", "expected_exception"};
    char where[WHERE_SIZE];
    int64_t failures;
    double seconds;
    struct sl_fields fields = inner(policy, "circuit_breaker", where);
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    if (sl_fields_require(&fields, "failure_threshold") &&
        sl_fields_int(&fields, "failure_threshold", BREAKER_FAILURES_MIN, BREAKER_FAILURES_MAX, &failures)) {
        out_policy->breaker_failures = (uint32_t)failures;
    }
    if (sl_fields_require(&fields, "recovery_timeout") &&
        sl_fields_number(&fields, "recovery_timeout", 1, BREAKER_RECOVERY_SECONDS_MAX, &seconds)) {
        out_policy->breaker_recovery_ms = to_ms(seconds);
    }
    struct sl_bytes unused; /* files of the seed's system have it; it decides nothing there either */
    (void)sl_fields_text(&fields, "expected_exception", &unused, NULL);
}

static void read_rate(const struct sl_fields *policy, struct sl_policy *out_policy) {
    static const char *const keys[] = {"rate_limit_per_second"};
    char where[WHERE_SIZE];
    struct sl_fields fields = inner(policy, "rate_limit", where);
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    if (!sl_fields_require(&fields, keys[0])) return;
    (void)sl_fields_number(&fields, keys[0], rate_min, rate_max, &out_policy->rate_per_second); /* reported */
}

static void read_policy(const struct sl_node *node, struct sl_problems *problems, struct sl_policy *out_policy) {
    static const char *const keys[] = {"max_attempts", "timeout_seconds", "backoff", "circuit_breaker", "rate_limit"};
    char where[WHERE_SIZE];
    int64_t number;
    (void)snprintf(where, sizeof where, "policy \"%.*s\"", SL_SHOWN(node->key)); /* fits: names are cut */
    struct sl_fields fields = {.map = node, .where = where, .problems = problems};
    out_policy->backoff = default_backoff;
    if (!sl_text_is_name(node->key)) {
        sl_fields_refuse(&fields, node->key_mark, NULL, "%s must be called by 1 to %d letters, digits, \"-\" or \"_\"", where,
                         SL_NAME_MAX);
    }
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    if (sl_fields_require(&fields, "max_attempts") &&
        sl_fields_int(&fields, "max_attempts", 1, SL_ATTEMPTS_MAX, &number)) {
        out_policy->attempts_max = (uint32_t)number;
    }
    if (sl_fields_require(&fields, "timeout_seconds") &&
        sl_fields_int(&fields, "timeout_seconds", 1, SL_TIMEOUT_SECONDS_MAX, &number)) {
        out_policy->timeout_ms = (uint32_t)number * 1000;
    }
    read_backoff(&fields, &out_policy->backoff);
    read_breaker(&fields, out_policy);
    read_rate(&fields, out_policy);
}

/* Room for count policies; the set owns it. */
static int make_room(struct sl_policies *self, const struct sl_alloc *alloc, uint32_t count) {
    *self = (struct sl_policies){0};
    sl_tree_init(&self->texts, alloc);
    self->items = sl_tree_take(&self->texts, count * sizeof *self->items);
    return self->items ? SL_OK : SL_E_NO_MEMORY;
}

static int read_policies(const struct sl_node *map, const struct sl_alloc *alloc, struct sl_problems *problems,
                         struct sl_policies *out_policies) {
    int rc = make_room(out_policies, alloc, map->count);
    for (const struct sl_node *node = map->first; node && rc == SL_OK; node = node->next) {
        struct sl_policy *policy = &out_policies->items[out_policies->count++];
        read_policy(node, problems, policy);
        policy->name = sl_tree_copy(&out_policies->texts, node->key);
        if (!policy->name.data) rc = SL_E_NO_MEMORY;
    }
    return rc;
}

int sl_policies_from_tree(const struct sl_tree *tree, const struct sl_alloc *alloc, struct sl_problems *problems,
                          struct sl_policies *out_policies) {
    static const char *const keys[] = {"policies"};
    struct sl_policies policies = {0};
    uint32_t errors_before = problems->error_count;
    int rc = SL_OK;
    sl_tree_init(&policies.texts, alloc);
    struct sl_fields top = {.map = tree->root, .where = "the file", .problems = problems};
    if (!tree->root) sl_fields_refuse(&top, (struct sl_mark){0}, NULL, "the file is empty; it begins with \"policies:\"");
    if (sl_fields_is_map(&top)) {
        sl_fields_check_keys(&top, keys, sizeof keys / sizeof *keys);
        struct sl_fields all = {.map = sl_fields_require(&top, keys[0]), .where = keys[0], .problems = problems};
        if (sl_fields_is_map(&all)) rc = read_policies(all.map, alloc, problems, &policies);
    }
    if (problems->no_memory) rc = SL_E_NO_MEMORY;
    if (rc == SL_OK && problems->error_count > errors_before) rc = SL_E_BAD_INPUT;
    if (rc == SL_OK) {
        *out_policies = policies;
    } else {
        sl_policies_fini(&policies);
    }
    return rc;
}

/* Seed, row 39. */
int sl_policies_builtin(const struct sl_alloc *alloc, struct sl_policies *out_policies) {
    static const char *const names[] = {"default", "gpu-bound", "polite-api"};
    static const struct sl_policy shipped[] = {
        {.attempts_max = 3, .timeout_ms = 30000, .breaker_failures = 5, .breaker_recovery_ms = 60000,
         .backoff = {.strategy = SL_BACKOFF_EXPONENTIAL, .initial_ms = 500, .maximum_ms = 30000, .jitter = true}},
        {.attempts_max = 1, .timeout_ms = 60000, .breaker_failures = 5, .breaker_recovery_ms = 60000,
         .backoff = {.strategy = SL_BACKOFF_NONE, .initial_ms = 500, .maximum_ms = 30000, .jitter = true}},
        {.attempts_max = 10, .timeout_ms = 10000, .rate_per_second = 5,
         .backoff = {.strategy = SL_BACKOFF_LINEAR, .initial_ms = 1000, .maximum_ms = 10000, .jitter = true}}};
    enum { COUNT = sizeof shipped / sizeof *shipped };
    struct sl_policies policies;
    int rc = make_room(&policies, alloc, COUNT);
    for (; rc == SL_OK && policies.count < COUNT; policies.count++) {
        struct sl_policy *policy = &policies.items[policies.count];
        *policy = shipped[policies.count];
        policy->name = sl_tree_copy(&policies.texts, sl_text(names[policies.count]));
        if (!policy->name.data) rc = SL_E_NO_MEMORY;
    }
    if (rc == SL_OK) {
        *out_policies = policies;
    } else {
        sl_policies_fini(&policies);
    }
    return rc;
}

void sl_policies_fini(struct sl_policies *self) {
    struct sl_tree texts = self->texts;
    if (texts.alloc) sl_tree_fini(&texts);
    *self = (struct sl_policies){.texts = texts};
}

const struct sl_policy *sl_policies_find(const struct sl_policies *self, struct sl_bytes name) {
    for (uint32_t i = 0; i < self->count; i++) {
        if (sl_bytes_equal(self->items[i].name, name)) return &self->items[i];
    }
    return NULL;
}

void sl_policy_to_msgpack(const struct sl_policy *policy, struct sl_buf *buf) {
    sl_mp_array(buf, FIELD_COUNT);
    sl_mp_uint(buf, FORMAT);
    sl_mp_uint(buf, policy->attempts_max);
    sl_mp_uint(buf, policy->timeout_ms);
    sl_mp_uint(buf, policy->backoff.strategy);
    sl_mp_uint(buf, policy->backoff.initial_ms);
    sl_mp_uint(buf, policy->backoff.maximum_ms);
    sl_mp_bool(buf, policy->backoff.jitter);
    sl_mp_uint(buf, policy->breaker_failures);
    sl_mp_uint(buf, policy->breaker_recovery_ms);
    sl_mp_double(buf, policy->rate_per_second);
}

static double read_double(struct sl_mp_reader *reader) {
    struct sl_mp_object object = {.type = SL_MP_NIL};
    if (sl_mp_next(reader, &object) == SL_OK && object.type == SL_MP_DOUBLE) return object.real;
    sl_mp_fail(reader, SL_E_DAMAGED);
    return 0;
}

static bool is_in_range(const struct sl_policy *policy) {
    const struct sl_backoff *backoff = &policy->backoff;
    bool spaced = backoff->initial_ms >= BACKOFF_INITIAL_MS_MIN && backoff->maximum_ms >= BACKOFF_MAXIMUM_MS_MIN &&
                  backoff->maximum_ms >= backoff->initial_ms;
    bool broken = policy->breaker_failures >= BREAKER_FAILURES_MIN && policy->breaker_recovery_ms >= 1000;
    bool limited = policy->rate_per_second >= rate_min && policy->rate_per_second <= rate_max;
    return policy->attempts_max >= 1 && policy->timeout_ms >= 1000 && (backoff->strategy == SL_BACKOFF_NONE || spaced) &&
           (policy->breaker_failures == 0 || broken) && (policy->rate_per_second == 0 || limited);
}

int sl_policy_from_msgpack(struct sl_bytes bytes, struct sl_policy *out_policy) {
    struct sl_mp_reader reader = sl_mp_reader(bytes);
    struct sl_policy policy = {.name = out_policy->name};
    if (sl_mp_read_array(&reader, FIELD_COUNT) != FIELD_COUNT || sl_mp_read_uint(&reader, FORMAT) != FORMAT) {
        return SL_E_DAMAGED;
    }
    policy.attempts_max = (uint32_t)sl_mp_read_uint(&reader, SL_ATTEMPTS_MAX);
    policy.timeout_ms = (uint32_t)sl_mp_read_uint(&reader, SL_TIMEOUT_SECONDS_MAX * 1000);
    policy.backoff.strategy = (enum sl_backoff_strategy)sl_mp_read_uint(&reader, STRATEGY_COUNT - 1);
    policy.backoff.initial_ms = (uint32_t)sl_mp_read_uint(&reader, BACKOFF_INITIAL_MS_MAX);
    policy.backoff.maximum_ms = (uint32_t)sl_mp_read_uint(&reader, BACKOFF_MAXIMUM_MS_MAX);
    policy.backoff.jitter = sl_mp_read_bool(&reader);
    policy.breaker_failures = (uint32_t)sl_mp_read_uint(&reader, BREAKER_FAILURES_MAX);
    policy.breaker_recovery_ms = (uint32_t)sl_mp_read_uint(&reader, BREAKER_RECOVERY_SECONDS_MAX * 1000);
    policy.rate_per_second = read_double(&reader);
    if (sl_mp_end(&reader) != SL_OK || !is_in_range(&policy)) return SL_E_DAMAGED;
    *out_policy = policy;
    return SL_OK;
}

uint32_t sl_backoff_ms(const struct sl_backoff *self, uint32_t attempt, struct sl_rng *rng) {
    SL_ASSERT(attempt >= 1);
    if (self->strategy == SL_BACKOFF_NONE) return 0;
    uint64_t wait = self->initial_ms;
    if (self->strategy == SL_BACKOFF_LINEAR) {
        wait *= attempt;
    } else {
        for (uint32_t i = 1; i < attempt && wait < self->maximum_ms; i++) wait *= 2;
    }
    if (wait > self->maximum_ms) wait = self->maximum_ms;
    if (self->jitter) wait = wait - wait / 10 + sl_rng_below(rng, 2 * (wait / 10) + 1);
    return (uint32_t)wait;
}
