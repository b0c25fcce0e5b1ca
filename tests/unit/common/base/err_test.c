/* Texts of error codes, outcomes and refusals: all there, none twice. */
#include "base/err.h"
#include "base/outcome.h"

#include <criterion/criterion.h>
#include <string.h>

static const int codes[] = {
#define SL_ERR(name, number, text) SL_E_##name,
#include "base/err.def"
#undef SL_ERR
};
enum { CODE_COUNT = sizeof codes / sizeof *codes };

Test(err, every_code_is_negative_and_has_its_own_text) {
    for (int i = 0; i < CODE_COUNT; i++) {
        cr_assert_lt(codes[i], 0);
        cr_assert_str_neq(sl_err_text(codes[i]), "unknown error");
        for (int k = 0; k < i; k++) {
            cr_assert_neq(codes[i], codes[k]);
            cr_assert_str_neq(sl_err_text(codes[i]), sl_err_text(codes[k]));
        }
    }
}

Test(err, success_and_unknown_numbers_have_texts) {
    cr_assert_str_eq(sl_err_text(0), "success");
    cr_assert_str_eq(sl_err_text(-12345), "unknown error");
    cr_assert_str_eq(sl_err_text(7), "unknown error");
}

Test(outcome, every_number_has_its_word) {
#define SL_OUTCOME(name, number, text, attempt, crash) cr_assert_str_eq(sl_outcome_text(number), text);
#include "base/outcome.def"
#undef SL_OUTCOME
    cr_assert_str_eq(sl_outcome_text(SL_OUTCOME_COUNT), "?");
    cr_assert_str_eq(sl_outcome_text(4000000000u), "?");
}

Test(reject, codes_are_unique_and_exit_codes_sensible) {
    static const struct {
        const char *code;
        int retryable;
        int exit_code;
    } rejects[] = {
#define SL_REJECT(name, code, retryable, exit_code) {code, retryable, exit_code},
#include "base/reject.def"
#undef SL_REJECT
    };
    for (size_t i = 0; i < sizeof rejects / sizeof *rejects; i++) {
        cr_assert_gt(rejects[i].exit_code, 0);
        cr_assert_eq(rejects[i].retryable, rejects[i].exit_code == 8, "%s", rejects[i].code);
        for (size_t k = 0; k < i; k++) cr_assert_str_neq(rejects[i].code, rejects[k].code);
    }
}
