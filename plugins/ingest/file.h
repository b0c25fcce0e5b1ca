/* The files adapter: reads one file of the worker, only below the roots that the pipeline allows. */
#ifndef SL_INGEST_FILE_H
#define SL_INGEST_FILE_H

#include "sdk/attempt.h"
#include "sdk/span.h"

/* Reads the file at `path` (absolute and below a root, or relative to the first root that has it). Neither `..` nor a
 * symbolic link leads out of a root: the kernel resolves the path beneath it (openat2(2), RESOLVE_BENEATH). `roots` is
 * NULL-terminated, absolute paths. SLUICE_DONE and *out_data (the caller frees) with *out_size; or a failure with a
 * sentence. */
sluice_outcome sl_ingest_file(const struct sl_attempt *attempt, char *const *roots, const char *path, char **out_data,
                              size_t *out_size);

#endif
