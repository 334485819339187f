// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/support_bundle.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "daemon/commands/child_output.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kMostPacked = std::size_t{64} << 20;
constexpr seconds kPackingPatience{60};

// A folder that goes with all that is in it.
class Draft {
public:
    static Expected<Draft> make() {
        std::error_code unknown;
        std::string path =
            (std::filesystem::temp_directory_path(unknown) / "narrowgate-support.XXXXXX").string();
        if (unknown || mkdtemp(path.data()) == nullptr)
            return failure(fmt::format("{}: {}", path, system_message(errno)),
                           "set TMPDIR to a folder with room");
        return Draft(path);
    }
    ~Draft() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    Draft(Draft&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Draft& operator=(Draft&&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    explicit Draft(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

Expected<void> write_file(const std::filesystem::path& path, std::string_view text) {
    auto file = OutputFile::make(path);
    if (!file) return std::unexpected(file.error());
    if (auto written = file->write(bytes_of(text)); !written) return written;
    return file->finish();
}

}  // namespace

void SupportBundle::add(Part part) {
    if (part.text.size() > part.most) {
        part.cut = true;
        if (part.keep == Keep::kEnd) part.text.erase(0, part.text.size() - part.most);
        part.text.resize(part.most);
    }
    parts_.push_back(std::move(part));
}

void SupportBundle::leave_out(std::string name, std::string why) {
    left_out_.push_back({std::move(name), std::move(why)});
}

void SupportBundle::take_out(std::string_view name, std::string why) {
    if (std::erase_if(parts_, [&](const Part& part) { return part.name == name; }) != 0)
        leave_out(std::string(name), std::move(why));
}

void SupportBundle::scrub(const Scrubber& scrubber) {
    for (Part& part : parts_)
        part.text = scrubber.scrub(std::move(part.text), part.with_digests);
    for (LeftOut& one : left_out_)
        one.why = scrubber.scrub(std::move(one.why));
}

std::string SupportBundle::manifest() const {
    std::string text;
    for (const Part& part : parts_) {
        text += fmt::format("{}  {} bytes{}\n", part.name, part.text.size(),
                            !part.cut                       ? ""
                            : part.keep == Keep::kBeginning ? ", cut: the end is missing"
                                                            : ", cut: the beginning is missing");
    }
    for (const LeftOut& one : left_out_)
        text += fmt::format("{}  left out: {}\n", one.name, one.why);
    return text;
}

Expected<void> SupportBundle::write(const std::string& name, OutputFile& file) const {
    auto draft = Draft::make();
    if (!draft) return std::unexpected(draft.error());
    const auto folder = draft->path() / name;
    if (mkdir(folder.c_str(), 0700) != 0)
        return failure(fmt::format("{}: {}", folder.string(), system_message(errno)), "set TMPDIR");
    for (const Part& part : parts_) {
        if (auto written = write_file(folder / part.name, part.text); !written) return written;
    }
    if (auto written = write_file(folder / "MANIFEST", manifest()); !written) return written;
    const auto packed = output_of({"tar", "--create", "--gzip", "--owner=0", "--group=0", "--numeric-owner",
                                   "--directory", draft->path().string(), name},
                                  kMostPacked, kPackingPatience);
    if (!packed) return std::unexpected(packed.error());
    if (packed->cut || packed->status != 0)
        return failure(fmt::format("tar ended with status {}", packed->status), "see that tar and gzip work");
    if (auto written = file.write(bytes_of(packed->text)); !written) return written;
    return file.finish();
}

}  // namespace narrowgate::daemon
