/*
 * What a dhcpmgr handler module in C is written against: the whole contract, and helpers that are no part of it.
 *
 * A handler is told of each DHCP lease and answers what the lease means. It decides and never acts: it needs no
 * privileges, no network and no files. ../README.md says what it may decide; the guide for C is README.md beside this.
 *
 * C99, nothing but the standard headers. What is in this file is frozen: a module that was built with it loads in
 * every later host of the same major version. Structs that cross the border begin with their size and grow at the end
 * only; what grows otherwise is a number of an operation or a key in a MessagePack map.
 *
 * Nobody frees what the other side allocated: answers are written into buffers of the caller, and a handler is
 * destroyed by the module that made it.
 */
#ifndef DHCPMGR_PLUGIN_H
#define DHCPMGR_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the handler API that this header describes. */
#define DHCPMGR_API_MAJOR 1
#define DHCPMGR_API_MINOR 1

/*
 * The minor version that the module needs of its host. Define it before this header is included to load in older hosts
 * too; the first that knows modules in C is 1.1.
 */
#ifndef DHCPMGR_NEEDS_MINOR
#define DHCPMGR_NEEDS_MINOR DHCPMGR_API_MINOR
#endif

/* What a function returns. Any other number means the same as DHCPMGR_FAILED. */
#define DHCPMGR_OK 0
/* The operation is not known to the module. The host does without. */
#define DHCPMGR_UNSUPPORTED 1
/* No answer, and `error` says why: a sentence for the operator. The last good plan stays in force. */
#define DHCPMGR_FAILED 2
/*
 * The answer does not fit: `length` says how many bytes it has. The host gives room for the longest answer that it
 * accepts, so it does not ask again.
 */
#define DHCPMGR_TOO_SMALL 4

/*
 * Operations: a number, and what goes in and comes out as MessagePack. A module answers DHCPMGR_UNSUPPORTED to those that
 * it does not have. The host asks for `lease` alone unless the manifest names other hooks.
 */
/* A lease was obtained or extended: a lease event in, a plan out. */
#define DHCPMGR_LEASE 1
/* Hook `options`: a client is about to be started; which options does it request and send? */
#define DHCPMGR_OPTIONS 2
/* Hook `validate`: a lease is judged before anything is planned. */
#define DHCPMGR_VALIDATE 3
/* Hook `decide`: what all handlers planned is judged. */
#define DHCPMGR_DECIDE 4
/* Hook `event`: something has happened. */
#define DHCPMGR_EVENT 5
/* Hook `parameters`: the parameters of a client are read. */
#define DHCPMGR_PARAMETERS 6
/* Hook `parameters`: one of them is to be written. */
#define DHCPMGR_SET_PARAMETER 7

/* Where a function writes its answer: buffers of the host, good until the function returns. */
typedef struct dhcpmgr_answer {
    /* Bytes of this struct, as the host knows it. */
    uint32_t size;
    /* Bytes that fit at `data`. */
    uint32_t capacity;
    uint8_t *data;
    /* Written by the module: bytes of the answer, also when they do not fit. 0 when the host calls. */
    uint32_t length;
    /* Bytes that fit at `error`, its end of string included. */
    uint32_t error_capacity;
    /* Written by the module when it fails: UTF-8, one line. An empty string when the host calls. */
    char *error;
} dhcpmgr_answer;

/*
 * The functions of a module. None may be NULL. They are never called at the same time for one handler, and possibly
 * from different threads.
 */
typedef struct dhcpmgr_plugin {
    /* sizeof(dhcpmgr_plugin). */
    uint32_t size;
    /* 0. */
    uint32_t flags;
    /* The manifest: what the module says of itself. The same at every call. */
    int32_t (*describe)(dhcpmgr_answer *answer);
    /* Makes a handler from `[handlers.NAME.settings]`, a MessagePack map, and stores what it likes at `handler`; only
     * `error` of the answer is used. */
    int32_t (*create)(const uint8_t *settings, uint32_t settings_size, void **handler, dhcpmgr_answer *answer);
    /* Calls an operation of a handler. */
    int32_t (*call)(void *handler, uint32_t operation, const uint8_t *input, uint32_t input_size,
                    dhcpmgr_answer *answer);
    /* Destroys a handler, which is not used again. */
    void (*destroy)(void *handler);
} dhcpmgr_plugin;

/* The one symbol that the host looks for. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const dhcpmgr_plugin dhcpmgr_plugin_v1;

/*
 * Makes the library a handler module. Once in a library, outside of functions, followed by a semicolon.
 *
 * Besides the table it places the note that says which API the module needs; the host reads it before any code of the
 * module runs (`readelf -n` shows it). Its numbers: major, minor, flags (panics cannot end the host; C), version of
 * this header.
 */
#define DHCPMGR_EXPORT(describe, create, call, destroy)                                                              \
    __asm__(".pushsection .note.dhcpmgr,\"a\",%note\n"                                                               \
            ".balign 4\n"                                                                                            \
            ".4byte 8\n.4byte 12\n.4byte 1\n"                                                                        \
            ".asciz \"dhcpmgr\"\n"                                                                                   \
            ".2byte " DHCPMGR_TEXT(DHCPMGR_API_MAJOR) "\n.2byte " DHCPMGR_TEXT(DHCPMGR_NEEDS_MINOR) "\n.2byte 3\n"   \
            ".2byte " DHCPMGR_TEXT(DHCPMGR_API_MAJOR) "\n.2byte " DHCPMGR_TEXT(DHCPMGR_API_MINOR) "\n.2byte 0\n"     \
            ".popsection\n");                                                                                        \
    const dhcpmgr_plugin dhcpmgr_plugin_v1 = {sizeof(dhcpmgr_plugin), 0, describe, create, call, destroy}

#define DHCPMGR_TEXT(number) DHCPMGR_TEXT_OF(number)
#define DHCPMGR_TEXT_OF(number) #number

#ifdef __cplusplus
}
#endif

#include "dhcpmgr_read.h"
#include "dhcpmgr_write.h"

#endif
