/* How much processor time a stage host may use: RLIMIT_CPU, set anew for each attempt, because the host lives over many. */
#ifndef SL_STAGEHOST_PROCESSOR_TIME_H
#define SL_STAGEHOST_PROCESSOR_TIME_H

#include <stdint.h>

/* From now on this process may use what an attempt with that timeout can use on all processors, and one to two seconds of each more; then
 * it gets SIGXCPU. An attempt that is stopped at its timeout never gets there: it is for what an attempt leaves running, threads, and processes
 * (which begin to count at 0), and for a worker that cannot stop anything. The hard limit stays. Failure leaves the limit before. */
void sl_processor_time_allow(uint32_t timeout_ms);

#endif
