// SPDX-License-Identifier: Apache-2.0
#include "fakes/pki.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fstream>

namespace narrowgate::fakes {
namespace {

void write(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path) << text;
}

// "20260301120000Z", as openssl-ca(1) takes it.
std::string utc(std::chrono::system_clock::time_point when) {
    return fmt::format("{:%Y%m%d%H%M%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

}  // namespace

Pki::Pki(std::string_view name) {
    const auto at = [&](const char* file) { return directory() / file; };
    root_ = {at("root.crt"), at("root.key")};
    write(at("index.txt"), "");
    write(at("serial"), "1000\n");
    write(at("openssl.cnf"),
          fmt::format("[req]\ndistinguished_name=dn\n[dn]\n[ca]\ndefault_ca=this\n"
                      "[this]\ndir={0}\ndatabase={0}/index.txt\nserial={0}/serial\nnew_certs_dir={0}\n"
                      "certificate={0}/root.crt\nprivate_key={0}/root.key\ndefault_md=sha256\npolicy=any\n"
                      "unique_subject=no\n[any]\ncommonName=supplied\n"
                      "[root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                      "subjectKeyIdentifier=hash\n",
                      directory().string()));
    run({"openssl",
         "req",
         "-x509",
         "-newkey",
         "ec",
         "-pkeyopt",
         "ec_paramgen_curve:P-256",
         "-nodes",
         "-days",
         "2",
         "-config",
         at("openssl.cnf"),
         "-extensions",
         "root",
         "-subj",
         fmt::format("/CN={}", name),
         "-keyout",
         root_.key,
         "-out",
         root_.certificate},
        at("openssl.log"));
}

KeyPair Pki::issue(const Wish& wish) {
    const auto at = [&](std::string_view suffix) {
        return directory() / fmt::format("{}{}", wish.file_name, suffix);
    };
    const KeyPair pair{at(".crt"), at(".key")};
    const KeyPair& issuer = wish.issuer != nullptr ? *wish.issuer : root_;
    const auto config = directory() / "openssl.cnf";
    const auto log = directory() / "openssl.log";
    write(at(".ext"), wish.extensions);
    run({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-config", config, "-subj", fmt::format("/CN={}", wish.common_name), "-keyout", pair.key, "-out",
         at(".csr")},
        log);
    const auto now = std::chrono::system_clock::now();
    run({"openssl",    "ca",
         "-batch",     "-notext",
         "-config",    config,
         "-extfile",   at(".ext"),
         "-cert",      issuer.certificate,
         "-keyfile",   issuer.key,
         "-startdate", utc(now + wish.from),
         "-enddate",   utc(now + wish.to),
         "-in",        at(".csr"),
         "-out",       pair.certificate},
        log);
    return pair;
}

KeyPair Pki::server(std::string_view file_name, std::string_view names) {
    return issue({.file_name = std::string(file_name),
                  .common_name = "broker",
                  .extensions = fmt::format("subjectAltName={}\nextendedKeyUsage=serverAuth\n", names)});
}
KeyPair Pki::client(std::string_view common_name) {
    return issue({.file_name = std::string(common_name), .common_name = std::string(common_name)});
}
KeyPair Pki::expired_server(std::string_view file_name, std::string_view names) {
    return issue({.file_name = std::string(file_name),
                  .common_name = "broker",
                  .extensions = fmt::format("subjectAltName={}\nextendedKeyUsage=serverAuth\n", names),
                  .from = std::chrono::hours(-24),
                  .to = std::chrono::hours(-23)});
}
KeyPair Pki::intermediate(std::string_view file_name) {
    return issue({.file_name = std::string(file_name),
                  .common_name = "Throw-away intermediate",
                  .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                                "subjectKeyIdentifier=hash\n"});
}

}  // namespace narrowgate::fakes
