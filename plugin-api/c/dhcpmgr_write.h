/*
 * Writes what a module answers, so that it needs no MessagePack library: a manifest and a plan. No part of the contract;
 * everything is compiled into the module. Nothing here allocates or writes beyond the buffer of the answer.
 *
 * What belongs together is written together: all parameters, then all events, and so on, in any order of these groups.
 * A mistake (a group that is taken up again, text that is no UTF-8) makes dhcpmgr_end fail with a text that says so.
 */
#ifndef DHCPMGR_WRITE_H
#define DHCPMGR_WRITE_H

#include <stdint.h>
#include <string.h>

/* Containers within containers. */
#define DHCPMGR_MAX_OPEN 8
/* Groups of one answer. */
#define DHCPMGR_MAX_GROUPS 32

/* An answer that is being written. */
typedef struct dhcpmgr_writer {
    dhcpmgr_answer *answer;
    /* What is wrong with what was written; NULL while nothing is. */
    const char *wrong;
    /* Lists and maps that are not closed, and how many values they have; keys count as well. */
    struct {
        uint32_t at;
        uint32_t count;
        int is_map;
    } open[DHCPMGR_MAX_OPEN];
    uint32_t depth;
    const char *groups[DHCPMGR_MAX_GROUPS];
    uint32_t group_count;
} dhcpmgr_writer;

/* Says why there is no answer. */
static inline int32_t dhcpmgr_fail(dhcpmgr_answer *answer, const char *text) {
    uint32_t size = (uint32_t)strlen(text);
    if (answer->error_capacity > 0) {
        if (size >= answer->error_capacity) {
            size = answer->error_capacity - 1;
        }
        memcpy(answer->error, text, size);
        answer->error[size] = '\0';
    }
    return DHCPMGR_FAILED;
}

/* Bytes as they are. What does not fit is counted. */
static inline void dhcpmgr_put(dhcpmgr_writer *writer, const void *data, uint32_t size) {
    dhcpmgr_answer *answer = writer->answer;
    if (answer->length <= answer->capacity && size <= answer->capacity - answer->length && size > 0) {
        memcpy(answer->data + answer->length, data, size);
    }
    answer->length = size > UINT32_MAX - answer->length ? UINT32_MAX : answer->length + size;
}

/* The head of a value: one byte and a big-endian number of `width` bytes. It is one value more in its container. */
static inline void dhcpmgr_put_head(dhcpmgr_writer *writer, uint8_t head, uint64_t number, uint32_t width) {
    uint8_t bytes[9];
    uint32_t at;
    bytes[0] = head;
    for (at = width; at > 0; at--, number >>= 8) {
        bytes[at] = (uint8_t)number;
    }
    if (writer->depth > 0) {
        writer->open[writer->depth - 1].count++;
    }
    dhcpmgr_put(writer, bytes, 1 + width);
}

/* An integer. */
static inline void dhcpmgr_write_integer(dhcpmgr_writer *writer, int64_t number) {
    if (number >= 0 && number < 0x80) {
        dhcpmgr_put_head(writer, (uint8_t)number, 0, 0);
    } else {
        dhcpmgr_put_head(writer, number >= 0 ? 0xcf : 0xd3, (uint64_t)number, 8);
    }
}

/* A boolean. */
static inline void dhcpmgr_write_bool(dhcpmgr_writer *writer, int truth) {
    dhcpmgr_put_head(writer, truth ? 0xc3 : 0xc2, 0, 0);
}

/* Raw bytes. */
static inline void dhcpmgr_write_bytes(dhcpmgr_writer *writer, const void *data, uint32_t size) {
    dhcpmgr_put_head(writer, 0xc6, size, 4);
    dhcpmgr_put(writer, data, size);
}

/* Whether bytes are UTF-8 (RFC 3629). */
static inline int dhcpmgr_is_utf8(const uint8_t *at, uint32_t size) {
    while (size > 0) {
        uint32_t more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3, n;
        if ((*at >= 0x80 && *at < 0xc2) || *at > 0xf4 || more >= size) {
            return 0;
        }
        /* Longer than needed, a surrogate, or beyond U+10FFFF. */
        if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
            (*at == 0xf4 && at[1] > 0x8f)) {
            return 0;
        }
        for (n = 1; n <= more; n++) {
            if ((at[n] & 0xc0) != 0x80) {
                return 0;
            }
        }
        at += more + 1;
        size -= more + 1;
    }
    return 1;
}

/* Text, which need not be ended by a NUL. Text from a server is checked before, with dhcpmgr_printable for one. */
static inline void dhcpmgr_write_text(dhcpmgr_writer *writer, const void *text, uint32_t size) {
    if (!dhcpmgr_is_utf8((const uint8_t *)text, size)) {
        writer->wrong = "the handler wrote a text that is no UTF-8";
    }
    dhcpmgr_put_head(writer, 0xdb, size, 4);
    dhcpmgr_put(writer, text, size);
}

/* Text that is ended by a NUL; also a key of a map. */
static inline void dhcpmgr_write_string(dhcpmgr_writer *writer, const char *text) {
    dhcpmgr_write_text(writer, text, (uint32_t)strlen(text));
}

/* Opens a list, or a map of keys and values. */
static inline void dhcpmgr_open(dhcpmgr_writer *writer, int is_map) {
    dhcpmgr_put_head(writer, is_map ? 0xdf : 0xdd, 0, 4);
    if (writer->depth == DHCPMGR_MAX_OPEN) {
        writer->wrong = "the handler opened too many lists and maps within each other";
        return;
    }
    writer->open[writer->depth].at = writer->answer->length - 4;
    writer->open[writer->depth].count = 0;
    writer->open[writer->depth].is_map = is_map;
    writer->depth++;
}

/* Closes what was opened last. */
static inline void dhcpmgr_close(dhcpmgr_writer *writer) {
    dhcpmgr_answer *answer = writer->answer;
    uint32_t at, count;
    if (writer->depth == 0) {
        writer->wrong = "the handler closed a list or a map that is not open";
        return;
    }
    writer->depth--;
    at = writer->open[writer->depth].at;
    count = writer->open[writer->depth].count;
    if (writer->open[writer->depth].is_map) {
        if (count % 2 != 0) {
            writer->wrong = "the handler wrote a map with a key that has no value";
        }
        count /= 2;
    }
    if (answer->length <= answer->capacity) {
        answer->data[at] = (uint8_t)(count >> 24);
        answer->data[at + 1] = (uint8_t)(count >> 16);
        answer->data[at + 2] = (uint8_t)(count >> 8);
        answer->data[at + 3] = (uint8_t)count;
    }
}

/* Begins an answer: an empty plan, which is a good one. */
static inline dhcpmgr_writer dhcpmgr_begin(dhcpmgr_answer *answer) {
    dhcpmgr_writer writer;
    memset(&writer, 0, sizeof writer);
    writer.answer = answer;
    answer->length = 0;
    dhcpmgr_open(&writer, 1);
    return writer;
}

/* Closes everything but the answer itself. */
static inline void dhcpmgr_close_groups(dhcpmgr_writer *writer) {
    while (writer->depth > 1) {
        dhcpmgr_close(writer);
    }
}

/* Ends an answer; what it returns, the module's function returns. */
static inline int32_t dhcpmgr_end(dhcpmgr_writer *writer) {
    dhcpmgr_close_groups(writer);
    dhcpmgr_close(writer);
    if (writer->wrong != NULL) {
        return dhcpmgr_fail(writer->answer, writer->wrong);
    }
    return writer->answer->length > writer->answer->capacity ? DHCPMGR_TOO_SMALL : DHCPMGR_OK;
}

/* Writes the key of a value of the answer itself; the value comes next. */
static inline void dhcpmgr_key(dhcpmgr_writer *writer, const char *name) {
    uint32_t at;
    dhcpmgr_close_groups(writer);
    for (at = 0; at < writer->group_count; at++) {
        if (strcmp(writer->groups[at], name) == 0) {
            writer->wrong = "the handler wrote a group of values in two parts; write what belongs together together";
        }
    }
    if (writer->group_count == DHCPMGR_MAX_GROUPS) {
        writer->wrong = "the handler wrote more groups of values than an answer can have";
        return;
    }
    writer->groups[writer->group_count++] = name;
    dhcpmgr_write_string(writer, name);
}

/* Goes on with a list or map of the answer itself, or begins it. */
static inline void dhcpmgr_group(dhcpmgr_writer *writer, const char *name, int is_map) {
    while (writer->depth > 2) {
        dhcpmgr_close(writer);
    }
    if (writer->depth == 2 && writer->group_count > 0 &&
        strcmp(writer->groups[writer->group_count - 1], name) == 0) {
        return;
    }
    dhcpmgr_key(writer, name);
    dhcpmgr_open(writer, is_map);
}

/* A plan. Its other fields are written with dhcpmgr_group, dhcpmgr_open and the rest, by the names in ../README.md. */

/* Sets a value for the data model and `dhcpmgr lease`. */
static inline void dhcpmgr_plan_parameter(dhcpmgr_writer *plan, const char *name, const void *text, uint32_t size) {
    dhcpmgr_group(plan, "parameters", 1);
    dhcpmgr_write_string(plan, name);
    dhcpmgr_write_text(plan, text, size);
}

/* Adds an event to publish: lower-case words joined by hyphens. */
static inline void dhcpmgr_plan_event(dhcpmgr_writer *plan, const char *name) {
    dhcpmgr_group(plan, "events", 0);
    dhcpmgr_open(plan, 1);
    dhcpmgr_write_string(plan, "name");
    dhcpmgr_write_string(plan, name);
    dhcpmgr_write_string(plan, "fields");
    dhcpmgr_open(plan, 1);
}

/* Adds a detail to the event that was added last; directly after it. */
static inline void dhcpmgr_plan_event_field(dhcpmgr_writer *plan, const char *name, const void *text, uint32_t size) {
    if (plan->depth != 4) {
        plan->wrong = "the handler wrote a detail without its event before it";
    }
    dhcpmgr_write_string(plan, name);
    dhcpmgr_write_text(plan, text, size);
}

/* Adds a name server: an address as text. */
static inline void dhcpmgr_plan_dns(dhcpmgr_writer *plan, const char *address) {
    dhcpmgr_group(plan, "dns", 0);
    dhcpmgr_write_string(plan, address);
}

/* Adds a time server: an address or a name. */
static inline void dhcpmgr_plan_ntp(dhcpmgr_writer *plan, const char *server) {
    dhcpmgr_group(plan, "ntp", 0);
    dhcpmgr_write_string(plan, server);
}

/* Adds a sentence for `dhcpmgr why`. */
static inline void dhcpmgr_plan_note(dhcpmgr_writer *plan, const char *text) {
    dhcpmgr_group(plan, "notes", 0);
    dhcpmgr_write_string(plan, text);
}

/* Says that the lease must not be used, and why. */
static inline void dhcpmgr_plan_refuse(dhcpmgr_writer *plan, const char *reason) {
    dhcpmgr_key(plan, "refuse");
    dhcpmgr_open(plan, 1);
    dhcpmgr_write_string(plan, "reason");
    dhcpmgr_write_string(plan, reason);
}

/* A manifest. */

/* Begins the manifest with the handler's own name (a-z 0-9 -), its version and one line for the operator. */
static inline dhcpmgr_writer dhcpmgr_manifest(dhcpmgr_answer *answer, const char *name, const char *version,
                                              const char *description) {
    dhcpmgr_writer manifest = dhcpmgr_begin(answer);
    dhcpmgr_key(&manifest, "name");
    dhcpmgr_write_string(&manifest, name);
    dhcpmgr_key(&manifest, "version");
    dhcpmgr_write_string(&manifest, version);
    dhcpmgr_key(&manifest, "description");
    dhcpmgr_write_string(&manifest, description);
    return manifest;
}

/* Adds a protocol that the handler handles: "v4" or "v6". */
static inline void dhcpmgr_manifest_protocol(dhcpmgr_writer *manifest, const char *protocol) {
    dhcpmgr_group(manifest, "protocols", 0);
    dhcpmgr_write_string(manifest, protocol);
}

/* Adds an option that the handler reads, and the host therefore requests. */
static inline void dhcpmgr_manifest_consumes(dhcpmgr_writer *manifest, uint16_t code) {
    dhcpmgr_group(manifest, "options_consumed", 0);
    dhcpmgr_write_integer(manifest, code);
}

/* Adds an option for the client to send; the value is as on the wire, without code and length. */
static inline void dhcpmgr_manifest_sends(dhcpmgr_writer *manifest, const char *protocol, uint16_t code,
                                          const void *value, uint32_t size) {
    dhcpmgr_group(manifest, "options_sent", 0);
    dhcpmgr_open(manifest, 1);
    dhcpmgr_write_string(manifest, "protocol");
    dhcpmgr_write_string(manifest, protocol);
    dhcpmgr_write_string(manifest, "code");
    dhcpmgr_write_integer(manifest, code);
    dhcpmgr_write_string(manifest, "value");
    dhcpmgr_write_bytes(manifest, value, size);
}

/* Adds a hook that the host may call: "options", "validate", "lease", … When none is added, that is "lease" alone. */
static inline void dhcpmgr_manifest_hook(dhcpmgr_writer *manifest, const char *hook) {
    dhcpmgr_group(manifest, "hooks", 0);
    dhcpmgr_write_string(manifest, hook);
}

/* Adds something that the handler needs from the system: "file:PATH", "module:NAME" or "softwire:KIND". */
static inline void dhcpmgr_manifest_needs(dhcpmgr_writer *manifest, const char *need) {
    dhcpmgr_group(manifest, "needs", 0);
    dhcpmgr_write_string(manifest, need);
}

#endif
