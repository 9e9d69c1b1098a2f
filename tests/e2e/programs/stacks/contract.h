/* What every program here does, for those in C and C++: see README.md beside it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct talk {
    const char *url, *room, *ca;
    char *payload[2];
    bool same[2];
    int heard;
    char *out; /* what to send next, owned here */
    int code;
};

enum talk_next { TALK_WAIT, TALK_SEND, TALK_DONE };

static inline struct talk talk_new(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s URL ROOM TEXT TIMES [CA_FILE]\n", argv[0]);
        exit(2);
    }
    struct talk talk = {
        argv[1], argv[2], argc > 5 ? argv[5] : NULL, {NULL, NULL}, {false, false}, 0, NULL, 0};
    size_t length = strlen(argv[3]);
    size_t times = strtoul(argv[4], NULL, 10);
    talk.payload[0] = strdup(argv[3]);
    talk.payload[1] = (char *)calloc(length, times + 1);
    for (size_t i = 0; i < times; i++) {
        memcpy(talk.payload[1] + i * length, argv[3], length);
    }
    talk.out = (char *)malloc(length * times + strlen(talk.room) + 100);
    return talk;
}

/* Takes a whole text, ended with a zero, and tells what to do; TALK_SEND means talk->out. */
static inline enum talk_next talk_hear(struct talk *talk, const char *text)
{
    if (strstr(text, "\"type\":\"welcome\"") != NULL) {
        sprintf(talk->out, "{\"type\":\"join\",\"room\":\"%s\",\"id\":1}", talk->room);
        return TALK_SEND;
    }
    if (strstr(text, "\"type\":\"room_message\"") != NULL) {
        const char *want = talk->payload[talk->heard];
        const char *got = strstr(text, "\"payload\":\"");
        size_t length = strlen(want);
        got = got != NULL ? got + strlen("\"payload\":\"") : "";
        talk->same[talk->heard] = strncmp(got, want, length) == 0 && got[length] == '"';
        talk->heard++;
    } else if (strstr(text, "\"id\":1") == NULL) {
        return TALK_WAIT;
    }
    if (talk->heard == 2) {
        return TALK_DONE;
    }
    sprintf(talk->out, "{\"type\":\"room_message\",\"room\":\"%s\",\"payload\":\"%s\"}", talk->room,
            talk->payload[talk->heard]);
    return TALK_SEND;
}

static inline void talk_closed(const struct talk *talk)
{
    printf("{\"small\":%s,\"large\":%s,\"code\":%d}\n", talk->same[0] ? "true" : "false",
           talk->same[1] ? "true" : "false", talk->code);
}
