// SPDX-License-Identifier: Apache-2.0
// An encoder's architecture as data: what a forward pass needs to know besides the weights.
// Supporting a family means adding values here and a row in families.cc, not a class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neso {

enum class Activation { GeluErf, GeluTanh, Relu, Silu };
enum class NormPlacement { Post };  // x = LN(x + f(x))
enum class PositionKind {
  Learned,  // a table added to the embeddings
  Rotary,   // queries and keys are rotated by angles that grow with the position
};

// Angles of position p: p * base^(-2i / head_size). With a scaling factor f above 0, a sequence of
// S > trained_positions tokens has the base of dynamic NTK scaling,
// base * (f S / trained_positions - (f - 1))^(head_size / (head_size - 2)), by its own length.
struct RotaryPositions {
  float base = 10000;
  float scaling_factor = 0;
  size_t trained_positions = 0;
};

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
  bool gated = false;  // FFN: down(up(x) * activation(gate(x))) instead of down(activation(up(x)))
  PositionKind position_kind = PositionKind::Learned;
  RotaryPositions rotary;

  size_t head_size() const { return hidden / heads; }
  // Of all products of a layer: multiply-adds per token, attention aside.
  size_t linear_weights_per_layer() const {
    return 4 * hidden * hidden + (gated ? 3 : 2) * hidden * intermediate;
  }
};

}  // namespace neso
