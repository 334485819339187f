# SPDX-License-Identifier: Apache-2.0
#
# Every library the project is built on; docs/architecture.md says what each is for. All come from
# Debian's packages but mbedTLS 3.6, which scripts/setup builds into .deps.
find_package(Threads REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(fmt REQUIRED)
find_package(PahoMqttCpp REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(COAP REQUIRED IMPORTED_TARGET libcoap-3-notls)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(CBOR REQUIRED IMPORTED_TARGET libcbor)

set(NARROWGATE_DEPS ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "Where scripts/setup installed mbedTLS 3.6")
find_package(MbedTLS 3.6 QUIET PATHS ${NARROWGATE_DEPS} NO_DEFAULT_PATH)
if(NOT MbedTLS_FOUND)
    message(FATAL_ERROR "mbedTLS 3.6 is not in ${NARROWGATE_DEPS}: run scripts/setup first.")
endif()

if(NARROWGATE_TESTS)
    find_package(GTest REQUIRED)
    find_package(benchmark REQUIRED)
    find_package(OpenSSL REQUIRED)
endif()
