/*
 * Tests a handler without a host: a lease event is built, the module is called as the host calls it, and the plan is
 * read. For test programs only; no part of a module.
 */
#ifndef DHCPMGR_TEST_H
#define DHCPMGR_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "dhcpmgr_plugin.h"

/* Room for the longest answer that a host accepts. */
#define DHCPMGR_TEST_ANSWER 131072
#define DHCPMGR_TEST_INPUT 16384

/* One call: what goes in and what came out. */
typedef struct dhcpmgr_test {
    uint8_t input[DHCPMGR_TEST_INPUT];
    uint8_t output[DHCPMGR_TEST_ANSWER];
    char error[512];
    dhcpmgr_answer event, answer;
    dhcpmgr_writer writer;
    int has_options, is_v6;
} dhcpmgr_test;

/* Ends the test program unless the condition holds. */
#define dhcpmgr_expect(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline dhcpmgr_answer dhcpmgr_test_buffer(void *data, uint32_t capacity, dhcpmgr_test *test) {
    dhcpmgr_answer answer;
    answer.size = sizeof answer;
    answer.capacity = capacity;
    answer.data = (uint8_t *)data;
    answer.length = 0;
    answer.error_capacity = sizeof test->error;
    answer.error = test->error;
    test->error[0] = '\0';
    return answer;
}

/* Begins a lease of client "wan4" or "wan6" on interface "wan0", just obtained; options are added next. */
static inline void dhcpmgr_test_lease(dhcpmgr_test *test, const char *protocol) {
    dhcpmgr_writer *writer = &test->writer;
    test->event = dhcpmgr_test_buffer(test->input, sizeof test->input, test);
    *writer = dhcpmgr_begin(&test->event);
    test->has_options = 0;
    test->is_v6 = strcmp(protocol, "v6") == 0;
    dhcpmgr_key(writer, "client");
    dhcpmgr_write_string(writer, test->is_v6 ? "wan6" : "wan4");
    dhcpmgr_key(writer, "interface");
    dhcpmgr_write_string(writer, "wan0");
    dhcpmgr_key(writer, "protocol");
    dhcpmgr_write_string(writer, protocol);
    dhcpmgr_key(writer, "event");
    dhcpmgr_write_string(writer, test->is_v6 ? "add" : "bound");
    dhcpmgr_key(writer, protocol);
    dhcpmgr_open(writer, 1);
}

/* Adds an option: its value as on the wire, without code and length. */
static inline void dhcpmgr_test_option(dhcpmgr_test *test, uint16_t code, const void *value, uint32_t size) {
    if (!test->has_options) {
        dhcpmgr_write_string(&test->writer, "options");
        dhcpmgr_open(&test->writer, 1);
        test->has_options = 1;
    }
    dhcpmgr_write_integer(&test->writer, code);
    if (test->is_v6) {
        dhcpmgr_open(&test->writer, 0);
    }
    dhcpmgr_write_bytes(&test->writer, value, size);
    if (test->is_v6) {
        dhcpmgr_close(&test->writer);
    }
}

/* Makes a handler. The settings are MessagePack; none are an empty table. */
static inline void *dhcpmgr_test_create(dhcpmgr_test *test, const uint8_t *settings, uint32_t size) {
    static const uint8_t empty[] = {0x80};
    void *handler = NULL;
    test->answer = dhcpmgr_test_buffer(test->output, sizeof test->output, test);
    if (size == 0) {
        settings = empty;
        size = sizeof empty;
    }
    if (dhcpmgr_plugin_v1.create(settings, size, &handler, &test->answer) != DHCPMGR_OK) {
        fprintf(stderr, "the handler cannot be made: %s\n", test->error);
        exit(1);
    }
    return handler;
}

/* Tells the handler of the lease and gives the plan; DHCPMGR_NONE, with a text in `error`, when there is none. */
static inline dhcpmgr_value dhcpmgr_test_plan(dhcpmgr_test *test, void *handler) {
    dhcpmgr_value none = {DHCPMGR_NONE, 0, {NULL, 0}};
    dhcpmgr_expect(dhcpmgr_end(&test->writer) == DHCPMGR_OK);
    test->answer = dhcpmgr_test_buffer(test->output, sizeof test->output, test);
    if (dhcpmgr_plugin_v1.call(handler, DHCPMGR_LEASE, test->input, test->event.length, &test->answer) !=
        DHCPMGR_OK) {
        return none;
    }
    return dhcpmgr_read(test->output, test->answer.length);
}

/* The manifest. */
static inline dhcpmgr_value dhcpmgr_test_manifest(dhcpmgr_test *test) {
    test->answer = dhcpmgr_test_buffer(test->output, sizeof test->output, test);
    dhcpmgr_expect(dhcpmgr_plugin_v1.describe(&test->answer) == DHCPMGR_OK);
    return dhcpmgr_read(test->output, test->answer.length);
}

#endif
