// What a model computes, as the addon gets it: src/engine/spec.ts says what everything means. No name of a tensor and no
// family stands in C++.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "../blocks.h"
#include "../ops.h"

namespace pr1 {

struct ParameterSpec {
  std::string name;
  std::vector<int> shape;  // empty: there is no such parameter
  std::optional<BlockType> blocks;  // of a matrix that is held in blocks and does not train
  bool there() const { return !shape.empty(); }
};

/// What stands beside a linear layer (adapter.h).
struct AdapterSpec {
  ParameterSpec a, b;  // (rank, in), (out, rank)
  float scale = 1;
  bool there() const { return a.there(); }
};

struct LinearSpec {
  ParameterSpec weight, bias;
  AdapterSpec adapter{};
};

/// Rows of the embedding, and of a head tied to it, that train in the place of its own.
struct TokenRowsSpec {
  ParameterSpec rows;    // (ids, hidden)
  std::vector<int> ids;  // ascending
  bool there() const { return rows.there(); }
};

struct RopeSpec {
  enum class Scaling { none, linear, llama3, yarn, dynamic };
  bool rotates = false;
  double theta = 0;
  Scaling scaling = Scaling::none;
  double factor = 1, low = 1, high = 1;
  double beta_fast = 32, beta_slow = 1;
  bool truncate = true;
  float amplitude = 1;  // of cosines and sines
  int original_positions = 0;
};

struct AttentionSpec {
  ParameterSpec norm, q_norm, k_norm, post_norm;
  LinearSpec q, k, v, o;
  int rope = 0, window = 0;
};

struct MlpSpec {
  ParameterSpec norm, post_norm;
  LinearSpec gate, up, down;
};

struct LayerSpec {
  AttentionSpec attention;
  MlpSpec mlp;
};

struct ModelSpec {
  int vocab = 0, hidden = 0, intermediate = 0, max_positions = 0;
  Heads heads{};
  float norm_eps = 0, norm_offset = 0;
  Activation activation = Activation::silu;
  std::vector<RopeSpec> ropes;
  ParameterSpec embedding;
  float embedding_scale = 1;
  std::vector<LayerSpec> layers;
  ParameterSpec norm, head;  // head.name == embedding.name: the two are one
  bool adapted = false;      // adapters and rows train, everything else is frozen
  TokenRowsSpec token_rows;
};

}  // namespace pr1
