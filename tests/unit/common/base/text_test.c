/* Text that people type and read. */
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/rng.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

static struct sl_buf buf;

static void set_up(void) {
    sl_buf_init(&buf, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&buf);
}

TestSuite(text, .init = set_up, .fini = tear_down);

Test(text, suggests_the_nearest_word_and_nothing_when_all_are_far) {
    static const char *const words[] = {"depends_on", "policy", "config", "type", "name", "on_failure"};
    static const struct {
        const char *word;
        const char *expected;
    } rows[] = {
        {"depend_on", "depends_on"}, {"polcy", "policy"}, {"pilocy", "policy"}, {"cofnig", "config"}, {"tpye", "type"},
        {"typ", "type"}, {"nam", "name"}, {"on_failrue", "on_failure"}, {"config", "config"}, {"zebra", NULL}, {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = sl_text_suggest(sl_text(rows[i].word), words, 6);
        if (rows[i].expected) {
            cr_assert_str_eq(found, rows[i].expected, "%s", rows[i].word);
        } else {
            cr_assert_null(found, "%s suggests %s", rows[i].word, found);
        }
    }
}

Test(text, suggests_nothing_for_words_that_are_too_long) {
    char word[66];
    const char *const words[] = {word};
    memset(word, 'a', sizeof word);
    word[65] = '\0';
    cr_assert_null(sl_text_suggest(sl_text(word), words, 1));
    word[64] = '\0';
    cr_assert_not_null(sl_text_suggest(sl_text(word), words, 1));
}

Test(text, names_keys_and_fields_have_their_letters) {
    char longest[SL_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    cr_assert(sl_text_is_name(sl_bytes(longest, SL_NAME_MAX)));
    cr_assert_not(sl_text_is_name(sl_bytes(longest, SL_NAME_MAX + 1)));
    cr_assert(sl_text_is_name(sl_text("Stage-1_x")));
    cr_assert(sl_text_is_name(sl_text("1st")));
    cr_assert_not(sl_text_is_name(sl_text("")));
    cr_assert_not(sl_text_is_name(sl_text("a b")));
    cr_assert_not(sl_text_is_name(sl_text("a.b")));
    cr_assert(sl_text_is_state_key(sl_text("_chunks2")));
    cr_assert(sl_text_is_state_key(sl_text("result")));
    cr_assert_not(sl_text_is_state_key(sl_text("results")));
    cr_assert_not(sl_text_is_state_key(sl_text("2chunks")));
    cr_assert_not(sl_text_is_state_key(sl_text("a-b")));
    cr_assert_not(sl_text_is_state_key(sl_text("a.b")));
    cr_assert(sl_text_is_field(sl_text("review.approved")));
    cr_assert_not(sl_text_is_field(sl_text(".approved")));
    cr_assert_not(sl_text_is_field(sl_bytes(longest, SL_NAME_MAX + 1)));
}

Test(text, durations_and_sizes_are_read_with_their_units) {
    static const struct {
        const char *text;
        uint64_t value;
        bool is_size;
    } rows[] = {
        {"250ms", 250, false}, {"5s", 5000, false}, {"1.5", 1500, false}, {"2m", 120000, false}, {"1h", 3600000, false},
        {"0", 0, false}, {"7d", 604800000, false}, {"64k", 65536, true}, {"16M", 16777216, true}, {"1G", 1073741824, true},
        {"512", 512, true}, {"0", 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 1;
        int rc = rows[i].is_size ? sl_text_to_size(rows[i].text, &value) : sl_text_to_duration_ms(rows[i].text, &value);
        cr_assert_eq(rc, SL_OK, "%s", rows[i].text);
        cr_assert_eq(value, rows[i].value, "%s", rows[i].text);
    }
}

Test(text, durations_sizes_and_numbers_that_are_none_are_refused) {
    static const char *const texts[] = {"", "s", "-1", "5 s", "5x", "1e400", " 5", "+5", "nan", "inf", "0x10s"};
    uint64_t value = 77;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(sl_text_to_duration_ms(texts[i], &value), SL_E_BAD_INPUT, "%s", texts[i]);
        cr_assert_eq(sl_text_to_size(texts[i], &value), SL_E_BAD_INPUT, "%s", texts[i]);
        cr_assert_eq(sl_text_to_uint(texts[i], 100, &value), SL_E_BAD_INPUT, "%s", texts[i]);
    }
    cr_assert_eq(value, 77);
}

Test(text, whole_numbers_end_at_their_maximum) {
    uint64_t value;
    cr_assert_eq(sl_text_to_uint("100", 100, &value), SL_OK);
    cr_assert_eq(value, 100);
    cr_assert_eq(sl_text_to_uint("101", 100, &value), SL_E_BAD_INPUT);
    cr_assert_eq(sl_text_to_uint("18446744073709551615", UINT64_MAX, &value), SL_OK);
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_eq(sl_text_to_uint("18446744073709551616", UINT64_MAX, &value), SL_E_BAD_INPUT);
    cr_assert_eq(sl_text_to_uint("99999999999999999999999", UINT64_MAX, &value), SL_E_BAD_INPUT);
}

Test(text, escaping_leaves_nothing_that_moves_a_cursor) {
    sl_text_escape(&buf, sl_bytes("a\n\x1b[2J\x7f\0z", 9));
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "a\\x0a\\x1b[2J\\x7f\\x00z"));
    sl_buf_clear(&buf);
    sl_text_escape(&buf, sl_text("Gr\xc3\xb6\xc3\x9f" "e"));
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "Gr\xc3\xb6\xc3\x9f" "e"));
    sl_buf_clear(&buf);
    sl_text_escape(&buf, sl_text("x\xff"));
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "x\\xff"));
}

Test(text, escaping_knows_every_control_character) {
    for (uint32_t code = 0; code < 0x200; code++) {
        uint8_t utf8[2] = {(uint8_t)code};
        size_t size = 1;
        if (code >= 0x80) {
            utf8[0] = (uint8_t)(0xc0 | code >> 6);
            utf8[1] = (uint8_t)(0x80 | (code & 0x3f));
            size = 2;
        }
        bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        sl_buf_clear(&buf);
        sl_text_escape(&buf, sl_bytes(utf8, size));
        cr_assert_eq(buf.size, control ? 4 * size : size, "U+%04x", code);
        cr_assert_eq(sl_text_control(sl_bytes(utf8, size)), control ? size : 0, "U+%04x", code);
    }
    sl_buf_clear(&buf);
    sl_text_escape(&buf, sl_text("\xc2\x9b" "31m\xc2\x85\xc2\xa0\xe2\x82\x80"));
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "\\xc2\\x9b" "31m\\xc2\\x85\xc2\xa0\xe2\x82\x80"));
    cr_assert_eq(sl_text_control(sl_bytes("\xc2", 1)), 0, "cut");
    cr_assert_eq(sl_text_control(sl_bytes("", 0)), 0);
}

Test(text, cleaning_gives_utf8_that_fits) {
    static const struct {
        const char *text;
        size_t size_max;
        const char *expected;
    } rows[] = {
        {"plain", 5, "plain"}, {"plain", 4, "plai"}, {"plain", 0, ""}, {"\xc3\xa4\xc3\xb6", 3, "\xc3\xa4"},
        {"a\xff" "b", 9, "a\xef\xbf\xbd" "b"}, {"a\xff" "b", 3, "a"}, {"\xe2\x82", 9, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"line\n\ttab", 9, "line\n\ttab"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_buf_clear(&buf);
        sl_text_clean(&buf, sl_text(rows[i].text), rows[i].size_max);
        cr_assert(sl_bytes_is(sl_buf_bytes(&buf), rows[i].expected), "row %zu", i);
    }
    struct sl_rng rng = {.state = 2};
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[32];
        size_t size = sl_rng_below(&rng, 33), size_max = sl_rng_below(&rng, 40);
        for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t)(sl_rng_next(&rng) | (sl_rng_chance(&rng, 1, 2) ? 0x80 : 0));
        sl_buf_clear(&buf);
        sl_text_clean(&buf, sl_bytes(bytes, size), size_max);
        cr_assert_leq(buf.size, size_max);
        cr_assert(sl_utf8_is_valid(sl_buf_bytes(&buf)));
    }
}

Test(text, time_is_that_of_the_c_library) {
    static const uint64_t edges[] = {0, 1, 951782399999u, 951782400000u, 1768471200123u, 4107542399999u, 253402300799999u};
    struct sl_rng rng = {.state = 4};
    for (int i = 0; i < 20000; i++) {
        uint64_t wall_ms = i < 7 ? edges[i] : sl_rng_below(&rng, 253402300800000u);
        char ours[SL_TIME_TEXT_SIZE], theirs[64];
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm parts;
        cr_assert_not_null(gmtime_r(&seconds, &parts));
        size_t size = strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S", &parts);
        (void)snprintf(theirs + size, sizeof theirs - size, ".%03uZ", (unsigned)(wall_ms % 1000));
        sl_text_time(wall_ms, ours);
        cr_assert_str_eq(ours, theirs);
    }
}

Test(text, formatting_cuts_what_does_not_fit) {
    char text[6];
    sl_text_format(text, sizeof text, "%s", "abcdefgh");
    cr_assert_str_eq(text, "abcde");
}
