/* Processes; see process.h. */
#include "process.h"

#include "io/clock.h"

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

enum { DEPTH_MAX = 64, NAME_SIZE = 64, LINE_SIZE = 512 };

void chaos_process_adopt(void) {
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* cannot fail with these arguments */
}

pid_t chaos_process_start(char *const *arguments, const char *log) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(127);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    (void)close_range(3, ~0u, 0);
    (void)execv(arguments[0], arguments);
    _exit(127);
}

/* Waits for the end of any process, child or not; true when it has ended or was never there. */
static bool ends(pid_t pid, int timeout_ms) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return true;
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&ended, 1, timeout_ms)) < 0 && errno == EINTR) {
    }
    (void)close(fd); /* only waited on */
    return ready == 1;
}

bool chaos_process_wait(pid_t pid, int timeout_ms, int *out_status) {
    if (!ends(pid, timeout_ms)) return false;
    *out_status = 0;
    (void)waitpid(pid, out_status, 0); /* it is our child and has ended */
    return true;
}

/* Name, parent and whether it lives, from /proc/PID/stat, whose second field is the name in brackets. */
static bool read_stat(pid_t pid, char name[NAME_SIZE], pid_t *out_parent) {
    char path[NAME_SIZE], line[LINE_SIZE], state;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool good = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file); /* it was only read */
    char *left = good ? strchr(line, '(') : NULL, *right = good ? strrchr(line, ')') : NULL;
    int parent;
    if (!left || !right || sscanf(right + 1, " %c %d", &state, &parent) != 2) return false;
    *right = '\0';
    (void)snprintf(name, NAME_SIZE, "%s", left + 1);
    *out_parent = parent;
    return state != 'Z' && state != 'X';
}

static bool descends(pid_t pid, pid_t ancestor) {
    char name[NAME_SIZE];
    for (int depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
        (void)read_stat(pid, name, &pid); /* a dead one has a parent too; one that is gone keeps pid and the loop ends */
        if (pid == ancestor) return true;
    }
    return false;
}

size_t chaos_process_below(pid_t ancestor, const char *wanted, pid_t *out_pids, size_t max) {
    size_t count = 0;
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char name[NAME_SIZE];
        pid_t parent, pid = (pid_t)atoi(entry->d_name);
        if (!isdigit((unsigned char)entry->d_name[0]) || pid == ancestor || !read_stat(pid, name, &parent)) continue;
        if ((wanted && strcmp(name, wanted) != 0) || !descends(pid, ancestor)) continue;
        if (count < max) out_pids[count] = pid;
        count++;
    }
    if (directory) (void)closedir(directory);
    return count;
}

size_t chaos_process_wait_gone(const pid_t *pids, size_t count, int timeout_ms) {
    uint64_t until = sl_clock_now_ns() + (uint64_t)timeout_ms * 1000000;
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t now = sl_clock_now_ns();
        if (!ends(pids[i], now < until ? (int)((until - now) / 1000000) : 0)) left++;
    }
    return left;
}

size_t chaos_process_descriptors(pid_t pid) {
    char path[NAME_SIZE];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) count += entry->d_name[0] != '.';
    if (directory) (void)closedir(directory);
    return count;
}

void chaos_process_show(pid_t pid) {
    char path[NAME_SIZE], line[LINE_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file) (void)fclose(file); /* it was only read */
    for (size_t i = 0; i + 1 < size; i++) {
        if (line[i] == '\0') line[i] = ' ';
    }
    printf("  left: %d %.*s\n", (int)pid, (int)size, line);
}
