/* A small deterministic random generator (SplitMix64: Steele, Lea, Flood, OOPSLA 2014). Not for secrets. */
#ifndef SL_BASE_RNG_H
#define SL_BASE_RNG_H

#include <stdint.h>

struct sl_rng {
    uint64_t state;
};

static inline uint64_t sl_rng_next(struct sl_rng *self) {
    uint64_t z = (self->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number in 0 .. bound-1; bound > 0. The bias is below bound / 2^64. */
static inline uint64_t sl_rng_below(struct sl_rng *self, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)sl_rng_next(self) * bound) >> 64);
}

/* True with probability numerator / denominator. */
static inline int sl_rng_chance(struct sl_rng *self, uint64_t numerator, uint64_t denominator) {
    return sl_rng_below(self, denominator) < numerator;
}

#endif
