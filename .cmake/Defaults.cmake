# SPDX-License-Identifier: Apache-2.0
# What every target of ours gets: the C standard, warnings, hardening, sanitizers. Applied per target, so that nothing leaks into
# a project that includes this one.

function(czone_defaults target)
    set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS ON
                                               POSITION_INDEPENDENT_CODE ON)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE CZONE_VERSION="${PROJECT_VERSION}")
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
        -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wvla -Wimplicit-fallthrough
        -fno-common -fstack-protector-strong)
    # Object paths in messages and debug info are relative to the source: two builds of one commit are alike.
    target_compile_options(${target} PRIVATE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
    if(CZONE_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(CZONE_SANITIZE)
        target_compile_options(${target} PRIVATE "-fsanitize=${CZONE_SANITIZE}" -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
        target_link_options(${target} PRIVATE "-fsanitize=${CZONE_SANITIZE}")
    elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
        target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
        target_link_options(${target} PRIVATE LINKER:-z,relro,-z,now)
    endif()
endfunction()
