/* The other programs of this installation: where they are, and one run of them for what they print. */
#ifndef SL_CLI_PROGRAM_H
#define SL_CLI_PROGRAM_H

#include "base/buf.h"

enum { SL_PROGRAM_PATH_SIZE = 4096 };

/* The path of a program: beside this one, else in PATH. 0, or SL_E_NOT_FOUND. */
int sl_program_find(const char *name, char out_path[SL_PROGRAM_PATH_SIZE]);

/* Runs a program to its end with stdout in `out`, at most size_max bytes; stderr stays ours. 0; SL_E_IO when it cannot be run;
 * SL_E_REFUSED when it ended otherwise than by exit 0 (its code, or 128 + signal, is in *out_code); SL_E_LIMIT; SL_E_NO_MEMORY. */
int sl_program_read(char *const *argv, size_t size_max, struct sl_buf *out, int *out_code);

#endif
