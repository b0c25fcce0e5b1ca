/* The two folders of `sluice dev`: data, which stays and is locked, and a short one for sockets, which goes. */
#ifndef SL_DEV_FOLDERS_H
#define SL_DEV_FOLDERS_H

#include <stddef.h>

enum { SL_DEV_PATH_SIZE = 4096, SL_DEV_RUN_SIZE = 64, SL_DEV_SENTENCE_SIZE = 2048 };

struct sl_dev_folders {
    char data[SL_DEV_PATH_SIZE]; /* whole path */
    char run[SL_DEV_RUN_SIZE];   /* short enough for the paths of sockets in it */
    int lock_fd;                 /* -1: not locked */
};

/* The whole path of a data folder; NULL means the default one. 0; SL_E_REFUSED, SL_E_BAD_INPUT, SL_E_LIMIT: with a sentence. */
int sl_dev_data_path(const char *data, char out_path[SL_DEV_PATH_SIZE], char error[SL_DEV_SENTENCE_SIZE]);

/* Makes and locks the data folder (NULL: the default one) and makes the run folder; takes away the run folder of a dev that was
 * killed here. 0; SL_E_EXISTS when another dev uses the data; SL_E_REFUSED, SL_E_LIMIT, SL_E_IO: each with a sentence in
 * error (SL_DEV_SENTENCE_SIZE). Close in every case. */
int sl_dev_folders_open(struct sl_dev_folders *self, const char *data, char *error);

/* Notes in the lock, for the sentence that another dev will print, where this one serves. */
void sl_dev_folders_note(const struct sl_dev_folders *self, const char *endpoint);

/* Removes the run folder and gives the lock back. */
void sl_dev_folders_close(struct sl_dev_folders *self);

#endif
