// SPDX-License-Identifier: Apache-2.0
#include "app/text_table.h"

#include <algorithm>

#include "base/printable.h"

namespace neso {

std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& cells) {
  std::vector<std::vector<std::string>> rows = cells;
  for (auto& row : rows) std::ranges::transform(row, row.begin(), &printable);
  std::vector<size_t> widths(header.size());
  const auto widen = [&](const std::vector<std::string>& row) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  };
  widen(header);
  for (const auto& row : rows) widen(row);

  std::string rule = "+";
  for (const size_t width : widths) rule += std::string(width + 2, '-') + '+';
  rule += '\n';
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text = "|";
    for (size_t i = 0; i < widths.size(); ++i)
      text += ' ' + row[i] + std::string(widths[i] - row[i].size(), ' ') + " |";
    return text + '\n';
  };
  std::string table = rule + line(header) + rule;
  for (const auto& row : rows) table += line(row);
  return table + rule;
}

}  // namespace neso
