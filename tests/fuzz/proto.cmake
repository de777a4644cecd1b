# SPDX-License-Identifier: Apache-2.0
# Each target runs over its corpus as a test. With libFuzzer, which also wants its instrumentation in the code under test:
#   cmake -C .cmake/clang.cmake -S . -B build -DCZONE_FUZZ_ENGINE=ON -DCZONE_SANITIZE=address,undefined,fuzzer-no-link
#   build/tests/fuzz_call -max_total_time=60 -dict=tests/fuzz/json.dict /tmp/found tests/fuzz/corpus/call
foreach(target frame call address connection)
    add_executable(fuzz_${target} fuzz/fuzz_${target}.c)
    czone_defaults(fuzz_${target})
    target_link_libraries(fuzz_${target} PRIVATE czone_proto)
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${target})
    if(CZONE_FUZZ_ENGINE)
        target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz/${target} COMMAND fuzz_${target} -runs=0 ${corpus})
    else()
        target_sources(fuzz_${target} PRIVATE fuzz/driver.c)
        add_test(NAME fuzz/${target} COMMAND fuzz_${target} ${corpus})
    endif()
endforeach()
