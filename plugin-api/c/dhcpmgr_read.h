/*
 * Reads what the host hands over, so that a module needs no MessagePack library: a lease event with its options, and
 * settings. No part of the contract; everything is compiled into the module. Nothing here allocates, recurses or reads
 * beyond its bytes, whatever these are.
 */
#ifndef DHCPMGR_READ_H
#define DHCPMGR_READ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of somebody else. */
typedef struct dhcpmgr_bytes {
    const uint8_t *data;
    uint32_t size;
} dhcpmgr_bytes;

/* What a value is. */
typedef enum dhcpmgr_kind {
    /* There is none: a key that is not there, or bytes that are no MessagePack. Zero, so that `if (value.kind)` works. */
    DHCPMGR_NONE = 0,
    DHCPMGR_NIL,
    DHCPMGR_BOOL,
    DHCPMGR_INTEGER,
    DHCPMGR_TEXT_VALUE,
    DHCPMGR_BYTES_VALUE,
    DHCPMGR_LIST,
    DHCPMGR_MAP,
    /* Floating point and extensions. */
    DHCPMGR_OTHER
} dhcpmgr_kind;

/* One value. */
typedef struct dhcpmgr_value {
    dhcpmgr_kind kind;
    /* Of a boolean and of an integer; of a list and of a map how many elements or entries are left. */
    int64_t number;
    /* Of text (not ended by a NUL) and of bytes; of a list and of a map what is in it. */
    dhcpmgr_bytes bytes;
} dhcpmgr_value;

/* A big-endian number of `size` bytes. */
static inline uint64_t dhcpmgr_big_endian(const uint8_t *at, uint32_t size) {
    uint64_t number = 0;
    while (size-- > 0) {
        number = number << 8 | *at++;
    }
    return number;
}

/*
 * Reads the head of the value at the start of the bytes and takes it away from them. `inside` becomes how many values
 * follow that belong to it. 0 when the bytes end or are no MessagePack.
 */
static inline int dhcpmgr_read_head(dhcpmgr_bytes *from, dhcpmgr_value *value, uint64_t *inside) {
    static const uint8_t sizes[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                      1, 2, 4, 8, 1, 1, 1, 1, 1, 1, 2, 4, 2, 4, 2, 4};
    uint64_t number = 0, length = 0;
    uint32_t width;
    uint8_t head;
    dhcpmgr_value read = {DHCPMGR_OTHER, 0, {NULL, 0}};
    *inside = 0;
    *value = read;
    value->kind = DHCPMGR_NONE;
    if (from->size == 0) {
        return 0;
    }
    head = from->data[0];
    if (head < 0x80 || head >= 0xe0) {
        read.kind = DHCPMGR_INTEGER;
        read.number = head < 0x80 ? head : (int64_t)head - 0x100;
        width = 0;
    } else if (head < 0xc0) {
        width = 0;
        number = head < 0xa0 ? head & 0x0fu : head & 0x1fu;
        read.kind = head < 0x90 ? DHCPMGR_MAP : head < 0xa0 ? DHCPMGR_LIST : DHCPMGR_TEXT_VALUE;
        read.number = (int64_t)number;
        length = head < 0xa0 ? 0 : number;
    } else {
        width = sizes[head - 0xc0];
        if (head == 0xc1 || from->size - 1 < width) {
            return 0;
        }
        number = dhcpmgr_big_endian(from->data + 1, width);
        read.number = (int64_t)number;
        if (head == 0xc0) {
            read.kind = DHCPMGR_NIL;
        } else if (head <= 0xc3) {
            read.kind = DHCPMGR_BOOL;
            read.number = head == 0xc3;
        } else if (head <= 0xc6) {
            read.kind = DHCPMGR_BYTES_VALUE;
            length = number;
        } else if (head <= 0xc9) {
            length = number + 1;
        } else if (head <= 0xcb) {
            read.number = 0;
        } else if (head <= 0xcf) {
            /* Beyond what a signed number holds: not an integer that a handler could use. */
            read.kind = read.number < 0 ? DHCPMGR_OTHER : DHCPMGR_INTEGER;
        } else if (head <= 0xd3) {
            read.kind = DHCPMGR_INTEGER;
            if (width < 8 && number >> (8 * width - 1)) {
                read.number = (int64_t)number - ((int64_t)1 << (8 * width));
            }
        } else if (head <= 0xd8) {
            width = 0;
            length = ((uint64_t)1 << (head - 0xd4)) + 1;
        } else if (head <= 0xdb) {
            read.kind = DHCPMGR_TEXT_VALUE;
            length = number;
        } else {
            read.kind = head <= 0xdd ? DHCPMGR_LIST : DHCPMGR_MAP;
        }
    }
    if (from->size - 1 - width < length) {
        return 0;
    }
    if (read.kind == DHCPMGR_LIST || read.kind == DHCPMGR_MAP) {
        *inside = (uint64_t)read.number * (read.kind == DHCPMGR_MAP ? 2 : 1);
    }
    from->data += 1 + width;
    from->size -= 1 + width;
    read.bytes.data = from->data;
    read.bytes.size = (uint32_t)length;
    from->data += length;
    from->size -= (uint32_t)length;
    *value = read;
    return 1;
}

/* Reads the value at the start of the bytes, with all that is in it, and takes it away from them. */
static inline dhcpmgr_value dhcpmgr_read_value(dhcpmgr_bytes *from) {
    dhcpmgr_value value, skipped;
    uint64_t inside, more;
    if (!dhcpmgr_read_head(from, &value, &inside) || inside == 0) {
        return value;
    }
    value.bytes.data = from->data;
    /* Each of them takes a byte at least, so this ends. */
    for (; inside > 0; inside += more - 1) {
        if (!dhcpmgr_read_head(from, &skipped, &more)) {
            return skipped;
        }
    }
    value.bytes.size = (uint32_t)(from->data - value.bytes.data);
    return value;
}

/* The value that the bytes are: a lease event, or settings. */
static inline dhcpmgr_value dhcpmgr_read(const uint8_t *data, uint32_t size) {
    dhcpmgr_bytes from;
    from.data = data;
    from.size = size;
    return dhcpmgr_read_value(&from);
}

/* Takes the next element of a list, or the next entry of a map with its key (which may be NULL). 0 at the end. */
static inline int dhcpmgr_next(dhcpmgr_value *container, dhcpmgr_value *key, dhcpmgr_value *value) {
    dhcpmgr_value first = {DHCPMGR_NONE, 0, {NULL, 0}};
    *value = first;
    if (key != NULL) {
        *key = first;
    }
    if ((container->kind != DHCPMGR_LIST && container->kind != DHCPMGR_MAP) || container->number <= 0) {
        return 0;
    }
    container->number--;
    if (container->kind == DHCPMGR_MAP) {
        first = dhcpmgr_read_value(&container->bytes);
        if (key != NULL) {
            *key = first;
        }
    }
    *value = dhcpmgr_read_value(&container->bytes);
    return value->kind != DHCPMGR_NONE;
}

/* Whether the value is this text. */
static inline int dhcpmgr_is(dhcpmgr_value value, const char *text) {
    size_t size = strlen(text);
    return value.kind == DHCPMGR_TEXT_VALUE && value.bytes.size == size && memcmp(value.bytes.data, text, size) == 0;
}

/* The value of a key in a map. DHCPMGR_NONE when there is none, so that calls can be nested. */
static inline dhcpmgr_value dhcpmgr_get(dhcpmgr_value map, const char *name) {
    dhcpmgr_value key = {DHCPMGR_NONE, 0, {NULL, 0}}, value, none = {DHCPMGR_NONE, 0, {NULL, 0}};
    if (map.kind != DHCPMGR_MAP) {
        return none;
    }
    while (dhcpmgr_next(&map, &key, &value)) {
        if (dhcpmgr_is(key, name)) {
            return value;
        }
    }
    return none;
}

/* The options of a lease, as they come. */
typedef struct dhcpmgr_options {
    dhcpmgr_value options;
    /* Values of the same DHCPv6 option that are left. */
    dhcpmgr_value same;
    uint16_t code;
} dhcpmgr_options;

/* The options of a lease event: all that the client program handed over, whatever the protocol is. */
static inline dhcpmgr_options dhcpmgr_options_of(dhcpmgr_value event) {
    dhcpmgr_options all = {{DHCPMGR_NONE, 0, {NULL, 0}}, {DHCPMGR_NONE, 0, {NULL, 0}}, 0};
    dhcpmgr_value v4 = dhcpmgr_get(event, "v4");
    all.options = dhcpmgr_get(v4.kind ? v4 : dhcpmgr_get(event, "v6"), "options");
    return all;
}

/*
 * Takes the next option: its code and its value as on the wire, without code and length. A DHCPv6 option that came more
 * than once is there more than once. 0 at the end.
 */
static inline int dhcpmgr_next_option(dhcpmgr_options *all, uint16_t *code, dhcpmgr_bytes *value) {
    dhcpmgr_value key = {DHCPMGR_NONE, 0, {NULL, 0}}, one;
    for (;;) {
        if (dhcpmgr_next(&all->same, NULL, &one)) {
            key.number = all->code;
        } else if (!dhcpmgr_next(&all->options, &key, &one)) {
            return 0;
        } else if (one.kind == DHCPMGR_LIST) {
            all->same = one;
            all->code = (uint16_t)key.number;
            continue;
        }
        if (one.kind == DHCPMGR_BYTES_VALUE) {
            *code = (uint16_t)key.number;
            *value = one.bytes;
            return 1;
        }
    }
}

/* The value of one option; of a DHCPv6 option that came more than once, the first. 0 when there is none. */
static inline int dhcpmgr_option(dhcpmgr_value event, uint16_t code, dhcpmgr_bytes *value) {
    dhcpmgr_options all = dhcpmgr_options_of(event);
    uint16_t found;
    while (dhcpmgr_next_option(&all, &found, value)) {
        if (found == code) {
            return 1;
        }
    }
    return 0;
}

/*
 * Takes the next sub-option away from the value of an option: code and length of `width` bytes each (1 in DHCPv4, 2 in
 * DHCPv6), then the value. 1 when there was one, 0 at the end, -1 when it is longer than its option.
 */
static inline int dhcpmgr_next_suboption(dhcpmgr_bytes *rest, uint32_t width, uint16_t *code, dhcpmgr_bytes *value) {
    uint64_t size;
    if (rest->size == 0) {
        return 0;
    }
    if (rest->size < 2 * width) {
        return -1;
    }
    *code = (uint16_t)dhcpmgr_big_endian(rest->data, width);
    size = dhcpmgr_big_endian(rest->data + width, width);
    if (rest->size - 2 * width < size) {
        return -1;
    }
    value->data = rest->data + 2 * width;
    value->size = (uint32_t)size;
    rest->data = value->data + size;
    rest->size -= 2 * width + (uint32_t)size;
    return 1;
}

/* Whether bytes are printable ASCII, as a text from a server must be before it is used. */
static inline int dhcpmgr_printable(dhcpmgr_bytes bytes) {
    uint32_t at;
    for (at = 0; at < bytes.size; at++) {
        if (bytes.data[at] < 0x20 || bytes.data[at] > 0x7e) {
            return 0;
        }
    }
    return bytes.size > 0;
}

#endif
