// SPDX-License-Identifier: Apache-2.0
//
// Why a name was not resolved. getaddrinfo(3) has one word, EAI_AGAIN, for a name server that says nothing,
// one that could not find out (SERVFAIL) and one that does not serve us (REFUSED), and each wants another
// cure.
#pragma once

#include <string>

#include "resolver.hpp"

namespace narrowgate::mqtt {

// After EAI_AGAIN: asks the name servers of /etc/resolv.conf once more and tells what came. Takes as long as
// one of them needs, and 1 s for each that says nothing. Thread: any.
LookUpError unresolved(const std::string& host);

}  // namespace narrowgate::mqtt
