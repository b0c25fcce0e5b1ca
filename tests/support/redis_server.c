/* A private redis-server; see redis_server.h. */
#include "redis_server.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_MS = 20000, RETRY_MS = 5, ARGUMENTS_MAX = 64, PATH_SIZE = 128, FOLDER_MAX = 64 };

struct redis_server {
    pid_t pid; /* 0: not running */
    int pidfd;
    char program[PATH_SIZE * 2];
    char folder[PATH_SIZE - 32];
    char socket[sizeof ((struct sockaddr_un *)0)->sun_path];
    char log[PATH_SIZE + 16];
    const char *overrides[ARGUMENTS_MAX]; /* owns the texts */
};

/* Debian keeps one program under several names; without the package redis-server its checker is the server, called by that name. */
static bool find_program(char out_path[PATH_SIZE * 2]) {
    static const char *const names[] = {"redis-server", "redis-check-rdb"};
    const char *path = getenv("PATH");
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = path; at && *at;) {
            size_t size = strcspn(at, ":");
            (void)snprintf(out_path, PATH_SIZE * 2, "%.*s/%s", (int)size, at, names[i]); /* a cut name is not found */
            if (access(out_path, X_OK) == 0) return true;
            at += size + (at[size] == ':');
        }
    }
    return false;
}

static void run_server(const struct redis_server *self, pid_t parent) {
    const char *argv[ARGUMENTS_MAX * 2] = {"redis-server", SLUICE_REDIS_CONF, "--port", "0",   "--unixsocket",
                                           self->socket,   "--dir",           self->folder, "--logfile", self->log};
    char names[ARGUMENTS_MAX][PATH_SIZE];
    size_t count = 10;
    for (size_t i = 0; self->overrides[i]; i++) {
        bool is_name = i % 2 == 0;
        if (is_name) (void)snprintf(names[i], sizeof names[i], "--%s", self->overrides[i]); /* a cut name is refused */
        argv[count++] = is_name ? names[i] : self->overrides[i];
    }
    argv[count] = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail with these arguments */
    if (getppid() == parent) (void)execv(self->program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* One try of connect and PING. */
static bool answers(const struct redis_server *self) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, self->socket, sizeof name.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[8] = "";
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 &&
                send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    good = good && poll(&readable, 1, READY_MS) == 1 && recv(fd, reply, sizeof reply - 1, 0) > 0;
    if (fd >= 0) (void)close(fd); /* nothing more is wanted from it */
    return good && strncmp(reply, "+PONG", 5) == 0;
}

static long now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool redis_server_wait_end(struct redis_server *self, int milliseconds) {
    if (self->pid == 0) return true;
    struct pollfd ended = {.fd = self->pidfd, .events = POLLIN};
    if (poll(&ended, 1, milliseconds) != 1) return false;
    (void)waitpid(self->pid, NULL, 0); /* it has ended: this reaps */
    (void)close(self->pidfd);          /* nothing is written to it */
    self->pid = 0;
    return true;
}

static void show_log(const struct redis_server *self) {
    FILE *log = fopen(self->log, "r");
    char line[512];
    while (log && fgets(line, sizeof line, log)) fprintf(stderr, "redis: %s", line);
    if (log) (void)fclose(log); /* it was only read */
}

int redis_server_begin(struct redis_server *self) {
    if (self->pid) return SL_E_EXISTS;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) return SL_E_IO;
    if (pid == 0) run_server(self, parent);
    self->pid = pid;
    self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return SL_OK;
}

int redis_server_restart(struct redis_server *self) {
    int rc = redis_server_begin(self);
    if (rc) return rc;
    long until = now_ms() + READY_MS;
    while (!answers(self)) {
        bool ended = redis_server_wait_end(self, RETRY_MS);
        if (!ended && now_ms() < until) continue;
        show_log(self);
        redis_server_kill(self);
        return SL_E_IO;
    }
    return SL_OK;
}

static int make_folder(struct redis_server *self) {
    const char *base = getenv("TMPDIR");
    bool fits = base && *base && strlen(base) <= FOLDER_MAX; /* a unix socket's path is short */
    (void)snprintf(self->folder, sizeof self->folder, "%.*s/sluice-redis.XXXXXX", FOLDER_MAX, fits ? base : "/tmp");
    if (!mkdtemp(self->folder)) return SL_E_IO;
    (void)snprintf(self->socket, sizeof self->socket, "%s/s", self->folder); /* fits, as the log does */
    (void)snprintf(self->log, sizeof self->log, "%s/log", self->folder);
    return SL_OK;
}

int redis_server_start(const char *const *overrides, struct redis_server **out_self) {
    struct redis_server *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    for (size_t i = 0; overrides && overrides[i] && i < ARGUMENTS_MAX - 1; i++) self->overrides[i] = strdup(overrides[i]);
    int rc = find_program(self->program) ? make_folder(self) : SL_E_NOT_FOUND;
    if (!rc) rc = redis_server_restart(self);
    if (rc) {
        redis_server_free(&self);
        return rc;
    }
    *out_self = self;
    return SL_OK;
}

void redis_server_signal(struct redis_server *self, int signal) {
    if (self->pid) (void)kill(self->pid, signal); /* it is our child and not reaped: it is there */
}

void redis_server_kill(struct redis_server *self) {
    redis_server_signal(self, SIGKILL);
    (void)redis_server_wait_end(self, -1); /* with no limit it cannot time out */
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path); /* what stays is in the temporary folder */
    return 0;
}

void redis_server_free(struct redis_server **self) {
    if (!*self) return;
    redis_server_kill(*self);
    if ((*self)->folder[0]) (void)nftw((*self)->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* as above */
    for (size_t i = 0; (*self)->overrides[i]; i++) free((void *)(uintptr_t)(*self)->overrides[i]);
    free(*self);
    *self = NULL;
}

const char *redis_server_socket(const struct redis_server *self) {
    return self->socket;
}

pid_t redis_server_pid(const struct redis_server *self) {
    return self->pid;
}

const char *redis_server_folder(const struct redis_server *self) {
    return self->folder;
}

void redis_server_override(struct redis_server *self, const char *setting, const char *value) {
    size_t i = 0;
    while (self->overrides[i] && strcmp(self->overrides[i], setting) != 0) i += 2;
    if (i + 2 >= ARGUMENTS_MAX) return; /* more settings than any test has */
    free((void *)(uintptr_t)self->overrides[i]);
    free((void *)(uintptr_t)self->overrides[i + 1]);
    self->overrides[i] = strdup(setting);
    self->overrides[i + 1] = strdup(value);
}
