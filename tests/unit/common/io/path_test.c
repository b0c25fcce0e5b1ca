/* Absolute paths and folders. */
#include "base/err.h"
#include "io/path.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], error[256];

static void set_up(void) {
    (void)strcpy(folder, "/tmp/sluice-path-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    (void)umask(022);
}

static void tear_down(void) {
    (void)unlink("file");
    (void)rmdir("a/b/c");
    (void)rmdir("a/b");
    (void)rmdir("a");
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(path, .init = set_up, .fini = tear_down);

Test(path, becomes_absolute_and_plain) {
    static const struct {
        const char *path;
        const char *expected;
    } rows[] = {{"/", "/"},         {"/a/b", "/a/b"},     {"//a///b/", "/a/b"},    {"/a/./b/.", "/a/b"},
                {"/a/../b", "/b"}, {"/../..", "/"},       {"/a/b/../../c", "/c"}, {"/a/..b/c.", "/a/..b/c."}};
    char out[PATH_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(sl_path_absolute(rows[i].path, out, sizeof out), SL_OK);
        cr_assert_str_eq(out, rows[i].expected, "%s becomes %s", rows[i].path, out);
    }
}

Test(path, starts_at_the_current_folder) {
    char out[PATH_MAX], expected[128];
    (void)snprintf(expected, sizeof expected, "%s/data", folder);
    cr_assert_eq(sl_path_absolute("data", out, sizeof out), SL_OK);
    cr_assert_str_eq(out, expected);
    cr_assert_eq(sl_path_absolute("./x/../data/", out, sizeof out), SL_OK);
    cr_assert_str_eq(out, expected);
    cr_assert_eq(sl_path_absolute("..", out, sizeof out), SL_OK);
    cr_assert_str_eq(out, "/tmp");
    cr_assert_eq(sl_path_absolute("", out, sizeof out), SL_E_BAD_INPUT);
}

Test(path, that_does_not_fit_is_refused) {
    char out[5];
    cr_assert_eq(sl_path_absolute("/abc", out, sizeof out), SL_OK);
    cr_assert_eq(sl_path_absolute("/abcd", out, sizeof out), SL_E_LIMIT);
    char *longest = malloc(2 * PATH_MAX);
    cr_assert_not_null(longest);
    memset(longest, 'x', 2 * PATH_MAX - 1);
    longest[0] = '/';
    longest[2 * PATH_MAX - 1] = '\0';
    cr_assert_eq(sl_path_absolute(longest, out, sizeof out), SL_E_LIMIT);
    cr_assert_eq(sl_path_make(longest, 0700, error, sizeof error), SL_E_LIMIT);
    free(longest);
}

Test(path, folders_are_made_where_they_are_missing) {
    struct stat status;
    cr_assert_eq(sl_path_make("a/b/c", 0750, error, sizeof error), SL_OK, "%s", error);
    cr_assert_eq(stat("a/b/c", &status), 0);
    cr_assert(S_ISDIR(status.st_mode));
    cr_assert_eq(status.st_mode & 0777, 0750);
    cr_assert_eq(sl_path_make("a/b/c", 0700, error, sizeof error), SL_OK);
    cr_assert_eq(stat("a/b/c", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0750, "what is there keeps its mode");
    cr_assert_eq(sl_path_make("/", 0700, error, sizeof error), SL_OK);
}

Test(path, a_file_in_the_way_is_named) {
    int fd = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    cr_assert_eq(sl_path_make("file", 0700, error, sizeof error), SL_E_BAD_INPUT);
    cr_assert(strstr(error, "a file stands where a folder is needed"), "%s", error);
    cr_assert_eq(sl_path_make("file/below", 0700, error, sizeof error), SL_E_BAD_INPUT);
    cr_assert(strstr(error, folder));
}
