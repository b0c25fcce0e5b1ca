/* Whole files. */
#include "file.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static int fail(int rc, const char *sentence, const char *name, char *error, size_t error_size) {
    (void)snprintf(error, error_size, "%s: %s", name, sentence); /* cut when too long */
    return rc;
}

static int fail_errno(const char *name, char *error, size_t error_size) {
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return fail(SL_E_NOT_FOUND, "no such file", name, error, error_size);
    case EACCES:
    case EPERM:
        return fail(SL_E_REFUSED, "you may not read this file", name, error, error_size);
    case EISDIR:
        return fail(SL_E_BAD_INPUT, "this is a directory; name a file", name, error, error_size);
    default:
        return fail(SL_E_IO, strerror(errno), name, error, error_size);
    }
}

static int fail_limit(const char *name, size_t size_max, char *error, size_t error_size) {
    (void)snprintf(error, error_size, "%s: larger than the limit of %zu bytes", name, size_max);
    return SL_E_LIMIT;
}

/* Reads until the end, or until one byte more than allowed has come. */
static int read_all(int fd, const char *name, size_t size_max, struct sl_buf *out, char *error, size_t error_size) {
    size_t total = 0;
    for (;;) {
        if (sl_buf_reserve(out, READ_BYTES)) return fail(SL_E_NO_MEMORY, "out of memory", name, error, error_size);
        ssize_t got = read(fd, out->data + out->size, READ_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(name, error, error_size);
        if (got == 0) return SL_OK;
        out->size += (size_t)got;
        total += (size_t)got;
        if (total > size_max) return fail_limit(name, size_max, error, error_size);
    }
}

int sl_file_read_fd(int fd, const char *name, size_t size_max, struct sl_buf *out, char *error, size_t error_size) {
    struct stat status;
    size_t size_before = out->size;
    if (fstat(fd, &status) != 0) return fail_errno(name, error, error_size);
    if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > size_max) {
        return fail_limit(name, size_max, error, error_size);
    }
    int rc = read_all(fd, name, size_max, out, error, error_size);
    if (rc) out->size = size_before;
    return rc;
}

int sl_file_read(const char *path, size_t size_max, struct sl_buf *out, char *error, size_t error_size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, error, error_size);
    int rc = sl_file_read_fd(fd, path, size_max, out, error, error_size);
    (void)close(fd); /* nothing was written */
    return rc;
}
