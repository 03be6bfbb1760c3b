// What goes into a model and comes out.
#pragma once
#include <cstdint>
#include <vector>

#include "../ops.h"
#include "token_list.h"

namespace pr1 {

/// Slots a page of the KV cache, handed out in src/engine/sequences.ts.
constexpr int kPage = 16;

/// Packed training sequences; see TrainBatch in src/engine/types.ts.
struct Batch {
  int T = 0, hidden_levels = 0;
  std::vector<int> ids, positions, bounds, hidden, exclusion;
  std::vector<uint8_t> targets;  // empty: everywhere
  std::vector<std::vector<int>> exclusion_sets;
  float temperature = 1.0f;
};

/// Where numbers that are not finite were first seen: the embedding, the output of layer l, or the logits of a model of so many layers.
constexpr int kFaultNone = -1, kFaultEmbedding = 0;
inline int fault_of_layer(size_t l) { return static_cast<int>(l) + 1; }
inline int fault_of_head(size_t layers) { return static_cast<int>(layers) + 1; }

struct ForwardResult {
  std::vector<float> logprobs, entropies;
  int fault_token = -1, fault = kFaultNone;  // the first token whose logits are not finite
};

/// New tokens of several sequences, with the cache slots they take and what each of them sees.
struct Step {
  std::vector<int> ids, positions, slots;
  std::vector<std::vector<Run>> runs;  // one list an input
  std::vector<Query> queries;          // one a token
  std::vector<int> rows;               // tokens that one is drawn after, ascending
  std::vector<SamplingRow> sampling;   // one an entry of rows
  std::vector<std::vector<int>> excluded;
};

struct StepResult {
  std::vector<int> ids;  // −1 where the logits are not finite
  std::vector<float> logprobs;
  std::vector<int> faults;  // one an entry of ids; empty: none
};

struct UpdateOptions {
  double lr, beta1, beta2, eps, weight_decay, clip;
};

struct UpdateResult {
  double grad_norm;
  bool skipped;
};

struct MemoryPlan {
  double weights, adapters, gradients, moments, cache, activations;
};

}  // namespace pr1
