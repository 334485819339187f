// SPDX-License-Identifier: Apache-2.0
#include "bench/seeding.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace narrowgate::bench {
namespace {

// Below the store's own bound on its queue, so that it takes each at once.
constexpr std::uint64_t kUnitsUnderWay = 4'096;

// Counts what the writer completes. Thread: the writer's and the one that waits.
class Progress {
public:
    void on_completions(const std::vector<store::Completion>& completions) {
        const std::lock_guard lock(mutex_);
        for (const store::Completion& completion : completions)
            ++(completion.outcome == store::Outcome::kCommitted ? committed_ : failed_);
        changed_.notify_one();
    }
    // Waits until at most `count` of `submitted` are under way; false when one has failed.
    bool wait(std::uint64_t submitted, std::uint64_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return submitted - committed_ - failed_ <= count; });
        return failed_ == 0;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t committed_ = 0, failed_ = 0;
};

}  // namespace

Expected<void> submit_all(store::Store& store, std::uint64_t count,
                          const std::function<store::Unit(std::uint64_t at)>& unit_of) {
    const auto progress = std::make_shared<Progress>();  // the store may keep its sink for longer
    const store::SinkId sink = store.add_sink(
        [progress](std::vector<store::Completion>&& completions) { progress->on_completions(completions); });
    std::uint64_t submitted = 0;
    bool good = true;
    while (good && submitted < count) {
        store::Unit unit = unit_of(submitted);
        unit.sink = sink;
        good = progress->wait(submitted, kUnitsUnderWay - 1) && store.submit(std::move(unit));
        if (good) ++submitted;
    }
    if (!progress->wait(submitted, 0) || !good) {
        return failure(std::to_string(submitted) + " were submitted, and not all of them could be committed",
                       "is there room on the disk?");
    }
    return {};
}

}  // namespace narrowgate::bench
