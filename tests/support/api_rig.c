#include "tests/support/api_rig.h"

#include <assert.h>
#include <string.h>

static void on_answer(void *owner, uint64_t id, const struct api_answer *answer)
{
    struct api_rig *rig = owner;
    rig->answers++;
    rig->id = id;
    rig->status = answer->status;
    rig->retry_after_ms = answer->retry_after_ms;
    rig->authenticate = answer->authenticate;
    buf_clear(&rig->body);
    buf_append(&rig->body, answer->body);
    buf_append_byte(&rig->body, 0);
    buf_clear(&rig->allow);
    buf_append_str(&rig->allow, answer->allow == NULL ? "" : answer->allow);
    buf_append_byte(&rig->allow, 0);
}

static void on_action(void *owner, const char *key_name, const struct api_request *request)
{
    struct api_rig *rig = owner;
    assert(key_name[0] != 0 && request->path.len != 0);
    rig->actions++;
}

static void on_denied(void *owner, const struct api_request *request, const char *why)
{
    struct api_rig *rig = owner;
    assert(request->id != 0 && why[0] != 0);
    rig->denials++;
}

void api_rig_init(struct api_rig *rig, uint64_t rate)
{
    static const struct api_callbacks callbacks = {
        .answer = on_answer, .on_action = on_action, .on_denied = on_denied};
    const struct api_config config = {
        .message_bytes_max = 65536, .rate = rate, .version = BYTES_LIT("1"), .seed = 5};
    struct buf why;
    memset(rig, 0, sizeof(*rig));
    admin_rig_init(&rig->admin);
    buf_init(&rig->body, 0);
    buf_init(&rig->allow, 0);
    buf_init(&why, 0);
    rig->api = api_new(&config, rig->admin.admin, &callbacks, rig);
    struct api_keys *keys = api_keys_read(BYTES_LIT("pub publish " API_RIG_PUBLISH "\n"
                                                    "read read " API_RIG_READ "\n"
                                                    "adm admin " API_RIG_ADMIN "\n"
                                                    "all publish,read,admin " API_RIG_ALL "\n"),
                                          &why);
    assert(keys != NULL && "the rig's keys are right");
    api_set_keys(rig->api, &keys);
    buf_fini(&why);
}

void api_rig_fini(struct api_rig *rig)
{
    api_free(&rig->api);
    admin_rig_fini(&rig->admin);
    buf_fini(&rig->body);
    buf_fini(&rig->allow);
}

int api_rig_ask(struct api_rig *rig, const char *key, const char *method, const char *target,
                struct bytes body)
{
    struct buf header;
    const char *query = strchr(target, '?');
    size_t path_len = query == NULL ? strlen(target) : (size_t)(query - target);
    buf_init(&header, 0);
    if (key != NULL) {
        buf_append_str(&header, "Bearer ");
        buf_append_str(&header, key);
    }
    const struct api_request request = {
        .id = 77,
        .method = bytes_of_str(method),
        .path = bytes_of(target, path_len),
        .query = query == NULL ? BYTES_EMPTY : bytes_of_str(query + 1),
        .authorization = buf_bytes(&header),
        .content_type = BYTES_LIT("application/json"),
        .body = body,
        .peer = BYTES_LIT("127.0.0.1"),
    };
    rig->status = 0;
    api_handle(rig->api, &request, rig->admin.now_ms, ADMIN_RIG_WALL_MS);
    router_plane_flush(rig->admin.plane, rig->admin.now_ms);
    buf_fini(&header);
    return rig->status;
}
