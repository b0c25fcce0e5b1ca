/* From the output of an attempt to what is reported: state keys, the kept result, the count (seed, rows 9 to 11). */
#ifndef SL_STAGEHOST_OUTPUT_H
#define SL_STAGEHOST_OUTPUT_H

#include "attempt.h"
#include "frame.h"

/* Fills values, output and count of a result after an execute that returned SLUICE_DONE. `values` and `snapshot` are buffers of the
 * caller's that the result then borrows. When the attempt cannot count as done, out->problem says why. */
void sl_output_finish(struct sluice_out *out, const sluice_registration *registration, const char *stage_name,
                      struct sl_buf *values, struct sl_buf *snapshot, struct sl_pipe_result *result);

#endif
