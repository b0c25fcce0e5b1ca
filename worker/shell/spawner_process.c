/* What the spawner does: one loop over the worker's requests and the ends of its children. It has no thread, no memory of its own
 * but a table, and no opinion. */
#include "spawner.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 2000 };

struct child {
    pid_t pid; /* 0: the slot is empty */
    uint32_t generation;
    bool reported; /* nothing is left to report */
    bool killed;   /* was sent SIGKILL while it lived */
    struct sl_spawner_report report;
};

struct spawner {
    const struct sl_spawner_config *config;
    int fd;
    int signal_fd;
    struct child *children; /* one a slot */
};

static struct child *child_of(struct spawner *self, pid_t pid) {
    for (uint32_t i = 0; i < self->config->host_count; i++) {
        if (self->children[i].pid == pid) return &self->children[i];
    }
    return NULL;
}

static void note_end(struct spawner *self, struct child *child, int signal_number, int status) {
    child->pid = 0;
    child->reported = false;
    child->report = (struct sl_spawner_report){.host = (uint32_t)(child - self->children), .generation = child->generation,
                                               .signal = signal_number, .status = status, .killed = child->killed};
}

static void start(struct spawner *self, const struct sl_spawner_request *request, const int *fds) {
    struct child *child = &self->children[request->host];
    child->generation = request->generation;
    const struct sl_host_process process = {
        .program = self->config->program,
        .parent = getpid(),
        .environment = self->config->environment,
        .rights = &self->config->rights,
        .host = request->host,
        .generation = request->generation,
        .channel = fds[0],
        .claims = fds[1],
        .output = fds[2],
    };
    pid_t pid = fork();
    if (pid == 0) sl_host_process_exec(&process);
    if (pid < 0) {
        note_end(self, child, 0, -errno);
        return;
    }
    (void)setpgid(pid, pid); /* the child does the same: whoever is first */
    child->pid = pid;
    child->reported = true;
    child->killed = false;
}

/* Whether the kernel is ending the process already: then what ended it came before us (proc(5), stat: state, flags). */
static bool is_ending(pid_t pid) {
    enum { PF_EXITING = 4 }; /* linux/sched.h */
    char path[64], line[1024];
    char state = 'R';
    unsigned flags = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t size = read(fd, line, sizeof line - 1);
    (void)close(fd);
    line[size > 0 ? size : 0] = '\0';
    const char *behind_name = strrchr(line, ')');
    if (!behind_name || sscanf(behind_name + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2) return false;
    return state == 'Z' || state == 'X' || (flags & PF_EXITING) != 0;
}

/* The leader is not reaped before it was signalled, so the number cannot be somebody else's. A stage may have moved its process to
 * another group: looked at afterwards, because whoever leaves later was still reached. */
static void signal_host(pid_t leader, int number) {
    (void)kill(-leader, number);
    if (getpgid(leader) != leader) (void)kill(leader, number);
}

static void send_signal(struct spawner *self, const struct sl_spawner_request *request) {
    struct child *child = &self->children[request->host];
    if (child->pid == 0 || child->generation != request->generation) return;
    if (request->signal == SIGKILL && !is_ending(child->pid)) child->killed = true;
    signal_host(child->pid, request->signal);
}

/* Takes one request: 1, 0 when there is none, negative when the worker is gone. */
static int take_request(struct spawner *self) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(SL_SPAWNER_FDS * sizeof(int))];
    } control;
    struct sl_spawner_request request;
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                            .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(self->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? 0 : SL_E_CLOSED;
    if (size != (ssize_t)sizeof request || request.host >= self->config->host_count) return SL_E_CLOSED;
    if (request.verb == SL_SPAWNER_SIGNAL) {
        send_signal(self, &request);
        return 1;
    }
    int fds[SL_SPAWNER_FDS];
    const struct cmsghdr *item = CMSG_FIRSTHDR(&header);
    if (!item || item->cmsg_len != CMSG_LEN(sizeof fds)) return SL_E_CLOSED;
    memcpy(fds, CMSG_DATA(item), sizeof fds);
    start(self, &request, fds);
    for (size_t i = 0; i < SL_SPAWNER_FDS; i++) (void)close(fds[i]);
    return 1;
}

/* Whether the process carries the mark of a host that lives. */
static bool belongs_to_living(struct spawner *self, pid_t pid) {
    char path[64], buffer[32 << 10];
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t size = read(fd, buffer, sizeof buffer - 1);
    (void)close(fd);
    buffer[size > 0 ? size : 0] = '\0';
    for (const char *at = buffer; at < buffer + size; at += strlen(at) + 1) {
        unsigned host, generation;
        if (sscanf(at, SL_HOST_MARK "=%u.%u", &host, &generation) != 2 || host >= self->config->host_count) continue;
        const struct child *child = &self->children[host];
        return child->pid && child->generation == generation;
    }
    return false;
}

/* What a dead host left behind in other process groups has become our child: it is ended too. */
static void sweep(struct spawner *self) {
    FILE *list = fopen("/proc/thread-self/children", "re");
    int pid;
    if (!list) return; /* a kernel without that list: process groups are all that can be ended */
    while (fscanf(list, "%d", &pid) == 1) {
        if (!child_of(self, pid) && !belongs_to_living(self, pid)) (void)kill(pid, SIGKILL);
    }
    (void)fclose(list);
}

/* Takes the ends of all children that have ended. False: there is no child any more. */
static bool reap(struct spawner *self) {
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno != ECHILD;
        if (info.si_pid == 0) return true;
        struct child *child = child_of(self, info.si_pid);
        if (child) (void)kill(-info.si_pid, SIGKILL); /* the rest of its group, while its number is still its own */
        (void)waitpid(info.si_pid, NULL, WNOHANG);
        bool exited = info.si_code == CLD_EXITED;
        if (child) note_end(self, child, exited ? 0 : info.si_status, exited ? info.si_status : 0);
        sweep(self);
    }
}

/* Sends what was not reported yet. True: something could not be sent and the socket must be waited for. */
static bool send_reports(struct spawner *self) {
    for (uint32_t i = 0; i < self->config->host_count; i++) {
        struct child *child = &self->children[i];
        if (child->reported) continue;
        if (send(self->fd, &child->report, sizeof child->report, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return true;
        child->reported = true;
    }
    return false;
}

static void drain_signals(struct spawner *self) {
    struct signalfd_siginfo infos[16];
    while (read(self->signal_fd, infos, sizeof infos) > 0) {
    }
}

static uint64_t now_ms(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time); /* cannot fail for this clock */
    return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}

static void kill_all(struct spawner *self) {
    for (uint32_t i = 0; i < self->config->host_count; i++) {
        if (self->children[i].pid) signal_host(self->children[i].pid, SIGKILL);
    }
    sweep(self);
}

/* The worker is gone, or leaves. Idle hosts end by themselves, since their sockets are closed; whoever does not is killed. */
static _Noreturn void end_all(struct spawner *self) {
    uint64_t kill_at = now_ms() + self->config->grace_ms, give_up_at = kill_at + KILL_AFTER_MS;
    bool killed = false;
    while (reap(self)) {
        uint64_t now = now_ms();
        if (now >= give_up_at) break;
        if (now >= kill_at) {
            kill_all(self);
            killed = true;
        }
        uint64_t until = killed ? now + 20 : kill_at; /* after the kill the list of orphans is looked at again and again */
        struct pollfd wait = {.fd = self->signal_fd, .events = POLLIN};
        (void)poll(&wait, 1, (int)(until - now));
        drain_signals(self);
    }
    exit(0);
}

static void run(struct spawner *self) {
    for (;;) {
        bool blocked = send_reports(self);
        struct pollfd waits[2] = {
            {.fd = self->fd, .events = (short)(POLLIN | (blocked ? POLLOUT : 0))},
            {.fd = self->signal_fd, .events = POLLIN},
        };
        if (poll(waits, 2, -1) < 0 && errno != EINTR) return;
        if (waits[1].revents) {
            drain_signals(self);
            (void)reap(self);
        }
        int rc = 0;
        if (waits[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            do {
                rc = take_request(self);
            } while (rc > 0);
        }
        if (rc < 0) return;
    }
}

/* A terminal's Ctrl-C and a supervisor's SIGTERM are for the worker, which ends us by closing the socket. */
static int set_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void sl_spawner_process(const struct sl_spawner_config *config, int fd) {
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_NAME, "sluice-spawner", 0, 0, 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    struct spawner self = {.config = config, .fd = fd, .signal_fd = set_signals()};
    self.children = calloc(config->host_count, sizeof *self.children);
    if (!self.children || self.signal_fd < 0) exit(1);
    for (uint32_t i = 0; i < config->host_count; i++) self.children[i].reported = true;
    run(&self);
    (void)close(fd);
    end_all(&self);
}
