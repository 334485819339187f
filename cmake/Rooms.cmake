# SPDX-License-Identifier: Apache-2.0
#
# A room is lib/<room>: its promise in include/, its secrets in src/, one target. A room exports its own
# include directory only, so an include that the layers forbid does not compile.

add_library(narrowgate_options INTERFACE)
target_compile_options(narrowgate_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wpedantic)
if(NARROWGATE_WERROR)
    target_compile_options(narrowgate_options INTERFACE -Werror)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC takes a source that is joined with others for a header, where unnamed namespaces would be a mistake.
    target_compile_options(narrowgate_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(NARROWGATE_SANITIZE)
    target_compile_options(narrowgate_options INTERFACE -fsanitize=${NARROWGATE_SANITIZE}
                           -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(narrowgate_options INTERFACE -fsanitize=${NARROWGATE_SANITIZE})
endif()

# What nearly every source includes, compiled once, for the builds that look for defects and not for includes.
if(NARROWGATE_PRECOMPILE)
    add_library(narrowgate_headers STATIC ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(narrowgate_headers PRIVATE narrowgate_options fmt::fmt nlohmann_json::nlohmann_json)
    if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
        target_compile_options(narrowgate_headers PRIVATE -Xclang -fno-pch-timestamp)
    endif()
    target_precompile_headers(narrowgate_headers PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp)
endif()
function(narrowgate_precompile target)
    if(NARROWGATE_PRECOMPILE)
        target_precompile_headers(${target} REUSE_FROM narrowgate_headers)
    endif()
endfunction()

# What Debian builds its packages with (dpkg-buildflags --export with hardening=+all), for all that goes into the
# gateway's binary: what is tested is what is shipped. Position independence is the compiler's default there.
add_library(narrowgate_hardened INTERFACE)
if(NARROWGATE_HARDENED AND NOT NARROWGATE_SANITIZE)
    target_compile_options(narrowgate_hardened INTERFACE -fstack-protector-strong -fstack-clash-protection
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
        $<$<CONFIG:RelWithDebInfo,Release>:-D_FORTIFY_SOURCE=2>)
    target_link_options(narrowgate_hardened INTERFACE -Wl,-z,relro,-z,now)
endif()

# Functions of rooms that nobody calls are left out: what is mapped is memory.
if(NOT NARROWGATE_SANITIZE)
    target_compile_options(narrowgate_hardened INTERFACE -ffunction-sections -fdata-sections)
    target_link_options(narrowgate_hardened INTERFACE -Wl,--gc-sections)
endif()

# The rooms below each room (docs/architecture.md). Nothing else may be used.
set(NARROWGATE_BELOW_base "")
set(NARROWGATE_BELOW_io base)
set(NARROWGATE_BELOW_dtls base)
set(NARROWGATE_BELOW_coap base)
set(NARROWGATE_BELOW_payload base)
set(NARROWGATE_BELOW_store base io)
set(NARROWGATE_BELOW_mqtt base io)
set(NARROWGATE_BELOW_ops base io)

# narrowgate_room(NAME SOURCES file... [USES room...] [LIBRARIES target...])
#   USES       rooms of a lower layer, part of this room's promise
#   LIBRARIES  third-party targets, seen by this room's src/ only
function(narrowgate_room name)
    cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "SOURCES;USES;LIBRARIES")
    add_library(narrowgate_${name} STATIC ${ROOM_SOURCES})
    add_library(narrowgate::${name} ALIAS narrowgate_${name})
    target_include_directories(narrowgate_${name} PUBLIC include PRIVATE src)
    foreach(used IN LISTS ROOM_USES)
        if(NOT used IN_LIST NARROWGATE_BELOW_${name})
            message(FATAL_ERROR "room ${name} must not use room ${used}: see docs/architecture.md")
        endif()
        target_link_libraries(narrowgate_${name} PUBLIC narrowgate::${used})
    endforeach()
    target_link_libraries(narrowgate_${name} PRIVATE narrowgate_options narrowgate_hardened ${ROOM_LIBRARIES})
    narrowgate_precompile(narrowgate_${name})
endfunction()

# What most tests include, compiled once: GoogleTest, JSON and the standard library are two thirds of the time
# that a test takes to compile. Nothing of a test runs long enough to be worth optimising.
set(NARROWGATE_TEST_OPTIONS $<$<CONFIG:RelWithDebInfo>:-O0> -g1)
function(narrowgate_test_headers)
    add_library(narrowgate_test_headers STATIC ${CMAKE_SOURCE_DIR}/tests/precompiled.cpp)
    target_compile_options(narrowgate_test_headers PRIVATE ${NARROWGATE_TEST_OPTIONS})
    target_link_libraries(narrowgate_test_headers
        PRIVATE narrowgate_options GTest::gmock nlohmann_json::nlohmann_json)
    if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
        target_compile_options(narrowgate_test_headers PRIVATE -Xclang -fno-pch-timestamp)
    endif()
    target_precompile_headers(narrowgate_test_headers PRIVATE ${CMAKE_SOURCE_DIR}/tests/precompiled.hpp)
endfunction()

# narrowgate_test(NAME SOURCES file... LIBRARIES target... [LABELS label...] [TIMEOUT seconds] [SERIAL])
# One GoogleTest binary; each TEST is one line of ctest. The target unit_tests is all of them.
add_custom_target(unit_tests)
function(narrowgate_test name)
    cmake_parse_arguments(PARSE_ARGV 1 TEST "SERIAL" "TIMEOUT" "SOURCES;LIBRARIES;LABELS")
    add_executable(${name} ${TEST_SOURCES})
    add_dependencies(unit_tests ${name})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE narrowgate_options ${TEST_LIBRARIES} GTest::gmock GTest::gtest_main)
    target_compile_options(${name} PRIVATE ${NARROWGATE_TEST_OPTIONS})
    target_precompile_headers(${name} REUSE_FROM narrowgate_test_headers)
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 120)
    endif()
    set(properties TIMEOUT ${TEST_TIMEOUT})
    if(TEST_LABELS)
        list(APPEND properties LABELS "${TEST_LABELS}")
    endif()
    if(NARROWGATE_SANITIZE STREQUAL thread)
        list(APPEND properties ENVIRONMENT
             TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/thread.supp)
    endif()
    if(TEST_SERIAL)
        list(APPEND properties RUN_SERIAL TRUE)
    endif()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES ${properties})
endfunction()
