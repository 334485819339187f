// SPDX-License-Identifier: Apache-2.0
//
// What the store logs; docs/events.md shows the same. A log call names one: kEvent<"store.disk_full">.
#pragma once

#include "narrowgate/base/log_event.hpp"

namespace narrowgate::store {

inline constexpr LogEvent kEvents[] = {
    {.name = "store.disk_full",
     .level = LogLevel::kError,
     .about = About::kGateway,
     .when = "The disk of the state directory is full. Readings are refused with 5.03, and nodes keep them; "
             "sessions and "
             "progress are still written, from a reserve.",
     .cure = "make room on that disk: the gateway looks every 5 s and goes on by itself",
     .message_id = "b3ceef650dd34bcabdb630fa92116159"},
    {.name = "store.disk_has_room",
     .level = LogLevel::kInfo,
     .about = About::kGateway,
     .when = "There is room again, and readings are stored."},
    {.name = "store.write_failed",
     .level = LogLevel::kError,
     .about = About::kGateway,
     .when = "A commit, or the upkeep of the tables, failed. Nothing is acknowledged until commits succeed; "
             "said once "
             "until then.",
     .cure = "check the disk and the kernel's log",
     .message_id = "7faa2b580534432781fbb890885afc9f"},
    {.name = "store.writes_succeed",
     .level = LogLevel::kInfo,
     .about = About::kGateway,
     .when = "Commits succeed again."},
    {.name = "store.progress_unsaved",
     .level = LogLevel::kWarning,
     .about = About::kGateway,
     .when = "At the stop the last second's progress could not be written.",
     .cure = "nothing: what was delivered since may be delivered again, under the same ids; if it repeats "
             "itself, check the "
             "disk"},
    {.name = "store.sessions_lost",
     .level = LogLevel::kWarning,
     .about = About::kGateway,
     .when = "Stored sessions cannot be read and have ended. Their nodes will shake hands again.",
     .cure = "check the disk, unless somebody edited the database or exchanged the sealing key"},
    {.name = "store.effects_lost",
     .level = LogLevel::kError,
     .about = About::kGateway,
     .when =
         "Pages of the journal cannot be read. Sessions that they opened or moved are as they were before.",
     .cure = "check the disk and the kernel's log"},
    {.name = "store.readings_unreadable",
     .level = LogLevel::kError,
     .about = About::kGateway,
     .when = "A page of the journal cannot be read. Its readings stay where they are and are not delivered.",
     .cure = "check the disk and the kernel's log"},
    {.name = "store.progress_lost",
     .level = LogLevel::kError,
     .about = About::kUpstream,
     .when = "An upstream's progress cannot be read. It gets everything again that is still stored, under "
             "the same ids.",
     .cure = "check the disk and the kernel's log"},
    {.name = "store.device_key_unreadable",
     .level = LogLevel::kWarning,
     .about = About::kDevice,
     .when = "The stored key of an identity does not open under the sealing key: its node cannot connect.",
     .cure = "revoke the device and add it again"},
    {.name = "store.replay_ended",
     .level = LogLevel::kInfo,
     .about = About::kUpstream,
     .when = "A replay has come to its end."},
};
static_assert(is_catalogue(kEvents));

template <LogEventName kName>
inline constexpr auto kEvent = find_event<kEvents, kName>();

}  // namespace narrowgate::store
