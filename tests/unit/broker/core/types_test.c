/* Stage types: the first registration counts until a person says that another one does. */
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>

static struct core_driver driver;

static void hello(uint64_t peer, uint8_t instance, struct sl_stage_type type) {
    struct sl_event hello = {.kind = SL_EV_HELLO};
    hello.hello = (struct sl_ev_hello){.peer = peer, .name = sl_text("other"), .instance = {{instance}}, .slots = 1,
                                       .types = &type, .type_count = 1};
    driver_step(&driver, &hello);
}

static void accept(const char *type) {
    struct sl_event event = {.kind = SL_EV_ACCEPT_TYPE};
    event.accept_type = (struct sl_ev_accept_type){.peer = DRIVER_PEER_CLIENT, .message_id = 7, .type = sl_text(type)};
    driver_step(&driver, &event);
}

Test(types, another_registration_is_refused_until_it_is_accepted) {
    driver_init(&driver, 0);
    struct sl_stage_type newer = *sim_type(0);
    const char *name = (const char *)newer.type.data;
    newer.digest.bytes[0] ^= 1;
    accept("nowhere");
    cr_assert_eq(driver.rejected, SL_REJECT_UNKNOWN_TYPE);
    accept(name);
    cr_assert_eq(driver.said[SL_DO_REJECTED], 2, "there is nothing else to accept");
    hello(5, 9, newer);
    cr_assert_eq(driver.refused_count, 1);
    accept(name);
    cr_assert_eq(driver.said[SL_DO_REPLACE_TYPE], 1);
    cr_assert_eq(driver.said[SL_DO_RESET], 0, "nothing has changed before it is recorded");
    struct sl_event recorded = {.kind = SL_EV_TYPE, .type = newer};
    driver_step(&driver, &recorded);
    cr_assert_eq(driver.said[SL_DO_RESET], 2, "both workers say HELLO again");
    hello(5, 9, newer);
    cr_assert_eq(driver.refused_count, 0);
    driver_hello(&driver);
    cr_assert_eq(driver.refused_count, 1, "the old registration is the other one now");
    driver_fini(&driver);
}
