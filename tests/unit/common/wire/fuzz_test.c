/* Bytes that were changed at random: refused or understood, never a crash; what is understood can be written and read again. */
#include "any.h"

#include "base/err.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ROUND_COUNT = 4000 };

static struct sl_rng rng = {.state = 99};

/* Decodes a copy that has a block of its own, so that a read behind its end is seen by the sanitizer. */
static bool understands(const struct any_type *type, const struct sl_buf *body) {
    struct sl_buf frame;
    uint8_t *copy = malloc(body->size + 1);
    cr_assert_not_null(copy);
    memcpy(copy, body->data, body->size);
    sl_buf_init(&frame, sl_alloc_system());
    int rc = any_recode(type, sl_bytes(copy, body->size), &frame);
    if (rc == SL_OK) cr_assert_eq(any_decode(type, sl_bytes(frame.data + 16, frame.size - 16)), SL_OK);
    free(copy);
    sl_buf_fini(&frame);
    return rc == SL_OK;
}

/* Bits flipped, bytes replaced by heads of msgpack, runs removed or repeated. */
static void damage(struct sl_buf *body) {
    static const uint8_t heads[] = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0xff};
    for (uint64_t count = 1 + sl_rng_below(&rng, 4); count > 0 && body->size > 0; count--) {
        size_t at = sl_rng_below(&rng, body->size), rest = body->size - at;
        size_t run = 1 + sl_rng_below(&rng, rest < 8 ? rest : 8);
        switch (sl_rng_below(&rng, 4)) {
        case 0:
            body->data[at] ^= (uint8_t)(1u << sl_rng_below(&rng, 8));
            break;
        case 1:
            body->data[at] = heads[sl_rng_below(&rng, sizeof heads)];
            break;
        case 2:
            memmove(body->data + at, body->data + at + run, rest - run);
            body->size -= run;
            break;
        default:
            (void)sl_buf_append(body, body->data + at, run);
        }
    }
}

Test(fuzz, damaged_messages_never_crash) {
    size_t count, understood = 0, refused = 0;
    const struct any_type *types = any_types(&count);
    struct sl_buf body;
    sl_buf_init(&body, sl_alloc_system());
    for (size_t i = 0; i < count; i++) {
        for (int round = 0; types[i].number && round < ROUND_COUNT; round++) {
            struct any_recipe recipe = {.rng = &rng};
            sl_buf_clear(&body);
            cr_assert_eq(sl_buf_reserve(&body, 1 << 16), SL_OK); /* so that a run may be appended from the body itself */
            any_put(&body, &types[i], &recipe);
            damage(&body);
            *(understands(&types[i], &body) ? &understood : &refused) += 1;
        }
    }
    sl_buf_fini(&body);
    cr_assert_gt(understood, 1000, "%zu understood, %zu refused", understood, refused);
    cr_assert_gt(refused, 1000, "%zu understood, %zu refused", understood, refused);
}

Test(fuzz, random_bytes_never_crash) {
    size_t count;
    const struct any_type *types = any_types(&count);
    struct sl_buf body;
    sl_buf_init(&body, sl_alloc_system());
    for (size_t i = 0; i < count; i++) {
        for (int round = 0; types[i].number && round < ROUND_COUNT; round++) {
            sl_buf_clear(&body);
            sl_mp_map(&body, (uint32_t)sl_rng_below(&rng, 4));
            for (uint64_t size = sl_rng_below(&rng, 60); size > 0; size--) {
                uint8_t byte = (uint8_t)sl_rng_next(&rng);
                (void)sl_buf_append(&body, &byte, 1);
            }
            (void)understands(&types[i], &body);
        }
    }
    sl_buf_fini(&body);
}
