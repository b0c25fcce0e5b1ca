/* The worker's side of the spawner; see spawner.h. */
#include "spawner.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int sl_spawner_start(const struct sl_spawner_config *config, struct sl_spawner *out_self, char *error, size_t error_size) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)snprintf(error, error_size, "the spawner's socket cannot be made: %s", strerror(errno));
        return SL_E_IO;
    }
    (void)fflush(NULL); /* nothing that is buffered may be written twice */
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        sl_spawner_process(config, pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)snprintf(error, error_size, "the spawner cannot be forked: %s", strerror(errno));
        (void)close(pair[0]);
        return SL_E_IO;
    }
    *out_self = (struct sl_spawner){.fd = pair[0], .pid = pid};
    return SL_OK;
}

/* The spawner always reads, so a send that must wait does not wait long. */
static int request(const struct sl_spawner *self, const struct sl_spawner_request *message, const int *fds) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(SL_SPAWNER_FDS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds) {
        memset(&control, 0, sizeof control);
        header.msg_control = control.space;
        header.msg_controllen = sizeof control.space;
        struct cmsghdr *item = CMSG_FIRSTHDR(&header);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(SL_SPAWNER_FDS * sizeof(int));
        memcpy(CMSG_DATA(item), fds, SL_SPAWNER_FDS * sizeof(int));
    }
    ssize_t size;
    do {
        size = sendmsg(self->fd, &header, MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof *message ? SL_OK : SL_E_CLOSED;
}

int sl_spawner_host_start(const struct sl_spawner *self, uint32_t host, uint32_t generation, int channel, int claims, int output) {
    const struct sl_spawner_request message = {.verb = SL_SPAWNER_START, .host = host, .generation = generation};
    const int fds[SL_SPAWNER_FDS] = {channel, claims, output};
    return request(self, &message, fds);
}

int sl_spawner_host_signal(const struct sl_spawner *self, uint32_t host, uint32_t generation, int number) {
    const struct sl_spawner_request message = {.verb = SL_SPAWNER_SIGNAL, .host = host, .generation = generation,
                                               .signal = number};
    return request(self, &message, NULL);
}

int sl_spawner_report(const struct sl_spawner *self, struct sl_spawner_report *out_report) {
    struct sl_spawner_report report;
    ssize_t size;
    do {
        size = recv(self->fd, &report, sizeof report, MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SL_E_AGAIN;
    if (size != (ssize_t)sizeof report) return SL_E_CLOSED;
    *out_report = report;
    return SL_OK;
}

void sl_spawner_stop(struct sl_spawner *self) {
    if (self->fd < 0) return;
    (void)close(self->fd);
    self->fd = -1;
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
