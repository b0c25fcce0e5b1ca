/* Plumbing of one stage host; see host.h. */
#include "host.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, OUTPUT_READ_SIZE = 64 << 10, KEPT_SIZE_MAX = 1 << 20 };

/* Empties a buffer; one that a large value has blown up is given back. */
static void empty(struct sl_buf *buf) {
    if (buf->capacity > KEPT_SIZE_MAX) sl_buf_fini(buf);
    sl_buf_clear(buf);
}

void sl_host_init(struct sl_host *self, uint32_t index) {
    memset(self, 0, sizeof *self);
    self->index = index;
    self->channel = self->output = -1;
    sl_buf_init(&self->out, sl_alloc_system());
    sl_buf_init(&self->in, sl_alloc_system());
}

static void close_fd(int *fd) {
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

void sl_host_close(struct sl_host *self) {
    close_fd(&self->channel);
    close_fd(&self->output);
    if (self->claims) (void)munmap(self->claims, sizeof *self->claims);
    self->claims = NULL;
    self->place_count = 0;
}

void sl_host_fini(struct sl_host *self) {
    sl_host_close(self);
    sl_buf_fini(&self->out);
    sl_buf_fini(&self->in);
}

void sl_host_close_ends(struct sl_host_ends *ends) {
    close_fd(&ends->channel);
    close_fd(&ends->claims);
    close_fd(&ends->output);
}

/* A page that can neither shrink nor grow: a stage that truncates it would kill the worker by SIGBUS. */
static int make_claims(struct sl_host *self, int *out_fd) {
    int fd = memfd_create("sluice-claims", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return SL_E_IO;
    *out_fd = fd;
    if (ftruncate(fd, sizeof *self->claims) != 0) return SL_E_IO;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return SL_E_IO;
    void *page = mmap(NULL, sizeof *self->claims, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) return SL_E_IO;
    self->claims = page;
    return SL_OK;
}

static void forget_past(struct sl_host *self) {
    self->generation++;
    self->next_sequence = 0;
    self->place_count = 0;
    sl_buf_clear(&self->out);
    sl_buf_clear(&self->in);
    self->out_at = self->in_at = 0;
    self->out_waits = false;
    sl_tail_reset(&self->tail);
}

int sl_host_open(struct sl_host *self, struct sl_host_ends *out_ends) {
    int pair[2] = {-1, -1}, pipe_ends[2] = {-1, -1};
    struct sl_host_ends ends = {-1, -1, -1};
    sl_host_close(self);
    forget_past(self);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return SL_E_IO;
    self->channel = pair[0];
    ends.channel = pair[1];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) goto err_after_channel;
    self->output = pipe_ends[0];
    ends.output = pipe_ends[1];
    if (fcntl(self->channel, F_SETFL, O_NONBLOCK) != 0 || fcntl(self->output, F_SETFL, O_NONBLOCK) != 0) goto err_after_channel;
    if (make_claims(self, &ends.claims)) goto err_after_channel;
    *out_ends = ends;
    return SL_OK;
err_after_channel:
    sl_host_close_ends(&ends);
    sl_host_close(self);
    return SL_E_IO;
}

void sl_host_give(struct sl_host *self, const struct sl_agent_task *task) {
    SL_ASSERT(self->place_count < SL_CLAIM_COUNT);
    bool follows = self->place_count > 0;
    const struct sl_pipe_task frame = {
        .sequence = self->next_sequence++,
        .follows = follows,
        .token = task->token,
        .definition = task->definition,
        .timeout_ms = task->timeout_ms,
        .tenant = task->tenant,
        .doc_key = task->doc_key,
        .callable = task->callable,
        .input = task->input,
    };
    if (!follows) self->tail.mark = self->tail.total;
    self->places[self->place_count++] = (struct sl_host_place){.nonce = task->token.nonce, .sequence = frame.sequence, .follows = follows};
    if (self->claims) sl_claim_give(self->claims, frame.sequence);
    sl_pipe_put_task(&self->out, &frame);
}

static int find_place(const struct sl_host *self, uint64_t nonce) {
    for (uint32_t i = 0; i < self->place_count; i++) {
        if (self->places[i].nonce == nonce) return (int)i;
    }
    return -1;
}

void sl_host_answered(struct sl_host *self, uint64_t nonce) {
    int index = find_place(self, nonce);
    if (index < 0) return;
    self->place_count--;
    memmove(&self->places[index], &self->places[index + 1], (self->place_count - (uint32_t)index) * sizeof self->places[0]);
}

bool sl_host_reclaim(struct sl_host *self, uint64_t nonce) {
    int index = find_place(self, nonce);
    if (index < 0 || !self->claims || !sl_claim_take(self->claims, self->places[index].sequence)) return false;
    sl_host_answered(self, nonce);
    return true;
}

bool sl_host_has_begun(const struct sl_host *self) {
    return self->place_count > 0 && self->claims && sl_claim_has_begun(self->claims, self->places[0].sequence);
}

void sl_host_words(const struct sl_host *self, size_t size_max, struct sl_buf *out) {
    bool follows = self->place_count > 0 && self->places[0].follows;
    sl_tail_text(&self->tail, follows ? &self->places[0].sequence : NULL, size_max, out);
}

int sl_host_flush(struct sl_host *self) {
    while (self->out_at < self->out.size) {
        if (self->channel < 0) return SL_E_CLOSED;
        ssize_t size = send(self->channel, self->out.data + self->out_at, self->out.size - self->out_at, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SL_E_AGAIN;
        if (size < 0) return SL_E_CLOSED;
        self->out_at += (size_t)size;
    }
    empty(&self->out);
    self->out_at = 0;
    return SL_OK;
}

int sl_host_read(struct sl_host *self) {
    if (self->channel < 0) return SL_E_CLOSED;
    size_t left = self->in.size - self->in_at;
    if (self->in_at && left) memmove(self->in.data, self->in.data + self->in_at, left);
    self->in.size = left;
    self->in_at = 0;
    if (left == 0) empty(&self->in);
    size_t whole = sl_pipe_size(sl_buf_bytes(&self->in));
    size_t room = whole > left + READ_SIZE && whole <= SL_PIPE_FRAME_MAX + SL_PIPE_HEAD_SIZE ? whole - left : READ_SIZE;
    if (sl_buf_reserve(&self->in, room)) return SL_E_NO_MEMORY;
    ssize_t size;
    do {
        size = read(self->channel, self->in.data + self->in.size, room);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : SL_E_CLOSED;
    self->in.size += (size_t)size;
    return size > 0 ? 1 : SL_E_CLOSED;
}

int sl_host_frame(struct sl_host *self, struct sl_bytes *out_body, unsigned *out_kind) {
    struct sl_bytes stream = sl_bytes(self->in.data + self->in_at, self->in.size - self->in_at);
    int rc = sl_pipe_next(&stream, out_body, out_kind);
    if (rc > 0) self->in_at = self->in.size - stream.size;
    return rc;
}

void sl_host_read_output(struct sl_host *self, struct sl_bytes *out_bytes, int *out_closed) {
    static uint8_t buffer[OUTPUT_READ_SIZE];
    *out_bytes = sl_bytes(NULL, 0);
    *out_closed = -1;
    if (self->output < 0) return;
    ssize_t size = read(self->output, buffer, sizeof buffer);
    if (size > 0) {
        *out_bytes = sl_bytes(buffer, (size_t)size);
        sl_tail_add(&self->tail, *out_bytes);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        *out_closed = self->output;
        self->output = -1;
    }
}
