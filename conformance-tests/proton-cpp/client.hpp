// Proton's C++ API with waits: the container runs in a thread of its own, a case calls from another one.
#pragma once

#include <proton/annotation_key.hpp>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/target_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/work_queue.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>

/// What a case waits for at the moment; the watchdog names it.
inline const char* waiting_for = "nothing";

struct Received {
    proton::message message;
    proton::delivery delivery;
};

class Client : public proton::messaging_handler {
public:
    Client(const std::string& url, const proton::connection_options& options, const std::string& id = "")
        : container_(*this, id.empty() ? std::to_string(std::random_device{}()) : id), url_(url), options_(options) {
        thread_ = std::thread([this] { container_.run(); });
    }

    ~Client() {
        if (!ended_()) do_([this] { connection_.close(); });
        thread_.join();
    }

    /// Waits until the connection is open; returns the error's text when it is refused instead.
    std::string open() {
        wait_("the connection to open", [this] { return opened_ > 0 || gone_; });
        return error_;
    }

    /// Waits until the connection was opened so many times: 2 is once after a reconnect.
    void opened(int times) { wait_("the connection to open again", [&] { return opened_ >= times; }); }

    /// Waits until a receiver was attached so many times: 2 is once after a reconnect.
    void attached(const std::string& name, int times) { wait_("a receiver to be attached again", [&] { return attaches_[name] >= times; }); }

    /// Opens a sender; returns the refusal's condition, empty when there is none.
    std::string sender(const std::string& address) {
        do_([&] { connection_.open_sender(address, proton::sender_options().name("to " + address)); });
        return attached_("to " + address, [&] { return credit_.count("to " + address) > 0; });
    }

    /// Opens a receiver without credit; returns the refusal's condition.
    std::string receiver(const std::string& name, const std::string& address, proton::source_options source = {}) {
        do_([&] {
            auto options = proton::receiver_options().name(name).credit_window(0).auto_accept(false).source(source);
            connection_.open_receiver(address, options);
        });
        return attached_(name, [&] { return receivers_.count(name) > 0; });
    }

    /// The address of the source that the broker gave a dynamic receiver.
    std::string source_address(const std::string& name) {
        std::string address;
        do_([&] { address = receivers_.at(name).source().address(); });
        return address;
    }

    /// Sends and waits for the outcome: accepted, rejected or released; or the condition the link was ended with instead.
    std::string send(const std::string& address, const proton::message& message) {
        int before = 0;
        do_([&] {
            before = outcomes_.size();
            senders_.at("to " + address).send(message);
        });
        auto link = "to " + address;
        wait_("the outcome of a send", [&] { return int(outcomes_.size()) > before || gone_ || refused_.count(link); });
        std::lock_guard<std::mutex> lock(mutex_);
        if (refused_.count(link)) return refused_.at(link);
        return gone_ ? "lost" : outcomes_.back();
    }

    /// Sends without waiting in between (Proton keeps what there is no credit for) and waits until all are accepted.
    void send_all(const std::string& address, size_t count, const std::function<proton::message(size_t)>& make) {
        size_t before = 0;
        do_([&] {
            before = accepted_;
            for (size_t i = 0; i < count; ++i) senders_.at("to " + address).send(make(i));
        });
        wait_("all to be accepted", [&] { return accepted_ - before == count; });
    }

    /// Grants one credit and waits for the message.
    Received next(const std::string& name) {
        do_([&] { receivers_.at(name).add_credit(1); });
        return arrived(name);
    }

    /// Waits for a message for which there is credit already.
    Received arrived(const std::string& name) {
        wait_("a message", [&] { return !inbox_[name].empty(); });
        std::lock_guard<std::mutex> lock(mutex_);
        auto received = inbox_[name].front();
        inbox_[name].pop_front();
        return received;
    }

    /// Takes what is there, up to so many, and waits for nothing more.
    std::deque<Received> drain(const std::string& name, int credit = 100) {
        do_([&] {
            drained_.erase(name);
            receivers_.at(name).add_credit(credit);
            receivers_.at(name).drain();
        });
        wait_("a receiver to be drained", [&] { return drained_.count(name) > 0; });
        std::lock_guard<std::mutex> lock(mutex_);
        return std::move(inbox_[name]);
    }

    /// Does something with Proton's objects in their thread, and waits until it is done.
    void settle(const std::function<void()>& action) { do_(action); }

    void close_receiver(const std::string& name) {
        do_([&] { receivers_.at(name).close(); });
        wait_("a receiver to be closed", [&] { return !receivers_.count(name); });
    }

    void detach_receiver(const std::string& name) {
        do_([&] { receivers_.at(name).detach(); });
        wait_("a receiver to be detached", [&] { return !receivers_.count(name); });
    }

    void close() {
        do_([this] { connection_.close(); });
        wait_("the connection to close", [this] { return gone_; });
    }

private:
    using Lock = std::unique_lock<std::mutex>;

    void on_container_start(proton::container& container) override {
        auto connection = container.connect(url_, options_);
        note_([&] { connection_ = connection; });
    }
    void on_connection_open(proton::connection&) override { note_([&] { ++opened_; }); }
    void on_connection_error(proton::connection& c) override { note_([&] { error_ = c.error().what(); }); }
    void on_connection_close(proton::connection&) override { note_([&] { gone_ = true; }); }
    void on_transport_error(proton::transport& t) override { note_([&] { error_ = t.error().what(); }); }
    void on_transport_close(proton::transport&) override { note_([&] { gone_ = true; }); }
    void on_sendable(proton::sender& s) override { note_([&] { senders_[s.name()] = s; credit_.insert(s.name()); }); }
    void on_sender_error(proton::sender& s) override { note_([&] { refused_[s.name()] = s.error().name(); }); }
    void on_receiver_open(proton::receiver& r) override {
        // An attach without a source comes before the detach that says why (AMQP 1.0 §2.6.3).
        if (!r.source().address().empty()) note_([&] { receivers_[r.name()] = r; ++attaches_[r.name()]; });
    }
    void on_receiver_error(proton::receiver& r) override { note_([&] { refused_[r.name()] = r.error().name(); }); }
    void on_receiver_close(proton::receiver& r) override { note_([&] { receivers_.erase(r.name()); }); }
    void on_receiver_detach(proton::receiver& r) override { note_([&] { receivers_.erase(r.name()); }); }
    void on_receiver_drain_finish(proton::receiver& r) override { note_([&] { drained_.insert(r.name()); }); }
    void on_message(proton::delivery& d, proton::message& m) override { note_([&] { inbox_[d.receiver().name()].push_back({m, d}); }); }
    void on_tracker_accept(proton::tracker&) override { note_([&] { outcomes_.push_back("accepted"); ++accepted_; }); }
    void on_tracker_reject(proton::tracker&) override { note_([&] { outcomes_.push_back("rejected"); }); }
    void on_tracker_release(proton::tracker&) override { note_([&] { outcomes_.push_back("released"); }); }
    void on_error(const proton::error_condition& e) override { note_([&] { error_ = e.what(); }); }

    void note_(const std::function<void()>& change) {
        std::lock_guard<std::mutex> lock(mutex_);
        change();
        changed_.notify_all();
    }

    void wait_(const char* what, const std::function<bool()>& condition) {
        Lock lock(mutex_);
        waiting_for = what;
        changed_.wait(lock, condition);
    }

    void do_(const std::function<void()>& action) {
        wait_("the container to start", [this] { return !!connection_; });
        bool done = false;
        std::exception_ptr failure;
        bool taken = connection_.work_queue().add([&] {
            try {
                action();
            } catch (...) {
                failure = std::current_exception();
            }
            note_([&] { done = true; });
        });
        if (!taken) throw std::runtime_error("the connection has ended");
        wait_("Proton to do something", [&] { return done; });
        if (failure) std::rethrow_exception(failure);
    }

    std::string attached_(const std::string& name, const std::function<bool()>& ready) {
        wait_("a link to be attached", [&] { return refused_.count(name) > 0 || gone_ || ready(); });
        std::lock_guard<std::mutex> lock(mutex_);
        return refused_.count(name) ? refused_.at(name) : "";
    }

    bool ended_() {
        std::lock_guard<std::mutex> lock(mutex_);
        return gone_;
    }

    proton::container container_;
    std::string url_, error_;
    proton::connection_options options_;
    proton::connection connection_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, proton::sender> senders_;
    std::map<std::string, proton::receiver> receivers_;
    std::map<std::string, std::deque<Received>> inbox_;
    std::map<std::string, std::string> refused_;
    std::map<std::string, int> attaches_;
    std::set<std::string> credit_, drained_;
    std::deque<std::string> outcomes_;
    size_t accepted_ = 0;
    int opened_ = 0;
    bool gone_ = false;
};
