// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/record_layer.hpp"
