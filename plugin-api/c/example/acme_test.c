/* Tests of acme.c: no daemon, no root, no lease. */
#include "dhcpmgr_test.h"

/* Too large for the stack of a small machine. */
static dhcpmgr_test test;

static void the_url_is_found(void) {
    static const uint8_t option[] = "\x02\x01x\x01\x0bhttp://acs/";
    void *handler = dhcpmgr_test_create(&test, NULL, 0);
    dhcpmgr_value plan, events, event;
    dhcpmgr_test_lease(&test, "v4");
    dhcpmgr_test_option(&test, 1, "\xff\xff\xff\x00", 4);
    dhcpmgr_test_option(&test, 43, option, sizeof option - 1);
    plan = dhcpmgr_test_plan(&test, handler);
    dhcpmgr_expect(dhcpmgr_is(dhcpmgr_get(dhcpmgr_get(plan, "parameters"), "ManagementServer.URL"), "http://acs/"));
    events = dhcpmgr_get(plan, "events");
    dhcpmgr_expect(events.number == 1 && dhcpmgr_next(&events, NULL, &event));
    dhcpmgr_expect(dhcpmgr_is(dhcpmgr_get(event, "name"), "acs-found"));
    dhcpmgr_expect(dhcpmgr_is(dhcpmgr_get(dhcpmgr_get(event, "fields"), "url"), "http://acs/"));
    dhcpmgr_plugin_v1.destroy(handler);
}

static void a_cut_option_is_an_error_with_a_text(void) {
    void *handler = dhcpmgr_test_create(&test, NULL, 0);
    dhcpmgr_test_lease(&test, "v4");
    dhcpmgr_test_option(&test, 43, "\x01\x0bhttp", 6);
    dhcpmgr_expect(!dhcpmgr_test_plan(&test, handler).kind);
    dhcpmgr_expect(strcmp(test.error, "a sub-option is longer than its option") == 0);
    dhcpmgr_plugin_v1.destroy(handler);
}

static void a_lease_without_the_option_says_so(void) {
    void *handler = dhcpmgr_test_create(&test, NULL, 0);
    dhcpmgr_value plan, notes, note;
    dhcpmgr_test_lease(&test, "v4");
    plan = dhcpmgr_test_plan(&test, handler);
    notes = dhcpmgr_get(plan, "notes");
    dhcpmgr_expect(plan.number == 1 && dhcpmgr_next(&notes, NULL, &note));
    dhcpmgr_expect(dhcpmgr_is(note, "the server sent no vendor option"));
    dhcpmgr_plugin_v1.destroy(handler);
}

static void another_option_can_be_set(void) {
    /* {"acs_option": 125} */
    static const uint8_t settings[] = "\x81\xaa" "acs_option" "\x7d";
    void *handler = dhcpmgr_test_create(&test, settings, sizeof settings - 1);
    dhcpmgr_test_lease(&test, "v4");
    dhcpmgr_test_option(&test, 125, "\x01\x01u", 3);
    dhcpmgr_expect(dhcpmgr_get(dhcpmgr_test_plan(&test, handler), "parameters").number == 1);
    dhcpmgr_plugin_v1.destroy(handler);
}

static void the_manifest_says_what_is_read_and_sent(void) {
    dhcpmgr_value manifest = dhcpmgr_test_manifest(&test);
    dhcpmgr_expect(dhcpmgr_is(dhcpmgr_get(manifest, "name"), "acme-options"));
    dhcpmgr_expect(dhcpmgr_get(manifest, "options_consumed").number == 1);
    dhcpmgr_expect(dhcpmgr_get(manifest, "options_sent").number == 1);
}

int main(void) {
    the_url_is_found();
    a_cut_option_is_an_error_with_a_text();
    a_lease_without_the_option_says_so();
    another_option_can_be_set();
    the_manifest_says_what_is_read_and_sent();
    puts("acme: all tests passed");
    return 0;
}
