/* Policies: the file's rules, the shipped ones, the stored form, the wait between attempts. */
#include "fixture.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static int policies_of(const char *text, struct sl_problems *problems, struct sl_policies *out_policies) {
    struct sl_tree tree = tree_of(text);
    sl_problems_init(problems, sl_alloc_system());
    int rc = sl_policies_from_tree(&tree, sl_alloc_system(), problems, out_policies);
    sl_tree_fini(&tree);
    return rc;
}

static void assert_bad(const char *text, const char *part) {
    struct sl_problems problems;
    struct sl_policies policies;
    cr_assert_eq(policies_of(text, &problems, &policies), SL_E_BAD_INPUT, "accepted: %s", text);
    char *out = shown(&problems, "policies.yaml", text);
    cr_assert_not_null(strstr(out, part), "expected \"%s\" in %s", part, out);
    free(out);
    sl_problems_fini(&problems);
}

/* One policy "p" with the given members beside the required ones. */
static struct sl_policy policy_with(const char *members) {
    char text[512];
    struct sl_problems problems;
    struct sl_policies policies;
    snprintf(text, sizeof text, "policies: {p: {max_attempts: 2, timeout_seconds: 3%s}}", members);
    cr_assert_eq(policies_of(text, &problems, &policies), 0, "%s", text);
    cr_assert_eq(policies.count, 1);
    struct sl_policy policy = policies.items[0];
    policy.name = sl_text("p");
    sl_policies_fini(&policies);
    sl_problems_fini(&problems);
    return policy;
}

static void assert_bad_member(const char *members, const char *part) {
    char text[512];
    snprintf(text, sizeof text, "policies: {p: {max_attempts: 2, timeout_seconds: 3%s}}", members);
    assert_bad(text, part);
}

static void assert_equal(const struct sl_policy *a, const struct sl_policy *b) {
    cr_assert(sl_bytes_equal(a->name, b->name));
    cr_assert_eq(a->attempts_max, b->attempts_max);
    cr_assert_eq(a->timeout_ms, b->timeout_ms);
    cr_assert_eq(a->backoff.strategy, b->backoff.strategy);
    cr_assert_eq(a->backoff.initial_ms, b->backoff.initial_ms);
    cr_assert_eq(a->backoff.maximum_ms, b->backoff.maximum_ms);
    cr_assert_eq(a->backoff.jitter, b->backoff.jitter);
    cr_assert_eq(a->breaker_failures, b->breaker_failures);
    cr_assert_eq(a->breaker_recovery_ms, b->breaker_recovery_ms);
    cr_assert_eq(a->rate_per_second, b->rate_per_second);
}

Test(policy, the_shipped_file_and_the_built_in_policies_are_equal) {
    struct sl_problems problems;
    struct sl_policies file, builtin;
    char *text = read_source_file("deploy/policies.yaml");
    cr_assert_eq(policies_of(text, &problems, &file), 0);
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &builtin), 0);
    cr_assert_eq(file.count, 3);
    cr_assert_eq(builtin.count, 3);
    for (uint32_t i = 0; i < 3; i++) assert_equal(&file.items[i], &builtin.items[i]);
    cr_assert_eq(sl_policies_find(&file, sl_text("polite-api"))->attempts_max, 10);
    cr_assert_null(sl_policies_find(&file, sl_text("polite")));
    sl_policies_fini(&file);
    sl_policies_fini(&builtin);
    sl_policies_fini(&builtin);
    sl_problems_fini(&problems);
    free(text);
}

Test(policy, what_a_file_leaves_out_has_the_seeds_defaults) {
    struct sl_policy policy = policy_with("");
    cr_assert_eq(policy.attempts_max, 2);
    cr_assert_eq(policy.timeout_ms, 3000);
    cr_assert_eq(policy.backoff.strategy, SL_BACKOFF_EXPONENTIAL);
    cr_assert_eq(policy.backoff.initial_ms, 500);
    cr_assert_eq(policy.backoff.maximum_ms, 30000);
    cr_assert(policy.backoff.jitter);
    cr_assert_eq(policy.breaker_failures, 0);
    cr_assert_eq(policy.rate_per_second, 0);
}

Test(policy, every_limit_holds_at_above_and_far_above) {
    cr_assert_eq(policy_with(", backoff: {initial: 60, maximum: 600}").backoff.maximum_ms, 600000);
    cr_assert_eq(policy_with(", backoff: {initial: 0.05, maximum: 0.1}").backoff.initial_ms, 50);
    cr_assert_eq(policy_with(", backoff: {strategy: none, initial: 0, maximum: 0}").backoff.maximum_ms, 0);
    cr_assert_eq(policy_with(", circuit_breaker: {failure_threshold: 3, recovery_timeout: 1}").breaker_failures, 3);
    cr_assert_eq(policy_with(", circuit_breaker: {failure_threshold: 10, recovery_timeout: 600, expected_exception: X}")
                     .breaker_recovery_ms, 600000);
    cr_assert_eq(policy_with(", rate_limit: {rate_limit_per_second: 0.1}").rate_per_second, 0.1);
    cr_assert_eq(policy_with(", rate_limit: {rate_limit_per_second: 100}").rate_per_second, 100);
    assert_bad_member(", backoff: {initial: 60.1, maximum: 600}", "must be a number from 0 to 60");
    assert_bad_member(", backoff: {initial: 1e9}", "must be a number from 0 to 60");
    assert_bad_member(", backoff: {maximum: 601}", "must be a number from 0 to 600");
    assert_bad_member(", backoff: {initial: -1}", "must be a number from 0 to 60");
    assert_bad_member(", backoff: {initial: 0.04}", "at least 0.05 seconds");
    assert_bad_member(", backoff: {initial: 0.05, maximum: 0.09}", "at least 0.1 seconds");
    assert_bad_member(", backoff: {initial: 5, maximum: 4}", "must not be below its initial");
    assert_bad_member(", circuit_breaker: {failure_threshold: 2, recovery_timeout: 1}", "from 3 to 10");
    assert_bad_member(", circuit_breaker: {failure_threshold: 11, recovery_timeout: 1}", "from 3 to 10");
    assert_bad_member(", circuit_breaker: {failure_threshold: 3, recovery_timeout: 0.5}", "from 1 to 600");
    assert_bad_member(", circuit_breaker: {failure_threshold: 3, recovery_timeout: 601}", "from 1 to 600");
    assert_bad_member(", circuit_breaker: {failure_threshold: 3}", "has no \"recovery_timeout\"");
    assert_bad_member(", rate_limit: {rate_limit_per_second: 0.09}", "from 0.1 to 100");
    assert_bad_member(", rate_limit: {rate_limit_per_second: 101}", "from 0.1 to 100");
    assert_bad_member(", rate_limit: {}", "has no \"rate_limit_per_second\"");
    assert_bad("policies: {p: {max_attempts: 0, timeout_seconds: 1}}", "max_attempts of policy \"p\" must be a whole number from 1 to 10");
    assert_bad("policies: {p: {max_attempts: 11, timeout_seconds: 1}}", "from 1 to 10");
    assert_bad("policies: {p: {max_attempts: 99999999999999999999, timeout_seconds: 1}}", "from 1 to 10");
    assert_bad("policies: {p: {max_attempts: 1, timeout_seconds: 0}}", "from 1 to 600");
    assert_bad("policies: {p: {max_attempts: 1, timeout_seconds: 601}}", "from 1 to 600");
    assert_bad("policies: {p: {max_attempts: 1, timeout_seconds: 1.5}}", "from 1 to 600");
}

Test(policy, wrong_files_get_a_sentence) {
    assert_bad("", "the file is empty");
    assert_bad("[a]", "the file must be a map of keys and values, and is a list");
    assert_bad("polices: {}", "did you mean \"policies\"?");
    assert_bad("policies: [a]", "policies must be a map");
    assert_bad("policies: {p: 3}", "policy \"p\" must be a map of keys and values, and is a number");
    assert_bad("policies: {p q: {max_attempts: 1, timeout_seconds: 1}}", "must be called by 1 to 64 letters");
    assert_bad("policies: {p: {timeout_seconds: 1}}", "policy \"p\" has no \"max_attempts\"");
    assert_bad("policies: {p: {max_attempts: 1}}", "policy \"p\" has no \"timeout_seconds\"");
    assert_bad_member(", max_atempts: 3", "did you mean \"max_attempts\"?");
    assert_bad_member(", backoff: {strategy: linaer}", "did you mean \"linear\"?");
    assert_bad_member(", backoff: {strategy: 5}", "strategy of backoff of policy \"p\" must be text");
    assert_bad_member(", backoff: {jitter: 1}", "must be true or false");
    assert_bad_member(", backoff: {factor: 1}", "unknown key \"factor\"");
    assert_bad_member(", backoff: 5", "backoff of policy \"p\" must be a map");
    assert_bad_member(", rate_limit: 5", "rate_limit of policy \"p\" must be a map");
}

Test(policy, the_stored_form_comes_back_and_anything_else_is_damaged) {
    struct sl_policies policies;
    struct sl_buf buf;
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &policies), 0);
    sl_buf_init(&buf, sl_alloc_system());
    for (uint32_t i = 0; i < policies.count; i++) {
        struct sl_policy back = {.name = policies.items[i].name}, unchanged = {.attempts_max = 77};
        sl_buf_clear(&buf);
        sl_policy_to_msgpack(&policies.items[i], &buf);
        cr_assert_eq(sl_policy_from_msgpack(sl_buf_bytes(&buf), &back), 0);
        assert_equal(&back, &policies.items[i]);
        for (size_t size = 0; size < buf.size; size++) {
            cr_assert_eq(sl_policy_from_msgpack(sl_bytes(buf.data, size), &unchanged), SL_E_DAMAGED);
        }
        cr_assert_eq(sl_buf_append(&buf, "\xc0", 1), 0);
        cr_assert_eq(sl_policy_from_msgpack(sl_buf_bytes(&buf), &unchanged), SL_E_DAMAGED);
        cr_assert_eq(unchanged.attempts_max, 77);
    }
    sl_buf_fini(&buf);
    sl_policies_fini(&policies);
}

static void assert_stored_damaged(struct sl_policy policy) {
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    sl_policy_to_msgpack(&policy, &buf);
    cr_assert_eq(sl_policy_from_msgpack(sl_buf_bytes(&buf), &policy), SL_E_DAMAGED);
    sl_buf_fini(&buf);
}

Test(policy, stored_numbers_out_of_range_are_damaged) {
    struct sl_policy good = policy_with(", circuit_breaker: {failure_threshold: 3, recovery_timeout: 1}");
    struct sl_policy bad = good;
    bad.attempts_max = 0;
    assert_stored_damaged(bad);
    bad = good;
    bad.attempts_max = 11;
    assert_stored_damaged(bad);
    bad = good;
    bad.timeout_ms = 600001;
    assert_stored_damaged(bad);
    bad = good;
    bad.backoff.maximum_ms = 1;
    assert_stored_damaged(bad);
    bad = good;
    bad.breaker_failures = 2;
    assert_stored_damaged(bad);
    bad = good;
    bad.rate_per_second = NAN;
    assert_stored_damaged(bad);
    bad = good;
    bad.rate_per_second = 1e300;
    assert_stored_damaged(bad);
}

Test(policy, waits_grow_by_strategy_up_to_the_maximum) {
    struct sl_rng rng = {.state = 1};
    struct sl_backoff backoff = {.strategy = SL_BACKOFF_EXPONENTIAL, .initial_ms = 500, .maximum_ms = 3000};
    static const uint32_t doubled[] = {500, 1000, 2000, 3000, 3000}, added[] = {500, 1000, 1500, 2000, 2500, 3000, 3000};
    for (uint32_t i = 0; i < 5; i++) cr_assert_eq(sl_backoff_ms(&backoff, i + 1, &rng), doubled[i]);
    cr_assert_eq(sl_backoff_ms(&backoff, UINT32_MAX, &rng), 3000);
    backoff.strategy = SL_BACKOFF_LINEAR;
    for (uint32_t i = 0; i < 7; i++) cr_assert_eq(sl_backoff_ms(&backoff, i + 1, &rng), added[i]);
    cr_assert_eq(sl_backoff_ms(&backoff, UINT32_MAX, &rng), 3000);
    backoff.strategy = SL_BACKOFF_NONE;
    cr_assert_eq(sl_backoff_ms(&backoff, 3, &rng), 0);
    backoff = (struct sl_backoff){.strategy = SL_BACKOFF_EXPONENTIAL, .initial_ms = 0, .maximum_ms = 100};
    cr_assert_eq(sl_backoff_ms(&backoff, UINT32_MAX, &rng), 0);
}

Test(policy, jitter_stays_within_a_tenth_and_uses_all_of_it) {
    struct sl_rng rng = {.state = 7};
    struct sl_backoff backoff = {.strategy = SL_BACKOFF_EXPONENTIAL, .initial_ms = 1000, .maximum_ms = 1000, .jitter = true};
    uint32_t least = UINT32_MAX, most = 0;
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t wait = sl_backoff_ms(&backoff, 1, &rng);
        if (wait < least) least = wait;
        if (wait > most) most = wait;
    }
    cr_assert_eq(least, 900);
    cr_assert_eq(most, 1100);
}

Test(policy, memory_that_runs_out_is_told_and_nothing_leaks) {
    static const char *const texts[] = {
        "policies: {a: {max_attempts: 1, timeout_seconds: 1}, b: {max_attempts: 1, timeout_seconds: 2}}",
        "policies: {a: {max_attempts: 0, timeouts: 1}}"};
    for (size_t i = 0; i < 2; i++) {
        struct sl_tree tree = tree_of(texts[i]);
        bool completed = false;
        for (uint64_t countdown = 0; !completed; countdown++) {
            struct sl_failing_alloc failing;
            struct sl_problems problems;
            struct sl_policies policies;
            sl_failing_alloc_init(&failing, countdown);
            sl_problems_init(&problems, &failing.alloc);
            int rc = sl_policies_from_tree(&tree, &failing.alloc, &problems, &policies);
            completed = !failing.has_failed;
            cr_assert_eq(rc, !completed ? SL_E_NO_MEMORY : i == 0 ? SL_OK : SL_E_BAD_INPUT);
            if (rc == SL_OK) sl_policies_fini(&policies);
            sl_problems_fini(&problems);
            cr_assert_eq(failing.live_blocks, 0);
        }
        sl_tree_fini(&tree);
    }
}

Test(policy, the_built_in_policies_leak_nothing_without_memory) {
    for (uint64_t countdown = 0;; countdown++) {
        struct sl_failing_alloc failing;
        struct sl_policies policies;
        sl_failing_alloc_init(&failing, countdown);
        int rc = sl_policies_builtin(&failing.alloc, &policies);
        if (rc == SL_OK) sl_policies_fini(&policies);
        cr_assert_eq(failing.live_blocks, 0);
        if (rc == SL_OK) break;
        cr_assert_eq(rc, SL_E_NO_MEMORY);
    }
}
