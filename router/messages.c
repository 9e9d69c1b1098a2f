#include "router/messages.h"

#include "common/mem.h"

void mailbox_init(struct mailbox *mailbox)
{
    *mailbox = (struct mailbox){.items = NULL};
}

void mailbox_fini(struct mailbox *mailbox)
{
    mem_free(mailbox->items);
    mailbox_init(mailbox);
}

void mailbox_post(struct mailbox *mailbox, const struct message *message)
{
    if (mailbox->head + mailbox->count == mailbox->capacity) {
        mailbox->capacity = mailbox->capacity == 0 ? 16 : mailbox->capacity * 2;
        mailbox->items = mem_resize(mailbox->items, mailbox->capacity, sizeof(*mailbox->items));
    }
    mailbox->items[mailbox->head + mailbox->count++] = *message;
}

bool mailbox_take(struct mailbox *mailbox, struct message *ret_message)
{
    if (mailbox->count == 0) {
        return false;
    }
    *ret_message = mailbox->items[mailbox->head++];
    mailbox->count--;
    if (mailbox->count == 0) {
        mailbox->head = 0;
    }
    return true;
}
