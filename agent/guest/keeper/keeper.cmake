# SPDX-License-Identifier: Apache-2.0
# The keeper, and what czoned needs to speak to keepers.
add_library(czone_keeper_wire_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/record.c
    ${CMAKE_CURRENT_LIST_DIR}/spawn.c
    ${CMAKE_CURRENT_LIST_DIR}/wire.c
    ${CMAKE_CURRENT_LIST_DIR}/log_reader.c
    ${CMAKE_CURRENT_LIST_DIR}/log_window.c
    ${CMAKE_CURRENT_LIST_DIR}/log_writer.c)
czone_defaults(czone_keeper_wire_objects)
target_include_directories(czone_keeper_wire_objects PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(czone_keeper_wire_objects PRIVATE PkgConfig::JANSSON)

# Everything but main(), so that the tests link the same objects.
add_library(czone_keeper_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/input.c
    ${CMAKE_CURRENT_LIST_DIR}/keeper.c
    ${CMAKE_CURRENT_LIST_DIR}/link.c
    ${CMAKE_CURRENT_LIST_DIR}/output.c
    ${CMAKE_CURRENT_LIST_DIR}/start.c)
czone_defaults(czone_keeper_objects)
target_include_directories(czone_keeper_objects PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(czone_keeper_objects PRIVATE PkgConfig::JANSSON)

add_executable(czone-keeper ${CMAKE_CURRENT_LIST_DIR}/main.c $<TARGET_OBJECTS:czone_keeper_objects>
                            $<TARGET_OBJECTS:czone_keeper_wire_objects> $<TARGET_OBJECTS:czone_launch_objects>)
czone_defaults(czone-keeper)
target_include_directories(czone-keeper PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)

# Static where it can be: a keeper for each program, so pages and the time to start one count.
find_library(CZONE_JANSSON_ARCHIVE libjansson.a HINTS ${JANSSON_LIBRARY_DIRS})
find_library(CZONE_LIBNL_ARCHIVE libnl-3.a HINTS ${LIBNL_ROUTE_LIBRARY_DIRS})
find_library(CZONE_LIBNL_ROUTE_ARCHIVE libnl-route-3.a HINTS ${LIBNL_ROUTE_LIBRARY_DIRS})
if(CZONE_JANSSON_ARCHIVE AND CZONE_LIBNL_ARCHIVE AND CZONE_LIBNL_ROUTE_ARCHIVE AND NOT CZONE_SANITIZE)
    # The archives alone, without the shared libraries that they name: it needs a few objects of each.
    add_dependencies(czone-keeper czone_proto czone_static)
    target_link_libraries(czone-keeper PRIVATE $<TARGET_FILE:czone_proto> $<TARGET_FILE:czone_static>
                                               ${CZONE_JANSSON_ARCHIVE} ${CZONE_LIBNL_ROUTE_ARCHIVE}
                                               ${CZONE_LIBNL_ARCHIVE})
    # libnl names functions of libc that need shared libraries in a static program, and the linker warns of that;
    # the keeper calls none of them.
    target_link_options(czone-keeper PRIVATE -static LINKER:--no-warnings)
else()
    target_link_libraries(czone-keeper PRIVATE czone_proto czone_static PkgConfig::LIBNL_ROUTE)
endif()

install(TARGETS czone-keeper RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/czone COMPONENT Guest)
