/* Reading endpoints, and the question whether anybody listens at one. */
#include "endpoint.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int refuse(int rc, char *error, size_t error_size, const char *text, const char *why) {
    (void)snprintf(error, error_size, "\"%.200s\" is no place to find a broker: %s", text, why);
    return rc;
}

static int read_ipc(const char *text, struct sl_endpoint *out, char *error, size_t error_size) {
    const char *path = text + strlen("ipc://");
    if (*path == '\0') return refuse(SL_E_BAD_INPUT, error, error_size, text, "write ipc://PATH");
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return refuse(SL_E_LIMIT, error, error_size, text, "a socket's path has at most 107 bytes; use a shorter folder");
    out->is_ipc = true;
    (void)snprintf(out->host, sizeof out->host, "%s", path);
    return SL_OK;
}

int sl_endpoint_read(const char *text, struct sl_endpoint *out_endpoint, char *error, size_t error_size) {
    struct sl_endpoint endpoint = {0};
    if (strncmp(text, "ipc://", 6) == 0) {
        int rc = read_ipc(text, &endpoint, error, error_size);
        if (rc == SL_OK) *out_endpoint = endpoint;
        return rc;
    }
    static const char shape[] = "write tcp://HOST:PORT or ipc://PATH";
    if (strncmp(text, "tcp://", 6) != 0) return refuse(SL_E_BAD_INPUT, error, error_size, text, shape);
    const char *host = text + 6, *colon = strrchr(host, ':');
    uint64_t port;
    if (!colon || colon == host || sl_text_to_uint(colon + 1, 65535, &port) || port == 0)
        return refuse(SL_E_BAD_INPUT, error, error_size, text, shape);
    size_t size = (size_t)(colon - host);
    bool bracketed = host[0] == '[' && host[size - 1] == ']' && size > 2;
    if (bracketed) {
        host++;
        size -= 2;
    }
    if (size >= sizeof endpoint.host) return refuse(SL_E_LIMIT, error, error_size, text, "the host's name is too long");
    memcpy(endpoint.host, host, size);
    endpoint.port = (uint16_t)port;
    *out_endpoint = endpoint;
    return SL_OK;
}

/* Whether connect(2) says no at once, or within a few milliseconds for an address of this machine. */
static bool connect_refused(int family, const struct sockaddr *address, socklen_t size) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    int error = connect(fd, address, size) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t length = sizeof error;
        if (poll(&wait, 1, 5) <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length)) error = 0;
    }
    (void)close(fd);
    return error == ECONNREFUSED || error == ENOENT;
}

static bool tcp_refused(const struct sl_endpoint *self) {
    char port[8];
    (void)snprintf(port, sizeof port, "%u", self->port);
    bool is_local_name = strcmp(self->host, "localhost") == 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | (is_local_name ? 0 : AI_NUMERICHOST)};
    struct addrinfo *found = NULL;
    if (getaddrinfo(self->host, port, &hints, &found)) return false;
    bool refused = true;
    for (struct addrinfo *at = found; at && refused; at = at->ai_next)
        refused = connect_refused(at->ai_family, at->ai_addr, at->ai_addrlen);
    freeaddrinfo(found);
    return refused;
}

bool sl_endpoint_is_refused(const struct sl_endpoint *self) {
    if (!self->is_ipc) return tcp_refused(self);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.107s", self->host);
    return connect_refused(AF_UNIX, (struct sockaddr *)&address, sizeof address);
}
