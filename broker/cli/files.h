/* Words of a command line to files, and a file to the payload of a job. */
#ifndef SL_CLI_FILES_H
#define SL_CLI_FILES_H

#include "base/buf.h"

#include <stddef.h>

struct sl_files {
    char **paths; /* owns */
    size_t count;
    size_t capacity;
};

/* Adds what a word means: a file, the files of a folder (sorted, without hidden ones, not of folders in it), or what a glob matches.
 * 0; SL_E_NOT_FOUND when that is nothing, with a sentence; SL_E_NO_MEMORY. */
int sl_files_add(struct sl_files *self, const char *word, char *error, size_t error_size);

void sl_files_fini(struct sl_files *self);

/* Appends the payload of a document, {"name", "media_type", "bytes"}, and to doc_key "<path>@sha256:<hex>" with the whole path.
 * media_type is left out when the name does not tell it. 0; else one sentence in error: SL_E_NOT_FOUND, SL_E_LIMIT (above what a
 * value may hold), SL_E_BAD_INPUT (a folder, an empty file, a path that is no UTF-8), SL_E_REFUSED, SL_E_IO, SL_E_NO_MEMORY. */
int sl_file_to_document(const char *path, struct sl_buf *payload, struct sl_buf *doc_key, char *error, size_t error_size);

#endif
