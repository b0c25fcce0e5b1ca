/* Opening beneath a root, and reading within the limit of a value. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens `relative` beneath `root`; -1 with errno (EXDEV when the path leads out of it). O_NONBLOCK: a pipe does not block. */
static int open_beneath(const char *root, const char *relative) {
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -1;
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int file = (int)syscall(SYS_openat2, directory, relative, &how, sizeof how);
    int error = errno;
    (void)close(directory);
    errno = error;
    return file;
}

/* What stands of an absolute path after the root; NULL when the path does not begin with it. */
static const char *below_root(const char *root, const char *path) {
    size_t size = strlen(root);
    while (size > 0 && root[size - 1] == '/') size--;
    if (strncmp(root, path, size) != 0 || path[size] != '/') return NULL;
    while (path[size] == '/') size++;
    return path[size] ? path + size : ".";
}

/* Tries each root in turn; the first that has the file wins. -1 with the errno that says most. */
static int open_in_roots(char *const *roots, const char *path) {
    int error = EXDEV;
    for (char *const *root = roots; *root; root++) {
        const char *relative = path[0] == '/' ? below_root(*root, path) : path;
        if (!relative) continue;
        int file = open_beneath(*root, relative);
        if (file >= 0) return file;
        if (errno != ENOENT || error == EXDEV) error = errno;
    }
    errno = error;
    return -1;
}

static sluice_outcome fail_open(const struct sl_attempt *attempt, const char *path, int error) {
    switch (error) {
    case EXDEV:
    case ELOOP:
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%.500s is not below `config.roots`; add its directory there, or move the file.", path);
    case ENOENT:
    case ENOTDIR:
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "%.500s does not exist below `config.roots` of this worker.",
                               path);
    case ENOSYS:
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%.500s cannot be opened safely: the kernel has no openat2 (Linux 5.6); use the adapter "
                               "`payload`.",
                               path);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EIO:
        return sl_attempt_fail(attempt, SLUICE_FAILED_RETRYABLE, "%.500s cannot be opened now: %s.", path, strerror(error));
    default:
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%.500s cannot be read: %s; give the worker's user the right to.", path, strerror(error));
    }
}

static sluice_outcome check_kind(const struct sl_attempt *attempt, const char *path, const struct stat *status) {
    if (S_ISDIR(status->st_mode)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%.500s is a directory; name a file, one job is one document.", path);
    }
    if (!S_ISREG(status->st_mode)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "%.500s is not a regular file.", path);
    }
    if (status->st_size > SLUICE_VALUE_BYTES_MAX) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%.500s has %lld bytes, above the limit of one value (%u): split it into smaller files.", path,
                               (long long)status->st_size, SLUICE_VALUE_BYTES_MAX);
    }
    return SLUICE_DONE;
}

/* Reads to the end, or one byte above the limit when the file grew meanwhile. -1 with errno. */
static ssize_t read_all(int file, char *data, size_t capacity) {
    size_t size = 0;
    while (size < capacity) {
        ssize_t count = read(file, data + size, capacity - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        size += (size_t)count;
    }
    return (ssize_t)size;
}

sluice_outcome sl_ingest_file(const struct sl_attempt *attempt, char *const *roots, const char *path, char **out_data,
                              size_t *out_size) {
    struct stat status;
    char *data = NULL;
    int file = open_in_roots(roots, path);
    if (file < 0) return fail_open(attempt, path, errno);
    sluice_outcome outcome =
        fstat(file, &status) == 0 ? check_kind(attempt, path, &status) : fail_open(attempt, path, errno);
    if (outcome == SLUICE_DONE) {
        size_t capacity = (size_t)status.st_size + 1;
        data = malloc(capacity);
        ssize_t size = data ? read_all(file, data, capacity) : -1;
        if (!data) outcome = sl_attempt_no_memory(attempt);
        else if (size < 0) outcome = fail_open(attempt, path, errno);
        else if ((size_t)size == capacity) {
            outcome = sl_attempt_fail(attempt, SLUICE_FAILED_RETRYABLE, "%.500s grew while it was read.", path);
        } else *out_size = (size_t)size;
    }
    (void)close(file);
    if (outcome == SLUICE_DONE) *out_data = data;
    else free(data);
    return outcome;
}
