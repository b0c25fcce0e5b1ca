/* What can be wrong with an endpoint, and the sentence that says so. */
#include "link_fixture.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(endpoint, .init = link_set_up, .fini = link_tear_down, .timeout = 60);

static void expect_refusal(const char *endpoint, int rc, const char *words) {
    struct sl_router *router = NULL;
    (void)strcpy(error, "");
    cr_assert_eq(sl_router_open(context, endpoint, MESSAGE_MAX, &router, error, sizeof error), rc, "%s: %s", endpoint, error);
    cr_assert_null(router);
    cr_assert(strstr(error, words), "%s does not say '%s'", error, words);
}

Test(endpoint, that_is_none_is_refused) {
    static const char *const texts[] = {"", "7440", "localhost:7440", "tcp://", "tcp://localhost", "tcp://127.0.0.1:99999",
                                        "udp://127.0.0.1:1", "inproc://x", "ipc://"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_refusal(texts[i], SL_E_BAD_INPUT, "write tcp://HOST:PORT or ipc://PATH");
    }
    struct sl_dealer *dealer = NULL;
    cr_assert_eq(sl_dealer_open(context, "7440", MESSAGE_MAX, &dealer, error, sizeof error), SL_E_BAD_INPUT);
    cr_assert(strstr(error, "7440 is no endpoint"));
}

Test(endpoint, that_is_taken_is_named_with_the_likely_reason) {
    struct sl_router *first = open_router("tcp://127.0.0.1:*");
    expect_refusal(sl_router_endpoint(first), SL_E_EXISTS, "is already in use: another sluice-broker?");
    cr_assert(strstr(error, sl_router_endpoint(first)));
    sl_router_free(&first, 0);
}

Test(endpoint, on_a_unix_socket_that_is_served_is_not_taken_away) {
    struct sl_router *first = open_router(ipc_endpoint("broker"));
    struct sl_dealer *dealer = open_dealer(first);
    expect_refusal(ipc_endpoint("broker"), SL_E_EXISTS, "is already in use");
    dealer_say(dealer, "still yours");
    (void)router_expect(first, "still yours");
    sl_dealer_free(&dealer, 0);
    sl_router_free(&first, 0);
}

Test(endpoint, on_a_socket_file_that_nobody_serves_is_free) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/broker", folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    struct sl_router *router = open_router(ipc_endpoint("broker"));
    sl_router_free(&router, 0);
}

Test(endpoint, on_a_unix_socket_leaves_no_file_behind) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/broker", folder);
    struct sl_router *router = open_router(ipc_endpoint("broker"));
    cr_assert_eq(access(path, F_OK), 0);
    sl_router_free(&router, 0);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(endpoint, of_a_unix_socket_has_at_most_107_bytes) {
    char endpoint[200];
    size_t size = (size_t)snprintf(endpoint, sizeof endpoint, "ipc://%s/", folder);
    memset(endpoint + size, 's', sizeof endpoint - size);
    endpoint[6 + 107] = '\0';
    struct sl_router *router = open_router(endpoint);
    sl_router_free(&router, 0);
    endpoint[6 + 107] = 's';
    endpoint[6 + 108] = '\0';
    expect_refusal(endpoint, SL_E_LIMIT, "107 bytes");
    endpoint[6 + 108] = 's';
    endpoint[sizeof endpoint - 1] = '\0';
    expect_refusal(endpoint, SL_E_LIMIT, "use a shorter folder");
}

Test(endpoint, in_a_folder_that_is_missing_says_so) {
    expect_refusal(ipc_endpoint("none/broker"), SL_E_NOT_FOUND, "needs a folder that does not exist");
}

Test(endpoint, of_another_machine_is_refused) {
    expect_refusal("tcp://192.0.2.1:7440", SL_E_BAD_INPUT, "is no address of this machine"); /* RFC 5737: nobody's */
}

Test(endpoint, with_a_wildcard_port_tells_the_real_one) {
    struct sl_router *one = open_router("tcp://127.0.0.1:*"), *two = open_router("tcp://127.0.0.1:0");
    cr_assert_str_neq(sl_router_endpoint(one), sl_router_endpoint(two));
    cr_assert_eq(strncmp(sl_router_endpoint(two), "tcp://127.0.0.1:", 16), 0);
    cr_assert_null(strchr(sl_router_endpoint(two), '*'));
    sl_router_free(&one, 0);
    sl_router_free(&two, 0);
    cr_assert_null(two);
    sl_router_free(&two, 0);
}

/* Routing ids begin where rand() says: two contexts must not begin alike (reliability V35). */
Test(context, seeds_the_routing_ids_anew) {
    int first[2];
    for (int i = 0; i < 2; i++) {
        struct sl_link_context *other = NULL;
        cr_assert_eq(sl_link_context_new(4, &other), SL_OK);
        first[i] = rand();
        sl_link_context_free(&other);
        sl_link_context_free(&other);
    }
    cr_assert_neq(first[0], first[1]);
}
