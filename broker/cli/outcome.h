/* Waiting for jobs to end, and the exit code that comes of it. */
#ifndef SL_CLI_OUTCOME_H
#define SL_CLI_OUTCOME_H

#include "cli.h"

/* Follows jobs to their end, with progress when `shows` (of `pipeline`, NULL when that is not known), and prints how they ended: a line
 * each, or with -o json the jobs. Warns of missing_types (NULL: none) first. Returns the exit code of their outcome. */
int sl_outcome_of(struct sl_cli *cli, const struct sl_job_id *jobs, size_t job_count, bool shows, const char *pipeline,
                  const struct sl_wire_list *missing_types);

#endif
