#include "client/endpoint.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int read_it(const char *text, struct sl_endpoint *endpoint) {
    char error[512] = "";
    int rc = sl_endpoint_read(text, endpoint, error, sizeof error);
    cr_assert_eq(rc == SL_OK, error[0] == '\0', "a sentence exactly when it is refused: %s", text);
    return rc;
}

Test(endpoint, reads_what_people_write) {
    struct sl_endpoint endpoint;
    cr_assert_eq(read_it("tcp://127.0.0.1:7440", &endpoint), SL_OK);
    cr_assert_str_eq(endpoint.host, "127.0.0.1");
    cr_assert_eq(endpoint.port, 7440);
    cr_assert_eq(read_it("tcp://[::1]:1", &endpoint), SL_OK);
    cr_assert_str_eq(endpoint.host, "::1");
    cr_assert_eq(read_it("tcp://broker.example:65535", &endpoint), SL_OK);
    cr_assert_eq(read_it("ipc:///run/sluice/client.sock", &endpoint), SL_OK);
    cr_assert(endpoint.is_ipc);
    cr_assert_str_eq(endpoint.host, "/run/sluice/client.sock");
}

Test(endpoint, refuses_the_rest_with_a_sentence) {
    static const char *const bad[] = {"", "localhost", "tcp://", "tcp://:7440", "tcp://h", "tcp://h:0", "tcp://h:65536", "tcp://h:x",
                                      "tcp://h:", "http://h:1", "ipc://", "udp://h:1"};
    struct sl_endpoint endpoint;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_assert_eq(read_it(bad[i], &endpoint), SL_E_BAD_INPUT, "%s", bad[i]);
}

Test(endpoint, a_sockets_path_holds_107_bytes) {
    struct sl_endpoint endpoint;
    char text[4096];
    static const size_t sizes[] = {107, 108, 4000};
    for (size_t i = 0; i < 3; i++) {
        size_t used = (size_t)snprintf(text, sizeof text, "ipc:///");
        memset(text + used, 'a', sizes[i] - 1);
        text[used + sizes[i] - 1] = '\0';
        cr_assert_eq(read_it(text, &endpoint), i == 0 ? SL_OK : SL_E_LIMIT);
    }
}

Test(endpoint, says_that_nobody_listens) {
    struct sl_endpoint endpoint;
    cr_assert_eq(read_it("ipc:///nowhere/at/all.sock", &endpoint), SL_OK);
    cr_assert(sl_endpoint_is_refused(&endpoint));

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char text[64];
    (void)snprintf(text, sizeof text, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    cr_assert_eq(read_it(text, &endpoint), SL_OK);
    cr_assert(sl_endpoint_is_refused(&endpoint), "bound, but it does not listen");
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_not(sl_endpoint_is_refused(&endpoint));
    (void)close(fd);
}
