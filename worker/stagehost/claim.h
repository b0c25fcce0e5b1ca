/* Claims: a page that a worker and one stage host share, in which both sides settle who has a task that was given and not begun.
 * So a worker may take tasks back from a host that is busy for long, and knows what had begun when a host dies; neither can be
 * had from the socket alone. A stage that scribbles over the page harms the attempts of its own host only. */
#ifndef SL_STAGEHOST_CLAIM_H
#define SL_STAGEHOST_CLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SL_CLAIM_COUNT = 64 }; /* larger than any number of tasks that a host has at once */

/* Word sequence % SL_CLAIM_COUNT: the sequence, shifted, and one of these in the low bits. */
enum sl_claim { SL_CLAIM_GIVEN = 1, SL_CLAIM_BEGUN = 2, SL_CLAIM_TAKEN = 3 };

struct sl_claims {
    _Atomic uint32_t words[SL_CLAIM_COUNT];
};

static inline uint32_t sl_claim_word(uint32_t sequence, enum sl_claim claim) {
    return sequence << 2 | (uint32_t)claim;
}

/* The worker, before the task's frame is sent. */
static inline void sl_claim_give(struct sl_claims *self, uint32_t sequence) {
    atomic_store(&self->words[sequence % SL_CLAIM_COUNT], sl_claim_word(sequence, SL_CLAIM_GIVEN));
}

static inline bool sl_claim_move(struct sl_claims *self, uint32_t sequence, enum sl_claim to) {
    uint32_t expected = sl_claim_word(sequence, SL_CLAIM_GIVEN);
    return atomic_compare_exchange_strong(&self->words[sequence % SL_CLAIM_COUNT], &expected, sl_claim_word(sequence, to));
}

/* The host, before it begins; false: the worker took the task back, skip it. */
static inline bool sl_claim_begin(struct sl_claims *self, uint32_t sequence) {
    return sl_claim_move(self, sequence, SL_CLAIM_BEGUN);
}

/* The worker, to take the task back; false: it has begun. */
static inline bool sl_claim_take(struct sl_claims *self, uint32_t sequence) {
    return sl_claim_move(self, sequence, SL_CLAIM_TAKEN);
}

/* The worker, when the host is dead. */
static inline bool sl_claim_has_begun(struct sl_claims *self, uint32_t sequence) {
    return atomic_load(&self->words[sequence % SL_CLAIM_COUNT]) == sl_claim_word(sequence, SL_CLAIM_BEGUN);
}

#endif
