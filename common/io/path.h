/* Paths and folders. */
#ifndef SL_IO_PATH_H
#define SL_IO_PATH_H

#include <stddef.h>
#include <sys/types.h>

/* The path as seen from the root, without "." and ".." and repeated slashes; nothing needs to exist and links are not followed.
 * 0; SL_E_BAD_INPUT for an empty path; SL_E_LIMIT when it does not fit out_size bytes with its NUL; SL_E_IO when the current folder
 * is gone. */
int sl_path_absolute(const char *path, char *out, size_t out_size);

/* Makes a folder, and those above it, where they are missing; the new ones get mode (less the umask). 0; SL_E_REFUSED, SL_E_BAD_INPUT
 * (something on the way is no folder), SL_E_LIMIT, SL_E_IO, each with a sentence in error. */
int sl_path_make(const char *path, mode_t mode, char *error, size_t error_size);

#endif
