/* Text helpers; see text.h. */
#include "text.h"

#include "assert.h"
#include "err.h"
#include "limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "msgpack.h"

enum { SUGGEST_MAX = 64, SHOWN_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Damerau-Levenshtein distance in its restricted form (optimal string alignment). */
static size_t edit_distance(struct sl_bytes a, struct sl_bytes b) {
    size_t before[SUGGEST_MAX + 1], last[SUGGEST_MAX + 1], row[SUGGEST_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        last[j] = j;
        before[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = last[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = min3(last[j] + 1, row[j - 1] + 1, change);
            bool swapped = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
        memcpy(before, last, (b.size + 1) * sizeof *row);
        memcpy(last, row, (b.size + 1) * sizeof *row);
    }
    return last[b.size];
}

const char *sl_text_suggest(struct sl_bytes word, const char *const *candidates, size_t candidate_count) {
    if (word.size == 0 || word.size > SUGGEST_MAX) return NULL;
    size_t least = word.size / 3 > 0 ? word.size / 3 : 1;
    const char *best = NULL;
    for (size_t i = 0; i < candidate_count; i++) {
        struct sl_bytes candidate = sl_text(candidates[i]);
        if (candidate.size > SUGGEST_MAX) continue;
        size_t distance = edit_distance(word, candidate);
        if (distance < least || (distance == least && !best)) {
            least = distance;
            best = candidates[i];
        }
    }
    return best;
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

bool sl_text_is_name(struct sl_bytes text) {
    if (text.size == 0 || text.size > SL_NAME_MAX) return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '-') return false;
    }
    return true;
}

static bool is_identifier(struct sl_bytes text, bool dots) {
    if (text.size == 0 || text.size > SL_NAME_MAX) return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool fits = is_letter(c) || c == '_' || (i > 0 && (is_digit(c) || (dots && c == '.')));
        if (!fits) return false;
    }
    return true;
}

bool sl_text_is_state_key(struct sl_bytes text) {
    return is_identifier(text, false) && !sl_bytes_is(text, SL_RESULTS_KEY);
}

bool sl_text_is_field(struct sl_bytes text) {
    return is_identifier(text, true);
}

struct unit {
    const char *name;
    double factor;
};

/* Reads a number that is not negative, followed by one of the units ("" = none). */
static int read_with_unit(const char *text, const struct unit *units, size_t unit_count, uint64_t *out) {
    if (!is_digit((uint8_t)text[0])) return SL_E_BAD_INPUT;
    char *end;
    double number = strtod(text, &end);
    if (end != text + strspn(text, "0123456789.")) return SL_E_BAD_INPUT; /* strtod knows more forms than people mean */
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        double value = number * units[i].factor;
        if (value > 9e15) return SL_E_BAD_INPUT;
        *out = (uint64_t)(value + 0.5);
        return SL_OK;
    }
    return SL_E_BAD_INPUT;
}

int sl_text_to_duration_ms(const char *text, uint64_t *out_ms) {
    static const struct unit units[] = {{"ms", 1}, {"s", 1e3}, {"", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    return read_with_unit(text, units, sizeof units / sizeof *units, out_ms);
}

int sl_text_to_size(const char *text, uint64_t *out_bytes) {
    static const struct unit units[] = {{"", 1}, {"k", 1024}, {"K", 1024}, {"M", 1048576}, {"G", 1073741824.0}};
    return read_with_unit(text, units, sizeof units / sizeof *units, out_bytes);
}

int sl_text_to_uint(const char *text, uint64_t max, uint64_t *out_value) {
    uint64_t value = 0;
    if (!*text) return SL_E_BAD_INPUT;
    for (; *text; text++) {
        if (!is_digit((uint8_t)*text)) return SL_E_BAD_INPUT;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return SL_E_BAD_INPUT;
        value = value * 10 + digit;
    }
    if (value > max) return SL_E_BAD_INPUT;
    *out_value = value;
    return SL_OK;
}

void sl_text_format_list(char *out_text, size_t size, const char *format, va_list args) {
    (void)vsnprintf(out_text, size, format, args); /* cut text is what is asked for */
}

void sl_text_format(char *out_text, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sl_text_format_list(out_text, size, format, args);
    va_end(args);
}

size_t sl_text_control(struct sl_bytes text) {
    if (text.size == 0) return 0;
    uint8_t c = text.data[0];
    if (c < 0x20 || c == 0x7f) return 1;
    bool is_c1 = c == 0xc2 && text.size > 1 && text.data[1] >= 0x80 && text.data[1] < 0xa0; /* U+0080 to U+009F */
    return is_c1 ? 2 : 0;
}

void sl_text_escape(struct sl_buf *buf, struct sl_bytes text) {
    bool valid = sl_utf8_is_valid(text);
    size_t controls = 0; /* bytes of a control character that are still to come */
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (controls == 0) controls = sl_text_control(sl_bytes(text.data + i, text.size - i));
        if (controls > 0 || (c >= 0x80 && !valid)) {
            (void)sl_buf_format(buf, "\\x%02x", c); /* kept in buf->failed */
        } else {
            (void)sl_buf_append(buf, &c, 1); /* kept in buf->failed */
        }
        if (controls > 0) controls--;
    }
}

void sl_text_clean(struct sl_buf *buf, struct sl_bytes text, size_t size_max) {
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */
    size_t written = 0;
    while (text.size > 0) {
        size_t size = sl_utf8_size(text);
        struct sl_bytes character = size ? sl_bytes(text.data, size) : sl_bytes(replacement, sizeof replacement);
        if (character.size > size_max - written) return;
        (void)sl_buf_append(buf, character.data, character.size); /* kept in buf->failed */
        written += character.size;
        text = sl_bytes(text.data + (size ? size : 1), text.size - (size ? size : 1));
    }
}

/* Civil date from days since 1970 (Howard Hinnant, chrono-compatible low-level date algorithms). */
void sl_text_time(uint64_t wall_ms, char out_text[SL_TIME_TEXT_SIZE]) {
    uint64_t days = wall_ms / 86400000u, rest = wall_ms % 86400000u;
    if (days > 2932896) days = 2932896; /* 9999-12-31 */
    uint64_t z = days + 719468, era = z / 146097, day_of_era = z - era * 146097;
    uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * day_of_year + 2) / 153;
    unsigned day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    unsigned month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    unsigned year = (unsigned)(year_of_era + era * 400 + (month <= 2));
    char text[64];
    (void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day,
                   (unsigned)(rest / 3600000), (unsigned)(rest / 60000 % 60), (unsigned)(rest / 1000 % 60),
                   (unsigned)(rest % 1000));
    memcpy(out_text, text, SL_TIME_TEXT_SIZE - 1);
    out_text[SL_TIME_TEXT_SIZE - 1] = '\0';
}

int sl_text_shown_size(struct sl_bytes text) {
    size_t size = text.size < SHOWN_MAX ? text.size : SHOWN_MAX;
    while (size > 0 && size < text.size && (text.data[size] & 0xc0) == 0x80) size--;
    return (int)size;
}

const char *sl_text_shown(struct sl_bytes text) {
    return text.data ? (const char *)text.data : "";
}
