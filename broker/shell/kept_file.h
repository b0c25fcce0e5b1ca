/* Files of writes that the core gave up (core/kept.h has their format), one a shard that was given up, in the broker's data folder. They
 * are kept for people: the broker never reads, changes or removes one. */
#ifndef SL_SHELL_KEPT_FILE_H
#define SL_SHELL_KEPT_FILE_H

#include "core/effect.h"

#include <stddef.h>

enum {
    SL_KEPT_FILES_MAX = 32,       /* in the folder; with as many no further one is written */
    SL_KEPT_NAME_SIZE = 96,
    SL_KEPT_SENTENCE_SIZE = 6144  /* a path of any length and what is said of it */
};

/* The name of the file: writes-s<shard>-e<epoch>-n<number>-<start of the broker's incarnation>.kept */
void sl_kept_file_name(uint16_t shard, const struct sl_do_keep *keep, char out_name[SL_KEPT_NAME_SIZE]);

/* Writes the file: whole, durable and under its name, or not at all. The folder is made when it is missing. 0; SL_E_LIMIT when the folder
 * holds SL_KEPT_FILES_MAX of them; SL_E_NO_MEMORY when the core had none for it; SL_E_IO and what sl_path_make returns. Then sentence has
 * the reason. */
int sl_kept_file_write(const char *folder, uint16_t shard, const struct sl_do_keep *keep, char sentence[SL_KEPT_SENTENCE_SIZE]);

/* The same, and says in the log what was given up, why, where it is kept and what that is for; or why it could not be kept. */
void sl_kept_file_tell(const char *folder, uint16_t shard, const struct sl_do_keep *keep);

#endif
