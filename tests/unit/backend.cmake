# SPDX-License-Identifier: Apache-2.0
# Tests of libczone outside its core. They link its objects, so internals are reached without being exported.
if(NOT TARGET czone_objects)
    return()
endif()

foreach(noun attr scan claims node zone contexts release job monitor fault)
    add_executable(test_backend_${noun} ${CMAKE_CURRENT_LIST_DIR}/test_backend_${noun}.c
                   ${PROJECT_SOURCE_DIR}/tests/support/fake_machine.c)
    target_include_directories(test_backend_${noun} PRIVATE ${PROJECT_SOURCE_DIR}
                               ${PROJECT_SOURCE_DIR}/libczone)
    target_link_libraries(test_backend_${noun} PRIVATE czone_objects czone_core_objects PkgConfig::LIBNL
                          PkgConfig::LIBCGROUP PkgConfig::CHECK)
    czone_defaults(test_backend_${noun})
    add_test(NAME unit/backend_${noun} COMMAND test_backend_${noun})
endforeach()

# What the library exports; the check first shows that it can fail.
set(abi ${PROJECT_SOURCE_DIR}/tests/support/abi)
add_test(NAME abi/notices_planted_defects COMMAND ${abi} --prove ${PROJECT_SOURCE_DIR} $<TARGET_FILE:czone>)
add_test(NAME abi/holds COMMAND ${abi} ${PROJECT_SOURCE_DIR} $<TARGET_FILE:czone>)
