/* Makes attempts: knows the pipelines, keeps the instances of their stages, calls plugin code, and turns what it did into a result.
 * Used by the stage host, and by the worker's own loop for stages that may run inline. One thread. */
#ifndef SL_STAGEHOST_RUNNER_H
#define SL_STAGEHOST_RUNNER_H

#include "attempt.h"
#include "frame.h"

#include "base/bytes.h"
#include "base/id.h"

enum { SL_INSTANCES_MAX = 64 };

struct sl_runner;

/* `setup` is copied; `sink` is borrowed for the whole life. 0, or SL_E_NO_MEMORY. */
int sl_runner_new(const struct sl_pipe_setup *setup, const struct sl_attempt_sink *sink, struct sl_runner **out_self);

/* Closes every instance, the least recently used first, and frees. NULL inside is allowed. */
void sl_runner_free(struct sl_runner **self);

/* Makes a pipeline known; again is harmless. 0; SL_E_DAMAGED when it is none; SL_E_NO_MEMORY. */
int sl_runner_define(struct sl_runner *self, struct sl_digest digest, struct sl_bytes canonical);

/* Makes one attempt. The result's views are borrowed until the next one. Never fails: whatever goes wrong is the result. */
void sl_runner_run(struct sl_runner *self, const struct sl_pipe_task *task, struct sl_pipe_result *out_result);

#endif
