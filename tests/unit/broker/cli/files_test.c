/* Files as documents: which are taken, under which key, and the sentences on those that are not. */
#include "cli/files.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sluice-files-XXXXXX";
static char error[512];

static void begin(void) {
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void end(void) {
    cr_assert_eq(system("rm -rf \"$PWD\""), 0);
}

TestSuite(files, .init = begin, .fini = end);

static void put(const char *name, const char *contents, size_t size) {
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(contents, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

Test(files, a_document_is_its_path_and_its_contents) {
    put("a.md", "hello\n", 6);
    struct sl_buf payload, key;
    sl_buf_init(&payload, sl_alloc_system());
    sl_buf_init(&key, sl_alloc_system());
    cr_assert_eq(sl_file_to_document("./a.md", &payload, &key, error, sizeof error), SL_OK);
    char path[PATH_MAX], expected[PATH_MAX + 128];
    (void)snprintf(path, sizeof path, "%s/a.md", folder);
    (void)snprintf(expected, sizeof expected, "%s@sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", path);
    cr_assert_eq(key.size, strlen(expected));
    cr_assert_eq(memcmp(key.data, expected, key.size), 0, "%.*s", (int)key.size, (char *)key.data);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&payload));
    cr_assert_eq(sl_mp_read_map(&reader, 9), 3u);
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 99), "name"));
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 4096), path));
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 99), "media_type"));
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 99), "text/markdown"));
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 99), "bytes"));
    cr_assert(sl_bytes_is(sl_mp_read_bin(&reader, 99), "hello\n"));
    cr_assert_eq(sl_mp_end(&reader), SL_OK);
    sl_buf_fini(&payload);
    sl_buf_fini(&key);
}

static int document(const char *path, size_t *out_size) {
    struct sl_buf payload, key;
    sl_buf_init(&payload, sl_alloc_system());
    sl_buf_init(&key, sl_alloc_system());
    error[0] = '\0';
    int rc = sl_file_to_document(path, &payload, &key, error, sizeof error);
    *out_size = payload.size;
    cr_assert_eq(rc == SL_OK, error[0] == '\0');
    cr_assert(rc == SL_OK || strstr(error, path) || strstr(error, "path"), "the file is named: %s", error);
    sl_buf_fini(&payload);
    sl_buf_fini(&key);
    return rc;
}

Test(files, what_cannot_be_a_document_is_named) {
    size_t size;
    put("empty", "", 0);
    cr_assert_eq(mkdir("folder", 0700), 0);
    put("bad\xff", "x", 1);
    cr_assert_eq(document("empty", &size), SL_E_BAD_INPUT);
    cr_assert_eq(document("folder", &size), SL_E_BAD_INPUT);
    cr_assert_eq(document("nowhere", &size), SL_E_NOT_FOUND);
    cr_assert_eq(document("bad\xff", &size), SL_E_BAD_INPUT);
}

Test(files, the_largest_one_still_is_a_value) {
    size_t size, largest = SL_VALUE_BYTES_MAX - 64 - SL_DOC_KEY_MAX;
    static const size_t more[] = {0, 1, 200 << 20};
    for (size_t i = 0; i < 3; i++) {
        put("large", "", 0);
        cr_assert_eq(truncate("large", (off_t)(largest + more[i])), 0);
        cr_assert_eq(document("large", &size), i == 0 ? SL_OK : SL_E_LIMIT);
        cr_assert_leq(size, (size_t)SL_VALUE_BYTES_MAX);
    }
}

Test(files, a_word_means_a_file_a_folder_or_a_glob) {
    put("b.txt", "b", 1);
    put("a.txt", "a", 1);
    put(".hidden", "h", 1);
    cr_assert_eq(mkdir("inner", 0700), 0);
    put("inner/c", "c", 1);
    cr_assert_eq(mkdir("nothing", 0700), 0);
    struct sl_files files = {0};
    cr_assert_eq(sl_files_add(&files, ".", error, sizeof error), SL_OK);
    cr_assert_eq(files.count, 2u);
    cr_assert_str_eq(files.paths[0], "./a.txt");
    cr_assert_eq(sl_files_add(&files, "*.txt", error, sizeof error), SL_OK);
    cr_assert_eq(files.count, 4u);
    cr_assert_eq(sl_files_add(&files, "inner/c", error, sizeof error), SL_OK);
    cr_assert_eq(files.count, 5u);
    cr_assert_eq(sl_files_add(&files, "nothing", error, sizeof error), SL_E_NOT_FOUND);
    cr_assert_not_null(strstr(error, "nothing"));
    cr_assert_eq(sl_files_add(&files, "no*such", error, sizeof error), SL_E_NOT_FOUND);
    cr_assert_eq(files.count, 5u);
    sl_files_fini(&files);
}
