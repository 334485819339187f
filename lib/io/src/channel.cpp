// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/channel.hpp"

#include <sys/eventfd.h>

#include <cerrno>

namespace narrowgate::io {

Expected<WakeUp> WakeUp::create() {
    FileDescriptor fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd) {
        return failure("cannot make an eventfd: " + system_message(errno),
                       "raise the limit of open files (LimitNOFILE)");
    }
    return WakeUp(std::move(fd));
}

void WakeUp::signal() const {
    // EAGAIN means that the counter is full, so the descriptor is readable already.
    (void)eventfd_write(fd_.get(), 1);
}

void WakeUp::clear() const {
    eventfd_t count = 0;
    (void)eventfd_read(fd_.get(), &count);
}

}  // namespace narrowgate::io
