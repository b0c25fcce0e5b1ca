/* Whole files with limits and sentences. */
#include "base/err.h"
#include "io/file.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64], error[256];
static struct sl_buf buf;

static void set_up(void) {
    (void)strcpy(path, "/tmp/sluice-file-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    sl_buf_init(&buf, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&buf);
    (void)unlink(path);
}

static void fill(size_t size) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    for (size_t i = 0; i < size; i++) (void)fputc((int)(i % 251), file);
    cr_assert_eq(fclose(file), 0);
}

TestSuite(file, .init = set_up, .fini = tear_down);

Test(file, is_read_whole_and_appended) {
    fill(200000);
    cr_assert_eq(sl_buf_append(&buf, "before", 6), SL_OK);
    cr_assert_eq(sl_file_read(path, 200000, &buf, error, sizeof error), SL_OK);
    cr_assert_eq(buf.size, 200006);
    for (size_t i = 0; i < 200000; i++) cr_assert_eq(buf.data[6 + i], i % 251);
}

Test(file, that_is_empty_reads_as_nothing) {
    cr_assert_eq(sl_file_read(path, 10, &buf, error, sizeof error), SL_OK);
    cr_assert_eq(buf.size, 0);
}

Test(file, above_the_limit_is_refused_with_the_limit_named) {
    fill(101);
    cr_assert_eq(sl_file_read(path, 100, &buf, error, sizeof error), SL_E_LIMIT);
    cr_assert(strstr(error, "larger than the limit of 100 bytes"), "%s", error);
    cr_assert(strstr(error, path));
    cr_assert_eq(buf.size, 0);
    cr_assert_eq(sl_file_read(path, 101, &buf, error, sizeof error), SL_OK);
    cr_assert_eq(truncate(path, 200l << 20), 0);
    cr_assert_eq(sl_file_read(path, 4 << 20, &buf, error, sizeof error), SL_E_LIMIT);
    cr_assert_lt(buf.capacity, 1 << 20, "its size is known before it is read");
}

Test(file, without_end_is_refused_at_the_limit) {
    cr_assert_eq(sl_file_read("/dev/zero", 1 << 20, &buf, error, sizeof error), SL_E_LIMIT);
    cr_assert_eq(buf.size, 0);
}

Test(file, that_cannot_be_read_says_why) {
    cr_assert_eq(sl_file_read("/no/such/file", 10, &buf, error, sizeof error), SL_E_NOT_FOUND);
    cr_assert_str_eq(error, "/no/such/file: no such file");
    cr_assert_eq(sl_file_read("/tmp", 10, &buf, error, sizeof error), SL_E_BAD_INPUT);
    cr_assert_str_eq(error, "/tmp: this is a directory; name a file");
    cr_assert_eq(chmod(path, 0), 0);
    if (geteuid() == 0) return; /* who may read everything */
    cr_assert_eq(sl_file_read(path, 10, &buf, error, sizeof error), SL_E_REFUSED);
    cr_assert(strstr(error, "you may not read this file"));
}

Test(file, may_be_a_pipe) {
    int pair[2];
    cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
    cr_assert_eq(write(pair[1], "from a pipe", 11), 11);
    (void)close(pair[1]);
    cr_assert_eq(sl_file_read_fd(pair[0], "standard input", 11, &buf, error, sizeof error), SL_OK);
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "from a pipe"));
    (void)close(pair[0]);
    cr_assert_eq(sl_file_read_fd(pair[0], "standard input", 11, &buf, error, sizeof error), SL_E_IO);
    cr_assert(strstr(error, "standard input"));
}

Test(file, every_allocation_can_fail) {
    struct sl_failing_alloc memory;
    fill(300000);
    for (uint64_t countdown = 0;; countdown++) {
        struct sl_buf small;
        sl_failing_alloc_init(&memory, countdown);
        sl_buf_init(&small, &memory.alloc);
        int rc = sl_file_read(path, 300000, &small, error, sizeof error);
        cr_assert_eq(rc, memory.has_failed ? SL_E_NO_MEMORY : SL_OK);
        if (rc) cr_assert_eq(small.size, 0);
        sl_buf_fini(&small);
        if (rc == SL_OK) break;
    }
    cr_assert_gt(memory.take_count, 2);
}
