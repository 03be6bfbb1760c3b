// A model as JavaScript sees it: guards arguments, queues work. Shapes and meanings are those of src/engine/types.ts.
#pragma once
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "job_queue.h"

namespace pr1 {

/// Lists of ids, one behind the other: list k is ids[offsets[k]] … ids[offsets[k + 1] − 1].
inline std::vector<std::vector<int>> id_lists(Napi::Env env, View<int32_t> offsets, View<int32_t> ids, int vocab) {
  guard_range(env, ids, vocab, "excluded ids");
  std::vector<std::vector<int>> lists;
  for (size_t i = 0; i + 1 < offsets.size; i++) {
    const int begin = offsets.data[i], end = offsets.data[i + 1];
    guard(env, begin >= 0 && begin <= end && static_cast<size_t>(end) <= ids.size, "offsets of excluded ids");
    lists.emplace_back(ids.data + begin, ids.data + end);
  }
  return lists;
}

class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  struct Parts {
    std::shared_ptr<JobQueue> queue;
    std::shared_ptr<Model> model;
    int cache_tokens;
  };

  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeModel",
        {InstanceAccessor<&ModelWrap::parameters>("parameters"),
         InstanceAccessor<&ModelWrap::get_updates, &ModelWrap::set_updates>("updates"),
         InstanceMethod<&ModelWrap::step>("step"), InstanceMethod<&ModelWrap::forward>("forward"),
         InstanceMethod<&ModelWrap::backward>("backward"), InstanceMethod<&ModelWrap::backward_on>("backwardOn"),
         InstanceMethod<&ModelWrap::update>("update"),
         InstanceMethod<&ModelWrap::plan>("plan"), InstanceMethod<&ModelWrap::read>("read"),
         InstanceMethod<&ModelWrap::read_rows>("readRows"),
         InstanceMethod<&ModelWrap::write>("write"), InstanceMethod<&ModelWrap::write_blocks>("writeBlocks"),
         InstanceMethod<&ModelWrap::load>("load"), InstanceMethod<&ModelWrap::add_gradient>("addGradient"),
         InstanceMethod<&ModelWrap::dispose>("dispose")});
  }

  explicit ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
    if (!info[0].IsExternal()) fail(info.Env(), "Models are made by createModel.");
    Parts* parts = info[0].As<Napi::External<Parts>>().Data();
    queue_ = parts->queue;
    model_ = parts->model;
    cache_tokens_ = parts->cache_tokens;
  }

 private:
  Model& model(Napi::Env env) {
    if (!model_) fail(env, "The model was disposed.", "PR1_DISPOSED");
    return *model_;
  }
  Napi::Promise run(Napi::Env env, std::function<JobQueue::Result()> work) {
    model(env);
    if (queue_->closed()) fail(env, "The engine was disposed.", "PR1_DISPOSED");
    return queue_->run(env, std::move(work));
  }

  Napi::Value parameters(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Napi::Array list = Napi::Array::New(env);
    uint32_t n = 0;
    for (size_t i = 0; i < model(env).parameter_count(); i++) {
      const Parameter& p = model_->parameter(i);
      Napi::Object spec = Napi::Object::New(env);
      spec.Set("name", p.name);
      Napi::Array shape = Napi::Array::New(env);
      for (uint32_t i = 0; i < p.shape.size(); i++) shape.Set(i, p.shape[i]);
      spec.Set("shape", shape);
      list.Set(n++, spec);
    }
    return list;
  }
  Napi::Value get_updates(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(model(info.Env()).updates));
  }
  void set_updates(const Napi::CallbackInfo& info, const Napi::Value& value) {
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    model(info.Env()).updates = value.ToNumber().Int64Value();
  }

  /// (ids (T), positions (T), counts (n), runCounts (n), runs (R, 2), sampling (n, 7), excludeOffsets, excludeIds)
  /// counts: new tokens of each input; its runs are the cache slots of all its tokens, the new ones last.
  /// sampling rows: temperature (below 0: none), topK, topP, seed, stream, index of the exclude set (−1: none), drafts:
  /// as many of the last tokens are guesses, and a token is drawn after the one before them and after each of them.
  Napi::Value step(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const ModelSpec& c = model(env).spec();
    View<int32_t> ids = ints(env, info[0], "ids"), positions = ints(env, info[1], "positions");
    View<int32_t> counts = ints(env, info[2], "counts"), run_counts = ints(env, info[3], "runCounts");
    View<int32_t> runs = ints(env, info[4], "runs");
    View<double> sampling = doubles(env, info[5], "sampling");
    const auto sets = id_lists(env, ints(env, info[6], "excludeOffsets"), ints(env, info[7], "excludeIds"), c.vocab);
    const size_t n = counts.size, T = ids.size;
    guard(env, positions.size == T && run_counts.size == n && sampling.size == n * 7, "lengths of a step's arrays");
    guard_range(env, ids, c.vocab, "ids");
    guard_range(env, positions, c.max_positions, "positions");

    auto step = std::make_shared<Step>();
    step->ids.assign(ids.data, ids.data + T);
    step->positions.assign(positions.data, positions.data + T);
    step->slots.resize(T);
    step->runs.resize(n);
    step->queries.reserve(T);
    size_t at = 0, next = 0;  // token, run
    for (size_t i = 0; i < n; i++) {
      const int count = counts.data[i], pieces = run_counts.data[i];
      guard(env, count >= 1 && static_cast<size_t>(count) <= T - at, "counts");
      guard(env, pieces >= 1 && static_cast<size_t>(pieces) <= runs.size / 2 - next, "runCounts");
      std::vector<Run>& own = step->runs[i];
      own.resize(static_cast<size_t>(pieces));
      std::memcpy(own.data(), runs.data + 2 * next, own.size() * sizeof(Run));
      next += own.size();
      int64_t length = 0;
      bool inside = true;
      for (const Run& r : own) {
        inside &= r.begin >= 0 && r.begin < r.end && r.end <= cache_tokens_;
        length += static_cast<int64_t>(r.end) - r.begin;
      }
      guard(env, inside, "runs");
      guard(env, length >= count && length <= cache_tokens_, "tokens of a sequence");
      for (int t = 1; t <= count; t++) step->queries.push_back({own.data(), static_cast<int>(length) - count + t});
      size_t to = at + static_cast<size_t>(count);
      for (auto r = own.rbegin(); to > at; ++r) {
        for (int slot = r->end; slot > r->begin && to > at;) step->slots[--to] = --slot;
      }
      at += static_cast<size_t>(count);
      const double* row = sampling.data + i * 7;
      if (!(row[0] >= 0)) continue;
      SamplingRow s;
      s.temperature = static_cast<float>(row[0]);
      s.top_k = static_cast<int>(row[1]);
      s.top_p = static_cast<float>(row[2]);
      s.seed = static_cast<uint64_t>(static_cast<int64_t>(row[3]));
      s.stream = static_cast<uint32_t>(row[4]);
      guard(env, row[5] < static_cast<double>(sets.size()), "exclude set");
      guard(env, row[6] >= 0 && row[6] < count, "drafts");
      for (size_t t = at - 1 - static_cast<size_t>(row[6]); t < at; t++) {
        s.position = static_cast<uint32_t>(positions.data[t]);
        step->rows.push_back(static_cast<int>(t));
        step->sampling.push_back(s);
        step->excluded.push_back(row[5] >= 0 ? sets[static_cast<size_t>(row[5])] : std::vector<int>{});
      }
    }
    guard(env, at == T && next == runs.size / 2, "sums of counts");
    auto model = model_;
    return run(env, [model, step]() -> JobQueue::Result {
      auto result = std::make_shared<StepResult>(model->step(*step));
      return [result](Napi::Env env) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        Napi::Int32Array ids = Napi::Int32Array::New(env, result->ids.size());
        Napi::Float32Array logprobs = Napi::Float32Array::New(env, result->logprobs.size());
        std::copy(result->ids.begin(), result->ids.end(), ids.Data());
        std::copy(result->logprobs.begin(), result->logprobs.end(), logprobs.Data());
        out.Set("ids", ids);
        out.Set("logprobs", logprobs);
        if (!result->faults.empty()) {
          Napi::Int32Array faults = Napi::Int32Array::New(env, result->faults.size());
          std::copy(result->faults.begin(), result->faults.end(), faults.Data());
          out.Set("faults", faults);
        }
        return out;
      };
    });
  }

  /// ({ids, positions, bounds, hidden, hiddenLevels, targets, exclusion, exclusionOffsets, exclusionIds, temperature}, keep, entropy, base)
  Napi::Value forward(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const ModelSpec& c = model(env).spec();
    if (!info[0].IsObject()) fail(env, "forward needs a batch.");
    Napi::Object object = info[0].As<Napi::Object>();
    View<int32_t> ids = ints(env, object.Get("ids"), "ids"), positions = ints(env, object.Get("positions"), "positions");
    View<int32_t> bounds = ints(env, object.Get("bounds"), "bounds"), hidden = ints(env, object.Get("hidden"), "hidden");
    View<int32_t> exclusion = ints(env, object.Get("exclusion"), "exclusion");
    View<int32_t> offsets = ints(env, object.Get("exclusionOffsets"), "exclusionOffsets");
    View<int32_t> excluded = ints(env, object.Get("exclusionIds"), "exclusionIds");
    auto targets = view<Napi::Uint8Array, uint8_t>(env, object.Get("targets"), "targets", napi_uint8_array);
    const size_t T = ids.size;
    guard(env, T >= 1 && T <= (1u << 28) && positions.size == T, "tokens of a batch");
    guard_range(env, ids, c.vocab, "ids");
    guard_range(env, positions, c.max_positions, "positions");
    auto batch = std::make_shared<Batch>();
    batch->T = static_cast<int>(T);
    batch->hidden_levels = integer(object, "hiddenLevels", 0, 4096);
    batch->temperature = static_cast<float>(number(object, "temperature"));
    batch->exclusion_sets = id_lists(env, offsets, excluded, c.vocab);
    const size_t levels = static_cast<size_t>(batch->hidden_levels);
    guard(env, hidden.size == T * levels * 2, "hidden");
    guard(env, targets.size == 0 || targets.size == T, "targets");
    guard(env, exclusion.size == 0 || exclusion.size == T, "exclusion");
    guard(env, bounds.size >= 2 && bounds.data[0] == 0 && bounds.data[bounds.size - 1] == batch->T, "bounds");
    for (size_t s = 0; s + 1 < bounds.size; s++) {
      guard(env, bounds.data[s] < bounds.data[s + 1], "bounds");
      for (int t = bounds.data[s]; t + 1 < bounds.data[s + 1] && exclusion.size; t++) {
        guard(env, exclusion.data[t] < static_cast<int>(batch->exclusion_sets.size()), "exclusion");
      }
    }
    for (size_t i = 0; i < T * levels; i++) {
      guard(env, hidden.data[2 * i] >= 0 && hidden.data[2 * i + 1] <= static_cast<int>(i / levels), "hidden");
    }
    batch->ids.assign(ids.data, ids.data + T);
    batch->positions.assign(positions.data, positions.data + T);
    batch->bounds.assign(bounds.data, bounds.data + bounds.size);
    batch->hidden.assign(hidden.data, hidden.data + hidden.size);
    batch->exclusion.assign(exclusion.data, exclusion.data + exclusion.size);
    batch->targets.assign(targets.data, targets.data + targets.size);
    const bool keep = info[1].ToBoolean(), entropy = info[2].ToBoolean(), base = info[3].ToBoolean();
    tokens_ = T;
    entropies_ = entropy;
    auto model = model_;
    return run(env, [model, batch, keep, entropy, base]() -> JobQueue::Result {
      auto result = std::make_shared<ForwardResult>(model->forward(batch, keep, entropy, base));
      return [result, entropy](Napi::Env env) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        auto array = [&](const std::vector<float>& values) {
          Napi::Float32Array a = Napi::Float32Array::New(env, values.size());
          std::copy(values.begin(), values.end(), a.Data());
          return a;
        };
        out.Set("logprobs", array(result->logprobs));
        if (entropy) out.Set("entropies", array(result->entropies));
        if (result->fault_token >= 0) {
          Napi::Object fault = Napi::Object::New(env);
          fault.Set("token", result->fault_token);
          fault.Set("place", result->fault);
          out.Set("fault", fault);
        }
        return out;
      };
    });
  }

  Napi::Value backward(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    View<float> weights = floats(env, info[0], "weights");
    guard(env, weights.size == tokens_, "weights");
    auto copy = std::make_shared<std::vector<float>>(weights.data, weights.data + weights.size);
    std::shared_ptr<std::vector<float>> entropy;
    if (!info[1].IsUndefined()) {
      View<float> given = floats(env, info[1], "entropyWeights");
      guard(env, given.size == tokens_ && entropies_, "entropyWeights");
      entropy = std::make_shared<std::vector<float>>(given.data, given.data + given.size);
    }
    const size_t layers = layers_of(env, info[2]);
    auto model = model_;
    return run(env, [model, copy, entropy, layers] { return count(model->backward(*copy, entropy.get(), layers)); });
  }
  /// (layers) → Promise of the layers that are left
  Napi::Value backward_on(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const size_t layers = layers_of(env, info[0]);
    auto model = model_;
    return run(env, [model, layers] { return count(model->backward_on(layers)); });
  }
  /// Undefined: all of them.
  static size_t layers_of(Napi::Env env, const Napi::Value& value) {
    if (value.IsUndefined()) return SIZE_MAX;
    const double layers = value.ToNumber().DoubleValue();
    guard(env, layers >= 1 && layers <= 1e9, "layers");
    return static_cast<size_t>(layers);
  }
  static JobQueue::Result count(size_t n) {
    return [n](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(n)); };
  }

  Napi::Value update(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!info[0].IsObject()) fail(env, "update needs options.");
    Napi::Object object = info[0].As<Napi::Object>();
    const UpdateOptions o{number(object, "lr"),  number(object, "beta1"),       number(object, "beta2"),
                          number(object, "eps"), number(object, "weightDecay"), number(object, "clip")};
    auto model = model_;
    return run(env, [model, o]() -> JobQueue::Result {
      UpdateResult result = model->update(o);
      return [result](Napi::Env env) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        out.Set("gradNorm", result.grad_norm);
        out.Set("skipped", result.skipped);
        return out;
      };
    });
  }

  Napi::Value plan(const Napi::CallbackInfo& info) {
    MemoryPlan plan = model(info.Env()).plan(info[0].ToNumber().DoubleValue());
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("weights", plan.weights);
    out.Set("adapters", plan.adapters);
    out.Set("gradients", plan.gradients);
    out.Set("moments", plan.moments);
    out.Set("cache", plan.cache);
    out.Set("activations", plan.activations);
    return out;
  }

  struct Slice {
    size_t parameter;
    Values kind;
  };
  Slice slice(Napi::Env env, const Napi::Value& index, const Napi::Value& kind) {
    double i = index.ToNumber().DoubleValue(), k = kind.ToNumber().DoubleValue();
    if (!(i >= 0 && i < static_cast<double>(model(env).parameter_count()))) fail(env, "No such parameter.");
    if (!(k >= 0 && k <= 3)) fail(env, "No such kind of values.");
    if (k > 0 && !model_->trains()) fail(env, "A model that was loaded to decode and score does not train.");
    if (k > 0 && model_->frozen(static_cast<size_t>(i))) fail(env, "A weight beside adapters does not train.");
    return {static_cast<size_t>(i), static_cast<Values>(static_cast<int>(k))};
  }
  /// (parameter index, kind: 0 weight, 1 gradient, 2 first moment, 3 second moment) → Float32Array
  Napi::Value read(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Slice s = slice(env, info[0], info[1]);
    const size_t count = model_->parameter(s.parameter).count;
    Napi::Float32Array out = Napi::Float32Array::New(env, count);
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    model_->read(s.parameter, s.kind, out.Data(), 0, count);
    return out;
  }
  /// (parameter index of a matrix, rows) → Float32Array (rows, width)
  Napi::Value read_rows(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const Parameter& p = model_->parameter(slice(env, info[0], Napi::Number::New(env, 0)).parameter);
    View<int32_t> rows = ints(env, info[1], "rows");
    guard(env, p.shape.size() == 2, "the shape of a parameter whose rows are read");
    guard_range(env, rows, p.rows(), "rows");
    Napi::Float32Array out = Napi::Float32Array::New(env, rows.size * p.width());
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    model_->read_rows(static_cast<size_t>(info[0].ToNumber().DoubleValue()), rows.data, static_cast<int>(rows.size), out.Data());
    return out;
  }
  Napi::Value write(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Slice s = slice(env, info[0], info[1]);
    View<float> values = whole(env, s.parameter, info[2]);
    const auto& blocks = model_->parameter(s.parameter).blocks;
    guard(env, !blocks || quantizes(blocks->type), "the type of a parameter that is quantised");
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    model_->write(s.parameter, s.kind, values.data, 0, values.size);
    return env.Undefined();
  }
  /// (parameter index, rows of blocks) → false where a scale is not finite
  Napi::Value write_blocks(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const size_t parameter = slice(env, info[0], Napi::Number::New(env, 0)).parameter;
    const auto& blocks = model_->parameter(parameter).blocks;
    auto rows = view<Napi::Uint8Array, uint8_t>(env, info[1], "blocks", napi_uint8_array);
    guard(env, blocks && rows.size == blocks->row_bytes() * static_cast<size_t>(blocks->out), "bytes of blocks");
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    return Napi::Boolean::New(env, model_->write_blocks(parameter, rows.data));
  }
  /// (parameters (n), file descriptors (n), offsets (n), types (n): 0 f32, 1 f16, 2 bf16, checksums (n, 2): before the first byte and
  /// after the last, −1: none) → Promise of the index of a tensor that is not as it should be, or −1
  Napi::Value load(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    View<int32_t> parameters = ints(env, info[0], "parameters"), files = ints(env, info[1], "files");
    View<double> offsets = doubles(env, info[2], "offsets");
    View<int32_t> types = ints(env, info[3], "types");
    View<double> checksums = doubles(env, info[4], "checksums");
    const size_t n = parameters.size;
    guard(env, files.size == n && offsets.size == n && types.size == n && checksums.size == 2 * n, "lengths of what is loaded");
    guard(env, queue_->core().ops().fills_panels(), "files on this device");
    guard_range(env, parameters, static_cast<int>(model(env).loadable_count()), "parameters");
    guard_range(env, types, static_cast<int>(BlockType::bf16) + 1, "types");
    auto tensors = std::make_shared<std::vector<StoredTensor>>();
    for (size_t i = 0; i < n; i++) {
      const size_t parameter = static_cast<size_t>(parameters.data[i]);
      guard(env, !model_->parameter(parameter).blocks && offsets.data[i] >= 0, "parameters");
      StoredTensor tensor{parameter, files.data[i], static_cast<uint64_t>(offsets.data[i]), static_cast<BlockType>(types.data[i]), false, 0, 0};
      if (checksums.data[2 * i] >= 0) {
        tensor.checked = true;
        tensor.start = static_cast<uint32_t>(checksums.data[2 * i]);
        tensor.checksum = static_cast<uint32_t>(checksums.data[2 * i + 1]);
      }
      tensors->push_back(tensor);
    }
    auto model = model_;
    return run(env, [model, tensors]() -> JobQueue::Result {
      const int fault = model->load(*tensors);
      return [fault](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, fault); };
    });
  }
  /// (parameter index, values)
  Napi::Value add_gradient(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const size_t parameter = slice(env, info[0], Napi::Number::New(env, 1)).parameter;
    View<float> values = whole(env, parameter, info[1]);
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    model_->add_gradient(parameter, values.data);
    return env.Undefined();
  }
  View<float> whole(Napi::Env env, size_t parameter, const Napi::Value& value) {
    View<float> values = floats(env, value, "values");
    guard(env, values.size == model_->parameter(parameter).count, "values");
    return values;
  }

  /// Stops a running call between layers and releases the memory once the engine's thread is done with it.
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!model_ || queue_->closed()) {
      model_.reset();
      Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
      deferred.Resolve(env.Undefined());
      return deferred.Promise();
    }
    auto held = std::make_shared<std::shared_ptr<Model>>(std::move(model_));
    model_.reset();
    (*held)->cancelled = true;
    return queue_->run(env, [held]() -> JobQueue::Result {
      held->reset();
      return {};
    });
  }

  std::shared_ptr<JobQueue> queue_;
  std::shared_ptr<Model> model_;
  int cache_tokens_ = 0;
  size_t tokens_ = 0;  // of the last forward
  bool entropies_ = false;  // whether it gave entropies
};

}  // namespace pr1
