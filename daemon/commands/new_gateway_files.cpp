// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/new_gateway_files.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "daemon/commands/secret_file.hpp"

namespace narrowgate::daemon {
namespace {

using std::filesystem::path;

constexpr std::string_view kServiceUser = "narrowgate";
// More than any chain of certificates, or any key.
constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;
constexpr std::string_view kAwsOption = "--aws";
// Where Debian's ca-certificates has the roots of AWS IoT Core's endpoints.
constexpr std::array<std::string_view, 2> kAwsRoots = {
    "/usr/share/ca-certificates/mozilla/Amazon_Root_CA_1.crt",
    "/usr/share/ca-certificates/mozilla/Amazon_Root_CA_3.crt"};

constexpr mode_t kPublicDirectory = 0755;
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPublicFile = 0644;
constexpr mode_t kPrivateFile = 0600;

bool have_aws_roots() {
    std::error_code ignored;
    return std::ranges::all_of(kAwsRoots,
                               [&](std::string_view root) { return std::filesystem::exists(root, ignored); });
}

Expected<Bytes> read_public_file(const path& file) {
    std::ifstream stream(file, std::ios::binary);
    Bytes content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream.is_open() || content.empty() || content.size() > kMaxPemBytes)
        return failure(fmt::format("{} cannot be read", file.string()),
                       "name a file in PEM that you can read");
    return content;
}

}  // namespace

bool has_roots_of_its_own(const Cloud& cloud) {
    return cloud.option == kAwsOption && have_aws_roots();
}

Expected<TlsFiles> read_tls_files(const Console& console, const InitArguments& arguments) {
    TlsFiles files;
    for (const auto& [option, file] : arguments.ca_files) {
        std::vector<path> sources;
        if (!file.empty()) {
            sources = {file};
        } else if (option == kAwsOption && have_aws_roots()) {
            sources.assign(kAwsRoots.begin(), kAwsRoots.end());
        }
        for (const path& source : sources) {
            auto content = read_public_file(source);
            if (!content) return std::unexpected(content.error());
            ByteWriter(files.roots[option]).append(*content);
        }
    }
    if (!arguments.certificate_file.empty()) {
        auto content = read_public_file(arguments.certificate_file);
        if (!content) return std::unexpected(content.error());
        files.certificate = *std::move(content);
    }
    if (!arguments.key_file.empty()) {
        auto content = read_secret_file(arguments.key_file, console.in, kMaxPemBytes);
        if (!content) return std::unexpected(content.error());
        files.key = *std::move(content);
    }
    return files;
}

Expected<Owner> owner_of_state(bool for_the_service) {
    if (!for_the_service || geteuid() != 0) return Owner{.user = geteuid(), .group = getegid()};
    if (const passwd* entry = getpwnam(std::string(kServiceUser).c_str()))
        return Owner{.user = entry->pw_uid, .group = entry->pw_gid};
    return failure(fmt::format("there is no user {}", kServiceUser),
                   "install the package, which makes it; or choose a --directory for a trial");
}

Expected<void> write_files(const NewGateway& gateway, const TlsFiles& tls, const path& directory, Owner owner,
                           NewFiles& files) {
    const Owner ourselves{.user = geteuid(), .group = getegid()};
    Expected<void> made;
    const auto make_directory = [&](const path& where, mode_t mode, Owner its) {
        if (made) made = files.make_directory(where, mode, its);
    };
    const auto make_file = [&](const path& where, ByteView content, mode_t mode, Owner its) {
        if (made) made = files.make_file(directory / where, content, mode, its);
    };
    for (const path& below : {path(), path("fleets.d"), path("tls")})
        make_directory(below.empty() ? directory : directory / below, kPublicDirectory, ourselves);
    make_directory(gateway.state_directory, kPrivateDirectory, owner);
    const ConfigText fleet = fleet_text(gateway);
    make_file(fleet.file, bytes_of(fleet.text), kPublicFile, ourselves);
    for (const NewGateway::Upstream& upstream : gateway.upstreams) {
        const auto roots = tls.roots.find(upstream.cloud->option);
        if (roots != tls.roots.end())
            make_file(upstream.cloud->ca_file, roots->second, kPublicFile, ourselves);
    }
    if (tls.certificate) make_file(gateway.certificate_file(), *tls.certificate, kPublicFile, ourselves);
    if (tls.key) make_file(gateway.key_file(), tls.key->view(), kPrivateFile, owner);
    // Last: whoever finds it finds all that it names.
    const ConfigText text = gateway_text(gateway);
    make_file(text.file, bytes_of(text.text), kPublicFile, ourselves);
    return made;
}

std::vector<std::string> missing_files(const NewGateway& gateway, const TlsFiles& tls, const path& directory,
                                       bool for_the_service) {
    std::vector<std::string> lines;
    const auto add = [&](std::string_view what, std::string_view options, const path& where) {
        lines.push_back(fmt::format("install {} {} {}", options, what, (directory / where).string()));
    };
    for (const NewGateway::Upstream& upstream : gateway.upstreams) {
        if (!tls.roots.contains(upstream.cloud->option)) add("ROOTS.pem", "-m 644", upstream.cloud->ca_file);
    }
    if (!tls.certificate) add("CERTIFICATE.crt", "-m 644", gateway.certificate_file());
    if (!tls.key) add("KEY.key", for_the_service ? "-o narrowgate -m 600" : "-m 600", gateway.key_file());
    return lines;
}

}  // namespace narrowgate::daemon
