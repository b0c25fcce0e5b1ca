/* Blocks on disk: what they hold, when there is no room, and that nothing is left behind. */
#include "shell/spool.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 1 << 20 };

static char directory[] = "/tmp/sluice-spool-XXXXXX";
static struct sl_spool spool;

static void set_up(void) {
    cr_assert_not_null(mkdtemp(directory));
    (void)signal(SIGXFSZ, SIG_IGN);
    sl_spool_init(&spool, directory, 4 * SIZE);
}

static void tear_down(void) {
    (void)rmdir(directory); /* empty, as a test sees */
}

TestSuite(spool, .init = set_up, .fini = tear_down);

static uint8_t *take(size_t size) {
    return sl_alloc_take(&spool.alloc, size);
}

/* Of a folder, with "." and "..". */
static size_t count_entries(const char *path) {
    size_t count = 0;
    DIR *list = opendir(path);
    cr_assert_not_null(list);
    while (readdir(list)) count++;
    (void)closedir(list);
    return count;
}

Test(spool, keeps_blocks_apart_and_whole) {
    static const size_t sizes[] = {1, 4095, 4097, SIZE};
    uint8_t *blocks[4];
    size_t descriptors = count_entries("/proc/self/fd");
    for (int i = 0; i < 4; i++) {
        blocks[i] = take(sizes[i]);
        cr_assert_not_null(blocks[i]);
        memset(blocks[i], i + 1, sizes[i]);
    }
    cr_assert_eq(count_entries("/proc/self/fd"), descriptors);
    cr_assert_eq(count_entries(directory), 2, "no name is left");
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(blocks[i][0], i + 1);
        cr_assert_eq(blocks[i][sizes[i] - 1], i + 1);
        sl_alloc_give(&spool.alloc, blocks[i], sizes[i]);
    }
    cr_assert_eq(spool.bytes, 0);
    cr_assert_eq(spool.block_count, 0);
}

Test(spool, has_no_room_above_its_size) {
    uint8_t *large = take(3 * SIZE), *rest = take(SIZE);
    cr_assert(large && rest, "at the limit");
    cr_assert_null(take(1));
    sl_alloc_give(&spool.alloc, rest, SIZE);
    cr_assert_null(take(SIZE + 1));
    cr_assert_null(take(SIZE_MAX / 2));
    rest = take(SIZE);
    cr_assert_not_null(rest);
    sl_alloc_give(&spool.alloc, rest, SIZE);
    sl_alloc_give(&spool.alloc, large, 3 * SIZE);
}

/* As on a full disk: there is no room for a file of that size. A process that wrote without it would die. */
Test(spool, finds_out_before_that_a_file_may_not_be_so_large) {
    const struct rlimit small = {SIZE, SIZE};
    size_t descriptors = count_entries("/proc/self/fd");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint8_t *block = take(SIZE);
    cr_assert_not_null(block, "at the limit");
    cr_assert_null(take(SIZE + 1));
    cr_assert_eq(spool.bytes, SIZE);
    sl_alloc_give(&spool.alloc, block, SIZE);
    cr_assert_eq(count_entries("/proc/self/fd"), descriptors);
    cr_assert_eq(count_entries(directory), 2, "no name is left");
}

Test(spool, has_no_room_in_a_folder_that_is_gone) {
    spool.directory = "/nowhere";
    cr_assert_null(take(1));
    cr_assert_eq(spool.bytes, 0);
}
