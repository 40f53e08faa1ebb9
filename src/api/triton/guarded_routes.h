// SPDX-License-Identifier: Apache-2.0
// The routes of the HTTP port by Triton's groups of operations, and the header that a group may
// need (--http-restricted-api). A route can only be made in a group, so that no operation has a
// door that its group does not guard.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/grpc_options.h"
#include "net/router.h"

namespace neso::triton {

class GuardedRoutes {
 public:
  // The routes of one of kRestrictableGroups, to be added to.
  std::vector<net::Route>& of(std::string_view group);
  // All of them; those of restricted groups answer 403 to whoever does not send the header.
  std::vector<net::Route> take(const RequiredHeaders& restricted);

 private:
  std::map<std::string, std::vector<net::Route>, std::less<>> groups_;
};

}  // namespace neso::triton
