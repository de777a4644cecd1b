# SPDX-License-Identifier: Apache-2.0
# Tests of libczone/core. They link its objects, so internals are reached without being exported.
if(NOT TARGET czone_core_objects)
    return()
endif()

foreach(noun types node_set zone_state inventory placement plan ledger validate no_memory)
    add_executable(test_core_${noun} ${CMAKE_CURRENT_LIST_DIR}/test_core_${noun}.c)
    target_link_libraries(test_core_${noun} PRIVATE czone_core_objects PkgConfig::CHECK)
    czone_defaults(test_core_${noun})
    add_test(NAME unit/core_${noun} COMMAND test_core_${noun})
endforeach()

# Every allocation of the core passes through the test, which lets one fail at a time.
target_link_options(test_core_no_memory PRIVATE
    LINKER:--wrap=malloc LINKER:--wrap=calloc LINKER:--wrap=reallocarray)

# Who may use whom; the check first shows that it can fail.
set(layers ${PROJECT_SOURCE_DIR}/tests/support/layers)
add_test(NAME layers/notices_planted_violations COMMAND ${layers} --prove ${PROJECT_SOURCE_DIR})
set(arguments --build ${CMAKE_BINARY_DIR})
foreach(program czone-hostd czonectl)
    if(TARGET ${program})
        list(APPEND arguments --program $<TARGET_FILE:${program}>)
    endif()
endforeach()
add_test(NAME layers/hold COMMAND ${layers} ${PROJECT_SOURCE_DIR} ${arguments}
         --core-object "$<JOIN:$<TARGET_OBJECTS:czone_core_objects>,;--core-object;>" COMMAND_EXPAND_LISTS)
