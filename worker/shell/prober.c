/* Both sides of the prober's socket; see prober.h. A question is a msgpack array of [file, callable], an answer one of [loaded, what its
 * probe wrote, or why not]; each with its size, 4 bytes of the machine's order, before it. */
#include "prober.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE_MAX = 4096, METADATA_MAX = 5 << 20, HEAD_SIZE = 4, READ_SIZE = 64 << 10 };

static int send_all(int fd, struct sl_bytes bytes) {
    while (bytes.size) {
        ssize_t size = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return SL_E_CLOSED;
        bytes = sl_bytes(bytes.data + size, bytes.size - (size_t)size);
    }
    return SL_OK;
}

/* Sends what stands in buf with its size before it, and frees buf. */
static int send_message(int fd, struct sl_buf *buf) {
    uint32_t size = (uint32_t)buf->size;
    int rc = buf->failed ? SL_E_NO_MEMORY : send_all(fd, sl_bytes((const uint8_t *)&size, sizeof size));
    if (rc == SL_OK) rc = send_all(fd, sl_buf_bytes(buf));
    sl_buf_fini(buf);
    return rc;
}

/* Whether the message at the front of the buffer is whole. */
static bool is_whole(const struct sl_buf *in, struct sl_bytes *out_body) {
    uint32_t size;
    if (in->size < HEAD_SIZE) return false;
    memcpy(&size, in->data, sizeof size);
    if (in->size - HEAD_SIZE < size) return false;
    *out_body = sl_bytes(in->data + HEAD_SIZE, size);
    return true;
}

static int receive(int fd, struct sl_buf *in, int flags) {
    if (sl_buf_reserve(in, READ_SIZE)) return SL_E_NO_MEMORY;
    ssize_t size = recv(fd, in->data + in->size, READ_SIZE, flags);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return SL_E_AGAIN;
    if (size <= 0) return SL_E_CLOSED;
    in->size += (size_t)size;
    return SL_OK;
}

/* The child's side. */

static void read_question(struct sl_bytes body, struct sl_plugins *out_plugins) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    uint32_t count = sl_mp_read_array(&reader, SL_CALLABLES_MAX);
    out_plugins->items = calloc(count + 1, sizeof *out_plugins->items);
    if (!out_plugins->items) _exit(1);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        struct sl_plugin *plugin = &out_plugins->items[i];
        (void)sl_mp_read_array(&reader, 2);
        struct sl_bytes path = sl_mp_read_bin(&reader, PATH_SIZE_MAX), callable = sl_mp_read_str(&reader, SL_KEY_MAX);
        if (reader.rc) _exit(1);
        plugin->path = strndup((const char *)path.data, path.size);
        plugin->callable = strndup((const char *)callable.data, callable.size);
        sl_buf_init(&plugin->metadata, sl_alloc_system());
        if (!plugin->path || !plugin->callable) _exit(1);
        out_plugins->count = i + 1;
    }
}

static void answer(const struct sl_probing *probing, int fd, struct sl_bytes body) {
    struct sl_plugins plugins = {.items = NULL};
    struct sl_buf out;
    sl_buf_init(&out, sl_alloc_system());
    read_question(body, &plugins);
    if (sl_plugins_probe(&plugins, probing)) _exit(1);
    sl_mp_array(&out, plugins.count);
    for (uint32_t i = 0; i < plugins.count; i++) {
        const struct sl_plugin *plugin = &plugins.items[i];
        sl_mp_array(&out, 2);
        sl_mp_bool(&out, plugin->reason == NULL);
        sl_mp_bin(&out, plugin->reason ? sl_text(plugin->reason) : sl_buf_bytes(&plugin->metadata));
    }
    sl_plugins_fini(&plugins);
    if (send_message(fd, &out)) _exit(0);
}

static _Noreturn void serve(const struct sl_probing *probing, int fd, pid_t parent) {
    struct sl_buf in;
    (void)setpgid(0, 0); /* a terminal's Ctrl-C is for the worker */
    (void)signal(SIGTERM, SIG_IGN);
    (void)prctl(PR_SET_NAME, "sluice-prober", 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(0);
    sl_buf_init(&in, sl_alloc_system());
    for (;;) {
        struct sl_bytes body;
        int rc = receive(fd, &in, 0);
        if (rc && rc != SL_E_AGAIN) _exit(0);
        if (!is_whole(&in, &body)) continue;
        answer(probing, fd, body);
        sl_buf_clear(&in);
    }
}

/* The worker's side. */

int sl_prober_start(const struct sl_probing *probing, struct sl_prober *out_self, char *error, size_t error_size) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)snprintf(error, error_size, "the prober's socket cannot be made: %s", strerror(errno));
        return SL_E_IO;
    }
    (void)fflush(NULL); /* nothing that is buffered may be written twice */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        serve(probing, pair[1], parent);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)snprintf(error, error_size, "the prober cannot be forked: %s", strerror(errno));
        (void)close(pair[0]);
        return SL_E_IO;
    }
    *out_self = (struct sl_prober){.fd = pair[0], .pid = pid};
    sl_buf_init(&out_self->in, sl_alloc_system());
    return SL_OK;
}

static bool is_asked(const struct sl_plugin *plugin) {
    return plugin->state != SL_PLUGIN_FAILED;
}

int sl_prober_ask(struct sl_prober *self, const struct sl_plugins *plugins, uint32_t from, uint32_t to) {
    struct sl_buf out;
    uint32_t count = 0;
    if (self->fd < 0) return SL_E_CLOSED;
    for (uint32_t i = from; i < to; i++) count += is_asked(&plugins->items[i]);
    sl_buf_init(&out, sl_alloc_system());
    sl_mp_array(&out, count);
    for (uint32_t i = from; i < to; i++) {
        if (!is_asked(&plugins->items[i])) continue;
        sl_mp_array(&out, 2);
        sl_mp_bin(&out, sl_text(plugins->items[i].path));
        sl_mp_str(&out, sl_text(plugins->items[i].callable));
    }
    int rc = send_message(self->fd, &out);
    if (rc == SL_OK) self->busy = true;
    return rc;
}

int sl_prober_read(struct sl_prober *self) {
    struct sl_bytes body;
    int rc = receive(self->fd, &self->in, MSG_DONTWAIT);
    if (rc) return rc;
    return is_whole(&self->in, &body) ? SL_OK : SL_E_AGAIN;
}

static void take_one(struct sl_plugin *plugin, struct sl_mp_reader *reader) {
    (void)sl_mp_read_array(reader, 2);
    bool loaded = sl_mp_read_bool(reader);
    struct sl_bytes said = sl_mp_read_bin(reader, METADATA_MAX);
    if (!reader->rc && loaded) {
        (void)sl_buf_append(&plugin->metadata, said.data, said.size); /* kept in metadata.failed */
        if (!plugin->metadata.failed && sl_plugin_read(plugin)) sl_mp_fail(reader, SL_E_BAD_INPUT);
    }
    if (reader->rc) {
        sl_plugin_fail(plugin, "%s cannot be looked at: the prober gave no answer", plugin->path);
    } else if (!loaded) {
        sl_plugin_fail(plugin, "%.*s", (int)said.size, (const char *)said.data);
    }
}

int sl_prober_take(struct sl_prober *self, struct sl_plugins *plugins, uint32_t from, uint32_t to) {
    struct sl_bytes body = sl_bytes(NULL, 0);
    (void)is_whole(&self->in, &body); /* of one that ended, nothing is */
    struct sl_mp_reader reader = sl_mp_reader(body);
    (void)sl_mp_read_array(&reader, SL_CALLABLES_MAX);
    bool failed = false;
    for (uint32_t i = from; i < to; i++) {
        struct sl_plugin *plugin = &plugins->items[i];
        if (is_asked(plugin)) take_one(plugin, &reader);
        if (plugin->state == SL_PLUGIN_FAILED) plugin->type_count = 0;
        failed = failed || plugin->metadata.failed;
    }
    sl_buf_fini(&self->in);
    sl_buf_init(&self->in, sl_alloc_system());
    self->busy = false;
    if (failed) return SL_E_NO_MEMORY;
    return reader.rc ? SL_E_BAD_INPUT : SL_OK;
}

void sl_prober_stop(struct sl_prober *self) {
    if (self->fd < 0) return;
    (void)close(self->fd);
    self->fd = -1;
    sl_buf_fini(&self->in);
    (void)kill(self->pid, SIGKILL); /* its probes die with it */
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
