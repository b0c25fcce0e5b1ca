/* A real sluice-worker with a broker that the test drives, in a folder of their own. */
#ifndef SL_SYSTEM_WORKER_FIXTURE_H
#define SL_SYSTEM_WORKER_FIXTURE_H

#include "support/test_broker.h"
#include "support/test_process.h"

struct fixture {
    char directory[64];
    char log[96];
    struct test_broker broker;
    pid_t worker;
};

/* Starts the broker. */
void fixture_start(struct fixture *self);

/* Starts the worker with short timers and these further arguments (NULL-terminated; may be NULL), the probe plugin and those that
 * misbehave among its plugins; waits until it is welcomed and has the pipeline `yaml`. */
void fixture_worker(struct fixture *self, const char *yaml, const char *const *further);

/* SIGTERM; waits for its end and returns its exit status; then nothing of it may be left. */
int fixture_leave(struct fixture *self);

/* Ends whatever is left, removes the folder. */
void fixture_stop(struct fixture *self);

/* One attempt of a stage from its assignment to its result. */
const struct test_result *fixture_attempt(struct fixture *self, uint16_t stage, uint32_t timeout_ms);

/* How often a misbehaviour is repeated: less where every process is slow to start. */
#if defined(__SANITIZE_ADDRESS__)
enum { REPEATED = 12 };
#else
enum { REPEATED = 200 };
#endif

#endif
