/* Cursors of lists to text and back; see list_cursor.h. */
#include "list_cursor.h"

enum { HEX_DIGITS_MAX = 16, COMMIT_BITS_MAX = 53 /* Redis keeps the number of a commit as a double */ };

static const char hex[] = "0123456789abcdef";

static void put_number(struct sl_buf *buf, uint64_t number) {
    char text[HEX_DIGITS_MAX];
    size_t at = sizeof text;
    do {
        text[--at] = hex[number & 15];
        number >>= 4;
    } while (number > 0);
    (void)sl_buf_append(buf, text + at, sizeof text - at); /* kept in buf->failed */
}

void sl_list_cursor_live(struct sl_buf *buf, uint64_t created_ms, struct sl_job_id id) {
    (void)sl_buf_append(buf, "l", 1); /* kept in buf->failed, as all of these */
    put_number(buf, created_ms);
    (void)sl_buf_append(buf, ".", 1);
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        const char digits[2] = {hex[id.bytes[i] >> 4], hex[id.bytes[i] & 15]};
        (void)sl_buf_append(buf, digits, 2);
    }
}

void sl_list_cursor_ended(struct sl_buf *buf, const struct sl_query_place *places, uint16_t shard_count) {
    for (uint16_t i = 0; i < shard_count; i++) {
        (void)sl_buf_append(buf, i ? "," : "e", 1); /* kept in buf->failed, as all of these */
        if (places[i].next_none) {
            (void)sl_buf_append(buf, "-", 1);
            continue;
        }
        put_number(buf, places[i].next_n);
        (void)sl_buf_append(buf, ".", 1);
        put_number(buf, places[i].next_same_n);
    }
}

/* What has been read of a cursor. */
struct reading {
    struct sl_bytes left;
    bool failed;
};

static bool take(struct reading *reading, char wanted) {
    if (reading->left.size == 0 || reading->left.data[0] != (uint8_t)wanted) return false;
    reading->left = sl_bytes(reading->left.data + 1, reading->left.size - 1);
    return true;
}

static void need(struct reading *reading, char wanted) {
    reading->failed = !take(reading, wanted) || reading->failed;
}

/* One digit, or 16. */
static unsigned digit(struct reading *reading) {
    for (unsigned value = 0; value < 16; value++) {
        if (take(reading, hex[value])) return value;
    }
    return 16;
}

static uint64_t number(struct reading *reading) {
    uint64_t value = 0;
    int digits = 0;
    for (unsigned next; (next = digit(reading)) < 16; digits++) value = value << 4 | next;
    if (digits == 0 || digits > HEX_DIGITS_MAX) reading->failed = true;
    return value;
}

static void read_live(struct sl_query *query, struct reading *reading) {
    query->after_ms = number(reading);
    need(reading, '.');
    for (size_t i = 0; i < sizeof query->after_id.bytes; i++) {
        unsigned high = digit(reading), low = digit(reading);
        reading->failed = reading->failed || high > 15 || low > 15;
        query->after_id.bytes[i] = (uint8_t)((high & 15) << 4 | (low & 15));
    }
    query->is_behind = true;
}

static void read_ended(struct sl_query *query, struct reading *reading, uint16_t shard_count) {
    for (uint16_t i = 0; i < shard_count && !reading->failed; i++) {
        struct sl_query_place *place = &query->places[i];
        if (i > 0) need(reading, ',');
        place->is_read = take(reading, '-');
        if (place->is_read) continue;
        place->n = number(reading);
        need(reading, '.');
        uint64_t same_n = number(reading);
        /* Redis passes over so many one by one, and no commit ends more. */
        bool fits = place->n >> COMMIT_BITS_MAX == 0 && same_n <= SL_BATCH_TRANSITIONS_MAX;
        reading->failed = reading->failed || !fits || (place->n == 0) != (same_n == 0);
        place->same_n = same_n;
    }
    query->ended_only = true;
}

int sl_list_cursor_read(struct sl_query *query, struct sl_bytes text, uint16_t shard_count) {
    struct reading reading = {.left = text};
    if (text.size == 0) return SL_OK;
    if (take(&reading, 'l')) {
        read_live(query, &reading);
    } else {
        need(&reading, 'e');
        read_ended(query, &reading, shard_count);
    }
    return reading.failed || reading.left.size > 0 ? SL_E_BAD_INPUT : SL_OK;
}
