/* Child processes of tests; see test_process.h. */
#include "test_process.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 10 };

void test_process_adopt(void) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

pid_t test_process_start(char *const *arguments, const char *log) {
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid > 0) return pid;
    int out = open(log ? log : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)close_range(3, ~0u, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a test that fails must leave nothing behind */
    (void)execv(arguments[0], arguments);
    _exit(127);
}

int test_process_wait(pid_t pid, int timeout_ms) {
    int status = -1;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    cr_assert_geq(fd, 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready = poll(&wait, 1, timeout_ms);
    (void)close(fd);
    if (ready != 1) (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return ready == 1 ? status : -1;
}

/* Name, parent and whether it lives, from /proc/PID/stat, whose second field is the name in brackets. */
static bool read_stat(pid_t pid, char *name, size_t size, pid_t *out_parent) {
    char path[64], line[512], state;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    char *open_bracket = read ? strchr(line, '(') : NULL;
    char *close_bracket = read ? strrchr(line, ')') : NULL;
    int parent;
    if (!open_bracket || !close_bracket || sscanf(close_bracket + 1, " %c %d", &state, &parent) != 2) return false;
    *close_bracket = '\0';
    (void)snprintf(name, size, "%s", open_bracket + 1);
    *out_parent = parent;
    return state != 'Z' && state != 'X';
}

static bool descends(pid_t pid, pid_t ancestor) {
    char name[64];
    pid_t parent = pid;
    for (int i = 0; i < 64 && parent > 1; i++) {
        if (!read_stat(parent, name, sizeof name, &parent)) return false;
        if (parent == ancestor) return true;
    }
    return false;
}

static size_t walk(const char *wanted, pid_t *out_first) {
    size_t count = 0;
    DIR *directory = opendir("/proc");
    cr_assert_not_null(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        char name[64];
        pid_t parent, pid = (pid_t)atoi(entry->d_name);
        if (!isdigit((unsigned char)entry->d_name[0]) || !read_stat(pid, name, sizeof name, &parent)) continue;
        if ((wanted && strcmp(name, wanted) != 0) || !descends(pid, getpid())) continue;
        if (count++ == 0) *out_first = pid;
    }
    (void)closedir(directory);
    return count;
}

size_t test_process_count(const char *name) {
    pid_t first;
    return walk(name, &first);
}

pid_t test_process_find(const char *name) {
    pid_t first = 0;
    (void)walk(name, &first);
    return first;
}

size_t test_process_descriptors(pid_t pid) {
    char path[64];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    if (!directory) return 0;
    while (readdir(directory)) count++;
    (void)closedir(directory);
    return count - 2; /* "." and ".." */
}

bool test_process_gone(const char *name, int timeout_ms) {
    for (int waited = 0; test_process_count(name) > 0; waited += POLL_MS) {
        if (waited >= timeout_ms) return false;
        (void)poll(NULL, 0, POLL_MS);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    return true;
}

void test_process_read(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    size_t read = file ? fread(out, 1, size - 1, file) : 0;
    out[read] = '\0';
    if (file) (void)fclose(file);
}
