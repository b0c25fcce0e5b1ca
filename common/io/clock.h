/* The two clocks. What counts is the monotonic one; wall time is shown and never compared. */
#ifndef SL_IO_CLOCK_H
#define SL_IO_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t sl_clock_now_ns(void);

/* CLOCK_REALTIME in milliseconds since 1970; may jump in both directions. */
uint64_t sl_clock_wall_ms(void);

#endif
