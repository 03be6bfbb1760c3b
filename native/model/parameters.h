// Every parameter of a model: in flat arrays of weights, and to train gradients and the two moments of AdamW; or in blocks.
#pragma once
#include <string>
#include <vector>

#include "spec.h"

namespace pr1 {

struct Parameter {
  std::string name;
  std::vector<int> shape;
  size_t offset, count;  // in the flat arrays; what is held in blocks is not there
  std::optional<Blocks> blocks;
};

enum class Values { weight, gradient, moment1, moment2 };

/// First all parameters are added, in an order that fixes the order of sums over all of them; then `allocate`.
class Parameters {
 public:
  explicit Parameters(Ops& ops) : ops_(ops) {}
  ~Parameters();
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  /// Returns its index. What is added without `align` between stays contiguous, so that it can be one matrix.
  size_t add(const ParameterSpec& spec);
  /// The next one starts on 16 floats.
  void align();
  void allocate();
  /// Each array is allocated once: where memory runs out midway, a later call goes on from there.
  void allocate_training();

  const std::vector<Parameter>& list() const { return list_; }
  /// Floats of one flat array, gaps counted.
  size_t floats() const { return floats_; }
  double block_bytes() const;
  /// From this parameter on.
  float* weights(size_t parameter = 0) const { return weights_ + list_[parameter].offset; }
  /// Null before allocate_training, as are the moments.
  float* gradients(size_t parameter = 0) const { return gradients_ ? gradients_ + list_[parameter].offset : nullptr; }
  float* moment1() const { return moment1_; }
  float* moment2() const { return moment2_; }

  /// Copies; reading what was never allocated gives zeros.
  void read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const;
  /// What is held in blocks is read and written whole, and quantised.
  void write(size_t parameter, Values kind, const float* from, size_t offset, size_t count);
  /// False where a scale is not finite.
  bool write_blocks(size_t parameter, const uint8_t* rows) { return interleave(*list_[parameter].blocks, rows); }

 private:
  float* array(Values kind) const;

  Ops& ops_;
  std::vector<Parameter> list_;
  size_t floats_ = 0;
  float *weights_ = nullptr, *gradients_ = nullptr, *moment1_ = nullptr, *moment2_ = nullptr;
};

}  // namespace pr1
