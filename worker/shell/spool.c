/* Blocks on disk; see spool.h. */
#include "spool.h"

#include "base/assert.h"
#include "base/limits.h"
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file without a name, with room for all of it: writing to a mapping that has none would end the process. 0, or an errno. */
static int make_file(const char *directory, size_t size, int *out_fd) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/spool-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof path) return ENAMETOOLONG;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) return errno;
    (void)unlink(path); /* else an empty file stays, which harms nobody */
    int rc = posix_fallocate(fd, 0, (off_t)size);
    if (rc) {
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return 0;
}

static int take(struct sl_spool *self, size_t size, void **out_block) {
    int fd;
    if (size > self->bytes_max - self->bytes || self->block_count == SL_SPOOL_BLOCKS_MAX) return EDQUOT;
    int rc = make_file(self->directory, size, &fd);
    if (rc) return rc;
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    rc = block == MAP_FAILED ? errno : 0;
    (void)close(fd); /* the mapping keeps the file */
    if (rc) return rc;
    self->bytes += size;
    self->block_count++;
    *out_block = block;
    return 0;
}

static void give(struct sl_spool *self, void *block, size_t size) {
    SL_ASSERT(self->bytes >= size && self->block_count > 0);
    (void)munmap(block, size); /* cannot fail for a whole mapping */
    self->bytes -= size;
    self->block_count--;
}

static void *resize(void *context, void *block, size_t size_old, size_t size_new) {
    struct sl_spool *self = context;
    if (block) {
        SL_ASSERT(size_new == 0);
        give(self, block, size_old);
        return NULL;
    }
    int rc = take(self, size_new, &block);
    if (rc && !self->is_full) {
        sl_log(SL_LOG_WARNING, "results that wait for the broker cannot be spooled to %s: %s; they stay in memory, and nothing new is taken meanwhile",
               self->directory, rc == EDQUOT ? "--spool-size is reached" : strerror(rc));
    }
    self->is_full = rc != 0;
    return rc ? NULL : block;
}

void sl_spool_init(struct sl_spool *self, const char *directory, uint64_t bytes_max) {
    *self = (struct sl_spool){.alloc = {.resize = resize, .context = self}, .directory = directory, .bytes_max = bytes_max};
}
