/* Addresses of Redis as people write them. */
#include "base/err.h"
#include "shell/ledger_address.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sl_ledger_address address;
static char why[256], text[SL_LEDGER_ADDRESS_TEXT_SIZE];

static void expect(const char *written, const char *read) {
    cr_assert(sl_ledger_address_parse(written, &address, why, sizeof why) == SL_OK, "%s: %s", written, why);
    sl_ledger_address_text(&address, text);
    cr_assert(strcmp(text, read) == 0, "%s is read as %s", written, text);
}

static void expect_refusal(const char *written) {
    why[0] = '\0';
    cr_assert(sl_ledger_address_parse(written, &address, why, sizeof why) == SL_E_BAD_INPUT, "%s is taken", written);
    cr_assert(why[0]);
}

Test(ledger_address, reads_sockets_and_hosts) {
    expect("/run/redis.sock", "/run/redis.sock");
    expect("./redis.sock", "./redis.sock");
    expect("unix:redis.sock", "redis.sock");
    expect("unix:///run/redis.sock", "/run/redis.sock");
    expect("redis://redis", "redis:6379");
    expect("redis://redis:7000/0", "redis:7000");
    expect("redis", "redis:6379");
    expect("127.0.0.1:7000", "127.0.0.1:7000");
    expect("tcp://redis.example:1", "redis.example:1");
    expect("[::1]:65535", "[::1]:65535");
    expect("::1", "[::1]:6379");
    expect("[fe80::1]", "[fe80::1]:6379");
}

Test(ledger_address, refuses_the_rest) {
    const char *const bad[] = {"", ":6379", "host:", "host:0", "host:65536", "host:x", "host:-1", "[]:1", "unix:", "tcp://"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_refusal(bad[i]);
}

Test(ledger_address, never_repeats_a_password) {
    const char *const bad[] = {"redis://:secret@host", "redis://me:secret@host:6379/0", "me:secret@host", "rediss://me:secret@host",
                               "redis://host/secret", "tcp://secret@host", "http://me:secret@host"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        expect_refusal(bad[i]);
        cr_assert_null(strstr(why, "secret"), "%s", why);
    }
    expect_refusal("http://localhost");
    cr_assert(strstr(why, "http:// is no scheme"), "%s", why);
}

Test(ledger_address, keeps_the_limits_of_names) {
    char path[SL_LEDGER_PATH_MAX + 2], host[SL_LEDGER_HOST_MAX + 2];
    memset(path, 'p', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    expect_refusal(path);
    cr_assert(strstr(why, "108 bytes"), "%s", why);
    path[SL_LEDGER_PATH_MAX] = '\0';
    expect(path, path);
    memset(host, 'h', sizeof host);
    host[sizeof host - 1] = '\0';
    expect_refusal(host);
    host[SL_LEDGER_HOST_MAX] = '\0';
    cr_assert(sl_ledger_address_parse(host, &address, why, sizeof why) == SL_OK);
}
