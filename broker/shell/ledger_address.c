/* Addresses of Redis; see ledger_address.h. */
#include "ledger_address.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PORT_DEFAULT = 6379 };

static int refuse(int rc, char *out_why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(int rc, char *out_why, size_t why_size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out_why, why_size, format, args); /* a sentence that is cut is still a sentence */
    va_end(args);
    return rc;
}

static int parse_path(const char *path, struct sl_ledger_address *out_address, char *out_why, size_t why_size) {
    size_t size = strlen(path);
    if (size == 0) return refuse(SL_E_BAD_INPUT, out_why, why_size, "the path of Redis' unix socket is empty");
    if (size > SL_LEDGER_PATH_MAX) {
        return refuse(SL_E_BAD_INPUT, out_why, why_size,
                      "the path of Redis' unix socket has %zu bytes and may have %d: use a shorter folder", size,
                      SL_LEDGER_PATH_MAX);
    }
    *out_address = (struct sl_ledger_address){.port = 0};
    memcpy(out_address->path, path, size + 1);
    return SL_OK;
}

/* Splits at the last colon that is not inside brackets; no colon, or several without brackets (IPv6): no port. */
static const char *find_port(const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon) return NULL;
    if (text[0] == '[') return colon > text && colon[-1] == ']' ? colon : NULL;
    return strchr(text, ':') == colon ? colon : NULL;
}

static int parse_host(const char *text, struct sl_ledger_address *out_address, char *out_why, size_t why_size) {
    const char *colon = find_port(text);
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    uint64_t port = PORT_DEFAULT;
    bool bad_port = colon && (sl_text_to_uint(colon + 1, UINT16_MAX, &port) || port == 0);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (bad_port || size == 0 || size > SL_LEDGER_HOST_MAX) {
        return refuse(SL_E_BAD_INPUT, out_why, why_size,
                      "this is no address of Redis: give the path of a unix socket, or HOST:PORT");
    }
    *out_address = (struct sl_ledger_address){.port = (uint16_t)port};
    memcpy(out_address->host, text, size);
    return SL_OK;
}

/* HOST:PORT behind a scheme; database 0 is the one that is used anyway. The text may hold a password, so no sentence repeats it. */
static int parse_url(const char *text, struct sl_ledger_address *out_address, char *out_why, size_t why_size) {
    char host[SL_LEDGER_HOST_MAX + 16];
    size_t size = strcspn(text, "/");
    if (memchr(text, '@', size)) {
        return refuse(SL_E_BAD_INPUT, out_why, why_size,
                      "the address of Redis holds a password, and brokers of this version know none: give a Redis without one "
                      "that only this machine reaches");
    }
    if (text[size] && strcmp(text + size, "/") != 0 && strcmp(text + size, "/0") != 0) {
        return refuse(SL_E_BAD_INPUT, out_why, why_size, "of Redis only database 0 is used: write redis://HOST:PORT");
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(size < sizeof host ? size : sizeof host - 1), text);
    return parse_host(host, out_address, out_why, why_size);
}

int sl_ledger_address_parse(const char *text, struct sl_ledger_address *out_address, char *out_why, size_t why_size) {
    static const struct {
        const char *start;
        int (*parse)(const char *text, struct sl_ledger_address *out_address, char *out_why, size_t why_size);
    } schemes[] = {{"unix://", parse_path}, {"unix:", parse_path}, {"redis://", parse_url}, {"tcp://", parse_url}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i].start);
        if (strncmp(text, schemes[i].start, size) == 0) return schemes[i].parse(text + size, out_address, out_why, why_size);
    }
    const char *scheme_end = strstr(text, "://");
    if (scheme_end && strcspn(text, "/@") > (size_t)(scheme_end - text)) {
        int size = scheme_end - text < 32 ? (int)(scheme_end - text) : 32;
        return refuse(SL_E_BAD_INPUT, out_why, why_size,
                      "%.*s:// is no scheme of Redis' address: write redis://HOST:PORT or unix:/PATH", size, text);
    }
    if (strchr(text, '@')) return parse_url(text, out_address, out_why, why_size);
    if (strchr(text, '/')) return parse_path(text, out_address, out_why, why_size);
    return parse_host(text, out_address, out_why, why_size);
}

void sl_ledger_address_text(const struct sl_ledger_address *address, char out_text[SL_LEDGER_ADDRESS_TEXT_SIZE]) {
    const char *open = strchr(address->host, ':') ? "[" : "", *shut = *open ? "]" : "";
    int size = address->path[0] ? snprintf(out_text, SL_LEDGER_ADDRESS_TEXT_SIZE, "%s", address->path)
                                : snprintf(out_text, SL_LEDGER_ADDRESS_TEXT_SIZE, "%s%s%s:%u", open, address->host,
                                           shut, (unsigned)address->port);
    SL_ASSERT(size < SL_LEDGER_ADDRESS_TEXT_SIZE);
}

static int open_socket(int family, const struct sockaddr *name, socklen_t name_size, int *out_fd) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, name, name_size) && errno != EINPROGRESS) {
        int failed = -errno;
        (void)close(fd); /* nothing was written */
        return failed;
    }
    *out_fd = fd;
    return 0;
}

static int connect_path(const struct sl_ledger_address *address, int *out_fd, char *out_why, size_t why_size) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, address->path, strlen(address->path) + 1);
    int failed = open_socket(AF_UNIX, (const struct sockaddr *)&name, sizeof name, out_fd);
    switch (-failed) {
    case 0: return SL_OK;
    case ENOENT:
        return refuse(SL_E_UNREACHABLE, out_why, why_size,
                      "there is no Redis socket %s: start redis-server with `unixsocket %s`, or say where Redis is",
                      address->path, address->path);
    case ECONNREFUSED:
        return refuse(SL_E_UNREACHABLE, out_why, why_size,
                      "no Redis listens on %s: start redis-server, or say where Redis is", address->path);
    case EACCES:
        return refuse(SL_E_UNREACHABLE, out_why, why_size,
                      "the socket %s may not be opened by this user: see `unixsocketperm` in redis.conf", address->path);
    default:
        return refuse(SL_E_UNREACHABLE, out_why, why_size, "Redis at %s cannot be reached: %s", address->path,
                      strerror(-failed));
    }
}

static void set_tcp_options(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  /* without it replies are only slower */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* the reply deadline notices too */
}

int sl_ledger_address_connect(const struct sl_ledger_address *address, int *out_fd, char *out_why, size_t why_size) {
    if (address->path[0]) return connect_path(address, out_fd, out_why, why_size);
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)address->port); /* fits */
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(address->host, port, &wanted, &found);
    if (failed) {
        return refuse(SL_E_UNREACHABLE, out_why, why_size, "the host %s of Redis is not known: %s", address->host,
                      gai_strerror(failed));
    }
    failed = -EADDRNOTAVAIL;
    for (const struct addrinfo *one = found; one && failed; one = one->ai_next) {
        failed = open_socket(one->ai_family, one->ai_addr, one->ai_addrlen, out_fd);
    }
    freeaddrinfo(found);
    if (failed) {
        return refuse(SL_E_UNREACHABLE, out_why, why_size, "Redis at %s:%u cannot be reached: %s", address->host,
                      (unsigned)address->port, strerror(-failed));
    }
    set_tcp_options(*out_fd);
    return SL_OK;
}
