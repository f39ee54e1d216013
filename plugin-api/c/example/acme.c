/* Finds the management server: its URL is in sub-option 1 of option 43 (RFC 2132, section 8.4). */
#include <stdlib.h>

#include "dhcpmgr_plugin.h"

/* The name of this handler, and what the client sends as its vendor class (RFC 2132, section 9.13). */
static const char name[] = "acme-options";

/* [handlers.NAME.settings] */
typedef struct settings {
    /* The option that carries our sub-options. */
    uint16_t acs_option;
} settings;

static int32_t describe(dhcpmgr_answer *answer) {
    dhcpmgr_writer manifest =
        dhcpmgr_manifest(answer, name, "1.0.0", "finds the management server in option 43");
    dhcpmgr_manifest_protocol(&manifest, "v4");
    dhcpmgr_manifest_consumes(&manifest, 43);
    dhcpmgr_manifest_sends(&manifest, "v4", 60, name, sizeof name - 1);
    return dhcpmgr_end(&manifest);
}

static int32_t create(const uint8_t *data, uint32_t size, void **handler, dhcpmgr_answer *answer) {
    dhcpmgr_value table = dhcpmgr_read(data, size), key, value;
    settings settled = {43}, *made;
    while (dhcpmgr_next(&table, &key, &value)) {
        if (!dhcpmgr_is(key, "acs_option")) {
            return dhcpmgr_fail(answer, "settings: an unknown key; there is only acs_option");
        }
        if (value.kind != DHCPMGR_INTEGER || value.number < 1 || value.number > 254) {
            return dhcpmgr_fail(answer, "settings.acs_option: must be the code of an option, 1 to 254");
        }
        settled.acs_option = (uint16_t)value.number;
    }
    made = malloc(sizeof *made);
    if (made == NULL) {
        return dhcpmgr_fail(answer, "no memory");
    }
    *made = settled;
    *handler = made;
    return DHCPMGR_OK;
}

static int32_t lease(const settings *self, dhcpmgr_value event, dhcpmgr_answer *answer) {
    dhcpmgr_writer plan = dhcpmgr_begin(answer);
    dhcpmgr_bytes rest, value;
    uint16_t code;
    int more;
    if (!dhcpmgr_option(event, self->acs_option, &rest)) {
        dhcpmgr_plan_note(&plan, "the server sent no vendor option");
        return dhcpmgr_end(&plan);
    }
    /* From the network: nothing is taken on trust. */
    while ((more = dhcpmgr_next_suboption(&rest, 1, &code, &value)) > 0) {
        if (code == 1) {
            if (!dhcpmgr_printable(value)) {
                return dhcpmgr_fail(answer, "sub-option 1 is no text");
            }
            dhcpmgr_plan_parameter(&plan, "ManagementServer.URL", value.data, value.size);
            dhcpmgr_plan_event(&plan, "acs-found");
            dhcpmgr_plan_event_field(&plan, "url", value.data, value.size);
            break;
        }
    }
    return more < 0 ? dhcpmgr_fail(answer, "a sub-option is longer than its option") : dhcpmgr_end(&plan);
}

static int32_t call(void *handler, uint32_t operation, const uint8_t *input, uint32_t size, dhcpmgr_answer *answer) {
    switch (operation) {
    case DHCPMGR_LEASE:
        return lease(handler, dhcpmgr_read(input, size), answer);
    default:
        return DHCPMGR_UNSUPPORTED;
    }
}

static void destroy(void *handler) {
    free(handler);
}

DHCPMGR_EXPORT(describe, create, call, destroy);
