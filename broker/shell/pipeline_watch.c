/* inotify(7) on folders: an editor that writes anew and renames shows as a move, one that writes in place as a close. A file is watched
 * through its folder, for the same reason. */
#include "pipeline_watch.h"

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS_BYTES = 4096, FOLDER_SIZE = 4096, PATH_SIZE = FOLDER_SIZE + NAME_MAX + 2 };

struct watched {
    int number;       /* inotify's; the same for two files of one folder */
    const char *file; /* the name that counts; NULL: every *.yaml */
    char folder[FOLDER_SIZE];
};

struct sl_pipeline_watch {
    int fd;
    sl_pipeline_watch_fn *on_written;
    void *context;
    uint32_t count;
    struct watched watched[];
};

static void watch(struct sl_pipeline_watch *self, const char *path) {
    struct watched *added = &self->watched[self->count];
    struct stat info;
    const char *slash = strrchr(path, '/');
    bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    added->file = is_folder ? NULL : slash ? slash + 1 : path;
    int size = is_folder ? (int)strlen(path) : slash ? (int)(slash - path) : 0;
    if (size >= FOLDER_SIZE) return;
    (void)snprintf(added->folder, sizeof added->folder, "%.*s", size, path);
    if (!is_folder && !slash) strcpy(added->folder, ".");
    if (!is_folder && slash == path) strcpy(added->folder, "/");
    added->number = inotify_add_watch(self->fd, added->folder, IN_CLOSE_WRITE | IN_MOVED_TO);
    if (added->number >= 0) self->count++;
}

int sl_pipeline_watch_new(const char *const *paths, uint32_t count, sl_pipeline_watch_fn *on_written, void *context,
                          struct sl_pipeline_watch **out_self) {
    struct sl_pipeline_watch *self = calloc(1, sizeof *self + count * sizeof self->watched[0]);
    if (!self) return SL_E_NO_MEMORY;
    self->on_written = on_written;
    self->context = context;
    self->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->fd < 0) {
        free(self);
        return SL_E_IO;
    }
    for (uint32_t i = 0; i < count; i++) watch(self, paths[i]);
    *out_self = self;
    return SL_OK;
}

void sl_pipeline_watch_free(struct sl_pipeline_watch **self) {
    if (!*self) return;
    (void)close((*self)->fd); /* nothing was written */
    free(*self);
    *self = NULL;
}

int sl_pipeline_watch_fd(const struct sl_pipeline_watch *self) {
    return self->fd;
}

static bool counts(const struct watched *watched, const struct inotify_event *event) {
    if (watched->number != event->wd || event->len == 0 || event->name[0] == '.') return false;
    if (watched->file) return strcmp(watched->file, event->name) == 0;
    size_t size = strlen(event->name), end = strlen(".yaml");
    return size > end && strcmp(event->name + size - end, ".yaml") == 0;
}

static void tell(struct sl_pipeline_watch *self, const struct inotify_event *event) {
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < self->count; i++) {
        if (!counts(&self->watched[i], event)) continue;
        (void)snprintf(path, sizeof path, "%s/%s", self->watched[i].folder, event->name);
        self->on_written(self->context, path);
        return;
    }
}

void sl_pipeline_watch_ready(struct sl_pipeline_watch *self) {
    _Alignas(struct inotify_event) char events[EVENTS_BYTES];
    ssize_t size;
    while ((size = read(self->fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            tell(self, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}
