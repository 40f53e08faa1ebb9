// SPDX-License-Identifier: Apache-2.0
// For tests only: model folders made on the spot, small, and spoilt as a test likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/temporary_folder.h"
#include "tensor/shape.h"

namespace neso {

struct TestTensor {
  std::string name;
  Shape shape;
  std::string dtype = "F32";
  size_t element_bytes = 4;
};

// A safetensors file of any header and data: the length, right, then both.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  std::string bytes;
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<char>(header.size() >> shift));
  bytes += header;
  bytes += data;
  return bytes;
}

// A good file of these tensors; every byte of the data is 0.
inline std::string safetensors_bytes(const std::vector<TestTensor>& tensors) {
  std::string header = "{";
  size_t offset = 0;
  for (const TestTensor& tensor : tensors) {
    const size_t end =
        offset + static_cast<size_t>(element_count(tensor.shape).value()) * tensor.element_bytes;
    header += (header.size() > 1 ? ",\"" : "\"") + tensor.name + R"(":{"dtype":")" + tensor.dtype +
              R"(","shape":)" + shape_text(tensor.shape) + R"(,"data_offsets":[)" +
              std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  return safetensors_bytes(header, std::string(offset, '\0'));
}

// The tensors of a BERT with hidden 4, 2 layers, intermediate 6, 10 words, 8 positions and 2 types.
inline std::vector<TestTensor> small_bert_tensors(const std::string& prefix = "") {
  std::vector<TestTensor> tensors;
  const auto add = [&](const std::string& name, Shape weight, Shape bias) {
    tensors.push_back({prefix + name + ".weight", std::move(weight)});
    if (!bias.empty()) tensors.push_back({prefix + name + ".bias", std::move(bias)});
  };
  add("embeddings.word_embeddings", {10, 4}, {});
  add("embeddings.position_embeddings", {8, 4}, {});
  add("embeddings.token_type_embeddings", {2, 4}, {});
  add("embeddings.LayerNorm", {4}, {4});
  for (const std::string layer : {"encoder.layer.0.", "encoder.layer.1."}) {
    for (const std::string linear : {"query", "key", "value"})
      add(layer + "attention.self." + linear, {4, 4}, {4});
    add(layer + "attention.output.dense", {4, 4}, {4});
    add(layer + "attention.output.LayerNorm", {4}, {4});
    add(layer + "intermediate.dense", {6, 4}, {6});
    add(layer + "output.dense", {4, 6}, {4});
    add(layer + "output.LayerNorm", {4}, {4});
  }
  return tensors;
}

// config.json of that BERT; a change replaces or adds a member (JSON text), or removes it when
// empty.
inline std::string small_bert_config(
    const std::vector<std::pair<std::string, std::string>>& changes = {}) {
  std::vector<std::pair<std::string, std::string>> members = {
      {"model_type", R"("bert")"},  {"architectures", R"(["BertModel"])"},
      {"hidden_size", "4"},         {"num_hidden_layers", "2"},
      {"num_attention_heads", "2"}, {"intermediate_size", "6"},
      {"vocab_size", "10"},         {"max_position_embeddings", "8"},
      {"type_vocab_size", "2"},
  };
  for (const auto& [key, value] : changes) {
    std::erase_if(members, [&key](const auto& member) { return member.first == key; });
    if (!value.empty()) members.emplace_back(key, value);
  }
  std::string json;
  for (const auto& [key, value] : members)
    json += (json.empty() ? "{\"" : ",\"") + key + "\":" + value;
  return json + "}";
}

// A folder with config.json and model.safetensors of the small BERT, and nothing else.
class SmallBertFolder : public TemporaryFolder {
 public:
  SmallBertFolder() {
    write("config.json", small_bert_config());
    write("model.safetensors", safetensors_bytes(small_bert_tensors()));
  }
};

}  // namespace neso
