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
///
/// An environment can close at any time: a worker thread is terminated, the process ends. From then on every call that could
/// run JavaScript fails, which node-addon-api throws. Nobody waits for a promise any more, so what is thrown is dropped.
class JobQueue : public std::enable_shared_from_this<JobQueue> {
 public:
  JobQueue(Napi::Env env, std::shared_ptr<EngineCore> core) : env_(env), core_(std::move(core)) {
    const Napi::String name = Napi::String::New(env, "parallel-r1");
    const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, settle, &settle_);
    if (status != napi_ok) throw Napi::Error::New(env);
    napi_unref_threadsafe_function(env, settle_);
    // Hooks run in reverse: before the one by which Node frees the function that the engine's thread calls.
    napi_add_env_cleanup_hook(env, environment_closes, this);
  }
  ~JobQueue() { close(); }
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  using Result = std::function<Napi::Value(Napi::Env)>;

  /// `work` runs on the engine's thread and returns what makes the promise's value on this thread.
  Napi::Promise run(Napi::Env env, std::function<Result()> work) {
    auto job = std::make_shared<Job>(Job{Napi::Promise::Deferred::New(env), {}, {}, {}, shared_from_this()});
    const Napi::Promise promise = job->deferred.Promise();
    if (pending_++ == 0) napi_ref_threadsafe_function(env, settle_);
    core_->enqueue([job, work = std::move(work), settle = settle_]() mutable {
      try {
        job->result = work();
      } catch (const std::bad_alloc& e) {
        job->error = std::strcmp(e.what(), std::bad_alloc().what()) == 0 ? "Out of memory." : e.what();
        job->code = "PR1_OUT_OF_MEMORY";
      } catch (const std::exception& e) {
        job->error = e.what();
        job->code = "PR1_FAILED";
      }
      auto* held = new std::shared_ptr<Job>(std::move(job));
      if (napi_call_threadsafe_function(settle, held, napi_tsfn_nonblocking) != napi_ok) delete held;
    });
    return promise;
  }

  EngineCore& core() { return *core_; }
  /// Stops the engine's thread; what waits is dropped. Idempotent.
  void close() {
    if (closed_) return;
    napi_remove_env_cleanup_hook(env_, environment_closes, this);
    stop();
    napi_release_threadsafe_function(settle_, napi_tsfn_release);
  }
  bool closed() const { return closed_; }

 private:
  struct Job {
    Napi::Promise::Deferred deferred;
    Result result;
    std::string error, code;
    std::shared_ptr<JobQueue> queue;
  };

  void stop() {
    closed_ = true;
    core_->stop();
  }

  /// Node frees the thread-safe function itself.
  static void environment_closes(void* queue) { static_cast<JobQueue*>(queue)->stop(); }

  /// Called on this thread for each job that is done; without an environment where it closed before.
  static void settle(napi_env raw, napi_value, void*, void* data) {
    const std::unique_ptr<std::shared_ptr<Job>> held(static_cast<std::shared_ptr<Job>*>(data));
    if (!raw) return;
    Job& job = **held;
    if (--job.queue->pending_ == 0) napi_unref_threadsafe_function(raw, job.queue->settle_);
    try {
      const Napi::Env env(raw);
      const Napi::HandleScope scope(env);
      if (job.error.empty()) {
        try {
          job.deferred.Resolve(job.result ? job.result(env) : env.Undefined());
        } catch (const Napi::Error& e) {
          job.deferred.Reject(e.Value());
        }
      } else {
        Napi::Error error = Napi::Error::New(env, job.error);
        error.Set("code", job.code);
        job.deferred.Reject(error.Value());
      }
    } catch (const Napi::Error&) {
    }
  }

  napi_env env_;
  std::shared_ptr<EngineCore> core_;
  napi_threadsafe_function settle_ = nullptr;
  int pending_ = 0;
  bool closed_ = false;
};

}  // namespace pr1
