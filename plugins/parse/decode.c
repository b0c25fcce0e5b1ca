/* Bytes to valid UTF-8 text. */
#include "decode.h"

#include "sdk/utf8.h"

/* Windows-1252, bytes 0x80 to 0x9f (https://encoding.spec.whatwg.org/index-windows-1252.txt); above it is Latin-1. */
static const unsigned short windows_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
    0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

static void decode_single_bytes(struct sl_span bytes, struct sl_string *text) {
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        sl_string_append_code(text, c >= 0x80 && c < 0xa0 ? windows_1252[c - 0x80] : c);
    }
}

static size_t replace_bad_bytes(struct sl_span bytes, struct sl_string *text) {
    size_t bad_count = 0;
    for (size_t at = 0; at < bytes.size;) {
        size_t size = sl_utf8_sequence(sl_span(bytes.data + at, bytes.size - at));
        if (size > 0) sl_string_append(text, sl_span(bytes.data + at, size));
        else sl_string_append_code(text, 0xfffd);
        bad_count += size == 0;
        at += size > 0 ? size : 1;
    }
    return bad_count;
}

static bool has_sequence(struct sl_span bytes) {
    for (size_t at = 0; at < bytes.size; at++) {
        if (sl_utf8_sequence(sl_span(bytes.data + at, bytes.size - at)) > 1) return true;
    }
    return false;
}

int sl_decode(struct sl_span bytes, struct sl_decoded *out_decoded) {
    *out_decoded = (struct sl_decoded){.encoding = "utf-8"};
    if (bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0) bytes = sl_span(bytes.data + 3, bytes.size - 3);
    out_decoded->text = bytes;
    if (sl_utf8_span_is_valid(bytes)) return 0;
    if (has_sequence(bytes)) {
        out_decoded->repaired_count = replace_bad_bytes(bytes, &out_decoded->repaired);
    } else {
        decode_single_bytes(bytes, &out_decoded->repaired);
        out_decoded->encoding = "windows-1252";
    }
    out_decoded->text = sl_string_span(&out_decoded->repaired);
    if (!out_decoded->repaired.failed) return 0;
    sl_decoded_fini(out_decoded);
    return -1;
}

void sl_decoded_fini(struct sl_decoded *self) {
    sl_string_fini(&self->repaired);
}

const char *sl_decode_binary_kind(struct sl_span bytes) {
    static const struct {
        const char *magic;
        size_t size;
        const char *kind;
    } rows[] = {{"%PDF-", 5, "a PDF"},
                {"PK\003\004", 4, "a ZIP archive or an office document"},
                {"\x7f" "ELF", 4, "a program"},
                {"\x89PNG", 4, "a picture"},
                {"\xff\xd8\xff", 3, "a picture"},
                {"GIF8", 4, "a picture"},
                {"\x1f\x8b", 2, "compressed by gzip"},
                {"\xff\xfe", 2, "UTF-16 text (save it as UTF-8)"},
                {"\xfe\xff", 2, "UTF-16 text (save it as UTF-8)"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bytes.size >= rows[i].size && memcmp(bytes.data, rows[i].magic, rows[i].size) == 0) return rows[i].kind;
    }
    size_t control_count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c == 0) return "binary data (it has NUL bytes)";
        control_count += c < 0x20 && !sl_span_is_space((char)c) && c != 0x08 && c != 0x1b;
    }
    /* Text has next to no control characters; one in fifty is noise of another kind. */
    return control_count * 50 > bytes.size ? "binary data (more than one byte in fifty is a control character)" : NULL;
}
