/* Frames between a worker and one of its stage hosts, over a stream socket (descriptor 3 of the host): 4 bytes of length,
 * little-endian, then one msgpack array whose first member is the kind. The host believes the worker; the worker believes nothing:
 * plugin code runs in the host and may write to the socket itself. */
#ifndef SL_STAGEHOST_FRAME_H
#define SL_STAGEHOST_FRAME_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/outcome.h"

enum { SL_PIPE_HEAD_SIZE = 4 };

enum sl_pipe_kind {
    SL_PIPE_SETUP = 1, /* worker to host, first of all */
    SL_PIPE_DEFINE = 2,
    SL_PIPE_TASK = 3,
    SL_PIPE_READY = 16, /* host to worker, answers SETUP */
    SL_PIPE_RESULT = 17,
    SL_PIPE_PROGRESS = 18,
    SL_PIPE_FIELD = 19
};

/* What a host needs to know of its worker. The texts of the lists are str, one behind the other. */
struct sl_pipe_setup {
    struct sl_bytes data_directory;
    uint32_t directory_count; /* of the plugin path */
    struct sl_bytes directories;
    uint32_t provider_count;
    struct sl_bytes providers; /* pairs: stage type, file */
};

struct sl_pipe_task {
    uint32_t sequence; /* counts the tasks given to this host: its place in the claims */
    bool follows;      /* given before the one before it was answered: the host marks where its output begins */
    struct sl_token token;
    struct sl_digest definition;
    uint32_t timeout_ms;
    struct sl_bytes tenant;
    struct sl_bytes doc_key;
    struct sl_bytes callable; /* "libx.so:function" whose registration runs it; empty: that of the first provider of the type */
    struct sl_bytes input;
};

struct sl_pipe_result {
    uint64_t nonce;
    enum sl_outcome outcome;
    uint64_t count;
    uint64_t duration_us;
    uint32_t value_count;
    struct sl_bytes values; /* members as SL_ITEM(state_value) of wire.def has them */
    struct sl_bytes output;
    struct sl_bytes error;
};

struct sl_pipe_note {
    uint64_t nonce;
    uint64_t done; /* of PROGRESS */
    uint64_t total;
    struct sl_bytes name; /* of FIELD */
    struct sl_bytes value;
};

/* What a host writes to stderr before it begins a task that follows: the worker knows by it which attempt wrote what. The text ends
 * with a NUL. */
enum { SL_PIPE_SEPARATOR_SIZE = 10 };
void sl_pipe_separator(uint32_t sequence, char out_text[SL_PIPE_SEPARATOR_SIZE + 1]);

/* The size of the separator at the start of bytes, or 0: there is none. */
size_t sl_pipe_separator_at(struct sl_bytes bytes);

/* Takes one whole frame off the front of *stream: 1 with its body and kind; 0 when more bytes are needed; SL_E_LIMIT when it is
 * longer than SL_PIPE_FRAME_MAX; SL_E_BAD_INPUT when it is no array that begins with a kind. */
int sl_pipe_next(struct sl_bytes *stream, struct sl_bytes *out_body, unsigned *out_kind);

/* How many bytes the frame at the front of the stream has in all, 0 when its length is not there yet. */
size_t sl_pipe_size(struct sl_bytes stream);

/* Writers append one frame; failure is kept in buf->failed. */
void sl_pipe_put_setup(struct sl_buf *buf, const struct sl_pipe_setup *setup);
void sl_pipe_put_define(struct sl_buf *buf, struct sl_digest digest, struct sl_bytes canonical);
void sl_pipe_put_task(struct sl_buf *buf, const struct sl_pipe_task *task);
void sl_pipe_put_ready(struct sl_buf *buf);
void sl_pipe_put_result(struct sl_buf *buf, const struct sl_pipe_result *result);
void sl_pipe_put_progress(struct sl_buf *buf, const struct sl_pipe_note *note);
void sl_pipe_put_field(struct sl_buf *buf, const struct sl_pipe_note *note);

/* Readers of a body; views are borrowed from it. 0, or the errors of the msgpack reader. What a host says, results and fields, is read
 * down to its values: each must be one object within the limits, under a name that can be one. */
int sl_pipe_read_setup(struct sl_bytes body, struct sl_pipe_setup *out_setup);
int sl_pipe_read_define(struct sl_bytes body, struct sl_digest *out_digest, struct sl_bytes *out_canonical);
int sl_pipe_read_task(struct sl_bytes body, struct sl_pipe_task *out_task);
int sl_pipe_read_result(struct sl_bytes body, struct sl_pipe_result *out_result);
int sl_pipe_read_progress(struct sl_bytes body, struct sl_pipe_note *out_note);
int sl_pipe_read_field(struct sl_bytes body, struct sl_pipe_note *out_note);

#endif
