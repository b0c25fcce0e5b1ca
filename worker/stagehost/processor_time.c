/* RLIMIT_CPU of a stage host; see processor_time.h. */
#include "processor_time.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t seconds(clockid_t clock) {
    struct timespec time = {0, 0};
    (void)clock_gettime(clock, &time); /* cannot fail for the clocks that are asked here */
    return (uint64_t)time.tv_sec;
}

static uint64_t processors(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint64_t)count : 1;
}

/* What was used is asked once a second only, because that is a call of the kernel and attempts may be short: one of the two seconds. */
void sl_processor_time_allow(uint32_t timeout_ms) {
    static uint64_t processor_count, asked_at, allowed_seconds;
    struct rlimit limit;
    uint64_t now = seconds(CLOCK_MONOTONIC), wanted_seconds = timeout_ms / 1000 + 2;
    if (wanted_seconds == allowed_seconds && now == asked_at) return;
    if (processor_count == 0) processor_count = processors();
    uint64_t most = seconds(CLOCK_PROCESS_CPUTIME_ID) + 1 + processor_count * wanted_seconds;
    if (getrlimit(RLIMIT_CPU, &limit) != 0) return;
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    if (setrlimit(RLIMIT_CPU, &limit) != 0) return;
    asked_at = now;
    allowed_seconds = wanted_seconds;
}
