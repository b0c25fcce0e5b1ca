/* Paths and folders. */
#include "path.h"

#include "base/bytes.h"
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Appends one component to the path in out, which has no slash at its end ("" is the root). */
static int add_component(struct sl_bytes component, char *out, size_t out_size, size_t *size) {
    if (component.size == 0 || sl_bytes_is(component, ".")) return SL_OK;
    if (sl_bytes_is(component, "..")) {
        while (*size > 0 && out[--*size] != '/') continue;
        return SL_OK;
    }
    if (*size + component.size + 2 > out_size) return SL_E_LIMIT;
    out[(*size)++] = '/';
    memcpy(out + *size, component.data, component.size);
    *size += component.size;
    return SL_OK;
}

static int add_path(const char *path, char *out, size_t out_size, size_t *size) {
    while (*path) {
        size_t component_size = strcspn(path, "/");
        int rc = add_component(sl_bytes(path, component_size), out, out_size, size);
        if (rc) return rc;
        path += component_size;
        path += *path == '/';
    }
    return SL_OK;
}

int sl_path_absolute(const char *path, char *out, size_t out_size) {
    char folder[PATH_MAX], whole[PATH_MAX];
    size_t size = 0;
    if (!*path) return SL_E_BAD_INPUT;
    if (*path != '/') {
        if (!getcwd(folder, sizeof folder)) return SL_E_IO;
        int rc = add_path(folder, whole, sizeof whole, &size);
        if (rc) return rc;
    }
    int rc = add_path(path, whole, sizeof whole, &size);
    if (rc) return rc;
    if (size == 0) whole[size++] = '/';
    if (size + 1 > out_size) return SL_E_LIMIT;
    memcpy(out, whole, size);
    out[size] = '\0';
    return SL_OK;
}

static int fail_errno(const char *path, char *error, size_t error_size) {
    bool in_the_way = errno == ENOTDIR || errno == EEXIST;
    const char *reason = in_the_way ? "a file stands where a folder is needed" : strerror(errno);
    int rc = errno == EACCES || errno == EPERM || errno == EROFS ? SL_E_REFUSED : in_the_way ? SL_E_BAD_INPUT : SL_E_IO;
    (void)snprintf(error, error_size, "cannot make the folder %s: %s", path, reason); /* cut when too long */
    return rc;
}

static int make_one(const char *path, mode_t mode, char *error, size_t error_size) {
    struct stat status;
    if (mkdir(path, mode) == 0) return SL_OK;
    if (errno != EEXIST) return fail_errno(path, error, error_size);
    if (stat(path, &status) != 0) return fail_errno(path, error, error_size);
    if (S_ISDIR(status.st_mode)) return SL_OK;
    errno = ENOTDIR;
    return fail_errno(path, error, error_size);
}

int sl_path_make(const char *path, mode_t mode, char *error, size_t error_size) {
    char whole[PATH_MAX];
    int rc = sl_path_absolute(path, whole, sizeof whole);
    if (rc) {
        (void)snprintf(error, error_size, "cannot make the folder %s: %s", path, sl_err_text(rc));
        return rc;
    }
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_one(whole, mode, error, error_size);
        *slash = '/';
        if (rc) return rc;
    }
    return make_one(whole, mode, error, error_size);
}
