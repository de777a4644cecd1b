# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=FILE.c -DTEXTS=A.varlink;B.varlink... -P embed.cmake
# The interface files as C strings. Bytes, not literals: nothing has to be escaped, whatever a comment contains.
set(c "/* Generated from the .varlink files. */\n#include \"varlink_interface_texts.h\"\n")
set(h "/* Generated from the .varlink files. */\n#pragma once\n\n")
foreach(text IN LISTS TEXTS)
    get_filename_component(name "${text}" NAME)
    string(REGEX REPLACE "\\.varlink$" "" name "${name}")
    string(MAKE_C_IDENTIFIER "varlink_text_${name}" symbol)
    file(READ "${text}" bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n    " bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
    string(APPEND c "\nconst char ${symbol}[] = {\n    ${bytes}0x00,\n};\n")
    string(APPEND h "/* The text of interface ${name}. */\nextern const char ${symbol}[];\n")
endforeach()
get_filename_component(folder "${OUT}" DIRECTORY)
file(WRITE "${OUT}" "${c}")
file(WRITE "${folder}/varlink_interface_texts.h" "${h}")
