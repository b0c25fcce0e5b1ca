/* Assertions end the process, in every build type. */
#include "base/assert.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(assert, a_false_condition_aborts, .signal = SIGABRT) {
    int one = 1;
    SL_ASSERT(one == 2);
}

Test(assert, a_true_condition_does_nothing) {
    int one = 1;
    SL_ASSERT(one == 1);
}

Test(assert, an_implication_that_is_broken_aborts, .signal = SIGABRT) {
    int one = 1;
    SL_IMPLIES(one == 1, one == 2);
}

Test(assert, an_implication_from_something_false_holds) {
    int one = 1;
    SL_IMPLIES(one == 2, one == 3);
    SL_IMPLIES(one == 1, one < 2);
}
