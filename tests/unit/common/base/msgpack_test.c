/* The writer and the checker against msgpack-c. */
#include "base/err.h"
#include "base/msgpack.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <msgpack.h>

enum { DEPTH_MAX = 8, OBJECT_COUNT = 3000, MUTATION_COUNT = 200000 };

static struct sl_failing_alloc memory;
static struct sl_buf ours;
static msgpack_sbuffer theirs;
static msgpack_packer packer;
static struct sl_rng rng;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_buf_init(&ours, &memory.alloc);
    msgpack_sbuffer_init(&theirs);
    msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
    rng.state = 1;
}

static void tear_down(void) {
    sl_buf_fini(&ours);
    msgpack_sbuffer_destroy(&theirs);
    cr_assert_eq(memory.live_bytes, 0);
}

static void clear(void) {
    sl_buf_clear(&ours);
    msgpack_sbuffer_clear(&theirs);
}

static void expect_equal(const char *what) {
    cr_assert_not(ours.failed);
    cr_assert_eq(ours.size, theirs.size, "%s: %zu bytes, msgpack-c writes %zu", what, ours.size, theirs.size);
    cr_assert_arr_eq(ours.data, theirs.data, theirs.size, "%s", what);
}

TestSuite(msgpack, .init = set_up, .fini = tear_down);

Test(msgpack, integers_take_the_same_form_at_every_boundary) {
    for (int bits = 0; bits < 64; bits++) {
        for (int delta = -2; delta <= 2; delta++) {
            uint64_t value = ((uint64_t)1 << bits) + (uint64_t)(int64_t)delta;
            clear();
            sl_mp_uint(&ours, value);
            msgpack_pack_uint64(&packer, value);
            sl_mp_int(&ours, (int64_t)value);
            msgpack_pack_int64(&packer, (int64_t)value);
            sl_mp_int(&ours, (int64_t)(0 - value));
            msgpack_pack_int64(&packer, (int64_t)(0 - value));
            expect_equal("integer");
        }
    }
}

Test(msgpack, lengths_take_the_same_form_at_every_boundary) {
    static const uint32_t sizes[] = {0, 1, 15, 16, 31, 32, 33, 255, 256, 65535, 65536, 100000};
    static char bytes[100000];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        clear();
        sl_mp_str(&ours, sl_bytes(bytes, sizes[i]));
        sl_mp_bin(&ours, sl_bytes(bytes, sizes[i]));
        sl_mp_array(&ours, sizes[i]);
        sl_mp_map(&ours, sizes[i]);
        msgpack_pack_str(&packer, sizes[i]);
        msgpack_pack_str_body(&packer, bytes, sizes[i]);
        msgpack_pack_bin(&packer, sizes[i]);
        msgpack_pack_bin_body(&packer, bytes, sizes[i]);
        msgpack_pack_array(&packer, sizes[i]);
        msgpack_pack_map(&packer, sizes[i]);
        expect_equal("length");
    }
}

/* One random object, written by both. */
static void write_object(int depth);

static void write_text(void) {
    static const char *const texts[] = {"", "a", "stage", "Größe", "日本語", "a text that is longer than thirty-one bytes are"};
    const char *text = texts[sl_rng_below(&rng, 6)];
    sl_mp_str(&ours, sl_text(text));
    msgpack_pack_str(&packer, strlen(text));
    msgpack_pack_str_body(&packer, text, strlen(text));
}

static void write_number(void) {
    uint64_t value = sl_rng_next(&rng) >> sl_rng_below(&rng, 64);
    if (sl_rng_chance(&rng, 1, 3)) {
        sl_mp_double(&ours, (double)value / 3);
        msgpack_pack_double(&packer, (double)value / 3);
    } else if (sl_rng_chance(&rng, 1, 2)) {
        sl_mp_uint(&ours, value);
        msgpack_pack_uint64(&packer, value);
    } else {
        sl_mp_int(&ours, (int64_t)value);
        msgpack_pack_int64(&packer, (int64_t)value);
    }
}

static void write_container(int depth) {
    uint32_t count = (uint32_t)sl_rng_below(&rng, 20);
    bool is_map = sl_rng_chance(&rng, 1, 2);
    if (is_map) {
        sl_mp_map(&ours, count);
        msgpack_pack_map(&packer, count);
    } else {
        sl_mp_array(&ours, count);
        msgpack_pack_array(&packer, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_map) write_text();
        write_object(depth + 1);
    }
}

static void write_object(int depth) {
    switch (sl_rng_below(&rng, depth < DEPTH_MAX - 1 && sl_rng_chance(&rng, 1, depth + 1) ? 6 : 5)) {
    case 0:
        sl_mp_nil(&ours);
        msgpack_pack_nil(&packer);
        break;
    case 1: {
        bool truth = sl_rng_chance(&rng, 1, 2);
        sl_mp_bool(&ours, truth);
        (void)(truth ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
        break;
    }
    case 2:
        write_text();
        break;
    case 3:
        sl_mp_bin(&ours, sl_bytes("\xff\x00\x80", 3));
        msgpack_pack_bin(&packer, 3);
        msgpack_pack_bin_body(&packer, "\xff\x00\x80", 3);
        break;
    case 4:
        write_number();
        break;
    default:
        write_container(depth);
    }
}

Test(msgpack, random_objects_have_the_bytes_that_msgpack_c_writes) {
    for (int i = 0; i < OBJECT_COUNT; i++) {
        clear();
        write_object(0);
        expect_equal("object");
        cr_assert_eq(sl_mp_check(sl_buf_bytes(&ours), DEPTH_MAX + 1, UINT32_MAX), SL_OK);
    }
}

/* Whether msgpack-c reads the bytes as one object without ext and with UTF-8 text only. */
static bool is_fine(const msgpack_object *object) {
    switch (object->type) {
    case MSGPACK_OBJECT_EXT:
        return false;
    case MSGPACK_OBJECT_STR:
        return sl_utf8_is_valid(sl_bytes(object->via.str.ptr, object->via.str.size));
    case MSGPACK_OBJECT_ARRAY:
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (!is_fine(&object->via.array.ptr[i])) return false;
        }
        return true;
    case MSGPACK_OBJECT_MAP:
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            if (!is_fine(&object->via.map.ptr[i].key) || !is_fine(&object->via.map.ptr[i].val)) return false;
        }
        return true;
    default:
        return true;
    }
}

static bool is_fine_for_msgpack_c(const uint8_t *data, size_t size) {
    msgpack_unpacked result;
    size_t offset = 0;
    msgpack_unpacked_init(&result);
    msgpack_unpack_return rc = msgpack_unpack_next(&result, (const char *)data, size, &offset);
    bool fine = rc == MSGPACK_UNPACK_SUCCESS && offset == size && is_fine(&result.data);
    msgpack_unpacked_destroy(&result);
    return fine;
}

/* msgpack-c reserves memory for every head before it sees the members, so only short inputs are given to it. */
Test(msgpack, mutated_bytes_are_sound_exactly_when_msgpack_c_thinks_so) {
    int sound = 0;
    for (int i = 0; i < MUTATION_COUNT; i++) {
        uint8_t bytes[24];
        size_t size = sl_rng_below(&rng, sizeof bytes + 1);
        for (size_t k = 0; k < size; k++) {
            /* Heads are made likely, huge counts impossible: 0xc6, 0xc9, 0xdb to 0xdf become nil. */
            uint64_t random = sl_rng_next(&rng);
            bytes[k] = random & 256 ? (uint8_t)(0x80 | (random & 0x7f)) : (uint8_t)(random & 0x0f);
            if (bytes[k] == 0xc6 || bytes[k] == 0xc9 || (bytes[k] >= 0xdb && bytes[k] <= 0xdf)) bytes[k] = 0xc0;
        }
        bool fine = is_fine_for_msgpack_c(bytes, size);
        sound += fine;
        cr_assert_eq(sl_mp_check(sl_bytes(bytes, size), 32, UINT32_MAX) == SL_OK, fine, "input %d", i);
    }
    cr_assert_gt(sound, 1000, "the test must see sound input too");
}

Test(msgpack, a_writer_without_memory_says_so_and_appends_nothing_more) {
    for (uint64_t countdown = 0; countdown < 4; countdown++) {
        static const char text[300];
        sl_failing_alloc_init(&memory, countdown);
        sl_buf_init(&ours, &memory.alloc);
        for (int i = 0; i < 10; i++) sl_mp_bin(&ours, sl_bytes(text, sizeof text));
        cr_assert(ours.failed);
        size_t size = ours.size;
        sl_mp_nil(&ours);
        sl_mp_str(&ours, sl_text("a"));
        sl_mp_raw(&ours, sl_text("\xc0"));
        cr_assert_eq(ours.size, size);
        sl_buf_fini(&ours);
    }
}
