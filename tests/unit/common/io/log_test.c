/* Lines of the log, read back from a pipe in the place of stderr. */
#include "base/err.h"
#include "base/msgpack.h"
#include "io/json.h"
#include "io/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int pair[2], stderr_kept;
static char line[65536];

static void set_up(void) {
    cr_assert_eq(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_neq(fcntl(pair[0], F_SETPIPE_SZ, (int)sizeof line), -1);
    stderr_kept = dup(STDERR_FILENO);
    cr_assert_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
}

static void tear_down(void) {
    (void)dup2(stderr_kept, STDERR_FILENO);
    (void)close(stderr_kept);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* What was logged since the last call. */
static const char *logged(void) {
    ssize_t size = read(pair[0], line, sizeof line - 1);
    line[size > 0 ? size : 0] = '\0';
    return line;
}

static bool matches(const char *text, const char *pattern) {
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

TestSuite(log, .init = set_up, .fini = tear_down);

Test(log, is_json_off_a_terminal) {
    sl_log_open("sluice-broker", SL_LOG_INFO, SL_LOG_AUTO);
    sl_log(SL_LOG_WARNING, "worker %s is lost", "w1");
    cr_assert(matches(logged(), "^\\{\"ts\":\"" TIME "\",\"level\":\"warning\",\"msg\":\"worker w1 is lost\","
                                "\"component\":\"sluice-broker\"\\}\n$"),
              "%s", line);
}

Test(log, has_fields_in_both_forms) {
    struct sl_log_field fields[] = {sl_log_text("worker", sl_text("w 1")), sl_log_number("slots", UINT64_MAX),
                                    sl_log_text("err", sl_bytes(NULL, 0))};
    sl_log_open("b", SL_LOG_INFO, SL_LOG_JSON);
    sl_log_with(SL_LOG_INFO, fields, 3, "welcome");
    cr_assert(strstr(logged(), "\"worker\":\"w 1\",\"slots\":18446744073709551615,\"err\":\"\"}"), "%s", line);
    sl_log_open("b", SL_LOG_INFO, SL_LOG_TEXT);
    sl_log_with(SL_LOG_INFO, fields, 3, "welcome");
    cr_assert(matches(logged(), "^" TIME " info b: welcome worker=w 1 slots=18446744073709551615 err=\n$"), "%s", line);
}

Test(log, leaves_out_what_is_below_its_level) {
    static const enum sl_log_level levels[] = {SL_LOG_DEBUG, SL_LOG_INFO, SL_LOG_WARNING, SL_LOG_ERROR};
    for (int least = 0; least < 4; least++) {
        sl_log_open("b", levels[least], SL_LOG_JSON);
        for (int i = 0; i < 4; i++) {
            sl_log(levels[i], "x");
            cr_assert_eq(*logged() != '\0', i >= least);
            cr_assert_eq(sl_log_is_on(levels[i]), i >= least);
        }
    }
}

Test(log, one_event_is_one_line_whatever_it_holds) {
    static const char evil[] = "a\n{\"level\":\"error\"}\r\x1b[2J\"\\ caf\xe9";
    struct sl_log_field field = sl_log_text("detail", sl_text(evil));
    struct sl_buf value;
    char error[128];
    sl_log_open("b", SL_LOG_INFO, SL_LOG_JSON);
    sl_log_with(SL_LOG_INFO, &field, 1, "%s", evil);
    (void)logged();
    cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
    cr_assert_null(strchr(line, '\x1b'));
    sl_buf_init(&value, sl_alloc_system());
    cr_assert_eq(sl_json_to_msgpack(sl_text(line), &value, error, sizeof error), SL_OK, "%s", error);
    sl_buf_fini(&value);
    sl_log_open("b", SL_LOG_INFO, SL_LOG_TEXT);
    sl_log_with(SL_LOG_INFO, &field, 1, "%s", evil);
    (void)logged();
    cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
    cr_assert_null(strchr(line, '\x1b'));
    cr_assert_null(strchr(line, '\r'));
}

Test(log, cuts_a_message_that_is_too_long) {
    static char text[20000];
    memset(text, 'x', sizeof text - 1);
    sl_log_open("b", SL_LOG_INFO, SL_LOG_TEXT);
    sl_log(SL_LOG_INFO, "%s", text);
    cr_assert_lt(strlen(logged()), 5000);
    cr_assert_eq(line[strlen(line) - 1], '\n');
}

Test(log, keeps_errno) {
    sl_log_open("b", SL_LOG_INFO, SL_LOG_TEXT);
    errno = ENOENT;
    (void)close(pair[0]); /* and a log that nobody reads ends nothing */
    (void)signal(SIGPIPE, SIG_IGN);
    sl_log(SL_LOG_INFO, "x");
    cr_assert_eq(errno, ENOENT);
    pair[0] = dup(pair[1]);
}

Test(log, levels_have_names) {
    enum sl_log_level level = SL_LOG_DEBUG;
    cr_assert_eq(sl_log_level_from_text("error", &level), SL_OK);
    cr_assert_eq(level, SL_LOG_ERROR);
    cr_assert_eq(sl_log_level_from_text("debug", &level), SL_OK);
    cr_assert_eq(level, SL_LOG_DEBUG);
    cr_assert_eq(sl_log_level_from_text("loud", &level), SL_E_BAD_INPUT);
}
