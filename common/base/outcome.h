/* How an attempt ended; the list is outcome.def. LOST is the broker's own word: a worker never says it. */
#ifndef SL_BASE_OUTCOME_H
#define SL_BASE_OUTCOME_H

enum sl_outcome {
#define SL_OUTCOME(name, number, text, attempt, crash) SL_OUTCOME_##name = number,
#include "outcome.def"
#undef SL_OUTCOME
    SL_OUTCOME_COUNT
};

/* The outcome's word; "?" for a number that is none. Static. */
const char *sl_outcome_text(unsigned outcome);

#endif
