// Black-box cases written with Qpid Proton for C++:
//
//   bin/cases --list [--profile NAME]             one case name per line
//   bin/cases --case NAME --target target.json    one case; exit status 0, or 1 with what was expected and what came
//
// PN_TRACE_FRM=1 has Proton print its frames.
#include "client.hpp"
#include "target.hpp"

#include <proton/codec/encoder.hpp>
#include <proton/reconnect_options.hpp>
#include <proton/ssl.hpp>

#include <csignal>
#include <iostream>
#include <unistd.h>

namespace {

constexpr int CaseSeconds = 90;

[[noreturn]] void fail(const std::string& text) { throw std::runtime_error(text); }

template <class A, class E>
void same(const A& actual, const E& expected, const std::string& what) {
    if (actual == expected) return;
    std::ostringstream text;
    text << what << ": expected " << expected << ", came " << actual;
    fail(text.str());
}

proton::connection_options login(const Target& t) {
    return proton::connection_options().user(t["user"]).password(t["password"]).sasl_allow_insecure_mechs(true).sasl_allowed_mechs("PLAIN");
}

struct Peer : Client {
    explicit Peer(const Target& t, const std::string& id = "") : Client(t.url(), login(t), id) { same(open(), "", "logging in"); }
};

proton::message text(const std::string& body, bool durable = true) {
    proton::message m(body);
    m.durable(durable);
    return m;
}

std::string body(const Received& r) { return proton::get<std::string>(r.message.body()); }

proton::source_options selecting(const std::string& expression) {
    proton::source::filter_map filters;
    proton::symbol name("apache.org:selector-filter:string");
    proton::value described;
    proton::codec::encoder out(described);
    out << proton::codec::start::described() << name << expression << proton::codec::finish();
    filters.put(name, described);
    return proton::source_options().filters(filters);
}

proton::annotation_key key(const char* name) { return proton::symbol(name); }

std::string reason(const Received& dead) {
    return proton::get<std::string>(dead.message.message_annotations().get(key("x-opt-dead-letter-reason")));
}

void ask_broker(const std::string& command) {
    std::cout << "@broker " << command << std::endl;
    std::string answer;
    if (!std::getline(std::cin, answer) || answer != "done") fail("nobody answers to @broker " + command);
}

void logins(Target& t) {
    Peer plain(t);
    auto anonymous = proton::connection_options().sasl_allowed_mechs("ANONYMOUS");
    Client nobody(t.url(), anonymous);
    same(nobody.open(), "", "ANONYMOUS");
    auto tls = login(t).ssl_client_options(proton::ssl_client_options(t["caFile"], proton::ssl::VERIFY_PEER_NAME));
    Client secure(t.url(true), tls);
    same(secure.open(), "", "PLAIN over TLS");
    auto wrong = login(t).password(t["wrongPassword"]);
    Client refused(t.url(), wrong);
    if (refused.open().find("unauthorized") == std::string::npos) fail("a wrong password should be refused, came: " + refused.open());
    auto queue = t.queue();
    same(secure.sender(queue), "", "a sender over TLS");
    same(secure.send(queue, text("over TLS")), "accepted", "the outcome");
    nobody.receiver("r", queue);
    same(body(nobody.next("r")), "over TLS", "what ANONYMOUS takes");
}

void streaming(Target& t) {
    Peer peer(t);
    auto queue = t.queue();
    same(peer.sender(queue), "", "the sender");
    auto numbered = [](size_t i) { auto m = text(std::to_string(i)); m.id(uint64_t(i)); return m; };
    peer.send_all(queue, 3000, numbered);
    peer.receiver("r", queue);
    auto got = peer.drain("r", 5000);
    same(got.size(), 3000u, "messages that came");
    for (size_t i = 0; i < got.size(); ++i) {
        same(body(got[i]), std::to_string(i), "in order");
        same(got[i].message.durable(), true, "durable");
    }
    peer.settle([&] { for (auto& r : got) r.delivery.accept(); });
    same(peer.drain("r").size(), 0u, "nothing is left");
}

void outcomes(Target& t) {
    Peer peer(t);
    auto queue = t.queue();
    peer.sender(queue);
    for (auto s : {"a", "b", "c", "d"}) same(peer.send(queue, text(s)), "accepted", s);
    peer.receiver("r", queue);
    auto a = peer.next("r"), b = peer.next("r"), c = peer.next("r"), d = peer.next("r");
    peer.settle([&] { a.delivery.accept(); b.delivery.reject(); c.delivery.modify(); d.delivery.release(); });
    auto again = peer.next("r");
    same(body(again), "c", "what was modified comes again");
    same(again.message.delivery_count(), 0u, "modified without delivery-failed, which is all this API can say, does not count");
    auto released = peer.next("r");
    same(body(released), "d", "what was released comes again");
    same(released.message.delivery_count(), 0u, "a release does not count");
    peer.settle([&] { again.delivery.accept(); released.delivery.accept(); });
    peer.receiver("dead", "DLQ." + queue);
    auto dead = peer.next("dead");
    same(body(dead), "b", "the dead letter");
    same(reason(dead), "rejected", "its reason");
    same(proton::get<std::string>(dead.message.message_annotations().get(key("x-opt-orig-address"))), queue, "its origin");
    peer.settle([&] { dead.delivery.accept(); });
    same(peer.drain("r").size(), 0u, "nothing is left");
}

void selector(Target& t) {
    Peer peer(t);
    auto queue = t.queue();
    peer.sender(queue);
    for (int i = 0; i < 6; ++i) {
        auto m = text(std::to_string(i));
        m.properties().put("region", std::string(i % 2 ? "eu" : "us"));
        same(peer.send(queue, m), "accepted", "a send");
    }
    same(peer.receiver("eu", queue, selecting("region = 'eu'")), "", "the receiver");
    auto chosen = peer.drain("eu");
    same(chosen.size(), 3u, "what the selector chose");
    same(body(chosen[0]) + body(chosen[1]) + body(chosen[2]), "135", "in order");
    peer.settle([&] { for (auto& r : chosen) r.delivery.accept(); });
    peer.receiver("rest", queue);
    same(peer.drain("rest").size(), 3u, "the rest stays for others");
}

void durable_subscription(Target& t) {
    auto topic = "topic://" + t.queue();
    auto id = t.queue("client");
    auto source = proton::source_options().durability_mode(proton::source::UNSETTLED_STATE).expiry_policy(proton::source::NEVER)
                      .capabilities({proton::symbol("topic")});
    Peer publisher(t);
    {
        Peer first(t, id);
        same(first.receiver("prices", topic, source), "", "the subscription");
        publisher.sender(topic);
        same(publisher.send(topic, text("1")), "accepted", "a send");
        auto one = first.next("prices");
        same(body(one), "1", "live");
        first.settle([&] { one.delivery.accept(); });
        first.detach_receiver("prices");
        first.close();
    }
    publisher.send(topic, text("2"));
    publisher.send(topic, text("3"));
    Peer second(t, id);
    second.receiver("prices", topic, source);
    auto missed = second.drain("prices");
    same(missed.size(), 2u, "what came while away");
    same(body(missed[0]) + body(missed[1]), "23", "in order");
    second.settle([&] { for (auto& r : missed) r.delivery.accept(); });
    second.close_receiver("prices");
    publisher.send(topic, text("4"));
    second.receiver("prices", topic, source);
    same(second.drain("prices").size(), 0u, "a closed link has unsubscribed");
}

void request_reply(Target& t) {
    Peer client(t), server(t);
    auto queue = t.queue();
    same(client.receiver("replies", "", proton::source_options().dynamic(true)), "", "a dynamic source");
    auto reply_to = client.source_address("replies");
    if (reply_to.empty()) fail("a dynamic source has no address");
    client.sender(queue);
    auto request = text("how much?", false);
    request.reply_to(reply_to);
    request.correlation_id(std::string("q-1"));
    same(client.send(queue, request), "accepted", "the request");
    server.receiver("requests", queue);
    auto got = server.next("requests");
    same(server.sender(got.message.reply_to()), "", "a sender to the reply address");
    auto reply = text("100", false);
    reply.correlation_id(got.message.correlation_id());
    same(server.send(reply_to, reply), "accepted", "the reply");
    server.settle([&] { got.delivery.accept(); });
    auto answer = client.next("replies");
    same(body(answer), "100", "the answer");
    same(proton::get<std::string>(answer.message.correlation_id()), "q-1", "its correlation-id");
}

void large(Target& t) {
    Peer peer(t);
    auto queue = t.queue();
    peer.sender(queue);
    std::string content(8 * 1024 * 1024, 'x');
    for (size_t i = 0; i < content.size(); i += 4099) content[i] = char('a' + i % 26);
    proton::message m{proton::binary(content)};
    m.durable(true);
    same(peer.send(queue, m), "accepted", "8 MiB");
    peer.receiver("r", queue);
    auto got = peer.next("r");
    if (std::string(proton::get<proton::binary>(got.message.body())) != content) fail("the bytes that came are not the bytes that were sent");
    peer.settle([&] { got.delivery.accept(); });
    std::string beyond(17 * 1024 * 1024, 'x');
    Peer other(t);
    other.sender(queue);
    same(other.send(queue, proton::message{proton::binary(beyond)}), "amqp:link:message-size-exceeded", "a message beyond the limit");
    same(peer.send(queue, text("goes on")), "accepted", "others are not touched");
}

void refusals(Target& t) {
    Peer peer(t);
    auto small = t.queue("small");
    peer.sender(small);
    for (int i = 0; i < 5; ++i) same(peer.send(small, text(std::to_string(i))), "accepted", "a message that fits");
    same(peer.send(small, text("5")), "rejected", "one more");
    peer.receiver("r", small);
    auto one = peer.next("r");
    peer.settle([&] { one.delivery.accept(); });
    peer.close_receiver("r"); // its answer comes when the acceptance has been read
    same(peer.send(small, text("6")), "accepted", "when there is room again");
    same(peer.sender(t.queue("closed")), "amqp:not-found", "a sender to what may not be made");
    same(peer.receiver("bad", t.queue(), selecting("region = ")), "amqp:invalid-field", "a selector that cannot be used");
    same(peer.send(small, text("7")), "rejected", "the connection goes on");
}

void delays_and_expiry(Target& t) {
    Peer peer(t);
    auto queue = t.queue();
    peer.sender(queue);
    auto delayed = text("delayed");
    delayed.message_annotations().put(key("x-opt-delivery-delay"), int64_t(1500));
    auto before = proton::timestamp::now();
    same(peer.send(queue, delayed), "accepted", "a delayed message");
    peer.receiver("r", queue);
    auto got = peer.next("r");
    same(body(got), "delayed", "it comes");
    if (proton::timestamp::now().milliseconds() < before.milliseconds() + 1500) fail("it came before its time");
    peer.settle([&] { got.delivery.accept(); });
    auto brief = text("brief");
    brief.ttl(proton::duration(1));
    same(peer.send(queue, brief), "accepted", "a message with a ttl");
    peer.receiver("dead", "DLQ." + queue);
    auto dead = peer.next("dead");
    same(body(dead), "brief", "the dead letter");
    same(reason(dead), "expired", "its reason");
    peer.settle([&] { dead.delivery.accept(); });
}

void crash(Target& t) {
    auto queue = t.queue();
    auto options = login(t).reconnect(proton::reconnect_options().delay(proton::duration(100)).max_delay(proton::duration(500)));
    Client client(t.url(), options);
    same(client.open(), "", "the first connection");
    client.sender(queue);
    for (int i = 0; i < 10; ++i) same(client.send(queue, text(std::to_string(i))), "accepted", "a durable message");
    client.receiver("r", queue);
    auto held = client.next("r");
    same(body(held), "0", "one is in hand");
    ask_broker("kill");
    ask_broker("start");
    client.opened(2);
    client.attached("r", 2);
    for (int i = 0; i < 10; ++i) {
        auto got = client.next("r");
        same(body(got), std::to_string(i), "after the crash, by the same receiver");
        client.settle([&] { got.delivery.accept(); });
    }
    same(client.send(queue, text("after")), "accepted", "by the same sender");
    same(body(client.next("r")), "after", "and received");
}

struct Case {
    const char* name;
    const char* profile;
    void (*run)(Target&);
};

const Case Cases[] = {
    {"cpp.logging-in", "default", logins},
    {"cpp.three-thousand-durable-messages-in-a-stream", "default", streaming},
    {"cpp.outcomes-do-what-they-say", "default", outcomes},
    {"cpp.a-selector-chooses", "default", selector},
    {"cpp.a-durable-subscription-goes-on-after-detach", "default", durable_subscription},
    {"cpp.a-dynamic-queue-carries-replies", "default", request_reply},
    {"cpp.eight-mebibytes-there-and-back", "default", large},
    {"cpp.refusals-touch-nothing-else", "default", refusals},
    {"cpp.delay-and-expiry", "default", delays_and_expiry},
    {"cpp.links-come-back-after-a-crash", "mortal", crash},
};

extern "C" void expired(int) {
    std::cout << "FAILED: took longer than " << CaseSeconds << " s; was waiting for " << waiting_for << std::endl;
    _exit(1);
}

int run(const Case& c, const std::string& target) {
    std::signal(SIGALRM, expired);
    alarm(CaseSeconds);
    try {
        Target t(target);
        c.run(t);
        std::cout << "passed " << c.name << std::endl;
        _exit(0); // what is still connected goes with the process
    } catch (const std::exception& e) {
        std::cout << "FAILED " << c.name << ": " << e.what() << std::endl;
        _exit(1);
    }
}

} // namespace

int main(int count, char** arguments) {
    std::map<std::string, std::string> options;
    for (int i = 1; i < count; ++i) {
        std::string name = arguments[i];
        options[name] = name != "--list" && i + 1 < count ? arguments[++i] : "";
    }
    for (auto& c : Cases) {
        if (options.count("--list") && (!options.count("--profile") || options["--profile"] == c.profile)) std::cout << c.name << "\n";
        if (options.count("--case") && options["--case"] == c.name) return run(c, options["--target"]);
    }
    if (options.count("--list")) return 0;
    std::cerr << "usage: cases --list [--profile NAME] | --case NAME --target FILE\n";
    return 2;
}
