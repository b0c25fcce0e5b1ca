/* Lists whose links stand inside their members. */
#include "base/list.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

struct letter {
    char name;
    struct sl_link link;
};

static struct letter letters[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
static struct sl_list list;

static void set_up(void) {
    sl_list_init(&list);
}

static const char *spelled(void) {
    static char text[8];
    size_t size = 0;
    for (struct sl_link *at = sl_list_first(&list); at; at = sl_list_next(&list, at)) {
        text[size++] = SL_CONTAINER(at, struct letter, link)->name;
    }
    text[size] = '\0';
    cr_assert_eq(size, list.count);
    return text;
}

TestSuite(list, .init = set_up);

Test(list, an_empty_one_has_no_first) {
    cr_assert_null(sl_list_first(&list));
    cr_assert_str_eq(spelled(), "");
}

Test(list, members_stand_where_they_were_put) {
    sl_list_append(&list, &letters[1].link);
    sl_list_append(&list, &letters[3].link);
    sl_list_prepend(&list, &letters[0].link);
    sl_list_insert(&list, &letters[1].link, &letters[2].link);
    cr_assert_str_eq(spelled(), "abcd");
}

Test(list, any_member_can_leave_and_join_again) {
    for (int i = 0; i < 4; i++) sl_list_append(&list, &letters[i].link);
    sl_list_remove(&list, &letters[1].link);
    cr_assert_not(sl_link_is_on(&letters[1].link));
    cr_assert_str_eq(spelled(), "acd");
    sl_list_remove(&list, &letters[3].link);
    sl_list_remove(&list, &letters[0].link);
    cr_assert_str_eq(spelled(), "c");
    sl_list_prepend(&list, &letters[3].link);
    cr_assert_str_eq(spelled(), "dc");
}

Test(list, joining_while_on_a_list_is_a_bug, .signal = SIGABRT) {
    sl_list_prepend(&list, &letters[0].link);
    sl_list_prepend(&list, &letters[0].link);
}

Test(list, leaving_while_on_no_list_is_a_bug, .signal = SIGABRT) {
    sl_list_remove(&list, &letters[0].link);
}
