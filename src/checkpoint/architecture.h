// SPDX-License-Identifier: Apache-2.0
// An encoder's architecture as data: what a forward pass needs to know besides the weights.
// Supporting a family means adding values here and a row in families.cc, not a class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neso {

enum class Activation { GeluErf, GeluTanh, Relu, Silu };
enum class NormPlacement { Post };    // x = LN(x + f(x))
enum class PositionKind { Learned };  // a table added to the embeddings

struct Architecture {
  std::string family;  // row name in families.cc, e.g. "bert"
  size_t hidden = 0;
  size_t layers = 0;
  size_t heads = 0;  // head size = hidden / heads
  size_t intermediate = 0;
  size_t vocabulary = 0;  // rows of the word embedding
  size_t max_positions = 0;
  size_t type_vocabulary = 0;
  float norm_epsilon = 1e-12F;
  Activation activation = Activation::GeluErf;
  NormPlacement norm_placement = NormPlacement::Post;
  PositionKind position_kind = PositionKind::Learned;

  size_t head_size() const { return hidden / heads; }
  // Of all products of a layer: multiply-adds per token, attention aside.
  size_t linear_weights_per_layer() const {
    return 4 * hidden * hidden + 2 * hidden * intermediate;
  }
};

}  // namespace neso
