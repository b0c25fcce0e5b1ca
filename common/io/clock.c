/* Clocks of the kernel. */
#include "clock.h"

#include "base/assert.h"

#include <time.h>

static struct timespec read_clock(clockid_t clock) {
    struct timespec time;
    SL_ASSERT(clock_gettime(clock, &time) == 0);
    return time;
}

uint64_t sl_clock_now_ns(void) {
    struct timespec time = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t sl_clock_wall_ms(void) {
    struct timespec time = read_clock(CLOCK_REALTIME);
    return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}
