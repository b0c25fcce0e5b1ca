/* Reading whole files, with a limit and with sentences that a person can act on. */
#ifndef SL_IO_FILE_H
#define SL_IO_FILE_H

#include "base/buf.h"

/* Appends the contents of the file at path. 0; SL_E_NOT_FOUND; SL_E_LIMIT for more than size_max bytes; SL_E_BAD_INPUT for a
 * directory; SL_E_REFUSED without permission; SL_E_IO; SL_E_NO_MEMORY. On failure out is as before and error has the sentence. */
int sl_file_read(const char *path, size_t size_max, struct sl_buf *out, char *error, size_t error_size);

/* The same from an open descriptor up to its end (a pipe may be one); name stands for it in sentences. The caller closes it. */
int sl_file_read_fd(int fd, const char *name, size_t size_max, struct sl_buf *out, char *error, size_t error_size);

#endif
