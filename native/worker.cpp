#include "worker.h"

namespace pr1 {

EngineCore::EngineCore(int threads, const char* isa, Precision precision, const char** why)
    : pool_(threads), ops_(make_cpu_ops(isa, pool_, why, precision)) {
  if (ops_) thread_ = std::thread([this] { work(); });
}

EngineCore::EngineCore(std::unique_ptr<Ops> ops) : pool_(1), ops_(std::move(ops)) {
  thread_ = std::thread([this] { work(); });
}

EngineCore::~EngineCore() { stop(); }

void EngineCore::enqueue(std::function<void()> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void EngineCore::track(const std::shared_ptr<Model>& model) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = models_.size(); i-- > 0;) {
    if (models_[i].expired()) models_.erase(models_.begin() + static_cast<long>(i));
  }
  models_.push_back(model);
}

void EngineCore::stop() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
    for (auto& weak : models_) {
      if (auto model = weak.lock()) model->cancelled = true;
    }
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EngineCore::work() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    std::lock_guard<std::mutex> lock(busy_);
    job();
  }
}

}  // namespace pr1
