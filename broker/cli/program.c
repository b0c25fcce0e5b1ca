/* Sibling programs by /proc/self/exe, then by PATH. */
#include "program.h"

#include "base/err.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool is_program(const char *path) {
    return access(path, X_OK) == 0;
}

static bool beside_us(const char *name, char *out_path) {
    char self[SL_PROGRAM_PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return false;
    self[size] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash) return false;
    int length = snprintf(out_path, SL_PROGRAM_PATH_SIZE, "%.*s/%s", (int)(slash - self), self, name);
    return length < SL_PROGRAM_PATH_SIZE && is_program(out_path);
}

int sl_program_find(const char *name, char out_path[SL_PROGRAM_PATH_SIZE]) {
    if (beside_us(name, out_path)) return SL_OK;
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t size = strcspn(at, ":");
        int length = snprintf(out_path, SL_PROGRAM_PATH_SIZE, "%.*s/%s", (int)size, at, name);
        if (size > 0 && length < SL_PROGRAM_PATH_SIZE && is_program(out_path)) return SL_OK;
        at += size + (at[size] == ':');
    }
    return SL_E_NOT_FOUND;
}

static int spawn(char *const *argv, int out, pid_t *out_pid) {
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions)) return SL_E_NO_MEMORY;
    int error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (error == 0) error = posix_spawn(out_pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error ? SL_E_IO : SL_OK;
}

static int await(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int sl_program_read(char *const *argv, size_t size_max, struct sl_buf *out, int *out_code) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return SL_E_IO;
    pid_t pid;
    char error[256];
    int rc = spawn(argv, ends[1], &pid);
    (void)close(ends[1]);
    bool runs = rc == SL_OK;
    if (runs) rc = sl_file_read_fd(ends[0], argv[0], size_max, out, error, sizeof error);
    (void)close(ends[0]); /* before waiting: a child that still writes then ends */
    if (!runs) return rc;
    *out_code = await(pid);
    return rc ? rc : *out_code == 0 ? SL_OK : SL_E_REFUSED;
}
