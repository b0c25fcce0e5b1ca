/* The random generator, against the reference output of SplitMix64 (Vigna's splitmix64.c, seed 1234567). */
#include "base/rng.h"

#include <criterion/criterion.h>

Test(rng, gives_the_reference_sequence) {
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    struct sl_rng rng = {.state = 1234567};
    for (int i = 0; i < 5; i++) cr_assert_eq(sl_rng_next(&rng), expected[i]);
}

Test(rng, stays_below_its_bound_and_reaches_all_of_it) {
    struct sl_rng rng = {.state = 3};
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t number = sl_rng_below(&rng, 7);
        cr_assert_lt(number, 7);
        seen |= 1u << number;
    }
    cr_assert_eq(seen, 127);
    cr_assert_eq(sl_rng_below(&rng, 1), 0);
    cr_assert(!sl_rng_chance(&rng, 0, 5));
    cr_assert(sl_rng_chance(&rng, 5, 5));
}
