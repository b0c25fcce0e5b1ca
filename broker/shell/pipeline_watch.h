/* Watches the pipeline files and folders that a broker was given, and says which file was written. */
#ifndef SL_SHELL_PIPELINE_WATCH_H
#define SL_SHELL_PIPELINE_WATCH_H

#include <stdint.h>

struct sl_pipeline_watch;

/* A file was written to its end, or moved to its place. The path is borrowed for the call. */
typedef void sl_pipeline_watch_fn(void *context, const char *path);

/* Watches `count` paths; each is a file, or a folder whose *.yaml count. One that is not there is passed over. The paths are borrowed for
 * the watch's whole life. 0; SL_E_IO or SL_E_NO_MEMORY: nothing is watched, and changes show at SIGHUP only. */
int sl_pipeline_watch_new(const char *const *paths, uint32_t count, sl_pipeline_watch_fn *on_written, void *context,
                          struct sl_pipeline_watch **out_self);
void sl_pipeline_watch_free(struct sl_pipeline_watch **self);

/* The descriptor to wait on for reading; and what to call when it is readable. Reading never waits. */
int sl_pipeline_watch_fd(const struct sl_pipeline_watch *self);
void sl_pipeline_watch_ready(struct sl_pipeline_watch *self);

#endif
