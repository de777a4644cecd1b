/* SPDX-License-Identifier: Apache-2.0 */
/* An address that was accepted prints as one that reads the same; what was refused has a reason. */
#include <stdint.h>
#include <string.h>

#include "proto/address.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct address address = { 0 }, again = { 0 };
    struct reason reason = { "" };
    char printed[ADDRESS_TEXT_MAX];

    CHECK(text);
    if (address_parse(text, &address, &reason) < 0) {
        CHECK(reason.text[0] != '\0');
        free(text);
        return 0;
    }
    free(text);
    CHECK(address.port >= 1 && address.port < UINT32_MAX);
    CHECK((address.path[0] == '\0') == (address.type == ADDRESS_VSOCK));
    CHECK(address_parse(address_format(&address, printed), &again, NULL) == 0);
    CHECK(address.type == again.type && address.cid == again.cid && address.port == again.port);
    CHECK(address.abstract == again.abstract && strcmp(address.path, again.path) == 0);
    return 0;
}
