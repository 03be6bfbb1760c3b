// The addon queues work, and guards against arguments that would read or write where nothing is: what is wrong with an
// argument is said by src/engine/checks.ts before. Everything else is in model/ and the ops. Shapes and meanings are
// those of src/engine/types.ts; src/engine/native/binding.ts describes this surface to TypeScript.
#include <napi.h>

#include <algorithm>

#include "cuda/loader.h"
#include "model_wrap.h"
#include "read_spec.h"

namespace pr1 {
namespace {

struct Constructors {
  Napi::FunctionReference engine, model;
};

class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeEngine",
                       {InstanceAccessor<&EngineWrap::isa>("isa"), InstanceAccessor<&EngineWrap::threads>("threads"),
                        InstanceAccessor<&EngineWrap::block_rows>("blockRows"), InstanceAccessor<&EngineWrap::loads_files>("loadsFiles"),
                        InstanceAccessor<&EngineWrap::gpu>("gpu"), InstanceMethod<&EngineWrap::memory>("memory"),
                        InstanceMethod<&EngineWrap::create_model>("createModel"),
                        InstanceMethod<&EngineWrap::dispose>("dispose")});
  }

  explicit EngineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineWrap>(info) {
    // What a constructor throws has node-addon-api undo its wrap. That fails while the environment closes, and then this object
    // would be freed twice.
    try {
      open(info);
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    }
  }

  ~EngineWrap() override { close(); }

  std::shared_ptr<JobQueue> queue() { return queue_; }

 private:
  /// (threads: number, isa: string, CUDA library: string or undefined, numerics on it or precision of the CPU: string, what rows become
  /// beside weights in blocks: string)
  void open(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    int threads = std::clamp(info[0].ToNumber().Int32Value(), 1, 1024);
    std::string isa = info[1].IsString() ? info[1].As<Napi::String>().Utf8Value() : "";
    const std::string wanted = info[4].IsString() ? info[4].As<Napi::String>().Utf8Value() : "float32";
    const BlockRows rows = wanted == "int8" ? BlockRows::int8 : wanted == "auto" ? BlockRows::fastest : BlockRows::float32;
    const char* why = "";
    std::shared_ptr<EngineCore> core;
    if (info[2].IsString()) {
      std::string reason;
      if (!load_cuda(info[2].As<Napi::String>().Utf8Value(), info[3].IsString() ? info[3].As<Napi::String>().Utf8Value() : "exact",
                     cuda_, reason)) {
        fail(env, reason, "PR1_CUDA");
      }
      core = std::make_shared<EngineCore>(std::move(cuda_.ops));
    } else {
      const std::string precision = info[3].IsString() ? info[3].As<Napi::String>().Utf8Value() : "f32";
      if (precision != "f32" && precision != "bf16") fail(env, "Precision \"" + precision + "\" is unknown.");
      const Precision products = precision == "bf16" ? Precision::bf16 : Precision::f32;
      if (isa.empty()) isa = best_isa(products, rows);
      core = std::make_shared<EngineCore>(threads, isa.c_str(), products, &why);
    }
    if (core->ok()) block_rows_ = core->ops().block_rows(rows);
    if (!core->ok()) fail(env, "Instruction set \"" + isa + "\" cannot be used: " + why + ".", "PR1_ISA");
    queue_ = std::make_shared<JobQueue>(env, core);
  }

  void close() {
    if (queue_) queue_->close();
  }

  Napi::Value isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), queue_->core().ops().isa()); }
  Napi::Value threads(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), queue_->core().threads());
  }
  /// Whether its models can read their weights from files, and need no float32 copy of them to decode.
  Napi::Value loads_files(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), queue_->core().ops().fills_panels());
  }
  Napi::Value block_rows(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), block_rows_ == BlockRows::int8 ? "int8" : "float32");
  }
  /// What the GPU is, and what was computed by whom so far; undefined on the CPU.
  Napi::Value gpu(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!cuda_.memory) return env.Undefined();
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    auto facts = std::make_unique<cuda::LibraryInfo>();
    cuda_.describe(&queue_->core().ops(), facts.get());
    Napi::Object out = Napi::Object::New(env);
    out.Set("name", Napi::String::New(env, facts->device));
    out.Set("products", Napi::String::New(env, facts->products));
    out.Set("computed", facts->products_computed);
    out.Set("refused", facts->products_refused);
    out.Set("lastRefusal", Napi::String::New(env, facts->last_refusal));
    out.Set("switched", Napi::String::New(env, facts->switched));
    out.Set("multiprocessors", facts->multiprocessors);
    out.Set("totalBytes", facts->total_bytes);
    return out;
  }
  /// Bytes of the GPU: used, most, held by this engine, free on the device.
  Napi::Value memory(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!cuda_.memory) return env.Undefined();
    std::lock_guard<std::mutex> lock(queue_->core().busy());
    cuda::MemoryUse use{};
    cuda_.memory(&queue_->core().ops(), &use);
    Napi::Object out = Napi::Object::New(env);
    out.Set("used", use.used);
    out.Set("most", use.most);
    out.Set("held", use.held);
    out.Set("free", use.free);
    return out;
  }
  Napi::Value create_model(const Napi::CallbackInfo& info);
  /// Resolves after what was queued before.
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    close();
    return info.Env().Undefined();
  }

  BlockRows block_rows_ = BlockRows::float32;
  CudaEngine cuda_;  // its ops belong to the queue's core
  std::shared_ptr<JobQueue> queue_;
};

/// (spec: ModelSpec of src/engine/spec.ts, {cacheTokens, recompute, trains, moments: 0 float32, 1 bfloat16, 2 eight bits, types: {parameter: type of its blocks}, adapters}) → Promise<NativeModel>
Napi::Value EngineWrap::create_model(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (queue_->closed()) fail(env, "The engine was disposed.", "PR1_DISPOSED");
  if (!info[0].IsObject() || !info[1].IsObject()) fail(env, "createModel needs a spec and options.");
  Napi::Object o = info[1].As<Napi::Object>();
  ModelSpec spec = read_spec(info[0].As<Napi::Object>(), o.Get("types"));
  read_adapters(spec, env, o.Get("adapters"));
  guard(env, !spec.embedding.blocks || queue_->core().ops().takes_blocks(), "weights in blocks on this device");
  guard(env, !spec.adapted || queue_->core().ops().takes_adapters(), "adapters on this device");
  const int cache_tokens = integer(o, "cacheTokens", 0, 1 << 28) / kPage * kPage;
  const bool recompute = flag(o, "recompute"), trains = flag(o, "trains");
  const auto moments = static_cast<MomentType>(integer(o, "moments", 0, 2));
  guard(env, moments == MomentType::f32 || queue_->core().ops().packs_moments(), "moments of fewer bits on this device");
  auto queue = queue_;
  Constructors* constructors = env.GetInstanceData<Constructors>();
  return queue_->run(env, [=]() -> JobQueue::Result {
    auto model = std::make_shared<Model>(spec, queue->core().ops(), cache_tokens, recompute, trains, moments);
    queue->core().track(model);
    return [=](Napi::Env env) -> Napi::Value {
      ModelWrap::Parts parts{queue, model, cache_tokens};
      return constructors->model.New({Napi::External<ModelWrap::Parts>::New(env, &parts)});
    };
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* constructors = new Constructors();
  Napi::Function engine = EngineWrap::define(env), model = ModelWrap::define(env);
  constructors->engine = Napi::Persistent(engine);
  constructors->model = Napi::Persistent(model);
  env.SetInstanceData(constructors);
  exports.Set("NativeEngine", engine);
  Napi::Array sets = Napi::Array::New(env);
  uint32_t n = 0;
  for (const char* const* isa = available_isas(); *isa; isa++) sets.Set(n++, *isa);
  exports.Set("instructionSets", sets);
  exports.Set("bestInstructionSet", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    const bool bf16 = info[0].IsString() && info[0].As<Napi::String>().Utf8Value() == "bf16";
    return Napi::String::New(info.Env(), best_isa(bf16 ? Precision::bf16 : Precision::f32));
  }));
  exports.Set("refused", *amx_refused() ? Napi::String::New(env, amx_refused()) : env.Undefined());
  return exports;
}

}  // namespace

NODE_API_MODULE(parallel_r1, init)

}  // namespace pr1
