/* Doubly linked lists whose links stand inside their members. A member knows whether it is on a list; joining two lists at
 * once is an assertion. A state of a thing is the list that it is on (pgbouncer's habit). */
#ifndef SL_BASE_LIST_H
#define SL_BASE_LIST_H

#include "assert.h"

#include <stdbool.h>
#include <stddef.h>

struct sl_link {
    struct sl_link *next; /* NULL: on no list */
    struct sl_link *prev;
};

struct sl_list {
    struct sl_link head; /* next = first, prev = last; points at itself when empty */
    size_t count;
};

static inline void sl_list_init(struct sl_list *list) {
    list->head.next = list->head.prev = &list->head;
    list->count = 0;
}

static inline bool sl_link_is_on(const struct sl_link *link) {
    return link->next != NULL;
}

/* Joins behind `place`, which is on `list` or is its head. */
static inline void sl_list_insert(struct sl_list *list, struct sl_link *place, struct sl_link *link) {
    SL_ASSERT(!sl_link_is_on(link));
    link->prev = place;
    link->next = place->next;
    place->next->prev = link;
    place->next = link;
    list->count++;
}

static inline void sl_list_append(struct sl_list *list, struct sl_link *link) {
    sl_list_insert(list, list->head.prev, link);
}

static inline void sl_list_prepend(struct sl_list *list, struct sl_link *link) {
    sl_list_insert(list, &list->head, link);
}

static inline void sl_list_remove(struct sl_list *list, struct sl_link *link) {
    SL_ASSERT(sl_link_is_on(link));
    SL_ASSERT(list->count > 0);
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = NULL;
    list->count--;
}

/* The first member, or NULL. */
static inline struct sl_link *sl_list_first(const struct sl_list *list) {
    return list->count ? list->head.next : NULL;
}

/* The member behind `link`, or NULL at the end. */
static inline struct sl_link *sl_list_next(const struct sl_list *list, const struct sl_link *link) {
    return link->next == &list->head ? NULL : link->next;
}

/* The struct of `type` whose member `field` is `link`. */
#define SL_CONTAINER(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

#endif
