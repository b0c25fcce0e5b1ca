/* Tokens, lists and objects that are not looked into; see kinds.h. */
#include "kinds.h"

#include "base/assert.h"

void sl_wire_write_token(struct sl_buf *buf, const struct sl_token *token) {
    uint8_t nonce[TOKEN_NONCE_SIZE];
    for (int i = 0; i < TOKEN_NONCE_SIZE; i++) nonce[i] = (uint8_t)(token->nonce >> (8 * i));
    sl_mp_array(buf, TOKEN_FIELD_COUNT);
    sl_mp_uint(buf, token->shard);
    sl_mp_uint(buf, token->epoch);
    sl_mp_bin(buf, sl_bytes(token->job.bytes, sizeof token->job.bytes));
    sl_mp_uint(buf, token->run);
    sl_mp_uint(buf, token->stage);
    sl_mp_uint(buf, token->item);
    sl_mp_uint(buf, token->attempt);
    sl_mp_bin(buf, sl_bytes(nonce, sizeof nonce));
}

void sl_wire_read_token(struct sl_mp_reader *reader, struct sl_token *out) {
    uint8_t nonce[TOKEN_NONCE_SIZE];
    if (sl_mp_read_array(reader, TOKEN_FIELD_COUNT) != TOKEN_FIELD_COUNT) sl_mp_fail(reader, SL_E_BAD_INPUT);
    out->shard = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    out->epoch = sl_mp_read_uint(reader, UINT64_MAX);
    sl_mp_read_bin_exact(reader, out->job.bytes, sizeof out->job.bytes);
    out->run = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    out->stage = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    out->item = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    out->attempt = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    sl_mp_read_bin_exact(reader, nonce, sizeof nonce);
    out->nonce = 0;
    for (int i = TOKEN_NONCE_SIZE; i > 0; i--) out->nonce = out->nonce << 8 | nonce[i - 1];
}

struct sl_bytes sl_wire_read_object(struct sl_mp_reader *reader, uint32_t node_count_max) {
    struct sl_bytes object = sl_mp_read_raw(reader, SL_CONTROL_DEPTH_MAX);
    if (reader->rc) return object;
    int rc = sl_mp_check(object, SL_CONTROL_DEPTH_MAX, node_count_max);
    if (rc) sl_mp_fail(reader, rc);
    return object;
}

void sl_wire_read_members(struct sl_mp_reader *reader, struct sl_wire_list *out, uint64_t count_max, skim_fn *skim) {
    SL_ASSERT(count_max <= UINT32_MAX);
    uint32_t count = sl_mp_read_array(reader, (uint32_t)count_max);
    const uint8_t *start = reader->at;
    for (uint32_t i = 0; i < count && reader->rc == SL_OK; i++) skim(reader);
    if (reader->rc) return;
    *out = (struct sl_wire_list){.count = count, .items = sl_bytes(start, (size_t)(reader->at - start))};
}

void sl_wire_skim_str(struct sl_mp_reader *reader) {
    (void)sl_mp_read_str(reader, SL_REASON_MAX); /* only its being sound matters */
}

void sl_wire_skim_token(struct sl_mp_reader *reader) {
    struct sl_token token;
    sl_wire_read_token(reader, &token);
}

void sl_wire_str_put(struct sl_buf *buf, struct sl_bytes text) {
    SL_ASSERT(check_str(text, SL_REASON_MAX) == SL_OK);
    if (sl_buf_reserve(buf, SIZE_STR(text))) {
        buf->failed = true;
        return;
    }
    sl_mp_str(buf, text);
}

bool sl_wire_strs_next(struct sl_wire_list *list, struct sl_bytes *out_text) {
    if (list->count == 0) return false;
    struct sl_mp_reader reader = sl_mp_reader(list->items);
    *out_text = sl_mp_read_str(&reader, SL_REASON_MAX);
    SL_ASSERT(reader.rc == SL_OK);
    list->items = sl_bytes(reader.at, (size_t)(reader.end - reader.at));
    list->count--;
    return true;
}

void sl_wire_token_put(struct sl_buf *buf, const struct sl_token *token) {
    if (sl_buf_reserve(buf, TOKEN_SIZE_MAX)) {
        buf->failed = true;
        return;
    }
    sl_wire_write_token(buf, token);
}

bool sl_wire_tokens_next(struct sl_wire_list *list, struct sl_token *out_token) {
    if (list->count == 0) return false;
    struct sl_mp_reader reader = sl_mp_reader(list->items);
    sl_wire_read_token(&reader, out_token);
    SL_ASSERT(reader.rc == SL_OK);
    list->items = sl_bytes(reader.at, (size_t)(reader.end - reader.at));
    list->count--;
    return true;
}

int sl_wire_token_read(struct sl_bytes bytes, struct sl_token *out_token) {
    struct sl_mp_reader reader = sl_mp_reader(bytes);
    struct sl_token token;
    sl_wire_read_token(&reader, &token);
    int rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_token = token;
    return rc;
}
