/* Claims: of host and worker exactly one gets a task that was given and not begun. */
#include "stagehost/claim.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct sl_claims claims;

Test(claim, task_is_begun_or_taken_back_never_both) {
    sl_claim_give(&claims, 5);
    cr_assert(sl_claim_begin(&claims, 5));
    cr_assert(sl_claim_has_begun(&claims, 5));
    cr_assert_not(sl_claim_take(&claims, 5));
    sl_claim_give(&claims, 6);
    cr_assert(sl_claim_take(&claims, 6));
    cr_assert_not(sl_claim_begin(&claims, 6));
    cr_assert_not(sl_claim_has_begun(&claims, 6));
}

Test(claim, place_that_was_used_again_refuses_the_older_task) {
    sl_claim_give(&claims, 1);
    cr_assert(sl_claim_take(&claims, 1));
    sl_claim_give(&claims, 1 + SL_CLAIM_COUNT);
    cr_assert_not(sl_claim_begin(&claims, 1));
    cr_assert(sl_claim_begin(&claims, 1 + SL_CLAIM_COUNT));
}

enum { ROUNDS = 20000 };
static bool begun[ROUNDS], taken[ROUNDS];
static _Atomic uint32_t given;

static void *begin_all(void *context) {
    (void)context;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (atomic_load(&given) <= i) {
        }
        begun[i] = sl_claim_begin(&claims, i);
    }
    return NULL;
}

Test(claim, race_has_one_winner) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, begin_all, NULL), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sl_claim_give(&claims, i);
        atomic_store(&given, i + 1);
        taken[i] = sl_claim_take(&claims, i);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) cr_assert(begun[i] != taken[i], "round %u", i);
}
