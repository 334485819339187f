// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target without libFuzzer: each seed of a corpus, its truncations, and mutations that are the
// same on every run. Not a search, but it keeps the target compiling, its seeds passing and old findings
// fixed.
//
//   NAME_fuzz [CORPUS-DIRECTORY|FILE...]
//
// Without a corpus the seeds are random bytes. A file is run as it is, which is how a finding of libFuzzer is
// looked at under another compiler.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kMutations = 20'000;
constexpr std::size_t kMaxInputBytes = 4096;        // libFuzzer's own default
constexpr std::chrono::milliseconds kBudget{3500};  // slow targets, under sanitizers, run fewer mutations
constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, '"', '[', '{', '-'};

// What is running, for the signal handler: the only way to a finding when the target aborts.
std::span<const std::uint8_t> running;

void put(std::string_view text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
}

void report(int number) {
    put("\nthe target died of this input, in hex: ");
    for (const auto byte : running) {
        const char digits[] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        put({digits, 2});
    }
    put("\n");
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void run(const Input& input) {
    // A copy of exactly its size: what reads past the end reads past a heap block, where sanitizers look.
    const Input exact(input);
    running = exact;
    (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
    running = {};
}

class Mutator {
public:
    explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

    Input next() {
        Input input = pick();
        for (auto changes = random_() % 8 + 1; changes > 0; --changes)
            change(input);
        if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
        return input;
    }

private:
    const Input& pick() { return seeds_[random_() % seeds_.size()]; }
    std::ptrdiff_t offset(const Input& input) {
        return static_cast<std::ptrdiff_t>(random_() % (input.size() + 1));
    }

    void change(Input& input) {
        const auto first = input.begin();
        const auto from = std::min(offset(input), offset(input));
        const auto to =
            std::min<std::ptrdiff_t>(from + static_cast<std::ptrdiff_t>(random_() % 16), std::ssize(input));
        switch (random_() % 6) {
            case 0:
                if (from < to)
                    input[static_cast<std::size_t>(from)] ^= static_cast<std::uint8_t>(1U << random_() % 8);
                break;
            case 1:
                if (from < to)
                    input[static_cast<std::size_t>(from)] = kTelling[random_() % std::size(kTelling)];
                break;
            case 2:
                input.insert(first + from, static_cast<std::uint8_t>(random_()));
                break;
            case 3:
                input.erase(first + from, first + to);
                break;
            case 4: {
                const Input repeated(first + from, first + to);
                input.insert(first + offset(input), repeated.begin(), repeated.end());
                break;
            }
            default: {
                const Input& other = pick();
                input.resize(static_cast<std::size_t>(from));
                input.insert(input.end(), other.begin() + offset(other), other.end());
            }
        }
    }

    const std::vector<Input>& seeds_;
    std::mt19937 random_{1};  // the same mutations on every run
};

bool read(const std::filesystem::path& path, std::vector<Input>& inputs) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (file.good() || file.eof()) return true;
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
}

bool read_all(std::span<char*> arguments, std::vector<Input>& seeds, std::vector<Input>& files) {
    for (const std::filesystem::path path : arguments) {
        if (!std::filesystem::is_directory(path)) {
            if (!read(path, files)) return false;
            continue;
        }
        std::vector<std::filesystem::path> entries;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            entries.push_back(entry.path());
        std::ranges::sort(entries);
        for (const auto& entry : entries)
            if (!read(entry, seeds)) return false;
        if (entries.empty()) {
            std::fprintf(stderr, "%s: no seeds\n", path.c_str());
            return false;
        }
    }
    return true;
}

std::vector<Input> generated_seeds() {
    std::mt19937 random(2);
    std::vector<Input> seeds(32);
    for (auto& seed : seeds) {
        seed.resize(random() % 256);
        std::ranges::generate(seed, [&random] { return static_cast<std::uint8_t>(random()); });
    }
    return seeds;
}

std::size_t run_mutations(const std::vector<Input>& seeds) {
    const auto deadline = std::chrono::steady_clock::now() + kBudget;
    std::size_t count = 0;
    for (const auto& seed : seeds)
        for (std::size_t size = 0; size < seed.size() && std::chrono::steady_clock::now() < deadline;
             ++size, ++count)
            run(Input(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
    Mutator mutator(seeds);
    for (std::size_t i = 0; i < kMutations && std::chrono::steady_clock::now() < deadline; ++i, ++count)
        run(mutator.next());
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    for (const int number : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGBUS})
        (void)signal(number, report);
    if (LLVMFuzzerInitialize != nullptr) (void)LLVMFuzzerInitialize(&argc, &argv);

    std::vector<Input> seeds;
    std::vector<Input> files;
    if (!read_all(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), seeds, files)) return 1;
    if (seeds.empty() && files.empty()) seeds = generated_seeds();
    for (const auto& inputs : {files, seeds})
        for (const auto& input : inputs)
            run(input);
    const std::size_t mutations = seeds.empty() ? 0 : run_mutations(seeds);
    std::printf("%zu inputs and %zu changed ones, no finding\n", files.size() + seeds.size(), mutations);
    return 0;
}
