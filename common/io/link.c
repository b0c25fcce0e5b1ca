/* ZeroMQ contexts and sockets with our options (reliability B12), and the sentences for what goes wrong. */
#include "link.h"

#include "entropy.h"
#include "link_socket.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 2500,
    HEARTBEAT_TIMEOUT_MS = 5000,
    HANDSHAKE_MS = 3000,
    RECONNECT_MS = 50,
    RECONNECT_MAX_MS = 1000, /* a person waits for it after a broker's restart */
    BACKLOG = 1024,
    SEND_QUEUE_MAX = 16384,  /* messages for one peer: the answers to as many requests may become free at once */
    RECEIVE_QUEUE_MAX = 256, /* messages of one peer: with the largest ones that is memory that must be there */
    ENDPOINT_SHOWN_MAX = 120,
    IPC_PATH_MAX = 107       /* of sun_path, without its NUL */
};

struct sl_link_context {
    void *zmq;
};

int sl_link_context_new(int socket_count_max, struct sl_link_context **out_self) {
    unsigned seed;
    sl_entropy(&seed, sizeof seed);
    srand(seed);
    struct sl_link_context *self = malloc(sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    self->zmq = zmq_ctx_new();
    if (!self->zmq) {
        free(self);
        return SL_E_NO_MEMORY;
    }
    int rc = zmq_ctx_set(self->zmq, ZMQ_MAX_SOCKETS, socket_count_max);
    SL_ASSERT(rc == 0);
    rc = zmq_ctx_set(self->zmq, ZMQ_IO_THREADS, 1);
    SL_ASSERT(rc == 0);
    *out_self = self;
    return SL_OK;
}

void sl_link_context_free(struct sl_link_context **self) {
    if (!*self) return;
    while (zmq_ctx_term((*self)->zmq) != 0 && errno == EINTR) continue;
    free(*self);
    *self = NULL;
}

static int fail(int rc, const char *endpoint, const char *sentence, char *error, size_t error_size) {
    bool is_long = strlen(endpoint) > ENDPOINT_SHOWN_MAX; /* the sentence matters more */
    (void)snprintf(error, error_size, "%.*s%s %s", ENDPOINT_SHOWN_MAX, endpoint, is_long ? "..." : "", sentence);
    return rc;
}

static int fail_errno(const char *endpoint, char *error, size_t error_size) {
    switch (errno) {
    case EADDRINUSE:
        return fail(SL_E_EXISTS, endpoint, "is already in use: another sluice-broker? Stop it, or listen elsewhere", error,
                    error_size);
    case EACCES:
    case EPERM:
        return fail(SL_E_REFUSED, endpoint, "may not be opened by this user: choose another port or folder", error, error_size);
    case EADDRNOTAVAIL:
    case ENODEV:
        return fail(SL_E_BAD_INPUT, endpoint, "is no address of this machine", error, error_size);
    case ENOENT:
        return fail(SL_E_NOT_FOUND, endpoint, "needs a folder that does not exist", error, error_size);
    case ENAMETOOLONG:
        return fail(SL_E_LIMIT, endpoint, "is longer than the 107 bytes that a unix socket's path may have: use a shorter folder",
                    error, error_size);
    case EINVAL:
    case EPROTONOSUPPORT:
        return fail(SL_E_BAD_INPUT, endpoint, "is no endpoint: write tcp://HOST:PORT or ipc://PATH", error, error_size);
    case EMFILE:
        return fail(SL_E_LIMIT, endpoint, "cannot be opened: too many open files or sockets (see ulimit -n)", error, error_size);
    default:
        return fail(SL_E_IO, endpoint, zmq_strerror(errno), error, error_size);
    }
}

static void set_option(struct sl_link_socket *self, int option, int value) {
    int rc = zmq_setsockopt(self->zmq, option, &value, sizeof value);
    SL_ASSERT(rc == 0);
}

static void set_options(struct sl_link_socket *self) {
    int64_t message_max = (int64_t)self->message_max;
    int rc = zmq_setsockopt(self->zmq, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
    SL_ASSERT(rc == 0);
    set_option(self, ZMQ_LINGER, 0);
    set_option(self, ZMQ_SNDHWM, SEND_QUEUE_MAX);
    set_option(self, ZMQ_RCVHWM, RECEIVE_QUEUE_MAX);
    set_option(self, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_option(self, ZMQ_TCP_KEEPALIVE, 1);
    if (self->is_router) {
        set_option(self, ZMQ_ROUTER_MANDATORY, 1);
        set_option(self, ZMQ_ROUTER_HANDOVER, 0);
        set_option(self, ZMQ_BACKLOG, BACKLOG);
    } else {
        /* One side asks, with the time after which the other may give it up too: both see a link that is dead, at half the cost.
           The heartbeats of the protocol are what decides; these only free what a dead link holds. */
        set_option(self, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
        set_option(self, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
        set_option(self, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
        set_option(self, ZMQ_IMMEDIATE, 1);
        set_option(self, ZMQ_RECONNECT_IVL, RECONNECT_MS);
        set_option(self, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    }
}

int sl_socket_init(struct sl_link_socket *self, struct sl_link_context *context, int type, size_t message_max, char *error,
                   size_t error_size) {
    void *socket = zmq_socket(context->zmq, type);
    if (!socket) return fail_errno("a ZeroMQ socket", error, error_size);
    *self = (struct sl_link_socket){.zmq = socket, .message_max = message_max, .is_router = type == ZMQ_ROUTER};
    size_t fd_size = sizeof self->fd;
    int rc = zmq_getsockopt(socket, ZMQ_FD, &self->fd, &fd_size);
    SL_ASSERT(rc == 0);
    (void)zmq_msg_init(&self->frame); /* cannot fail */
    set_options(self);
    return SL_OK;
}

void sl_socket_fini(struct sl_link_socket *self, int linger_ms) {
    set_option(self, ZMQ_LINGER, linger_ms);
    (void)zmq_msg_close(&self->frame); /* was initialised */
    int rc = zmq_close(self->zmq);
    SL_ASSERT(rc == 0);
    self->zmq = NULL;
}

const char *sl_socket_ipc_path(const char *endpoint) {
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

/* Whether a process accepts connections on that unix socket. ZeroMQ itself would take the path away from it without a word. */
static bool is_served(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    memcpy(address.sun_path, path, strlen(path));
    bool served = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    (void)close(fd); /* nothing was written */
    return served;
}

/* Whether "tcp://HOST:PORT" ends with a port: ZeroMQ takes any number modulo 65536. */
static bool has_port(const char *endpoint) {
    const char *colon = strrchr(endpoint, ':');
    uint64_t port;
    return strcmp(colon + 1, "*") == 0 || sl_text_to_uint(colon + 1, UINT16_MAX, &port) == SL_OK;
}

/* Checks what ZeroMQ would not say clearly. An address in brackets is of IPv6, for which ZeroMQ must be asked. */
static int check_endpoint(struct sl_link_socket *self, const char *endpoint, char *error, size_t error_size) {
    const char *path = sl_socket_ipc_path(endpoint);
    errno = 0;
    if (!path && (strncmp(endpoint, "tcp://", 6) != 0 || !has_port(endpoint))) errno = EINVAL;
    if (path && !*path) errno = EINVAL;
    if (path && strlen(path) > IPC_PATH_MAX) errno = ENAMETOOLONG;
    if (errno) return fail_errno(endpoint, error, error_size);
    if (!path && strchr(endpoint, '[')) set_option(self, ZMQ_IPV6, 1);
    return SL_OK;
}

int sl_socket_bind(struct sl_link_socket *self, const char *endpoint, char *error, size_t error_size) {
    int rc = check_endpoint(self, endpoint, error, error_size);
    if (rc) return rc;
    const char *path = sl_socket_ipc_path(endpoint);
    if (path && is_served(path)) {
        errno = EADDRINUSE;
        return fail_errno(endpoint, error, error_size);
    }
    return zmq_bind(self->zmq, endpoint) == 0 ? SL_OK : fail_errno(endpoint, error, error_size);
}

int sl_socket_connect(struct sl_link_socket *self, const char *endpoint, char *error, size_t error_size) {
    int rc = check_endpoint(self, endpoint, error, error_size);
    if (rc) return rc;
    return zmq_connect(self->zmq, endpoint) == 0 ? SL_OK : fail_errno(endpoint, error, error_size);
}
