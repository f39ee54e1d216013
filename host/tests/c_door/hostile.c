/* A module in C that is wrong in one way: compile it with -DWRONG_…; without, it is a good one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dhcpmgr_plugin.h"

/* Not a constant, or the compiler says what it thinks of it. */
static volatile int *volatile address;

static int32_t describe(dhcpmgr_answer *answer) {
#ifdef WRONG_DESCRIPTION
    return dhcpmgr_fail(answer, "I do not know who I am");
#elif defined(WRONG_MANIFEST)
    answer->data[0] = 0xc1;
    answer->length = 1;
    return DHCPMGR_OK;
#else
    dhcpmgr_writer manifest = dhcpmgr_manifest(answer, "hostile", "1.0.0", "");
    dhcpmgr_manifest_protocol(&manifest, "v4");
    return dhcpmgr_end(&manifest);
#endif
}

static int32_t create(const uint8_t *settings, uint32_t size, void **handler, dhcpmgr_answer *answer) {
    (void)settings, (void)size, (void)handler, (void)answer;
#ifdef WRONG_CREATE
    /* No end of string. */
    memset(answer->error, 'x', answer->error_capacity);
    return DHCPMGR_FAILED;
#else
    return DHCPMGR_OK;
#endif
}

#ifdef WRONG_FUNCTION
#define call NULL
#else
static int32_t call(void *handler, uint32_t operation, const uint8_t *input, uint32_t size, dhcpmgr_answer *answer) {
    dhcpmgr_writer plan;
    (void)handler, (void)input, (void)size, (void)address;
    if (operation != DHCPMGR_LEASE) {
        return DHCPMGR_UNSUPPORTED;
    }
#ifdef WRONG_LENGTH
    answer->length = 0xffffffffu;
    return DHCPMGR_OK;
#elif defined(WRONG_MORE)
    /* Never enough. */
    answer->length = answer->capacity + 1;
    return DHCPMGR_TOO_SMALL;
#elif defined(WRONG_OVERRUN)
    memset(answer->data, 0x80, answer->capacity + 1);
    answer->length = 1;
    return DHCPMGR_OK;
#elif defined(WRONG_ENDLESS)
    for (;;) {
    }
#elif defined(WRONG_ADDRESS)
    *address = 1;
#elif defined(WRONG_CLOCK)
    {
        char text[32];
        sprintf(text, "%ld", (long)clock());
        plan = dhcpmgr_begin(answer);
        dhcpmgr_plan_parameter(&plan, "Clock", text, (uint32_t)strlen(text));
        return dhcpmgr_end(&plan);
    }
#elif defined(WRONG_STATIC)
    {
        /* Of whichever client was asked about last. */
        static uint32_t before;
        char text[32];
        sprintf(text, "%lu", (unsigned long)before);
        before = size;
        plan = dhcpmgr_begin(answer);
        dhcpmgr_plan_parameter(&plan, "Before", text, (uint32_t)strlen(text));
        return dhcpmgr_end(&plan);
    }
#elif defined(WRONG_SMALL_LEAK)
    if (malloc(1000) == NULL) {
        return dhcpmgr_fail(answer, "no memory");
    }
#elif defined(WRONG_SILENCE)
    return DHCPMGR_FAILED;
#elif defined(WRONG_GROUPS)
    plan = dhcpmgr_begin(answer);
    dhcpmgr_plan_note(&plan, "one");
    dhcpmgr_plan_dns(&plan, "192.0.2.1");
    dhcpmgr_plan_note(&plan, "two");
    return dhcpmgr_end(&plan);
#elif defined(WRONG_TEXT)
    plan = dhcpmgr_begin(answer);
    dhcpmgr_plan_note(&plan, "\xff");
    return dhcpmgr_end(&plan);
#elif defined(WRONG_SIZE_OF_PLAN)
    {
        uint32_t n;
        plan = dhcpmgr_begin(answer);
        for (n = 0; n < 100000; n++) {
            dhcpmgr_plan_note(&plan, "long");
        }
        return dhcpmgr_end(&plan);
    }
#endif
    plan = dhcpmgr_begin(answer);
    dhcpmgr_plan_parameter(&plan, "Hostile", "no", 2);
    return dhcpmgr_end(&plan);
}

#endif

static void destroy(void *handler) {
    (void)handler;
}

#ifdef WRONG_TABLE
/* The note of the macro, and a table that is cut short. */
#define dhcpmgr_plugin_v1 dhcpmgr_plugin_none
extern const dhcpmgr_plugin dhcpmgr_plugin_none;
DHCPMGR_EXPORT(describe, create, call, destroy);
#undef dhcpmgr_plugin_v1
__attribute__((visibility("default"))) extern const uint64_t dhcpmgr_short[1] __asm__("dhcpmgr_plugin_v1");
const uint64_t dhcpmgr_short[1] = {16};
#elif defined(WRONG_SYMBOL)
#define dhcpmgr_plugin_v1 dhcpmgr_plugin_none
extern const dhcpmgr_plugin dhcpmgr_plugin_none;
DHCPMGR_EXPORT(describe, create, call, destroy);
#else
DHCPMGR_EXPORT(describe, create, call, destroy);
#endif
