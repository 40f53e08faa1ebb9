// SPDX-License-Identifier: Apache-2.0
// Tables of the start-up log, drawn as Triton draws them.
#pragma once

#include <string>
#include <vector>

namespace neso {

// Rules above the header, below it and at the end; cells left-aligned. Every row has as many cells
// as the header.
std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace neso
