// Jobs of the addon on the engine's own thread.
#pragma once
#include <napi.h>

#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "worker.h"

namespace pr1 {

/// Runs jobs on the engine's thread and settles their promises on this one.
class JobQueue {
 public:
  JobQueue(Napi::Env env, std::shared_ptr<EngineCore> core) : core_(std::move(core)) {
    settle_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "parallel-r1", 0, 1);
    settle_.Unref(env);
  }

  using Result = std::function<Napi::Value(Napi::Env)>;

  /// `work` runs on the engine's thread and returns what makes the promise's value on this thread.
  Napi::Promise run(Napi::Env env, std::function<Result()> work) {
    struct Job {
      Napi::Promise::Deferred deferred;
      Result result;
      std::string error, code;
      JobQueue* queue;
    };
    auto* job = new Job{Napi::Promise::Deferred::New(env), {}, {}, {}, this};
    Napi::Promise promise = job->deferred.Promise();
    if (pending_++ == 0) settle_.Ref(env);
    Napi::ThreadSafeFunction settle = settle_;
    core_->enqueue([job, work = std::move(work), settle] {
      try {
        job->result = work();
      } catch (const std::bad_alloc& e) {
        job->error = std::strcmp(e.what(), std::bad_alloc().what()) == 0 ? "Out of memory." : e.what();
        job->code = "PR1_OUT_OF_MEMORY";
      } catch (const std::exception& e) {
        job->error = e.what();
        job->code = "PR1_FAILED";
      }
      settle.NonBlockingCall(job, [](Napi::Env env, Napi::Function, Job* job) {
        if (env == nullptr) return;  // the process is going away
        Napi::HandleScope scope(env);
        if (--job->queue->pending_ == 0) job->queue->settle_.Unref(env);
        if (job->error.empty()) {
          try {
            job->deferred.Resolve(job->result ? job->result(env) : env.Undefined());
          } catch (const Napi::Error& e) {
            job->deferred.Reject(e.Value());
          }
        } else {
          Napi::Error error = Napi::Error::New(env, job->error);
          error.Set("code", job->code);
          job->deferred.Reject(error.Value());
        }
        delete job;
      });
    });
    return promise;
  }

  EngineCore& core() { return *core_; }
  std::shared_ptr<EngineCore> shared() { return core_; }
  void close() {
    core_->stop();
    if (!closed_) settle_.Release();
    closed_ = true;
  }
  bool closed() const { return closed_; }

 private:
  std::shared_ptr<EngineCore> core_;
  Napi::ThreadSafeFunction settle_;
  int pending_ = 0;
  bool closed_ = false;
};

}  // namespace pr1
