/* The words of outcomes. */
#include "outcome.h"

const char *sl_outcome_text(unsigned outcome) {
    static const char *const texts[SL_OUTCOME_COUNT] = {
#define SL_OUTCOME(name, number, text, attempt, crash) [number] = text,
#include "outcome.def"
#undef SL_OUTCOME
    };
    return outcome < SL_OUTCOME_COUNT ? texts[outcome] : "?";
}
