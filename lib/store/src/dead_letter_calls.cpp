// SPDX-License-Identifier: Apache-2.0
//
// The facade's calls by which an operator looks at dead letters, sends them again or deletes them.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "audit_trail.hpp"
#include "page_body.hpp"
#include "store_impl.hpp"

namespace narrowgate::store {
namespace {

struct Chosen {
    std::uint64_t id = 0;
    std::string upstream;
    Returned letter;
    bool retried = false;
    bool whole = false;  // there is a reading in it
};

std::vector<Chosen> choose(Database& database, const DeadLetterChoice& choice) {
    std::vector<Chosen> chosen;
    Statement select(database,
                     "SELECT id, upstream, number, body, retried FROM dead_letter"
                     " WHERE (?1 IS NULL OR id = ?1) AND (?2 = '' OR upstream = ?2) ORDER BY id");
    Query query(select, choice.id, choice.upstream);
    while (query.next()) {
        const auto readings = decode_readings(query.blob(3), query.number(2));
        chosen.push_back({.id = query.number(0),
                          .upstream = query.text(1),
                          .letter = {.number = query.number(2), .bytes = query.blob(3).size(), .since = {}},
                          .retried = !query.null(4),
                          .whole = readings && readings->size() == 1 && !readings->front().device.empty()});
    }
    return chosen;
}

std::unexpected<Error> no_such_letter(const DeadLetterChoice& choice) {
    const std::string of = choice.upstream.empty() ? "" : fmt::format(" of upstream \"{}\"", choice.upstream);
    return choice.id ? failure(fmt::format("there is no dead letter {}{}", *choice.id, of),
                               "`narrowgate dead-letters list` shows which there are")
                     : failure(fmt::format("there are no dead letters{}", of), "nothing is left to do");
}

std::string subject_of(const DeadLetterChoice& choice) {
    if (choice.id) return fmt::format("dead letter {}", *choice.id);
    return choice.upstream.empty() ? "dead letters" : "dead letters of " + choice.upstream;
}

std::string detail_of(const DeadLetterChoice& choice, const std::vector<Chosen>& chosen) {
    if (!choice.id) return fmt::format("{} readings", chosen.size());
    return fmt::format("reading {} for {}", chosen.front().letter.number, chosen.front().upstream);
}

using ByUpstream = std::map<UpstreamId, std::vector<Chosen>>;

// Those of `chosen` that can be sent, by upstream. Fails when one that was named cannot.
Expected<ByUpstream> sendable(const Ledger& ledger, const DeadLetterChoice& choice,
                              std::vector<Chosen>& chosen) {
    ByUpstream by_upstream;
    std::vector<Chosen> taken;
    for (Chosen& one : chosen) {
        const auto id = ledger.find_upstream(one.upstream);
        if (choice.id && one.retried) {
            return failure(fmt::format("dead letter {} waits to be sent already", one.id),
                           "`narrowgate status` shows whether its upstream takes readings");
        }
        if (choice.id && !id) {
            return failure(fmt::format("upstream \"{}\" of dead letter {} is no more", one.upstream, one.id),
                           "drop the letter, or configure an upstream of that name again");
        }
        if (choice.id && !one.whole) {
            return failure(fmt::format("dead letter {} holds no reading: its page was damaged", one.id),
                           "drop it; nothing is left to send");
        }
        if (one.retried || !id || !one.whole) continue;
        by_upstream[*id].push_back(one);
        taken.push_back(std::move(one));
    }
    chosen = std::move(taken);
    return by_upstream;
}

}  // namespace

Expected<std::vector<DeadLetter>> Store::dead_letters(std::size_t count, std::string_view upstream) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<DeadLetter>> {
        return UpstreamTable(snapshot.database).dead_letters(count, upstream);
    });
}

Expected<std::size_t> Store::retry_dead_letters(const DeadLetterChoice& choice, std::string_view actor) {
    return impl_->on_writer([&](Engine& engine) -> Expected<std::size_t> {
        engine.keep_up(Engine::Upkeep::kProgress, false);  // those refused just now are in the table then
        auto chosen = choose(engine.database(), choice);
        if (chosen.empty()) return no_such_letter(choice);
        auto by_upstream = sendable(engine.ledger(), choice, chosen);
        if (!by_upstream) return std::unexpected(by_upstream.error());
        const auto waiting = static_cast<std::size_t>(
            engine.database().integer("SELECT count(*) FROM dead_letter WHERE retried IS NOT NULL"));
        if (waiting + chosen.size() > engine.options().max_dead_letters) {
            return failure(fmt::format("{} dead letters wait to be sent already, and {} may", waiting,
                                       engine.options().max_dead_letters),
                           "wait until their upstreams have taken them (narrowgate status), or raise "
                           "store.max_dead_letters");
        }
        if (chosen.empty()) return std::size_t{0};
        const WallTime now = engine.clock().now().wall;
        {
            Transaction transaction(engine.database());
            Statement retry(engine.database(), "UPDATE dead_letter SET retried = ?2 WHERE id = ?1");
            for (const Chosen& one : chosen)
                retry.run(one.id, now);
            AuditTrail(engine.database())
                .add({now, std::string(actor), "retry", subject_of(choice), detail_of(choice, chosen)});
            transaction.commit();
        }
        for (const auto& [id, letters] : *by_upstream) {
            std::vector<Returned> returned;
            for (const Chosen& one : letters) {
                returned.push_back(one.letter);
                returned.back().since = now;
            }
            engine.ledger().give_back(id, returned);
        }
        impl_->writer.wake_all();
        return chosen.size();
    });
}

Expected<std::size_t> Store::drop_dead_letters(const DeadLetterChoice& choice, std::string_view actor) {
    return impl_->on_writer([&](Engine& engine) -> Expected<std::size_t> {
        engine.keep_up(Engine::Upkeep::kProgress, false);
        const auto chosen = choose(engine.database(), choice);
        if (chosen.empty()) return no_such_letter(choice);
        const WallTime now = engine.clock().now().wall;
        {
            Transaction transaction(engine.database());
            Statement remove(engine.database(), "DELETE FROM dead_letter WHERE id = ?1");
            for (const Chosen& one : chosen)
                remove.run(one.id);
            AuditTrail(engine.database())
                .add({now, std::string(actor), "drop", subject_of(choice), detail_of(choice, chosen)});
            transaction.commit();
        }
        for (const Chosen& one : chosen) {
            const auto id = engine.ledger().find_upstream(one.upstream);
            if (one.retried && id) engine.ledger().take_back(*id, {&one.letter.number, 1});
        }
        return chosen.size();
    });
}

std::uint64_t Store::returns() const {
    return impl_->engine->ledger().returns();
}

std::optional<ReadingNumber> Store::first_returned(UpstreamId upstream) const {
    if (upstream >= kMaxUpstreams) return std::nullopt;
    const auto first = impl_->engine->ledger().returned(upstream, 0, 1);
    return first.empty() ? std::nullopt : std::optional(first.front());
}

}  // namespace narrowgate::store
